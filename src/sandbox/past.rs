//! The world as it was some seconds ago, for reads that lag behind.

use std::collections::VecDeque;

use super::world::World;

/// Worlds as they were before each effect, oldest first.
#[derive(Default)]
pub(super) struct Past(VecDeque<World>);

impl Past {
    /// Takes down the world before an effect, and forgets what is older than `longest` milliseconds.
    pub(super) fn remember(&mut self, world: &World, longest: u64) {
        while self.0.front().is_some_and(|oldest| oldest.now + longest < world.now) {
            self.0.pop_front();
        }
        self.0.push_back(world.clone());
    }

    /// Returns the world as it was `lag` milliseconds before `now`; `None` when nothing has changed since.
    pub(super) fn at(&self, now: u64, lag: u64) -> Option<World> {
        // The first effect after that moment took this world away.
        self.0.iter().find(|world| world.now + lag > now).cloned()
    }
}
