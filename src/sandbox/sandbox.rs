//! The sandbox: a world, the handlers that change it, and the faults that are injected into its calls.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::disk::Disk;
use super::fault::Faults;
use super::read_lag::WorldHistory;
use super::registry::Registry;
use super::world::World;
use infra_base::clock::Clock;
use infra_base::crash_point::CrashPoints;

/// One embedded AWS.
pub struct Sandbox {
    world: Mutex<World>,
    pub(super) registry: Registry,
    clock: Clock,
    /// The world's time when this process opened it, in milliseconds.
    started_at: u64,
    pub(super) disk: Option<Disk>,
    pub(super) crash_points: CrashPoints,
    pub(super) faults: Faults,
    history: Mutex<WorldHistory>,
    attached: OnceLock<Box<dyn Any + Send + Sync>>,
    watcher: OnceLock<Watcher>,
}

/// A call that the sandbox is about to carry out.
pub struct WatchedCall<'a> {
    /// The account that calls.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// The call, as `service:Operation`.
    pub call: String,
    /// Its input, as its `Debug` output shows it.
    pub input: &'a str,
    /// The world before the call.
    pub world: &'a World,
}

/// Sees every call.
pub(super) type Watcher = Box<dyn Fn(&WatchedCall<'_>) + Send + Sync>;

impl Sandbox {
    /// Returns a sandbox that continues `world` and stores it on `disk`, if given.
    pub fn new(world: World, clock: Clock, disk: Option<Disk>, crash_points: CrashPoints) -> Arc<Self> {
        Self::with_faults(world, clock, disk, crash_points, Faults::default())
    }

    /// Returns a sandbox that injects faults into calls.
    pub fn with_faults(
        world: World,
        clock: Clock,
        disk: Option<Disk>,
        crash_points: CrashPoints,
        faults: Faults,
    ) -> Arc<Self> {
        let started_at = world.now;
        let history = Mutex::default();
        Arc::new(Self {
            world: Mutex::new(world),
            registry: Registry::complete(),
            clock,
            started_at,
            disk,
            crash_points,
            faults,
            history,
            attached: OnceLock::new(),
            watcher: OnceLock::new(),
        })
    }

    /// Returns a copy of the world as it is now.
    pub fn snapshot(&self) -> World {
        self.copy(&self.world())
    }

    fn copy(&self, world: &World) -> World {
        World { now: self.now(), ..world.clone() }
    }

    /// Changes the world outside the calls, as another user of the account would.
    pub fn mutate_out_of_band<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        world.advance(self.now());
        change(&mut world)
    }

    /// Stores the world, so that what happened outside the calls survives a killed process.
    pub fn save(&self) {
        let Some(disk) = &self.disk else { return };
        // Calls store it under this lock, too: an older copy never replaces a newer one.
        let world = self.world();
        let saved = disk.save(&self.copy(&world));
        drop(world);
        if let Err(error) = saved {
            tracing::warn!(%error, "cannot store the world of the sandbox");
        }
    }

    /// Keeps a value as long as the sandbox exists. Only one value is kept.
    ///
    /// # Errors
    /// Returns the value if there is one already.
    pub fn attach(&self, value: Box<dyn Any + Send + Sync>) -> Result<(), Box<dyn Any + Send + Sync>> {
        self.attached.set(value)
    }

    /// Shows every later call to `watcher`. Only the first watcher counts.
    pub fn watch(&self, watcher: impl Fn(&WatchedCall<'_>) + Send + Sync + 'static) {
        let _ = self.watcher.set(Box::new(watcher));
    }

    pub(super) fn watcher(&self) -> Option<&Watcher> {
        self.watcher.get()
    }

    pub(super) fn history(&self) -> MutexGuard<'_, WorldHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> u64 {
        self.started_at + u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Sandbox {
    /// Stores the time that passed during reads. Otherwise it would pass again in the next command.
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            let world = self.snapshot();
            // The effects of calls are on disk already.
            let _ = disk.save(&world);
        }
    }
}
