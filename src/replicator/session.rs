//! Connections of a task to its databases.

use std::io;
use std::time::Duration;

use infra_postgres::{ConnectError, ConnectionInfo};
use tokio_postgres::Client;

use crate::failure::{Failure, Level, is_environmental, text};

/// Values have the same text on both servers, whatever their own settings are. Times are exchanged in UTC: DMS's
/// internal type for times has no zone ("Source data types for PostgreSQL": `TIMESTAMP WITH TIME ZONE` is `DATETIME`).
const FORMATS: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
     SET bytea_output = 'hex'; SET extra_float_digits = 1; SET client_min_messages = 'warning'; \
     SET standard_conforming_strings = on";

/// Opens a connection for a task and runs a script in it.
///
/// *Errors*: A refused or impossible connection is recoverable, a script that fails is not.
pub async fn open(info: &ConnectionInfo, role: Role, script: Option<&str>) -> Result<Client, Failure> {
    let client = info.connect().await.map_err(|error| Failure {
        level: if is_transient(&error) { Level::Recoverable } else { Level::Fatal },
        message: format!("Failed to connect to the {} database: {}", role.name(), detail(info, &error)),
    })?;
    let failed = |error: &tokio_postgres::Error| Failure::of(&format!("The {} session failed", role.name()), error);
    client.batch_execute(FORMATS).await.map_err(|error| failed(&error))?;
    if let Some(script) = script.filter(|script| !script.trim().is_empty()) {
        client.batch_execute(script).await.map_err(|error| Failure::of("The AfterConnectScript failed", &error))?;
    }
    Ok(client)
}

/// The side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The database that is read.
    Source,
    /// The database that is written.
    Target,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

fn is_transient(error: &ConnectError) -> bool {
    match error {
        ConnectError::Connect { source, .. } => is_environmental(source),
        ConnectError::Silent { .. } => true,
        ConnectError::Roots { .. } | ConnectError::Tls(_) => false,
    }
}

/// Tests a connection as `TestConnection` does.
///
/// *Errors*: The failure message of DMS. Its form is the one that DMS shows for a PostgreSQL endpoint: "Test Endpoint
/// failed: Application-Status: 1020912, Application-Message: Failed to connect Network error has occurred,
/// Application-Detailed-Message: RetCode: SQL_ERROR SqlState: 08001 NativeError: 101 Message: FATAL: …".
pub async fn test_connection(info: &ConnectionInfo) -> Result<(), String> {
    let failed = |detail: &str| {
        format!(
            "Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to connect Network error \
             has occurred, Application-Detailed-Message: RetCode: SQL_ERROR SqlState: 08001 NativeError: 101 Message: \
             [unixODBC]{detail}"
        )
    };
    let client = info.connect().await.map_err(|error| failed(&detail(info, &error)))?;
    let answer = tokio::time::timeout(Duration::from_secs(10), client.simple_query("SELECT 1")).await;
    match answer {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed(&text(&error))),
        Err(_) => Err(failed("timeout expired")),
    }
}

/// Returns the message of the PostgreSQL client library for a connection that could not be opened.
fn detail(info: &ConnectionInfo, error: &ConnectError) -> String {
    let source = match error {
        ConnectError::Connect { source, .. } => source,
        ConnectError::Silent { .. } => return "timeout expired".to_owned(),
        ConnectError::Roots { .. } | ConnectError::Tls(_) => return error.to_string(),
    };
    if source.as_db_error().is_some() {
        return text(source);
    }
    let (host, port) = (&info.host, info.port);
    match io_error(source).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => format!(
            "could not connect to server: Connection refused; Is the server running on host \"{host}\" and accepting \
             TCP/IP connections on port {port}?"
        ),
        Some(io::ErrorKind::TimedOut) => "timeout expired".to_owned(),
        Some(kind) if is_lookup(kind, source) => {
            format!("could not translate host name \"{host}\" to address: Name or service not known")
        }
        _ => text(source),
    }
}

/// The resolver's errors have no kind of their own.
fn is_lookup(kind: io::ErrorKind, error: &tokio_postgres::Error) -> bool {
    kind == io::ErrorKind::NotFound || text(error).contains("lookup address")
}

fn io_error(error: &tokio_postgres::Error) -> Option<&io::Error> {
    let mut at = std::error::Error::source(error);
    while let Some(inner) = at {
        if let Some(found) = inner.downcast_ref::<io::Error>() {
            return Some(found);
        }
        at = inner.source();
    }
    None
}
