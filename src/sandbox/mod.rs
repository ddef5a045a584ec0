//! The embedded AWS: a strict model of what the tool uses, inside the process.
//!
//! It plugs in below the typed operations of the SDK: [`Sandbox::plug`] gives every client an interceptor that hands the typed input
//! to a handler and puts the handler's typed output, or AWS's error code, in place of an answer. What AWS refuses, the model
//! refuses, with AWS's code; what AWS takes minutes for, it shows as under way until the clock says otherwise.
//!
//! `world/` holds the data, one file a service; the files beside this one hold the handlers, one function an operation.

mod attempt;
mod autoscaling;
mod cloudwatch;
mod disk;
mod dms;
mod ec2;
mod ecs;
mod elbv2;
mod fault;
mod iam;
mod interceptor;
mod keys;
mod lambda;
mod logs;
mod members;
mod past;
mod rds;
mod registry;
mod route53;
mod s3;
mod script;
mod secretsmanager;
mod sts;
mod tagging;
pub mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

pub use disk::{Disk, DiskError};
pub use fault::{Fault, Faults, Moment, Odds};
pub use registry::{Call, Registry, Rejection};
pub use script::ScriptError;
pub use world::World;
pub use world::script::Script;

use crate::address::Region;
use crate::aws::Plug;
use crate::clock::Clock;
use crate::fuse::Fuse;

impl Drop for Sandbox {
    /// The time that passed while only looking was done is kept too, or it would pass again in the next command.
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            let world = self.snapshot();
            // What the calls did is on disk already.
            let _ = disk.save(&world);
        }
    }
}

/// One embedded AWS.
pub struct Sandbox {
    world: Mutex<World>,
    registry: Registry,
    clock: Clock,
    /// The world's time when this process took it up, in milliseconds.
    began: u64,
    disk: Option<Disk>,
    fuse: Fuse,
    faults: Faults,
    past: Mutex<past::Past>,
}

impl Sandbox {
    /// A sandbox that goes on from `world`, keeping it on `disk` if there is one.
    pub fn new(world: World, clock: Clock, disk: Option<Disk>, fuse: Fuse) -> Arc<Self> {
        Self::with_faults(world, clock, disk, fuse, Faults::default())
    }

    /// A sandbox whose calls are struck by faults.
    pub fn with_faults(world: World, clock: Clock, disk: Option<Disk>, fuse: Fuse, faults: Faults) -> Arc<Self> {
        let began = world.now;
        let past = Mutex::default();
        Arc::new(Self { world: Mutex::new(world), registry: Registry::complete(), clock, began, disk, fuse, faults, past })
    }

    /// Returns what the cloud layer needs to talk to this sandbox.
    pub fn plug(self: &Arc<Self>) -> Plug {
        let sandbox = Arc::clone(self);
        let account = self.world().account.clone();
        let clock = Arc::clone(self);
        Plug {
            interceptor: Arc::new(move |region: &Region| SharedInterceptor::new(interceptor::Answering::new(Arc::clone(&sandbox), region.clone()))),
            http: interceptor::nothing_is_sent(),
            account: account.into(),
            now: Arc::new(move || clock.now()),
        }
    }

    /// Returns a copy of the world as it is now.
    pub fn snapshot(&self) -> World {
        let mut world = self.world().clone();
        world.now = self.now();
        world
    }

    /// Changes the world by hand, as somebody else with access to the account would.
    pub fn meddle<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        world.advance(self.now());
        change(&mut world)
    }

    fn past(&self) -> MutexGuard<'_, past::Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.began + u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX)
    }
}
