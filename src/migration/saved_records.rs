//! The check of everything that the state keeps for this crate.

use infra_core::state::State;

use crate::cutover::PersistedCutover;
use crate::phase::StartRecord;
use crate::switchover::SwitchoverRecord;
use crate::unreadable::UnreadableRecord;
use crate::validation::Validation;

/// Checks that every record of the migration can be read.
///
/// # Errors
/// The first one that cannot.
pub fn verify(state: &State) -> Result<(), UnreadableRecord> {
    PersistedCutover::of(state)?;
    SwitchoverRecord::of(state)?;
    for task in state.migration.replications.keys() {
        StartRecord::of(state, task)?;
    }
    for task in state.migration.validations.keys() {
        Validation::last(state, task)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use infra_base::address::Address;
    use serde_json::json;

    use super::*;

    type Edit = fn(&mut State, Address, serde_json::Value);

    #[test]
    fn a_record_that_cannot_be_read_counted_as_none() {
        let task = Address::new("target/replication/task");
        let unreadable = json!({ "progress": "of a newer version" });
        let cases: [(&str, Edit); 4] = [
            ("a cutover", |state, _, saved| state.migration.cutover = Some(saved)),
            ("a switchover", |state, _, saved| state.migration.switchover = Some(saved)),
            ("the start of target/replication/task", |state, task, saved| {
                state.migration.replications.insert(task, saved);
            }),
            ("a comparison of target/replication/task", |state, task, saved| {
                state.migration.validations.insert(task, saved);
            }),
        ];
        for (what, set) in cases {
            let mut state = State::empty();
            assert_eq!(verify(&state), Ok(()));
            set(&mut state, task.clone(), unreadable.clone());
            let refused = verify(&state).expect_err(what);
            assert_eq!(refused.what, what);
            assert!(refused.to_string().contains("this version cannot read"), "{refused}");
        }
    }
}
