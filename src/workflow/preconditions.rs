//! What `up` refuses to execute, before anything is changed: changes that AWS would refuse, the deletion of protected
//! resources, data or live records without consent, and drift that it cannot correct.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::plan::{Action, Plan, Step, share};
use infra_core::resource::spec_from_observed;
use infra_core::state::{State, Status};

use crate::error::Error;
use crate::refusal::{DataLoss, ManualStep, PlanRefusal};
use crate::selection::{Request, Selection};
use crate::stack::graph;
use crate::tenants::check_keys;
use crate::{moved, protection};

/// Refuses a plan that must not be executed.
///
/// # Errors
/// A [`PlanRefusal`].
pub fn check(config: &Config, request: &Request, plan: &Plan, state: &State) -> Result<(), Error> {
    let state = &moved::apply_in_memory(config, state);
    check_keys(config, state)?;
    // Everything else is about what changes.
    if !plan.changes_something() {
        return Ok(());
    }
    let graph = graph(config, state)?;
    check_changes(plan, state, request)?;
    check_manual(plan)?;
    protection::refuse(plan, config)?;
    protection::refuse_in_aws(plan, &graph)?;
    check_traffic(plan, state, request)?;
    check_data(plan, state, request)?;
    check_external_users(plan, &graph.environments(), request)?;
    Ok(())
}

/// Refuses changes that AWS is known to refuse, unless the user asked for a replacement by address.
fn check_changes(plan: &Plan, state: &State, request: &Request) -> Result<(), PlanRefusal> {
    let refused = unsupported(plan, state, &request.selection);
    if refused.is_empty() {
        return Ok(());
    }
    Err(PlanRefusal::UnsupportedChange {
        holds_data: refused.iter().any(|(step, _)| holds_data(step)),
        changes: refused.into_iter().map(|(step, reason)| (step.address.clone(), reason)).collect(),
        request: request.clone(),
    })
}

/// Refuses drift that requires manual action.
fn check_manual(plan: &Plan) -> Result<(), PlanRefusal> {
    let manual = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Manual { id } => {
            Some(ManualStep { address: step.address.clone(), reason: step.reason.clone(), foreign_id: id.clone() })
        }
        _ => None,
    });
    let manual: Vec<ManualStep> = manual.collect();
    if manual.is_empty() { Ok(()) } else { Err(PlanRefusal::ManualActionRequired(manual)) }
}

/// Refuses to delete a record that receives traffic, unless the user consented by address.
fn check_traffic(plan: &Plan, state: &State, request: &Request) -> Result<(), PlanRefusal> {
    // Before the first shift, the source receives all traffic.
    let live = state.migration.division().unwrap_or(0);
    let is_refused = |step: &&Step| {
        step.action == Action::Delete
            && step.address.retired_from().is_none()
            && !request.selection.deletes(&step.address)
    };
    let mut receiving = plan
        .steps
        .iter()
        .filter(is_refused)
        .filter_map(|step| Some((step, share(step, live).filter(|share| *share > 0)?)));
    let Some((step, percent)) = receiving.next() else { return Ok(()) };
    Err(PlanRefusal::ReceivesTraffic {
        address: step.address.clone(),
        percent,
        reason: step.reason.clone(),
        request: request.clone(),
    })
}

/// Refuses to lose data, unless the user consented by address.
fn check_data(plan: &Plan, state: &State, request: &Request) -> Result<(), PlanRefusal> {
    let losses: Vec<DataLoss> = unacknowledged_data_loss(plan, state, &request.selection)
        .into_iter()
        .map(|step| DataLoss {
            address: step.address.clone(),
            reason: step.reason.clone(),
            replaced: step.action != Action::Delete,
        })
        .collect();
    if losses.is_empty() { Ok(()) } else { Err(PlanRefusal::DataLoss { losses, request: request.clone() }) }
}

/// Refuses to replace or delete what resources outside the plan use.
fn check_external_users(plan: &Plan, environments: &[String], request: &Request) -> Result<(), PlanRefusal> {
    let users = &plan.external_users;
    if users.uses.is_empty() {
        return Ok(());
    }
    Err(PlanRefusal::UsedOutsidePlan {
        selectable: users.environments().iter().all(|name| environments.iter().any(|known| known == name)),
        users: users.clone(),
        request: request.clone(),
    })
}

/// Returns the steps that cannot reach their specification, and why. A replacement can, but one that holds data is only
/// replaced with consent.
fn unsupported<'a>(plan: &'a Plan, state: &'a State, selection: &Selection) -> Vec<(&'a Step, String)> {
    let changes_in_place = |step: &&Step| match step.action {
        Action::Update { .. } | Action::Resume { .. } => true,
        Action::Replace { .. } => holds_data(step) && !selection.replaces(&step.address),
        Action::Create | Action::NoOp | Action::Delete | Action::Restore | Action::Manual { .. } => false,
    };
    // A restored resource is still at its retired address.
    let current_address = |step: &Step| {
        let restored = step.moves.as_ref().filter(|moves| moves.to == step.address);
        restored.map_or_else(|| step.address.clone(), |moves| moves.from.clone())
    };
    let reason = |step: &'a Step| {
        let kind = step.handler?;
        let Some(observed) = &step.observed else {
            return kind.validate_change(&step.spec, state.attrs(&current_address(step))?);
        };
        // Ignored fields keep their observed value.
        let spec = step.ignored_fields.iter().fold(step.spec.clone(), |spec, field| {
            spec_from_observed::with_observed_field(kind.get(), &spec, observed, field).unwrap_or(spec)
        });
        kind.validate_change(&spec, observed)
    };
    plan.steps.iter().filter(changes_in_place).filter_map(|step| Some((step, reason(step)?))).collect()
}

fn holds_data(step: &Step) -> bool {
    step.handler.is_some_and(|kind| kind.schema().holds_data)
}

/// Returns the steps that would lose data without consent. For a retired resource, the user consented to its
/// replacement; a deletion that was started has to finish.
fn unacknowledged_data_loss<'a>(plan: &'a Plan, state: &State, selection: &Selection) -> Vec<&'a Step> {
    let is_being_deleted = |address: &Address| {
        address.retired_from().is_some() || state.get(address).is_some_and(|entry| entry.status == Status::Deleting)
    };
    let is_lost = |step: &&Step| match step.action {
        Action::Replace { .. } => !selection.replaces(&step.address),
        Action::Delete => !selection.deletes(&step.address) && !is_being_deleted(&step.address),
        _ => false,
    };
    plan.steps.iter().filter(|step| holds_data(step)).filter(is_lost).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use infra_core::graph::Graph;
    use infra_core::plan::plan_up;

    fn state(status: &str) -> State {
        let entry = |kind: &str| {
            json!({ "kind": kind, "region": "us-east-1", "status": status, "spec": {}, "attrs": {}, "needs": [],
                "tags": {}, "token": "t" })
        };
        let mut state = State::empty();
        for (address, kind) in [
            ("source/storage/bucket", "s3.bucket"),
            ("source/storage/bucket~old", "s3.bucket"),
            ("source/service/role", "iam.role"),
        ] {
            state.resources.insert(Address::new(address), serde_json::from_value(entry(kind)).expect("an entry"));
        }
        state
    }

    fn lost(state: &State, selection: &Selection) -> Vec<String> {
        let plan = plan_up(infra_kinds::KINDS, &Graph::default(), state, &|_| true).expect("a plan");
        unacknowledged_data_loss(&plan, state, selection).iter().map(|step| step.address.to_string()).collect()
    }

    #[test]
    fn data_is_deleted_with_consent_by_address() {
        let consent = Selection { delete: vec!["source/*".to_owned()], ..Selection::default() };
        assert_eq!(lost(&state("ready"), &Selection::default()), ["source/storage/bucket"]);
        assert!(lost(&state("ready"), &consent).is_empty());
    }

    #[test]
    fn a_deletion_that_was_started_needs_no_second_consent() {
        assert!(lost(&state("deleting"), &Selection::default()).is_empty());
    }
}
