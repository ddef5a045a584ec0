//! How traffic is divided is state of the migration, not of the configuration: a record that is made anew gets the share that the journal
//! knows.

use serde_json::Value;

use super::{Action, Step};
use crate::state::State;

/// The kind of the records that divide the traffic.
const KIND: &str = "route53.weighted_record";

/// Lets records that are made begin with the weights that are live, and says so where the target has some of the traffic.
pub(super) fn keep(steps: &mut [Step], state: &State) {
    let Some(percent) = state.migration.division() else { return };
    for step in steps.iter_mut().filter(|step| step.kind == KIND) {
        let Some(spec) = step.spec.as_object_mut() else { continue };
        let weight = match spec.get("set_identifier").and_then(Value::as_str) {
            Some("source") => 100 - percent.min(100),
            Some("target") => percent.min(100),
            _ => continue,
        };
        spec.insert("initial_weight".to_owned(), weight.into());
        if percent > 0 && matches!(step.action, Action::Create | Action::Replace { .. }) {
            step.reason = format!("{}; its weight is {weight}, as traffic is divided now", step.reason);
        }
    }
}
