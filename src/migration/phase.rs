//! The phases in which a replication starts, and what outlives the process.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::topology::Replication;
use super::unreadable::{self, UnreadableRecord};
use infra_base::address::Address;
use infra_core::state::{JournalError, Record, State};
use infra_payment::stack::MeasuredSource;

/// A phase of the start of a replication, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The target gets tables, functions, views and keys. The source is measured, and the task gets the settings that
    /// follow.
    Schema,
    /// The task loads the rows, applies what has changed meanwhile, and stops.
    Load,
    /// The target gets indexes, constraints and triggers.
    Indexes,
    /// The task replicates changes.
    Changes,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 4] = [Self::Schema, Self::Load, Self::Indexes, Self::Changes];

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Load => "load",
            Self::Indexes => "indexes",
            Self::Changes => "changes",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// When a phase was begun and done, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTimes {
    /// When it began.
    pub begun: i64,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<i64>,
}

/// How far the start of a replication has come, as the state stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRecord {
    /// Whether the schema is transferred. Without that, there is no phase `indexes`.
    pub transfers_schema: bool,
    /// Whether the load replaces rows of an earlier one.
    #[serde(default)]
    pub reload: bool,
    /// When the task was last started before the load began. If it has been started since, the load has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_before: Option<i64>,
    /// What was measured in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredSource>,
    /// The slots that existed in the source before the task began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots_before: Vec<String>,
    /// The slots that were created in the source while the task began: those of DMS, which has chosen their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<String>,
    /// The phases that have begun.
    #[serde(default)]
    pub phases: BTreeMap<Phase, PhaseTimes>,
}

impl StartRecord {
    /// Returns a start that has not begun.
    pub fn new(transfers_schema: bool, reload: bool) -> Self {
        Self {
            transfers_schema,
            reload,
            started_before: None,
            measured: None,
            slots_before: Vec::new(),
            slots: Vec::new(),
            phases: BTreeMap::new(),
        }
    }

    /// Returns whether the task begins in a phase.
    pub fn begins_task(&self, replication: &Replication, phase: Phase) -> bool {
        let begins = |phase: &Phase| matches!(phase, Phase::Load | Phase::Changes);
        self.phases_of(replication).into_iter().find(begins) == Some(phase)
    }

    /// Takes note of the slots that exist after the task has begun.
    pub fn add_slots(&mut self, now: Vec<String>) {
        let is_new = |slot: &String| !self.slots_before.contains(slot) && !self.slots.contains(slot);
        let new: Vec<String> = now.into_iter().filter(is_new).collect();
        self.slots.extend(new);
    }

    /// Returns how far a replication has come. Earlier versions have not recorded it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(state: &State, task: &Address) -> Result<Option<Self>, UnreadableRecord> {
        let saved = state.migration.replications.get(task);
        saved.map(|saved| unreadable::read(|| format!("the start of {task}"), saved)).transpose()
    }

    /// Returns the record for the journal.
    ///
    /// # Errors
    /// It has no JSON form, which is a bug. A record without one would repeat the start from the beginning.
    pub fn record(&self, task: &Address) -> Result<Record, JournalError> {
        let saved = serde_json::to_value(self).map_err(|error| JournalError::Record(error.to_string()))?;
        Ok(Record::Replication { address: task.clone(), saved: Some(saved) })
    }

    /// Returns the phases of a replication, in their order.
    pub fn phases_of(&self, replication: &Replication) -> Vec<Phase> {
        let is_part = |phase: &Phase| match phase {
            Phase::Schema => true,
            Phase::Load => replication.migration_type != "cdc",
            Phase::Indexes => self.transfers_schema,
            Phase::Changes => replication.replicates_changes(),
        };
        Phase::ALL.into_iter().filter(is_part).collect()
    }

    /// Returns all phases in one line, for example `schema done, load begun`.
    pub fn describe(&self, replication: &Replication) -> String {
        let word = |phase: &Phase| match (self.is_done(*phase), self.has_begun(*phase)) {
            (true, _) => "done",
            (false, true) => "begun",
            (false, false) => "to do",
        };
        let phases = self.phases_of(replication);
        phases.iter().map(|phase| format!("{phase} {}", word(phase))).collect::<Vec<_>>().join(", ")
    }

    /// Returns whether a phase has begun.
    pub fn has_begun(&self, phase: Phase) -> bool {
        self.phases.contains_key(&phase)
    }

    /// Returns whether a phase is done.
    pub fn is_done(&self, phase: Phase) -> bool {
        self.phases.get(&phase).is_some_and(|times| times.done.is_some())
    }

    /// Returns the first phase that is not done.
    pub fn next(&self, replication: &Replication) -> Option<Phase> {
        self.phases_of(replication).into_iter().find(|phase| !self.is_done(*phase))
    }

    /// Takes note that a phase begins, unless it has begun already.
    pub fn begin(&mut self, phase: Phase, now: i64) {
        self.phases.entry(phase).or_insert(PhaseTimes { begun: now, done: None });
    }

    /// Takes note that a phase is done.
    pub fn end(&mut self, phase: Phase, now: i64) {
        self.phases.entry(phase).or_insert(PhaseTimes { begun: now, done: None }).done = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replication(migration_type: &str) -> Replication {
        Replication {
            load: Address::new("target/replication/task"),
            address: Address::new("target/replication/task"),
            location: "us-east-1".into(),
            task: String::new(),
            task_id: String::new(),
            instance: String::new(),
            instance_id: String::new(),
            source: String::new(),
            target: String::new(),
            secrets: [None, None],
            migration_type: migration_type.to_owned(),
            fallback_to_source: None,
            fallback_to_target: None,
        }
    }

    #[test]
    fn the_phases_follow_from_what_is_replicated_and_who_creates_the_schema() {
        use Phase::{Changes, Indexes, Load, Schema};
        let table = [
            ("full-load-and-cdc", true, vec![Schema, Load, Indexes, Changes]),
            ("full-load", true, vec![Schema, Load, Indexes]),
            ("cdc", true, vec![Schema, Indexes, Changes]),
            ("full-load-and-cdc", false, vec![Schema, Load, Changes]),
        ];
        for (migration_type, transfers, phases) in table {
            let record = StartRecord::new(transfers, false);
            assert_eq!(record.phases_of(&replication(migration_type)), phases, "{migration_type} {transfers}");
        }
    }

    #[test]
    fn the_slots_of_dms_are_those_that_appear_while_the_task_begins() {
        let mut record = StartRecord::new(true, false);
        assert!(record.begins_task(&replication("full-load-and-cdc"), Phase::Load));
        assert!(!record.begins_task(&replication("full-load-and-cdc"), Phase::Changes));
        assert!(record.begins_task(&replication("cdc"), Phase::Changes));
        record.slots_before = vec!["others".to_owned()];
        record.add_slots(vec!["dms".to_owned(), "others".to_owned()]);
        record.add_slots(vec!["dms".to_owned()]);
        assert_eq!(record.slots, ["dms"]);
    }

    #[test]
    fn a_record_survives_a_round_trip_and_knows_the_next_phase() {
        let mut record = StartRecord::new(true, true);
        record.begin(Phase::Schema, 5);
        assert_eq!(record.next(&replication("full-load")), Some(Phase::Schema));
        record.end(Phase::Schema, 9);
        record.begin(Phase::Load, 10);
        record.begin(Phase::Load, 11);
        assert_eq!(record.phases[&Phase::Load].begun, 10, "it begins once");
        assert_eq!(record.next(&replication("full-load")), Some(Phase::Load));
        let text = serde_json::to_string(&record).expect("it has a JSON form");
        assert_eq!(serde_json::from_str::<StartRecord>(&text).expect("it can be read"), record);
    }
}
