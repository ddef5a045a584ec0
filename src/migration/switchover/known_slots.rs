//! The replication slots of the old database, as far as the state knows them: DMS chooses the names of some.

use infra_core::state::State;
use infra_database::slots::{DMS_PLUGINS, Slot};
use infra_switchover::Direction;

use crate::phase::StartRecord;
use crate::topology::{Replication, Topology};

/// The slots of the old database.
#[derive(Debug, Default)]
pub(super) struct KnownSlots {
    /// Those that the replication to the new primary reads.
    pub(super) read: Vec<String>,
    /// Those of others, and of other replications of the migration.
    others: Vec<String>,
}

impl KnownSlots {
    /// Returns what the state knows, before a switchover in this direction.
    pub(super) fn of(state: &State, replication: &Replication, direction: Direction) -> Self {
        let start = StartRecord::of(state, &replication.load).ok().flatten();
        let of_load = start.as_ref().map(|start| start.slots.clone()).unwrap_or_default();
        let foreign = start.map(|start| start.slots_before).unwrap_or_default();
        let of_fallback = replication.fallback_to(direction.to()).map(|fallback| fallback.slot.clone());
        let of_fallback = Vec::from_iter(of_fallback);
        let is_load = direction == Direction::FORWARD && replication.address == replication.load;
        let (read, other) = if is_load { (of_load, of_fallback) } else { (of_fallback, of_load) };
        Self { read, others: [foreign, other].concat() }
    }

    /// Returns whether the replication has no slot but those that it is known to read.
    pub(super) fn are_all(&self, existing: &[Slot]) -> bool {
        let is_of_dms = |slot: &&Slot| DMS_PLUGINS.contains(&slot.plugin.as_str());
        let mut of_dms = existing.iter().filter(is_of_dms).filter(|slot| !self.others.contains(&slot.name)).peekable();
        of_dms.peek().is_some() && of_dms.all(|slot| self.read.contains(&slot.name))
    }
}

/// Returns whether a switchover will probably not wait for the end of the replication to the new primary.
pub(super) fn may_cut_off(state: &State, topology: &Topology, direction: Direction) -> bool {
    let replication = topology.replications.iter().find(|one| one.replicates_changes());
    replication.is_some_and(|replication| !KnownSlots::of(state, replication, direction).read.is_empty())
}

/// Does the same before the databases are reached, for a switchover to the target. A replication that has not been
/// started will have a known slot. Without access to the databases, nothing was measured, and there is none.
pub(super) fn expects_cut_off(state: &State, topology: &Topology) -> bool {
    let start = |load: &Replication| StartRecord::of(state, &load.load).ok().flatten();
    let is_unknown = topology.loads.iter().filter_map(start).any(|start| start.measured.is_some());
    !is_unknown || may_cut_off(state, topology, Direction::FORWARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, plugin: &str) -> Slot {
        Slot {
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            database: "payments".to_owned(),
            active_pid: None,
            confirmed: None,
            lag_bytes: None,
            retained_bytes: None,
            is_usable: true,
        }
    }

    #[test]
    fn a_replication_is_cut_off_only_if_no_slot_of_dms_is_unknown() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let known = KnownSlots { read: names(&["dms_1"]), others: names(&["warehouse"]) };
        let (dms, warehouse) = (slot("dms_1", "test_decoding"), slot("warehouse", "test_decoding"));
        let other_tool = slot("debezium", "pgoutput");
        assert!(known.are_all(&[dms.clone(), warehouse.clone(), other_tool]));
        assert!(!known.are_all(&[dms, slot("dms_2", "pglogical")]), "the task may read another one");
        assert!(!known.are_all(&[warehouse]), "it is not there");
        assert!(!KnownSlots::default().are_all(&[]));
    }
}
