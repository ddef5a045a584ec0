//! A plan in a file, for review before it is executed.
//!
//! A plan follows from the configuration, the state, the selection and the observed drift. The file contains the last
//! two, and enough of the others to detect a change. If nothing changed, the plan is the same.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use infra_base::address::{Address, Lineage};
use infra_base::file::{self, Access};
use infra_core::plan::{Drift, DriftReport, Plan};
use infra_core::state::State;

use crate::refusal::{Outdated, SavedPlanError};
use crate::selection::Selection;

/// The format of the file.
const FORMAT: u32 = 1;

/// The version of the tool, which all parts share.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A saved plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    format: u32,
    /// The version of the tool that computed the plan.
    version: String,
    stack: String,
    /// The state that the plan was computed from.
    lineage: Lineage,
    seq: u64,
    #[serde(flatten)]
    selection: Selection,
    /// The observed drift; nothing if the plan was computed without a refresh.
    #[serde(rename = "findings")]
    drift: Option<DriftReport>,
    /// Identifies the plan.
    digest: String,
    /// The plan in its JSON form, for reviewers.
    plan: serde_json::Value,
}

impl SavedPlan {
    /// Records a plan.
    pub fn of(plan: &Plan, state: &State, stack: String, selection: &Selection, drift: Option<&DriftReport>) -> Self {
        Self {
            format: FORMAT,
            version: VERSION.to_owned(),
            stack,
            lineage: state.lineage.clone(),
            seq: state.seq,
            selection: selection.clone(),
            drift: drift.cloned(),
            digest: plan.digest(),
            plan: serde_json::to_value(plan).unwrap_or_default(),
        }
    }

    /// Writes the file, completely or not at all. Only its owner can read it.
    ///
    /// # Errors
    /// [`SavedPlanError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| file::replace(path, text + "\n", Access::Owner));
        written.map_err(|source| SavedPlanError::Write { path: path.to_owned(), source })
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, is not a saved plan, or has an unknown format.
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        match file::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(source) => Err(SavedPlanError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of the file; `path` is for messages.
    ///
    /// # Errors
    /// It is not a saved plan, or has an unknown format.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SavedPlanError> {
        let path = path.to_owned();
        match serde_json::from_str::<Self>(text) {
            Ok(saved) if saved.format == FORMAT => Ok(saved),
            Ok(saved) => Err(SavedPlanError::Format { path, format: saved.format }),
            Err(source) => Err(SavedPlanError::Parse { path, source }),
        }
    }

    /// Returns the selection.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the drift that the plan was computed from.
    pub fn drift(&self) -> Option<&DriftReport> {
        self.drift.as_ref()
    }

    /// Refuses if the state has changed since.
    ///
    /// # Errors
    /// [`SavedPlanError::OutOfDate`].
    pub fn matches_state(&self, state: &State, stack: &str) -> Result<(), SavedPlanError> {
        let reason = match () {
            () if self.stack != stack => Outdated::OtherStack { planned: self.stack.clone(), actual: stack.to_owned() },
            // The first command that changes an empty state gives it a lineage.
            () if self.lineage.as_str().is_empty() && state.resources.is_empty() && state.last_run.is_none() => {
                return Ok(());
            }
            () if self.lineage.as_str().is_empty() => Outdated::StateWasEmpty,
            () if self.lineage != state.lineage => Outdated::OtherState,
            () if self.seq != state.seq => Outdated::StateChanged { planned: self.seq, actual: state.seq },
            () => return Ok(()),
        };
        Err(self.out_of_date(reason))
    }

    /// Refuses if the plan would be different now, or is not the one that the file shows to reviewers.
    ///
    /// # Errors
    /// [`SavedPlanError::OutOfDate`].
    pub fn same_plan(&self, plan: &Plan) -> Result<(), SavedPlanError> {
        // Another version may word reasons and notes differently. The digest also protects the saved texts.
        let reworded = plan.with_texts_of(&self.plan);
        let plan = if self.digest == plan.digest() { plan } else { &reworded };
        if self.digest != plan.digest() {
            return Err(self.out_of_date(Outdated::ConfigChanged));
        }
        if serde_json::to_value(plan).ok().as_ref() != Some(&self.plan) {
            return Err(self.out_of_date(Outdated::Edited { same_version: self.version == VERSION }));
        }
        Ok(())
    }

    /// Refuses if the drift differs from the drift that the plan was computed from. A plan without a refresh assumed
    /// that there is none.
    ///
    /// # Errors
    /// [`SavedPlanError::OutOfDate`].
    pub fn matches_drift(&self, actual: &DriftReport) -> Result<(), SavedPlanError> {
        let no_drift = DriftReport::new();
        let planned = self.drift.as_ref().unwrap_or(&no_drift);
        let addresses: BTreeSet<&Address> = planned.keys().chain(actual.keys()).collect();
        let differs = |address: &&Address| {
            let both = [planned.get(*address), actual.get(*address)];
            both[0] != both[1] && both.into_iter().flatten().any(Drift::is_drift)
        };
        let differing: Vec<String> = addresses
            .into_iter()
            .filter(differs)
            .map(|address| match actual.get(address) {
                Some(drift) => format!("{address}: {drift}"),
                None => format!("{address}: it had drifted, and is as last applied now"),
            })
            .collect();
        if differing.is_empty() { Ok(()) } else { Err(self.out_of_date(Outdated::DriftChanged(differing))) }
    }

    /// Refuses if the current drift leads to other actions: a change in an ignored field is not drift, and can still
    /// conflict with the plan.
    ///
    /// # Errors
    /// [`SavedPlanError::OutOfDate`].
    pub fn equivalent(&self, planned: &Plan, now: &Plan) -> Result<(), SavedPlanError> {
        let actions = |plan: &Plan| plan.steps.iter().map(|step| step.action.clone()).collect::<Vec<_>>();
        match actions(planned) == actions(now) {
            true => Ok(()),
            false => Err(self.out_of_date(Outdated::ActionsChanged)),
        }
    }

    fn out_of_date(&self, reason: Outdated) -> SavedPlanError {
        SavedPlanError::OutOfDate { reason, selection: self.selection.clone() }
    }
}
