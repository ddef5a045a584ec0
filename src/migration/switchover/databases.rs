//! How the switchover reaches the two databases.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use infra_connect::{Connection, Endpoint};
use infra_core::resource::describe;
use infra_database::Database;
use infra_switchover::{Direction, Failure, sql};

/// The name of the connections of the switchover. Others must not use it: statements of a killed switchover are found
/// by it.
const APPLICATION: &str = "migrate-infra-switchover";
/// Connections of this program that only read, and that are neither the service nor part of the switchover.
const READERS: &str = "migrate-infra";

/// Tells where the databases are.
#[async_trait]
pub trait DatabaseAccess: Send + Sync {
    /// Returns how to connect to the databases of the source and of the target. It is called for each row, because a
    /// password can have been rotated.
    ///
    /// # Errors
    /// The reason, without a secret.
    async fn endpoints(&self) -> Result<[Endpoint; 2], String>;
}

/// The two databases.
pub enum Databases<'a> {
    /// They are reached with SQL.
    Sql {
        /// Where they are.
        access: Box<dyn DatabaseAccess + 'a>,
        /// The role that the service logs in with.
        role: String,
    },
    /// Those of the sandbox without data: they are empty, no client writes to them, and there is nothing to carry over.
    Empty,
}

/// Both databases, connected for one operation.
pub(super) struct Connected<'a> {
    old: Connection,
    new: Connection,
    role: &'a str,
    opened_in: Duration,
}

impl Databases<'_> {
    /// Connects to both databases. Statements that a killed switchover has left are ended first. `None` without data.
    pub(super) async fn connect(&self, direction: Direction) -> Result<Option<Connected<'_>>, Failure> {
        let Self::Sql { access, role } = self else { return Ok(None) };
        let began = Instant::now();
        let endpoints = access.endpoints().await.map_err(Failure::with_unknown_effect)?;
        let [source, target] = endpoints.map(|endpoint| endpoint.with_application_name(APPLICATION));
        let (old, new) = match direction {
            Direction::FORWARD => (source, target),
            _ => (target, source),
        };
        let opened = futures::try_join!(open_writable(&old, "old"), open_writable(&new, "new"));
        let (old, new) = opened.map_err(Failure::with_unknown_effect)?;
        let mut connected = Connected { old, new, role, opened_in: Duration::ZERO };
        let [old, new] = connected.databases();
        sql::end_predecessors(old, APPLICATION).await?;
        sql::end_predecessors(new, APPLICATION).await?;
        connected.opened_in = began.elapsed();
        Ok(Some(connected))
    }

    /// Returns how to connect to the databases of the source and of the target, for what only reads. `None` without
    /// data.
    pub(super) async fn endpoints(&self) -> Result<Option<[Endpoint; 2]>, Failure> {
        let Self::Sql { access, .. } = self else { return Ok(None) };
        access.endpoints().await.map(Some).map_err(Failure::inconclusive)
    }

    /// Connects to both databases, and changes nothing.
    ///
    /// # Errors
    /// The reason why one of them cannot be reached, without a secret.
    pub async fn reach(&self) -> Result<(), String> {
        let Self::Sql { access, .. } = self else { return Ok(()) };
        try_connect(&access.endpoints().await?).await
    }

    /// Returns whether what happens in them takes real time, even if the time of AWS is simulated.
    pub(super) fn are_real(&self) -> bool {
        matches!(self, Self::Sql { .. })
    }
}

/// Connects to the source and to the target, and changes nothing.
///
/// # Errors
/// The reason why one of them cannot be reached, and what to do about it, without a secret.
pub async fn try_connect([source, target]: &[Endpoint; 2]) -> Result<(), String> {
    let open = async |endpoint, label| {
        let opened = infra_connect::open(endpoint, label).await;
        opened.map(drop).map_err(|error| format!("{}; {}", describe(&error), error.hint()))
    };
    futures::try_join!(open(source, "source"), open(target, "target")).map(drop)
}

/// Opens a connection that can write, also to a database that refuses writes of the service: both can have one role.
///
/// # Errors
/// The reason, without a secret.
pub async fn open_writable(endpoint: &Endpoint, label: &str) -> Result<Connection, String> {
    let connection = infra_connect::open(endpoint, label).await.map_err(|error| describe(&error))?;
    let writable = connection.client().batch_execute("SET default_transaction_read_only = off").await;
    // A statement without values: its error contains none.
    writable.map_err(|error| format!("the {label} database: {error}"))?;
    Ok(connection)
}

impl Connected<'_> {
    /// Returns the old database and the new one.
    pub(super) fn databases(&self) -> [Database<'_>; 2] {
        [Database::new("old", self.old.client()), Database::new("new", self.new.client())]
    }

    /// Returns how long it took to connect, with the end of what killed predecessors have left.
    pub(super) fn opened_in(&self) -> Duration {
        self.opened_in
    }

    /// Returns the service. Sessions of this program have the same role, and are not part of it.
    pub(super) fn service(&self) -> sql::Service<'_> {
        sql::Service { role: self.role, excluded_applications: OWN }
    }
}

/// The applications of this program.
pub(super) const OWN: &[&str] = &[APPLICATION, READERS];
