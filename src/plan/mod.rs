//! What will be done and why: pure data, computed from the desired graph and the state, without a single call.

mod calls;
mod claims;
mod decide;
mod diff;
mod division;
mod down;
mod find;
mod finding;
mod knot;
mod patience;
mod replace;
mod rollback;
mod timing;
mod up;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::address::{Address, Region};
use crate::graph::{Graph, Need, Timing};

pub use calls::{Calls, calls};
pub use diff::{Change, changes};
pub use division::share;
pub use down::{StillNeeded, plan_down};
pub use find::{plan_delete, plan_find};
pub use finding::{Finding, Findings, Outside};
pub use knot::Knot;
pub use rollback::{Rollback, plan_rollback};
pub use up::{Impossible, Missing, Wish, plan_up, plan_wish};

/// Names of environments in a sentence: "`source`", "`routing` and `target`".
fn names(environments: &[&str]) -> String {
    environments.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

/// What is done to one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// An earlier run was about to make or change it and did not get to the end.
    Resume {
        /// What the change was to be that was begun.
        changes: Vec<Change>,
    },
    /// It is changed in place.
    Update {
        /// What changes.
        changes: Vec<Change>,
    },
    /// It has to be made anew because AWS cannot change these inputs.
    Replace {
        /// What changes.
        changes: Vec<Change>,
        /// Whether the new one is made before the old one goes.
        order: Order,
    },
    /// It is as specified; it is looked at all the same, and put right when the cloud says otherwise.
    #[serde(rename = "none")]
    Nothing,
    /// It is deleted.
    Delete,
    /// It was to make way, and gets its place back.
    Restore,
    /// It is not as it was left, and nothing that `up` does puts that right: a person has to.
    Stuck {
        /// The AWS id or name of what has its place, when that is somebody else's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// Which comes first when something is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The new one: then what uses the old one is changed to use the new one, and then the old one goes.
    NewFirst,
    /// The old one, because AWS does not take both, and before it all that holds on to it.
    OldFirst,
}

/// A resource gets another address in the state before its step begins. Nothing is changed in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The address that it has.
    pub from: Address,
    /// The address that it gets.
    pub to: Address,
}

impl Action {
    /// Returns the word for it, as events and output use it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resume { .. } => "resume",
            Self::Update { .. } => "update",
            Self::Replace { .. } => "replace",
            Self::Nothing => "none",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Stuck { .. } => "stuck",
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Its region.
    pub region: Region,
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Which steps come first, and how far they must be.
    pub needs: Vec<Need>,
    /// What has to be gone before because of a name that both take. It is among the needs, and is none any more afterwards.
    #[serde(skip)]
    pub after: Vec<Address>,
    /// What is moved before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Move>,
    /// What is moved out of the way of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clears: Option<Move>,
    /// What is moved once it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives_back: Option<Move>,
    /// Fields that others have changed and may: they stay as they are, whatever is changed beside them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<String>,
    /// What was done outside of this tool and is put right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub puts_right: Option<Outside>,
    /// What AWS shows of it, where that is not what the state knows.
    #[serde(skip)]
    pub shown: Option<Value>,
    /// Whether it has been looked at and was as it should be: then there is no need to look again.
    #[serde(skip)]
    pub seen: bool,
    /// Its inputs; references may still be references.
    #[serde(skip)]
    pub spec: Value,
    /// Tags besides the ownership tags.
    #[serde(skip)]
    pub tags: BTreeMap<String, String>,
    /// How long it typically takes.
    #[serde(skip)]
    pub timing: Timing,
}

impl Step {
    /// Returns what it needs as long as it is there: all but what only has to be gone before it is made.
    pub fn lasting_needs(&self) -> Vec<Need> {
        let lasts = |need: &&Need| need.on.made_way().as_ref() != Some(&self.address) && !self.after.contains(&need.on);
        self.needs.iter().filter(lasts).cloned().collect()
    }
}

/// All steps, by address.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The steps, by address.
    pub steps: Vec<Step>,
    /// The chain of steps that decides how long it takes.
    pub critical_path: Vec<Address>,
    /// How long it will take, in AWS seconds.
    pub expected_seconds: u64,
    /// The environments that it is about, also those in which there is nothing to do.
    #[serde(skip)]
    pub environments: BTreeSet<String>,
    /// Whether it is only about targets: when it ends well, what an earlier `up` left unfinished beside them stays to be undone.
    #[serde(skip)]
    pub is_part: bool,
    /// What is to be replaced or deleted, and what uses it although it is not part of this plan.
    #[serde(skip)]
    pub strangers: StillNeeded,
    /// What would be done and is left out, because it is not among the targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Address>,
}

impl Plan {
    fn new(steps: Vec<Step>) -> Self {
        let at_work: BTreeMap<&Address, (Timing, &[Need])> = steps.iter().map(|step| (&step.address, (step.timing, step.needs.as_slice()))).collect();
        let (critical_path, expected) = crate::graph::critical_path(&at_work);
        let environments = steps.iter().map(|step| step.address.environment().to_owned()).collect();
        let critical_path = if expected.is_zero() { Vec::new() } else { critical_path };
        Self {
            environments,
            critical_path,
            expected_seconds: expected.as_secs(),
            steps,
            is_part: false,
            strangers: StillNeeded::default(),
            left_out: Vec::new(),
        }
    }

    /// A plan of one step that waits for nothing.
    pub fn single(step: Step) -> Self {
        Self::new(vec![step])
    }

    /// Lets everything be deleted as the configuration says now.
    pub fn delete_as_configured(&mut self, graph: &Graph) {
        down::as_configured(&mut self.steps, graph);
    }

    /// Keeps only the steps of the wanted resources and those that have to come before them.
    pub fn only(&mut self, wanted: impl Fn(&Address) -> bool) {
        let index: BTreeMap<&Address, &Step> = self.steps.iter().map(|step| (&step.address, step)).collect();
        let mut kept: BTreeSet<Address> = BTreeSet::new();
        let mut old: BTreeMap<Address, Vec<&Step>> = BTreeMap::new();
        for step in &self.steps {
            if let Some(base) = step.address.made_way() {
                old.entry(base).or_default().push(step);
            }
        }
        let mut next: Vec<&Step> = self.steps.iter().filter(|step| wanted(&step.address)).collect();
        while let Some(step) = next.pop() {
            if kept.insert(step.address.clone()) {
                next.extend(step.needs.iter().filter_map(|need| index.get(&need.on).copied()));
                // Nothing goes without what takes its place, and nothing new is left beside its old one.
                next.extend(step.address.made_way().and_then(|base| index.get(&base).copied()));
                next.extend(old.get(&step.address).into_iter().flatten().copied());
            }
        }
        self.strangers.uses.retain(|(base, _)| kept.contains(base));
        let left_out = |step: &&Step| step.action != Action::Nothing && !kept.contains(&step.address);
        let left_out = self.steps.iter().filter(left_out).map(|step| step.address.clone()).collect();
        self.keep(|step| kept.contains(&step.address));
        self.is_part = true;
        self.left_out = left_out;
    }

    /// Leaves out the steps that are not to be kept.
    pub fn keep(&mut self, keep: impl Fn(&Step) -> bool) {
        let (steps, strangers) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.strangers));
        *self = Self { strangers, ..Self::new(steps.into_iter().filter(keep).collect()) };
    }

    /// Returns for every step the expected time from its start to the end of the run.
    pub fn remaining(&self) -> Vec<Duration> {
        let at_work = self.steps.iter().map(|step| (&step.address, (step.timing, step.needs.as_slice()))).collect();
        let left = crate::graph::remaining(&at_work);
        self.steps.iter().map(|step| left.get(&step.address).copied().unwrap_or_default()).collect()
    }

    /// Returns what tells it apart from other plans, as hexadecimal digits: all that its steps are to do.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for step in &self.steps {
            all.update(serde_json::to_vec(&(step, &step.spec, &step.tags, step.seen)).unwrap_or_default());
        }
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns how many steps there are of each verb. The deletion of an old one is part of its replacement.
    pub fn totals(&self) -> BTreeMap<&'static str, usize> {
        let mut totals: BTreeMap<&'static str, usize> = BTreeMap::new();
        for step in &self.steps {
            *totals.entry(step.action.verb()).or_default() += 1;
        }
        let replaced = totals.get("replace").copied().unwrap_or(0);
        if let Some(deleted) = totals.get_mut("delete") {
            let old = self.steps.iter().filter(|step| step.action == Action::Delete && step.address.made_way().is_some()).count();
            *deleted -= old.min(replaced);
        }
        totals.retain(|_, count| *count > 0);
        totals
    }

    /// Returns whether anything would be changed, as far as the state tells.
    pub fn changes_something(&self) -> bool {
        self.steps.iter().any(|step| step.action != Action::Nothing)
    }
}
