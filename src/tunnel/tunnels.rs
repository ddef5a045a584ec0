//! The commands that run, one for each database.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::error::TunnelError;
use super::place::Place;
use super::process::Process;

/// Opens ways to databases, and keeps them open until it is dropped.
pub struct Tunnels {
    command: Vec<String>,
    environment: Vec<(OsString, OsString)>,
    limit: Duration,
    open: Arc<Mutex<BTreeMap<Place, (Process, SocketAddr)>>>,
    /// Gets a notice when a command has ended.
    notice: fn(&str),
}

/// The environment can contain secrets.
impl std::fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnels").field("command", &self.command).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Tunnels {
    /// Creates it; nothing is started. `command` is a program and its arguments, without a shell. It gets the variables
    /// of `environment`, and no others but those with its place. `limit` is how long it can take until it says where it
    /// listens.
    pub fn new(
        command: Vec<String>,
        environment: Vec<(OsString, OsString)>,
        limit: Duration,
        notice: fn(&str),
    ) -> Self {
        Self { command, environment, limit, open: Arc::default(), notice }
    }

    /// Returns where the database at a place is reached. A command that runs is used again; one that has ended is
    /// reported and started again.
    ///
    /// # Errors
    /// The command cannot be started, ends, or says nothing of use within the time limit.
    pub async fn to(&self, place: &Place) -> Result<SocketAddr, TunnelError> {
        let mut open = Arc::clone(&self.open).lock_owned().await;
        let (command, environment) = (self.command.clone(), self.environment.clone());
        let (limit, notice, place) = (self.limit, self.notice, place.clone());
        // The command runs in real time, even if other time is simulated.
        let started = tokio::task::spawn_blocking(move || {
            if let Some((process, address)) = open.get_mut(&place) {
                match process.end() {
                    None => return Ok(*address),
                    Some(why) => notice(&format!("the way to {} is closed, and opened again: {why}", place.host)),
                }
                open.remove(&place);
            }
            let (process, address) = Process::start(&command, &environment, &place, limit)?;
            open.insert(place, (process, address));
            Ok(address)
        });
        let interrupted = |error: tokio::task::JoinError| TunnelError::new(format!("it was interrupted: {error}"));
        started.await.map_err(interrupted)?
    }
}
