//! Moving the state to the configured backend.

use infra_core::state::{Backend, Heartbeat, Moved, migrate};

use crate::error::Error;
use crate::session::{release_lock, stamp};
use crate::workspace::Workspace;

/// A move of the state between two backends.
pub struct StateMigration<'a> {
    workspace: &'a Workspace,
    /// The backend that is not configured.
    pub from: Backend,
    /// The configured backend.
    pub to: Backend,
}

impl<'a> StateMigration<'a> {
    /// Connects to both backends.
    ///
    /// # Errors
    /// There is only one backend, or the connection fails.
    pub async fn new(workspace: &'a Workspace) -> Result<Self, Error> {
        let (from, to) = workspace.migration_endpoints().await?;
        Ok(Self { workspace, from, to })
    }

    /// Moves the state. The old one is kept under another name. When it is interrupted, running it again finishes it.
    ///
    /// # Errors
    /// A lock is held, or a backend cannot be read or written.
    pub async fn run(&self) -> Result<Moved, Error> {
        // Neither lock is waited for, so two moves in opposite directions refuse each other.
        let (old, new) = (self.from.lock("state migrate").await?, self.to.lock("state migrate").await);
        let new = match new {
            Ok(new) => new,
            Err(error) => {
                let _ = old.release().await;
                return Err(error.into());
            }
        };
        let (old, new) = (Heartbeat::start(old, drop), Heartbeat::start(new, drop));
        let label = format!("moved-{}", stamp());
        let moved = migrate(self.from.store().as_mut(), self.to.store().as_mut(), &label).await;
        for heartbeat in [new, old] {
            release_lock(heartbeat, self.workspace.warn).await;
        }
        Ok(moved?)
    }
}
