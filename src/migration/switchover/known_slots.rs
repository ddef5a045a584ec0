//! The replication slots of the old database, as far as the state knows them: DMS chooses the names of some.

use infra_core::state::State;
use infra_database::slots::{DMS_PLUGINS, Slot};
use infra_switchover::Direction;

use crate::phase::StartRecord;
use crate::topology::{Replication, Topology};
use crate::unreadable::UnreadableRecord;

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
    ///
    /// # Errors
    /// The start of the replication cannot be read: a slot of others could be taken for its own.
    pub(super) fn of(state: &State, replication: &Replication, direction: Direction) -> Result<Self, UnreadableRecord> {
        let start = StartRecord::of(state, &replication.load)?;
        let of_load = start.as_ref().map(|start| start.slots.clone()).unwrap_or_default();
        let foreign = start.map(|start| start.slots_before).unwrap_or_default();
        let of_fallback = replication.fallback_to(direction.to()).map(|fallback| fallback.slot.clone());
        let of_fallback = Vec::from_iter(of_fallback);
        let is_load = direction == Direction::FORWARD && replication.address == replication.load;
        let (read, other) = if is_load { (of_load, of_fallback) } else { (of_fallback, of_load) };
        // Before another load, its own slot from before was there.
        let others = foreign.into_iter().chain(other).filter(|slot| !read.contains(slot)).collect();
        Ok(Self { read, others })
    }

    /// Returns the slot that the replication reads: the only slot of DMS in the old database that is not of others.
    pub(super) fn only(&self, existing: &[Slot]) -> Option<Slot> {
        let is_of_dms = |slot: &&Slot| DMS_PLUGINS.contains(&slot.plugin.as_str());
        let mut of_dms = existing.iter().filter(is_of_dms).filter(|slot| !self.others.contains(&slot.name));
        let only = of_dms.next().filter(|slot| self.read.contains(&slot.name));
        if of_dms.next().is_none() { only.cloned() } else { None }
    }
}

/// Returns whether a switchover to the target will probably not wait for the end of the replication, before the
/// databases are reached. A replication that has not been started will have a known slot. Without access to the
/// databases, nothing was measured, and there is none. It is only a forecast, so what cannot be read says nothing.
pub(super) fn expects_cut_off(state: &State, topology: &Topology) -> bool {
    let start = |load: &Replication| StartRecord::of(state, &load.load).ok().flatten();
    let is_measured = topology.loads.iter().filter_map(start).any(|start| start.measured.is_some());
    let replication = topology.replications.iter().find(|one| one.replicates_changes());
    let known = replication.and_then(|replication| KnownSlots::of(state, replication, Direction::FORWARD).ok());
    !is_measured || known.is_some_and(|known| !known.read.is_empty())
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
    fn a_replication_is_cut_off_only_if_one_slot_of_dms_is_left() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let known = KnownSlots { read: names(&["dms_1", "dms_2"]), others: names(&["warehouse"]) };
        let (dms, warehouse) = (slot("dms_1", "test_decoding"), slot("warehouse", "test_decoding"));
        let other_tool = slot("debezium", "pgoutput");
        assert_eq!(known.only(&[dms.clone(), warehouse.clone(), other_tool]), Some(dms.clone()));
        let unknown = [dms.clone(), slot("dms_3", "pglogical_output")];
        assert_eq!(known.only(&unknown), None, "the task may read another one");
        let both = [dms, slot("dms_2", "test_decoding")];
        assert_eq!(known.only(&both), None, "one can be of others that have created it at the same time");
        assert_eq!(known.only(&[warehouse]), None, "it is not there");
        assert_eq!(KnownSlots::default().only(&[]), None);
    }
}
