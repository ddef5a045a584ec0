//! Traffic weights belong to the migration, not to the configuration: a new record starts with the weight in the
//! journal.

use super::step::Step;
use crate::state::State;

/// Returns the share of the traffic, in percent, that the record of a step receives if the target has `target_percent`;
/// nothing if the kind does not carry traffic.
pub fn share(step: &Step, target_percent: u8) -> Option<u8> {
    step.handler?.with_target_share(&step.spec, target_percent.min(100)).and_then(|(_, share)| share)
}

/// Sets the current weights for new records. Mentions the weight in the reason if the target has some of the traffic.
pub(super) fn resume_shares(steps: &mut [Step], state: &State) {
    let Some(percent) = state.migration.division() else { return };
    for step in steps {
        let resumed = step.handler.and_then(|kind| kind.with_target_share(&step.spec, percent.min(100)));
        let Some((spec, weight)) = resumed else { continue };
        step.spec = spec;
        let Some(weight) = weight else { continue };
        if percent > 0 && step.action.creates() {
            step.reason = format!("{}; its weight is {weight}, as in the current traffic split", step.reason);
        }
    }
}
