//! What the driver runs on: the world, what fails, where the driver is killed, and what the journal has then.

use std::sync::{Arc, Mutex};

use infra_switchover::{Row, Undo};
use tokio::sync::Notify;

use super::world::World;

/// What an operation does instead of succeeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails before its effect, and knows that.
    Before,
    /// It fails after this number of its parts, and does not know how many.
    After(usize),
    /// It is inconclusive after this number of its parts.
    Inconclusive(usize),
    /// It hangs after this number of its parts.
    Hangs(usize),
}

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub row: Option<(Row, Fault)>,
    pub undo: Option<(Undo, Fault)>,
}

/// Everything that survives a kill, and the point where the next one happens.
#[derive(Debug)]
pub struct Model {
    pub world: Mutex<World>,
    pub faults: Mutex<Faults>,
    /// How often undoing still fails.
    pub undo_failures: Mutex<u32>,
    pub stored: Mutex<Option<String>>,
    /// How often the journal still fails; every second time after it has stored the progress.
    pub journal_failures: Mutex<u32>,
    pub points: Mutex<Points>,
    pub killed: Notify,
}

#[derive(Debug, Default)]
pub struct Points {
    pub passed: usize,
    pub kill_at: Option<usize>,
}

impl Model {
    pub fn new(world: World, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            faults: Mutex::new(faults),
            undo_failures: Mutex::new(2),
            stored: Mutex::new(None),
            journal_failures: Mutex::new(0),
            points: Mutex::new(Points::default()),
            killed: Notify::new(),
        })
    }

    /// A place where the driver can be killed.
    pub async fn point(&self) {
        let is_end = {
            let mut points = self.points.lock().unwrap();
            points.passed += 1;
            points.kill_at.is_some_and(|at| points.passed > at)
        };
        if is_end {
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
