//! What `up` refuses to carry out, before anything is changed: what AWS would refuse in the middle of it, what deletes what is protected, data
//! that nobody gave up, or where traffic goes, and what it can not put right.

use super::again::again;
use super::args::{Chosen, Globals};
use super::failure::{CliError, Exit};
use super::foreign::way_out;
use super::plan::some;
use super::{moves, protection};
use crate::address::Address;
use crate::config::Config;
use crate::plan::{Action, Plan, Step, share};
use crate::resource::{kind, told};
use crate::state::{State, Status};

/// How many ways out are shown.
const HINTS: usize = 3;

/// What was asked for, as far as a refusal tells of it.
pub(super) struct Asked<'a> {
    /// The command.
    pub verb: &'a str,
    pub globals: &'a Globals,
    pub config: &'a Config,
    pub chosen: &'a Chosen,
}

/// Refuses a plan that must not be carried out.
pub(super) fn check(asked: &Asked<'_>, plan: &Plan, state: &State) -> Result<(), CliError> {
    let state = &moves::renamed(asked.config, state);
    let graph = crate::stack::build(asked.config)?;
    asked.impossible(plan, state)?;
    asked.stuck(plan)?;
    protection::refuse(plan, asked.config, Exit::Refused)?;
    protection::refuse_in_aws(plan, &graph)?;
    asked.traffic(plan, state)?;
    asked.data(plan, state)?;
    asked.strangers(plan, &graph.environments())
}

impl Asked<'_> {
    /// Refuses changes that AWS is known to refuse, unless a new one was asked for by address.
    fn impossible(&self, plan: &Plan, state: &State) -> Result<(), CliError> {
        let refused = refused(plan, state, self.chosen);
        let Some((first, _)) = refused.first() else { return Ok(()) };
        let what = match refused.len() {
            1 => format!("{} can not be changed as it is configured", first.address),
            many => format!("{many} resources can not be changed as they are configured"),
        };
        let mut error = CliError::new(Exit::Refused, what).remains("nothing was changed").hint("take the change back");
        error.causes = some(&refused.iter().map(|(step, why)| format!("{}: {why}", step.address)).collect::<Vec<_>>());
        let steps: Vec<&Step> = refused.iter().map(|(step, _)| *step).collect();
        let data = if refused.iter().any(|(step, _)| holds_data(step)) { ", without the data" } else { "" };
        Err(error.hint(format!("or have a new one made in its place{data}: `{}`", self.with_consent(&steps, &[]))))
    }

    /// The command, with these replacements and deletions told by address.
    fn with_consent(&self, replaced: &[&Step], deleted: &[&Step]) -> String {
        let names = |steps: &[&Step]| steps.iter().map(|step| step.address.to_string()).collect::<Vec<_>>();
        let told = Chosen {
            replace: [self.chosen.replace.clone(), names(replaced)].concat(),
            delete: [self.chosen.delete.clone(), names(deleted)].concat(),
            ..self.chosen.clone()
        };
        again(self.globals, self.verb, &told)
    }

    /// Refuses what takes data away, unless it was told by address.
    fn data(&self, plan: &Plan, state: &State) -> Result<(), CliError> {
        let lost = untold(plan, state, self.chosen);
        let Some(first) = lost.first() else { return Ok(()) };
        let (deleted, replaced): (Vec<&Step>, Vec<&Step>) = lost.iter().partition(|step| step.action == Action::Delete);
        let fate = match (replaced.is_empty(), deleted.is_empty()) {
            (false, true) => "would be deleted and made anew without it",
            (false, false) => "would be deleted, or deleted and made anew without it",
            (true, _) => "would be deleted",
        };
        let what = match lost.len() {
            1 => format!("{} holds data, and {fate}", first.address),
            many => format!("{many} resources hold data, and {fate}"),
        };
        let mut error = CliError::new(Exit::Refused, what).remains("nothing was changed").hint("take the change back");
        error.causes = some(&lost.iter().map(|step| format!("{}: {}", step.address, step.reason)).collect::<Vec<_>>());
        if let Some(first) = deleted.first() {
            let keep = again(self.globals, &format!("forget {}", first.address), &Chosen::default());
            error = error.hint(format!("or keep what is there, without this tool: `{keep}`"));
        }
        Err(error.hint(format!("or, if the data may go: `{}`", self.with_consent(&replaced, &deleted))))
    }

    /// Refuses to delete a record that clients are led by, unless it was told by address.
    fn traffic(&self, plan: &Plan, state: &State) -> Result<(), CliError> {
        // Before anything was shifted, the source has all of it.
        let live = state.migration.division().unwrap_or(0);
        let is_led = |step: &&Step| step.action == Action::Delete && step.address.made_way().is_none() && !self.chosen.deletes(&step.address);
        let mut led = plan.steps.iter().filter(is_led).filter_map(|step| Some((step, share(step, live).filter(|share| *share > 0)?)));
        let Some((step, share)) = led.next() else { return Ok(()) };
        Err(CliError::new(Exit::Refused, format!("{} leads {share} % of the traffic, and would be deleted", step.address))
            .because_text(&step.reason)
            .remains("nothing was changed")
            .hint(format!("`{}` shifts the traffic elsewhere first", again(self.globals, "traffic shift --to PERCENT", &Chosen::default())))
            .hint(format!("or, if the name may go: `{}`", self.with_consent(&[], &[step]))))
    }

    /// Refuses what only a person can put right.
    fn stuck(&self, plan: &Plan) -> Result<(), CliError> {
        let stuck: Vec<(&Step, Option<&String>)> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Stuck { id } => Some((step, id.as_ref())),
                _ => None,
            })
            .collect();
        let what = match stuck.as_slice() {
            [] => return Ok(()),
            [(one, _)] => format!("{} is not as it was left, and `up` can not put that right", one.address),
            many => format!("{} resources are not as they were left, and `up` can not put that right", many.len()),
        };
        let mut error = CliError::new(Exit::Refused, what).remains("nothing was changed");
        error.causes = some(&stuck.iter().map(|(step, _)| format!("{}: {}", step.address, step.reason)).collect::<Vec<_>>());
        let foreign = stuck.iter().filter_map(|(step, id)| Some(way_out(self.globals, &step.address, (*id)?, true)));
        error.hints.extend(foreign.take(HINTS));
        Err(error.hint("what has nothing to do with it can be chosen with `--target`"))
    }

    /// Refuses what is in use by what is not part of the plan.
    fn strangers(&self, plan: &Plan, known: &[String]) -> Result<(), CliError> {
        let Self { verb, globals, chosen, .. } = self;
        let strangers = &plan.strangers;
        if strangers.uses.is_empty() {
            return Ok(());
        }
        let mut error = CliError::new(Exit::Refused, "what is to be replaced or deleted is in use by what is not part of this plan")
            .remains("nothing was changed");
        error.causes = some(&strangers.uses.iter().map(|(used, user)| format!("{user} uses {used}")).collect::<Vec<_>>());
        let others: Vec<String> = strangers.environments().into_iter().map(str::to_owned).collect();
        // One that the configuration no longer has can not be chosen by name.
        let known = others.iter().all(|name| known.contains(name));
        let environments = if known { [&others[..], &chosen.environments].concat() } else { Vec::new() };
        let together = Chosen { environments, ..(*chosen).clone() };
        Err(error.hint(format!("run `{}` for these together", again(globals, verb, &together))))
    }
}

/// What can not be brought to its specification, and why. What is made anew can, but what holds data is so only when it was told by address.
fn refused<'a>(plan: &'a Plan, state: &'a State, chosen: &Chosen) -> Vec<(&'a Step, String)> {
    let stays = |step: &&Step| match step.action {
        Action::Update { .. } | Action::Resume { .. } => true,
        Action::Replace { .. } => holds_data(step) && !chosen.replaces(&step.address),
        Action::Create | Action::Nothing | Action::Delete | Action::Restore | Action::Stuck { .. } => false,
    };
    // One that gets its place back is still where it was set aside.
    let from = |step: &Step| step.moves.as_ref().filter(|moves| moves.to == step.address).map_or(step.address.clone(), |moves| moves.from.clone());
    let why = |step: &'a Step| {
        let kind = kind(&step.kind)?;
        let Some(shown) = &step.shown else { return kind.impossible(&step.spec, state.attrs(&from(step))?) };
        // What others may change is not brought back.
        let spec = step.leaves.iter().fold(step.spec.clone(), |spec, field| told::as_shown(kind, &spec, shown, field).unwrap_or(spec));
        kind.impossible(&spec, shown)
    };
    plan.steps.iter().filter(stays).filter_map(|step| Some((step, why(step)?))).collect()
}

fn holds_data(step: &Step) -> bool {
    kind(&step.kind).is_some_and(|kind| kind.about().holds_data)
}

/// What would take data away without having been told by address. What makes way was told of when its replacement was, and a deletion that was
/// begun has to end.
fn untold<'a>(plan: &'a Plan, state: &State, chosen: &Chosen) -> Vec<&'a Step> {
    let is_going = |address: &Address| address.made_way().is_some() || state.get(address).is_some_and(|entry| entry.status == Status::Deleting);
    let is_lost = |step: &&Step| match step.action {
        Action::Replace { .. } => !chosen.replaces(&step.address),
        Action::Delete => !chosen.deletes(&step.address) && !is_going(&step.address),
        _ => false,
    };
    plan.steps.iter().filter(|step| holds_data(step)).filter(is_lost).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::Graph;
    use crate::plan::plan_up;

    fn state(status: &str) -> State {
        let entry = |kind: &str| json!({ "kind": kind, "region": "us-east-1", "status": status, "spec": {}, "attrs": {}, "needs": [], "tags": {}, "token": "t" });
        let mut state = State::empty();
        for (address, kind) in
            [("source/storage/bucket", "s3.bucket"), ("source/storage/bucket~old", "s3.bucket"), ("source/service/role", "iam.role")]
        {
            state.resources.insert(Address::new(address), serde_json::from_value(entry(kind)).expect("an entry"));
        }
        state
    }

    fn names(state: &State, chosen: &Chosen) -> Vec<String> {
        let plan = plan_up(&Graph::default(), state, &|_| true).expect("a plan");
        untold(&plan, state, chosen).iter().map(|step| step.address.to_string()).collect()
    }

    #[test]
    fn data_goes_when_it_was_told_by_address() {
        let told = Chosen { delete: vec!["source/*".to_owned()], ..Chosen::default() };
        assert_eq!(names(&state("ready"), &Chosen::default()), ["source/storage/bucket"]);
        assert!(names(&state("ready"), &told).is_empty());
    }

    #[test]
    fn a_deletion_that_was_begun_is_not_asked_for_again() {
        assert!(names(&state("deleting"), &Chosen::default()).is_empty());
    }
}
