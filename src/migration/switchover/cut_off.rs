//! How the replication to the new primary ends for good, while its task may still be stopping.
//!
//! AWS documents no time within which a task stops, and clients get 503 meanwhile. So the switchover only requests the
//! stop, and drops the slot before the new primary accepts writes: without its slot, a task can read nothing again.

use infra_core::events::Event;
use infra_core::resource::describe;
use infra_database::{Database, slots};
use infra_switchover::{Direction, Failure, sql};

use super::known_slots::KnownSlots;
use super::operations::AwsOperations;

impl AwsOperations<'_> {
    /// Returns whether [`Self::silence`] can end the replication to the new primary without its task: it reads a slot
    /// whose name is known. DMS chooses the names of some.
    pub(super) async fn can_cut_off(&self, direction: Direction, old: Database<'_>) -> Result<bool, Failure> {
        let existing = slots::list(old).await.map_err(sql::Error::from)?;
        Ok(self.known_slots(direction)?.are_all(&existing))
    }

    /// Makes sure that nothing carries changes to the new primary any more.
    pub(super) async fn silence(&self, direction: Direction, old: Database<'_>) -> Result<(), Failure> {
        let Err(error) = sql::cut_off(old, &self.known_slots(direction)?.read).await else { return Ok(()) };
        // Nothing is undone any more, so there must be a second way.
        let text = format!("the replication cannot be cut off, so its end is awaited: {}", describe(&error));
        self.context.events.send(Event::Notice { address: None, text });
        self.stop_carrier(direction).await
    }

    fn known_slots(&self, direction: Direction) -> Result<KnownSlots, Failure> {
        let replication = self.replication()?;
        Ok(self.context.journal.read(|state| KnownSlots::of(state, replication, direction)))
    }
}
