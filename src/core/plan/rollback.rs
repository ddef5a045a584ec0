//! The plan of `rollback`: the changes of the last unfinished `up`, in reverse.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::{Action, Move};
use super::cycle::{DependencyCycle, break_cycles};
use super::diff::{Change, changes};
use super::step::Step;
use super::steps::Plan;
use crate::graph::{Moment, Need, OutputRef, Timing};
use crate::resource::Kinds;
use crate::state::{Op, Previous, State};
use infra_base::address::Address;

/// A rollback plan, and its exclusions.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The plan.
    pub plan: Plan,
    /// Resources that are kept: the skipped ones and their dependencies, each with the reason.
    pub kept: Vec<(Address, String)>,
    /// Resources that existed before and do not exist afterwards, each with the reason.
    pub lost: Vec<(Address, String)>,
    /// The dependency cycle that prevents the rollback.
    pub cycle: Option<DependencyCycle>,
}

/// Plans to undo the last unfinished `up` in the chosen environments: deletes what it created, and reverts what it
/// changed. Resources in `skipped` stay, and so do the dependencies of everything that stays.
pub fn plan_rollback(kinds: Kinds, state: &State, skipped: &[Address], chosen: &dyn Fn(&str) -> bool) -> Rollback {
    let undo = &state.undo;
    let retired = Retired::new(state);
    let is_created = |address: &Address| {
        undo.created.contains(address) && chosen(address.environment()) && !retired.being_deleted.contains_key(address)
    };
    let is_changed = |address: &Address| undo.changed.contains_key(address) && chosen(address.environment());
    let mut kept: Vec<(Address, String)> =
        skipped.iter().map(|address| (address.clone(), "it is skipped".to_owned())).collect();
    let mut seen: BTreeSet<Address> = skipped.iter().cloned().collect();
    let keep = |user: &Address, needs: &[Need], kept: &mut Vec<(Address, String)>, seen: &mut BTreeSet<Address>| {
        for need in needs.iter().filter(|need| is_created(&need.on)) {
            if seen.insert(need.on.clone()) {
                kept.push((need.on.clone(), format!("{user} depends on it")));
            }
        }
    };
    // What is not undone keeps its dependencies: resources of other environments, and those that existed before.
    for (user, entry) in state.resources.iter().filter(|(user, _)| !is_created(user)) {
        let restored = undo.changed.get(user).filter(|_| is_changed(user) && !skipped.contains(user));
        let needs = restored.map_or_else(|| entry.needs.clone(), |previous| retired.needs(previous));
        keep(user, &needs, &mut kept, &mut seen);
    }
    let mut at = 0;
    while let Some((user, _)) = kept.get(at).cloned() {
        at += 1;
        let needs = state.get(&user).map(|entry| entry.needs.clone()).unwrap_or_default();
        keep(&user, &needs, &mut kept, &mut seen);
    }
    let mut steps: BTreeMap<Address, Step> = BTreeMap::new();
    for address in undo.created.iter().filter(|address| is_created(address) && !seen.contains(*address)) {
        let step =
            state.get(address).map(|entry| super::deletion::step(kinds, address, entry, "the last `up` created it"));
        steps.extend(step.map(|step| (address.clone(), step)));
    }
    for old in retired.being_deleted.values().filter(|old| chosen(old.environment())) {
        let step = state.get(old).map(|entry| super::deletion::step(kinds, old, entry, "its deletion was started"));
        steps.extend(step.map(|step| ((*old).clone(), step)));
    }
    for (address, previous) in
        undo.changed.iter().filter(|(address, _)| is_changed(address) && !seen.contains(*address))
    {
        if !steps.contains_key(address) {
            steps.extend(restore(kinds, address, state, previous, &retired).map(|step| (address.clone(), step)));
        }
    }
    for (base, old) in
        retired.restorable.iter().filter(|(base, _)| chosen(base.environment()) && !seen.contains(**base))
    {
        let moves = Move { from: (*old).clone(), to: (*base).clone() };
        match steps.get_mut(*base) {
            Some(step) if step.action == Action::Delete => step.restores = Some(moves),
            None if state.get(base).is_none() => {
                steps.extend(restore_address(kinds, old, moves, state).map(|step| ((*old).clone(), step)));
            }
            _ => {}
        }
    }
    let mut steps: Vec<Step> = steps.into_values().collect();
    let deletions: Vec<Address> =
        steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.address.clone()).collect();
    super::deletion::order(&mut steps, state, &deletions);
    let cycle = break_cycles(&mut steps).err();
    super::traffic_weights::resume_shares(&mut steps, state);
    let mut plan = Plan::new(steps);
    plan.environments.extend(undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    let deleted = undo.deleted.iter().map(|address| (address, "`up` deleted it, and it cannot be restored"));
    let missing = undo.recreated.keys().filter(|address| state.attrs(address).is_none());
    let lost =
        deleted.chain(missing.map(|address| (address, "it was deleted and not recreated yet; `up` recreates it")));
    let lost = lost
        .filter(|(address, _)| chosen(address.environment()))
        .map(|(address, why)| (address.clone(), why.to_owned()));
    // The old resource still exists, but cannot get its address back. The user did not ask for that.
    let (replaced, kept): (Vec<_>, Vec<_>) = kept
        .into_iter()
        .partition(|(address, _)| retired.restorable.contains_key(address) && !skipped.contains(address));
    let replaced = replaced
        .into_iter()
        .map(|(address, why)| (address, format!("{why}, so the new resource stays, and the old one remains, too")));
    let lost = lost.chain(replaced).collect();
    Rollback { plan, kept, lost, cycle }
}

/// Retired resources: their base addresses and their current addresses.
struct Retired<'a> {
    /// Resources that get their address back.
    restorable: BTreeMap<&'a Address, &'a Address>,
    /// Resources whose deletion AWS has started. They cannot be restored, so the new ones stay.
    being_deleted: BTreeMap<&'a Address, &'a Address>,
}

impl<'a> Retired<'a> {
    fn new(state: &'a State) -> Self {
        let all = state.undo.retired.iter().map(|(old, base)| (base, old));
        let (being_deleted, restorable) = all.partition(|(_, old)| is_being_deleted(state, old));
        Self { restorable, being_deleted }
    }

    /// Returns the previous dependencies of a resource by their current addresses: a dependency that will be restored
    /// still has its retired address.
    fn needs(&self, previous: &Previous) -> Vec<Need> {
        let now = |need: &Need| {
            let base = need.on.retired_from().unwrap_or_else(|| need.on.clone());
            Need { on: self.restorable.get(&base).map_or(base, |old| (*old).clone()), ..need.clone() }
        };
        previous.needs.iter().map(now).collect()
    }
}

/// Returns whether AWS has started the deletion.
fn is_being_deleted(state: &State, old: &Address) -> bool {
    let open = state.get(old).and_then(|entry| entry.open.as_ref());
    open.is_some_and(|open| open.op == Op::Delete && !open.calls.is_empty())
}

/// Restores the address of a resource whose replacement does not exist yet.
fn restore_address(kinds: Kinds, old: &Address, moves: Move, state: &State) -> Option<Step> {
    let step = super::deletion::step(kinds, old, state.get(old)?, "the last `up` was about to replace it");
    Some(Step { action: Action::Restore, timing: Timing::default(), moves: Some(moves), ..step })
}

fn restore(kinds: Kinds, address: &Address, state: &State, previous: &Previous, retired: &Retired<'_>) -> Option<Step> {
    let entry = state.get(address)?;
    let handler = kinds.get(&entry.kind);
    let mut differences = changes(&entry.spec, &previous.spec);
    if entry.tags != previous.tags {
        let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
        differences.push(Change::new("tags", print(&entry.tags), print(&previous.tags)));
    }
    let undo = &state.undo;
    let left_by = |of: &Address| retired.being_deleted.get(of).and_then(|old| state.attrs(old));
    let known = |of: &Address| {
        undo.changed.get(of).map(|previous| &previous.attrs).or_else(|| undo.recreated.get(of)).or_else(|| left_by(of))
    };
    let needs = retired.needs(previous);
    let restored: Vec<_> = needs.iter().filter_map(|need| Some((&need.on, known(&need.on)?))).collect();
    let spec = restored.into_iter().fold(previous.spec.clone(), |spec, (of, attrs)| refer(&spec, of, attrs));
    let action = Action::Update { changes: differences };
    Some(Step {
        address: address.clone(),
        kind: entry.kind.clone(),
        handler,
        region: entry.region.clone(),
        account: entry.account.clone(),
        timing: super::timing::of(handler, &action),
        action,
        reason: "the last `up` changed it".to_owned(),
        needs,
        after: Vec::new(),
        moves: None,
        evicts: None,
        restores: None,
        ignored_fields: Vec::new(),
        corrects: None,
        observed: None,
        verified: false,
        spec,
        tags: previous.tags.clone(),
    })
}

/// Replaces values of a restored or recreated resource with references, because it may have a new id, as a task
/// definition gets a new revision.
fn refer(spec: &Value, of: &Address, attrs: &Value) -> Value {
    match spec {
        Value::String(text) => {
            let mut outputs = attrs.as_object().into_iter().flatten().filter(|(_, value)| value.as_str() == Some(text));
            let output =
                outputs.next().map(|(name, _)| OutputRef { of: of.clone(), name: name.clone(), at: Moment::Ready });
            output.map_or_else(|| spec.clone(), |output| serde_json::json!({ "$output": output }))
        }
        Value::Array(items) => items.iter().map(|item| refer(item, of, attrs)).collect(),
        Value::Object(fields) if !fields.contains_key("$output") => {
            fields.iter().map(|(field, value)| (field.clone(), refer(value, of, attrs))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Entry, Status};
    use serde_json::json;

    fn entry(needs: &[&str]) -> Entry {
        let needs = needs.iter().map(|on| Need { on: Address::new(on), at: Moment::Created, weak: false }).collect();
        Entry {
            kind: "ec2.vpc".into(),
            region: "us-east-1".into(),
            account: None,
            status: Status::Ready,
            spec: json!({}),
            attrs: Some(json!({ "vpc_id": "vpc-1" })),
            needs,
            tags: [].into(),
            removed_tags: [].into(),
            tagged_as: None,
            token: "t".into(),
            open: None,
        }
    }

    const KINDS: Kinds = Kinds::none();

    fn state(entries: &[(&str, &[&str])], created: &[&str]) -> State {
        let mut state = State::empty();
        state.resources = entries.iter().map(|(address, needs)| (Address::new(address), entry(needs))).collect();
        state.undo.created = created.iter().map(Address::new).collect();
        state
    }

    fn addresses(rollback: &Rollback) -> Vec<&str> {
        rollback.plan.steps.iter().map(|step| step.address.as_str()).collect()
    }

    #[test]
    fn dependencies_of_another_environment_stay() {
        let entries: &[(&str, &[&str])] = &[
            ("source/network/vpc", &[]),
            ("source/network/subnet", &["source/network/vpc"]),
            ("source/service/logs", &[]),
            ("target/link/route", &["source/network/subnet"]),
        ];
        let state = state(entries, &["source/network/vpc", "source/network/subnet", "source/service/logs"]);
        let rollback = plan_rollback(KINDS, &state, &[], &|_| true);
        assert_eq!(addresses(&rollback), ["source/service/logs"]);
        let kept: Vec<String> = rollback.kept.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        assert_eq!(
            kept,
            [
                "source/network/subnet: target/link/route depends on it",
                "source/network/vpc: source/network/subnet depends on it",
            ]
        );
    }

    #[test]
    fn only_the_chosen_environments_are_rolled_back() {
        let state = state(&[("source/a/b", &[]), ("target/a/b", &[])], &["source/a/b", "target/a/b"]);
        assert_eq!(
            addresses(&plan_rollback(KINDS, &state, &[], &|environment| environment == "target")),
            ["target/a/b"]
        );
    }

    #[test]
    fn values_of_restored_resources_become_references() {
        let of = Address::new("source/service/task-definition");
        let spec = json!({ "name": "service", "task_definition": "arn:1", "subnets": ["subnet-1"] });
        let referred = refer(&spec, &of, &json!({ "arn": "arn:1", "active": true }));
        let reference = json!({ "$output": { "of": "source/service/task-definition", "name": "arn", "at": "ready" } });
        assert_eq!(referred, json!({ "name": "service", "task_definition": reference, "subnets": ["subnet-1"] }));
    }
}
