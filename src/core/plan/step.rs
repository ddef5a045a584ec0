//! One step of a plan.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::action::{Action, Move};
use super::out_of_band::OutOfBand;
use crate::graph::{Need, Timing};
use crate::resource::KindRef;
use infra_base::address::{AccountId, Address, Location, Region};

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// The kind itself; nothing if this version does not have it.
    #[serde(skip)]
    pub handler: Option<KindRef>,
    /// Its region.
    pub region: Region,
    /// Its account, if that is not the account of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The reason.
    pub reason: String,
    /// The dependencies of the step, and the moments they must reach.
    pub needs: Vec<Need>,
    /// Resources that must be deleted before, because they have the same name. They are among `needs`, and stop being
    /// dependencies once they are deleted.
    #[serde(skip)]
    pub after: Vec<Address>,
    /// A move before the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Move>,
    /// A move that frees the target address of `moves`.
    #[serde(rename = "clears", skip_serializing_if = "Option::is_none")]
    pub evicts: Option<Move>,
    /// A move after the deletion.
    #[serde(rename = "gives_back", skip_serializing_if = "Option::is_none")]
    pub restores: Option<Move>,
    /// Ignored fields that were changed outside this tool. They keep their values when the step updates others.
    #[serde(rename = "leaves", skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
    /// The change outside this tool that the step corrects.
    #[serde(rename = "puts_right", skip_serializing_if = "Option::is_none")]
    pub corrects: Option<OutOfBand>,
    /// The observed attributes, if they differ from the state.
    #[serde(skip)]
    pub observed: Option<Value>,
    /// Whether a refresh found no difference, so that the step need not read the resource again.
    #[serde(skip)]
    pub verified: bool,
    /// Its inputs, which may still contain references.
    #[serde(skip)]
    pub spec: Value,
    /// The tags other than the ownership tags.
    #[serde(skip)]
    pub tags: BTreeMap<String, String>,
    /// Its typical duration.
    #[serde(skip)]
    pub timing: Timing,
}

impl Step {
    /// Returns where it is.
    pub fn location(&self) -> Location {
        Location { region: self.region.clone(), account: self.account.clone() }
    }

    /// Replaces the reason and the notes of changes with those in `shown`, the JSON form of the same step.
    pub(super) fn take_texts(&mut self, shown: &Value) {
        if let Some(reason) = shown.get("reason").and_then(Value::as_str) {
            reason.clone_into(&mut self.reason);
        }
        let changes = shown.get("changes").and_then(Value::as_array).into_iter().flatten();
        for (change, shown) in self.action.changes_mut().iter_mut().zip(changes) {
            let note = shown.get("note").and_then(Value::as_str).map(str::to_owned);
            change.note = change.note.take().and(note);
        }
    }

    /// Returns the dependencies that last while the resource exists: all but those that only had to be deleted before
    /// its creation.
    pub fn lasting_needs(&self) -> Vec<Need> {
        let lasts =
            |need: &&Need| need.on.retired_from().as_ref() != Some(&self.address) && !self.after.contains(&need.on);
        self.needs.iter().filter(lasts).cloned().collect()
    }
}
