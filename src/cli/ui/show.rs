//! What displays the events of a run.

use infra_base::clock::Clock;
use infra_core::events::Event;
use infra_core::plan::Plan;

/// Displays events.
pub(super) trait Show: Send + Sync {
    /// Displays one event.
    fn event(&self, event: &Event);
    /// Receives the plan before the run starts.
    fn plan(&self, _plan: &Plan, _clock: Clock) {}
    /// Removes what is redrawn.
    fn finish(&self) {}
}
