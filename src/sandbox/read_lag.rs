//! Earlier states of the world, for reads that lag behind.

use std::collections::VecDeque;

use super::world::World;

/// The states before each effect, oldest first.
#[derive(Default)]
pub(super) struct WorldHistory(VecDeque<World>);

impl WorldHistory {
    /// Records the world before an effect, and drops states that are older than `max_lag` milliseconds.
    pub(super) fn record(&mut self, world: &World, max_lag: u64) {
        while self.0.front().is_some_and(|oldest| oldest.now + max_lag < world.now) {
            self.0.pop_front();
        }
        self.0.push_back(world.clone());
    }

    /// Returns the world as it was `lag` milliseconds before `now`; `None` if nothing has changed since.
    pub(super) fn snapshot_at(&self, now: u64, lag: u64) -> Option<World> {
        // The first effect after that moment recorded this state.
        self.0.iter().find(|world| world.now + lag > now).cloned()
    }
}
