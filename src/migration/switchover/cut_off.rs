//! How the replication to the new primary ends for good, while its task may still be stopping.
//!
//! AWS documents no time within which a task stops, and clients get 503 meanwhile. So the switchover only requests the
//! stop, and drops the slot before the new primary accepts writes: without its slot, a task can read nothing again.

use std::time::{Duration, Instant};

use infra_core::resource::describe;
use infra_database::slots::{self, Slot};
use infra_database::{Database, Lsn};
use infra_switchover::{Direction, Failure, Task, sql};

use super::databases::Connected;
use super::known_slots::KnownSlots;
use super::operations::AwsOperations;
use super::view::CONFIRMS_WITHIN;

/// The pause between two looks at the slot.
const PAUSE: Duration = Duration::from_millis(500);

impl AwsOperations<'_> {
    /// Requests the stop of the replication to the new primary. It returns when [`Self::silence`] can end the
    /// replication whatever its task does, or when the task has stopped.
    ///
    /// The slot tells what DMS has confirmed: it does not read that again when its connection breaks. So everything of
    /// the service must be confirmed before its slot is dropped, or a part of it could be applied once more, over newer
    /// changes of clients.
    pub(super) async fn end_carrier(&self, task: Task<'_>, connected: &Connected<'_>) -> Result<(), Failure> {
        let [old, _] = connected.databases();
        let direction = task.direction;
        let drained = task.evidence.drained.as_ref().and_then(|drained| drained.position);
        let (Some(position), Some(_)) = (drained, self.only_slot(direction, old).await?) else {
            return self.stop_carrier(direction).await;
        };
        // A task that runs confirms now and then; nothing says that one that is stopping does.
        let began = Instant::now();
        while began.elapsed() < CONFIRMS_WITHIN && !self.is_ended(direction, old, position).await? {
            tokio::time::sleep(PAUSE).await;
        }
        self.request_stop_of_carrier(direction).await?;
        while !self.is_ended(direction, old, position).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Returns how long the replication takes to confirm what it has applied, with a position from before that. `None`:
    /// longer than row `Fallback` waits, or its slot is not known.
    pub(super) async fn confirms(
        &self,
        direction: Direction,
        old: Database<'_>,
        position: Lsn,
    ) -> Result<Option<Duration>, Failure> {
        let began = Instant::now();
        while let Some(slot) = self.only_slot(direction, old).await? {
            if slot.confirmed >= Some(position) {
                return Ok(Some(began.elapsed()));
            }
            if began.elapsed() >= CONFIRMS_WITHIN {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }

    /// Makes sure that nothing carries changes to the new primary any more.
    pub(super) async fn silence(&self, direction: Direction, old: Database<'_>) -> Result<(), Failure> {
        let known = self.known_slots(direction)?;
        let existing = slots::list(old).await.map_err(sql::Error::from)?;
        let left: Vec<&str> = existing
            .iter()
            .map(|slot| slot.name.as_str())
            .filter(|name| known.read.iter().any(|read| read == name))
            .collect();
        let [only] = left.as_slice() else {
            // It has been dropped by an earlier attempt; or row `Fallback` has seen that the task has stopped.
            return if left.is_empty() { Ok(()) } else { self.stop_carrier(direction).await };
        };
        let Err(error) = sql::cut_off(old, &[only]).await else { return Ok(()) };
        // Nothing is undone any more, so there must be a second way.
        let text = format!("the replication cannot be cut off, so its end is awaited: {}", describe(&error));
        self.notice(text);
        self.stop_carrier(direction).await
    }

    /// Lets the fallback begin behind what the old replication has written last. If that fails, it only begins earlier.
    pub(super) async fn advance_fallback(
        &self,
        direction: Direction,
        connected: &Connected<'_>,
    ) -> Result<(), Failure> {
        let [_, new] = connected.databases();
        let slot = &self.fallback_to(direction.from())?.slot;
        if let Err(error) = sql::advance_fallback(new, connected.service(), slot).await {
            let text = format!("the slot {slot} cannot be advanced: {}", describe(&error));
            self.notice(text);
        }
        Ok(())
    }

    /// Returns whether the replication has confirmed what is before a position, or has stopped.
    async fn is_ended(&self, direction: Direction, old: Database<'_>, position: Lsn) -> Result<bool, Failure> {
        let slot = self.only_slot(direction, old).await?;
        let has_confirmed = slot.is_some_and(|slot| slot.confirmed >= Some(position));
        // A status that cannot be read is read again.
        Ok(has_confirmed || self.is_carrier_at_rest(direction).await.unwrap_or(false))
    }

    async fn only_slot(&self, direction: Direction, old: Database<'_>) -> Result<Option<Slot>, Failure> {
        let existing = slots::list(old).await.map_err(sql::Error::from)?;
        Ok(self.known_slots(direction)?.only(&existing))
    }

    fn known_slots(&self, direction: Direction) -> Result<KnownSlots, Failure> {
        let replication = self.replication()?;
        let known = self.context.journal.read(|state| KnownSlots::of(state, replication, direction));
        known.map_err(|error| Failure::with_unknown_effect(error.to_string()))
    }
}
