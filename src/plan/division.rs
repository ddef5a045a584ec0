//! How traffic is divided is state of the migration, not of the configuration: a record that is made anew gets the share that the journal
//! knows.

use super::{Action, Step};
use crate::state::State;

/// The kind of the records that divide the traffic.
const KIND: &str = "route53.weighted_record";

/// Returns the share in percent of the record of a step, when the target has so much; nothing when the step is of something else.
pub fn share(step: &Step, target_percent: u8) -> Option<u8> {
    let percent = target_percent.min(100);
    match step.spec.get("set_identifier").filter(|_| step.kind == KIND)?.as_str()? {
        "source" => Some(100 - percent),
        "target" => Some(percent),
        _ => None,
    }
}

/// Lets records that are made begin with the weights that are live, and says so where the target has some of the traffic.
pub(super) fn keep(steps: &mut [Step], state: &State) {
    let Some(percent) = state.migration.division() else { return };
    for step in steps {
        let Some((weight, spec)) = share(step, percent).zip(step.spec.as_object_mut()) else { continue };
        spec.insert("initial_weight".to_owned(), weight.into());
        if percent > 0 && matches!(step.action, Action::Create | Action::Replace { .. }) {
            step.reason = format!("{}; its weight is {weight}, as traffic is divided now", step.reason);
        }
    }
}
