//! A plan: its steps, and what they imply together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::action::Action;
use super::deletion;
use super::durations::{Durations, Estimate};
use super::external_users::ExternalUsers;
use super::step::Step;
use crate::graph::{Graph, Need, Timing};
use infra_base::address::Address;

/// All steps of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The steps, by address.
    pub steps: Vec<Step>,
    /// The longest chain of steps, which determines the duration.
    pub critical_path: Vec<Address>,
    /// The expected duration, in AWS seconds.
    pub expected_seconds: u64,
    /// Between what the duration usually lies, in AWS seconds, if it varies widely. Only [`Self::estimate`] knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_range_seconds: Option<[u64; 2]>,
    /// The environments of the plan, including those without steps.
    #[serde(skip)]
    pub environments: BTreeSet<String>,
    /// Whether the plan is restricted to targets. If so, what an earlier `up` left unfinished elsewhere can still be
    /// rolled back after a successful run.
    #[serde(skip)]
    pub targeted: bool,
    /// Resources that are replaced or deleted, with their users outside the plan.
    #[serde(skip)]
    pub external_users: ExternalUsers,
    /// Resources with changes that are excluded, because they are not among the targets.
    #[serde(rename = "left_out", skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Address>,
}

impl Plan {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let at_work: BTreeMap<&Address, (Timing, &[Need])> =
            steps.iter().map(|step| (&step.address, (step.timing, step.needs.as_slice()))).collect();
        let (critical_path, expected) = crate::graph::critical_path(&at_work);
        let environments = steps.iter().map(|step| step.address.environment().to_owned()).collect();
        let critical_path = if expected.is_zero() { Vec::new() } else { critical_path };
        Self {
            environments,
            critical_path,
            expected_seconds: expected.as_secs(),
            expected_range_seconds: None,
            steps,
            targeted: false,
            external_users: ExternalUsers::default(),
            excluded: Vec::new(),
        }
    }

    /// Returns a plan of one step without dependencies.
    pub fn single(step: Step) -> Self {
        Self::new(vec![step])
    }

    /// Applies the current deletion inputs of the configuration to all deletions.
    pub fn delete_as_configured(&mut self, graph: &Graph) {
        deletion::as_configured(&mut self.steps, graph);
    }

    /// Uses measured durations instead of typical ones where there are some, and estimates the range of the duration.
    /// Makes no difference for what the plan does.
    ///
    /// The range assumes that all steps are fast, or that all of them are slow.
    pub fn estimate(&mut self, measured: &Durations) {
        let estimates: Vec<Estimate> = self.steps.iter().map(|step| super::timing::estimate(step, measured)).collect();
        for (step, estimate) in self.steps.iter_mut().zip(&estimates) {
            step.timing = estimate.usual;
        }
        let length = |timing: fn(&Estimate) -> Timing| {
            let timed = self.steps.iter().zip(&estimates);
            let at_work = timed.map(|(step, of)| (&step.address, (timing(of), step.needs.as_slice()))).collect();
            crate::graph::critical_path(&at_work)
        };
        let (critical_path, expected) = length(|of| of.usual);
        let [least, most] = [length(|of| of.least), length(|of| of.most)].map(|(_, length)| length.as_secs());
        self.critical_path = if expected.is_zero() { Vec::new() } else { critical_path };
        self.expected_seconds = expected.as_secs();
        self.expected_range_seconds = (least < most).then_some([least, most]);
    }

    /// Restricts the plan to the selected resources and their dependencies.
    pub fn target(&mut self, wanted: impl Fn(&Address) -> bool) {
        let index: BTreeMap<&Address, &Step> = self.steps.iter().map(|step| (&step.address, step)).collect();
        let mut kept: BTreeSet<Address> = BTreeSet::new();
        let mut old: BTreeMap<Address, Vec<&Step>> = BTreeMap::new();
        for step in &self.steps {
            if let Some(base) = step.address.retired_from() {
                old.entry(base).or_default().push(step);
            }
        }
        let mut next: Vec<&Step> = self.steps.iter().filter(|step| wanted(&step.address)).collect();
        while let Some(step) = next.pop() {
            if kept.insert(step.address.clone()) {
                next.extend(step.needs.iter().filter_map(|need| index.get(&need.on).copied()));
                // A retired resource and its replacement stay together.
                next.extend(step.address.retired_from().and_then(|base| index.get(&base).copied()));
                next.extend(old.get(&step.address).into_iter().flatten().copied());
            }
        }
        self.external_users.uses.retain(|(base, _)| kept.contains(base));
        let excluded = |step: &&Step| step.action != Action::NoOp && !kept.contains(&step.address);
        let excluded = self.steps.iter().filter(excluded).map(|step| step.address.clone()).collect();
        self.keep(|step| kept.contains(&step.address));
        self.targeted = true;
        self.excluded = excluded;
    }

    /// Removes all other steps.
    pub fn keep(&mut self, keep: impl Fn(&Step) -> bool) {
        let (steps, external_users) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.external_users));
        *self = Self { external_users, ..Self::new(steps.into_iter().filter(keep).collect()) };
    }

    /// Returns the expected time from the start of each step to the end of the run.
    pub fn remaining(&self) -> Vec<Duration> {
        let at_work = self.steps.iter().map(|step| (&step.address, (step.timing, step.needs.as_slice()))).collect();
        let left = crate::graph::remaining(&at_work);
        self.steps.iter().map(|step| left.get(&step.address).copied().unwrap_or_default()).collect()
    }

    /// Returns a hash of everything that the steps do, as hexadecimal digits, to distinguish plans.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for step in &self.steps {
            all.update(serde_json::to_vec(&(step, &step.spec, &step.tags, step.verified)).unwrap_or_default());
        }
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the plan with the reasons and notes of `shown`, the JSON form of a plan. Another version of this tool
    /// may word them differently, which makes no difference for what the steps do.
    #[must_use]
    pub fn with_texts_of(&self, shown: &Value) -> Self {
        let mut plan = self.clone();
        let shown: BTreeMap<&str, &Value> = shown
            .get("steps")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|step| Some((step.get("address")?.as_str()?, step)))
            .collect();
        for step in &mut plan.steps {
            if let Some(shown) = shown.get(step.address.as_str()) {
                step.take_texts(shown);
            }
        }
        plan
    }

    /// Returns the number of steps by action. The deletion of a retired resource is part of its replacement.
    pub fn totals(&self) -> BTreeMap<&'static str, usize> {
        let mut totals: BTreeMap<&'static str, usize> = BTreeMap::new();
        for step in &self.steps {
            *totals.entry(step.action.verb()).or_default() += 1;
        }
        let replaced = totals.get("replace").copied().unwrap_or(0);
        if let Some(deleted) = totals.get_mut("delete") {
            let old = self
                .steps
                .iter()
                .filter(|step| step.action == Action::Delete && step.address.retired_from().is_some())
                .count();
            *deleted -= old.min(replaced);
        }
        totals.retain(|_, count| *count > 0);
        totals
    }

    /// Returns whether anything changes, according to the state.
    pub fn changes_something(&self) -> bool {
        self.steps.iter().any(|step| step.action != Action::NoOp)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::diff::Change;
    use super::super::sample;
    use super::*;
    use crate::resource::Kinds;
    use crate::state::State;

    #[test]
    fn a_plan_takes_texts_but_not_changes() {
        let mut plan = super::super::up::plan_up(Kinds::none(), &Graph::default(), &State::empty(), &|_| true).unwrap();
        let mut step = deletion::step(Kinds::none(), &Address::new("source/a/b"), &sample::entry(), "one wording");
        let change = Change { note: Some("one note".into()), ..Change::new("port", json!(1), json!(2)) };
        step.action = Action::Update { changes: vec![change] };
        plan.steps.push(step);
        let mut shown = serde_json::to_value(&plan).unwrap();
        shown["steps"][0]["reason"] = "another wording".into();
        shown["steps"][0]["changes"][0]["note"] = "another note".into();
        let reworded = plan.with_texts_of(&shown);
        assert_ne!(reworded.digest(), plan.digest());
        assert_eq!(serde_json::to_value(&reworded).unwrap(), shown);
        assert_eq!(reworded.with_texts_of(&serde_json::to_value(&plan).unwrap()).digest(), plan.digest());
        shown["steps"][0]["changes"][0]["new"] = json!(3);
        assert_eq!(
            serde_json::to_value(plan.with_texts_of(&shown)).unwrap()["steps"][0]["changes"][0]["new"],
            json!(2)
        );
    }
}
