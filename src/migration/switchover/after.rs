//! What is left to do after a switchover, and at the end of the migration.

use infra_database::slots::{self, Leftover};
use infra_database::{Database, Lsn};
use infra_switchover::sql::{self, Finish, OldGuard};
use infra_switchover::{Direction, Failure};

use super::carrier::Carrier;
use super::operations::{AwsOperations, drop_slot, failed};
use super::record::{After, SwitchoverRecord};
use crate::fallback;
use crate::phase::StartRecord;
use crate::replication;
use crate::rotation;
use crate::topology::Replication;
use crate::unreadable::UnreadableRecord;
use infra_core::resource::describe;

/// What a finish has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// What was removed, with the side of its database.
    pub objects: Vec<(String, Leftover)>,
    /// Identity columns that refuse values again, with the side of their database.
    pub identities: Vec<(String, String)>,
    /// Replication slots that the migration did not create, with the side of their database. They stay.
    pub other_slots: Vec<(String, Leftover)>,
}

impl AwsOperations<'_> {
    /// Does what follows a completed switchover in the databases: the old replication has stopped, its slot is dropped,
    /// because it would keep the log until the disk is full, and the fallback runs. It can be repeated;
    /// [`end_settling`](Self::end_settling) records that it is done.
    ///
    /// # Errors
    /// The reason why DMS does not run the fallback; its slot keeps all changes. Or a database cannot be reached.
    pub async fn settle(&self, record: &mut SwitchoverRecord) -> Result<(), Failure> {
        let direction = record.progress.direction;
        self.stop_carrier(direction).await?;
        let fallback = self.fallback_to(direction.from())?;
        let mut has_run = false;
        if let Some(connected) = self.databases.connect(direction).await? {
            let [old, new] = connected.databases();
            // An earlier version of this program has not done it in row `Fallback`.
            match sql::accept_identities(old).await {
                Err(error) if !error.is_locked() => {
                    self.notice(format!(
                        "identity columns may refuse the values of the fallback: {}",
                        describe(&error)
                    ));
                }
                result => drop(result?),
            }
            let confirmed = confirmed(new, &fallback.slot).await?;
            if record.fallback_from.is_none() {
                // Nobody reads it yet.
                record.fallback_from = confirmed;
                self.record(record, record.after).await?;
            }
            has_run = confirmed > record.fallback_from;
        }
        match record.fallback_from.or(record.progress.evidence.fallback_start) {
            Some(_) if has_run => fallback::resume(self.context, fallback).await.map_err(failed)?,
            Some(start) => fallback::start(self.context, fallback, &start).await.map_err(failed)?,
            None => {}
        }
        if let Some(connected) = self.databases.connect(direction).await? {
            let [old, _] = connected.databases();
            drop_slot(old, &self.fallback_to(direction.to())?.slot).await?;
            if direction == Direction::FORWARD && record.carrier == Carrier::Load {
                self.drop_load_slot(old).await?;
            }
        }
        Ok(())
    }

    /// Records that everything that follows a switchover is done.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub async fn end_settling(&self, record: &mut SwitchoverRecord) -> Result<(), Failure> {
        self.record(record, After::Settled).await
    }

    /// Drops the slot of the task that has loaded the tables. Several can have appeared while it began: then some are
    /// of others, and all are kept.
    async fn drop_load_slot(&self, old: Database<'_>) -> Result<(), Failure> {
        let left = self.load_slots_in(old).await?;
        let kept = match left.as_slice() {
            [] => return Ok(()),
            [only] => match slots::drop(old, only).await.map_err(sql::Error::from)? {
                slots::Dropped::Active => "it is being read",
                slots::Dropped::Dropped | slots::Dropped::Absent => return Ok(()),
            },
            _ => "only one of them is of this migration",
        };
        let names = left.join(", ");
        self.notice(format!(
            "kept in the old database, because {kept}: {names}; `cutover finish --slot NAME` drops one"
        ));
        Ok(())
    }

    /// Returns the slots that can be of the task that has loaded the tables.
    async fn load_slots_in(&self, database: Database<'_>) -> Result<Vec<String>, Failure> {
        let recorded = self.load_slots()?;
        let existing = slots::list(database).await.map_err(sql::Error::from)?;
        Ok(existing.into_iter().map(|slot| slot.name).filter(|name| recorded.contains(name)).collect())
    }

    /// Ends the migration: all replications are stopped, and nothing of them is left in the databases. `slots` are
    /// further slots of the migration. It can be repeated.
    ///
    /// # Errors
    /// A replication cannot be stopped, a database cannot be reached, or something is left in it.
    pub async fn finish(
        &self,
        record: &mut SwitchoverRecord,
        slots: &[String],
        old_guard: OldGuard,
    ) -> Result<Removed, Failure> {
        // Also after a way back that was undone.
        let direction = Direction::to_side(record.primary());
        let ends = [direction.from(), direction.to()];
        for side in ends {
            fallback::stop_and_verify(self.context, self.fallback_to(side)?).await.map_err(failed)?;
        }
        for load in &self.topology.loads {
            replication::stop(self.context, load).await.map_err(failed)?;
        }
        let mut removed = Removed::default();
        if let Some(connected) = self.databases.connect(direction).await? {
            let own = [&self.fallback_to(ends[0])?.slot, &self.fallback_to(ends[1])?.slot];
            // Those of others are listed, and kept.
            let [old, new] = connected.databases();
            let mut of_dms = [self.load_slots_in(old).await?, self.load_slots_in(new).await?].concat();
            if of_dms.len() > 1 {
                of_dms.clear();
            }
            let slots: Vec<&str> = own.into_iter().chain(&of_dms).chain(slots).map(String::as_str).collect();
            let order = Finish { service: connected.service(), slots: &slots, old_guard };
            let finished = sql::finish(old, new, order).await?;
            let side = |label: &str| if label == "old" { direction.from() } else { direction.to() }.to_string();
            let object = |(label, object): (String, Leftover)| (side(&label), object);
            removed.objects = finished.removed.into_iter().map(object).collect();
            removed.other_slots = finished.others.into_iter().map(object).collect();
            let column = |(label, column): (String, String)| (side(&label), column);
            removed.identities = finished.identities.into_iter().map(column).collect();
        }
        rotation::release(self.context, &self.topology.loads).await.map_err(failed)?;
        self.record(record, After::Finished).await?;
        Ok(removed)
    }

    /// Returns the slots of the tasks that have loaded the tables. DMS has chosen their names.
    fn load_slots(&self) -> Result<Vec<String>, Failure> {
        let of = |load: &Replication| self.context.journal.read(|state| StartRecord::of(state, &load.address));
        let starts: Result<Vec<_>, UnreadableRecord> = self.topology.loads.iter().map(of).collect();
        let starts = starts.map_err(|error| Failure::with_unknown_effect(error.to_string()))?;
        Ok(starts.into_iter().flatten().flat_map(|start| start.slots).collect())
    }

    async fn record(&self, record: &mut SwitchoverRecord, after: After) -> Result<(), Failure> {
        record.after = after;
        let written = record.to_record().map_err(|error| Failure::with_unknown_effect(error.to_string()))?;
        let written = self.context.journal.write(vec![written]).await;
        written.map(drop).map_err(|error| Failure::with_unknown_effect(describe(&error)))
    }
}

/// Returns what the reader of a slot has confirmed: nothing before it can be read again.
async fn confirmed(database: Database<'_>, slot: &str) -> Result<Option<Lsn>, Failure> {
    let existing = slots::list(database).await.map_err(sql::Error::from)?;
    Ok(existing.into_iter().find(|one| one.name == slot).and_then(|slot| slot.confirmed))
}
