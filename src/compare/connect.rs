//! Opens one session, and explains why it cannot be opened.

use infra_connect::{ConnectFailure, DatabaseError, Endpoint};
use tokio_postgres::error::SqlState;

use super::error::{CompareError, Side};
use super::options::Options;
use super::session::{MARK, Session};
use super::sql::Query;

/// Opens sessions to one of the two databases.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) side: Side,
    connector: infra_connect::Connector,
}

/// The reason why a session could not be opened.
enum OpenFailure {
    Connect(ConnectFailure),
    /// The transaction could not begin.
    Begin(DatabaseError),
    Pooler(&'static str),
    Version(String),
}

impl From<ConnectFailure> for OpenFailure {
    fn from(failure: ConnectFailure) -> Self {
        Self::Connect(failure)
    }
}

/// Whether a server works on a query.
pub(super) enum Liveness {
    AtWork,
    /// It works on no query.
    Idle,
    /// Neither does it answer to another connection.
    Silent(DatabaseError),
}

impl Connector {
    pub(super) fn new(side: Side, endpoint: &Endpoint) -> Result<Self, CompareError> {
        let connector = infra_connect::Connector::new(endpoint);
        let connector = connector.map_err(|failure| connect_error(side, endpoint, &failure))?;
        Ok(Self { side, connector })
    }

    /// Returns the user name.
    pub(super) fn user(&self) -> &str {
        &self.endpoint().user
    }

    /// Opens a session, with a snapshot that another one has exported.
    pub(super) async fn open(&self, options: &Options, snapshot: Option<&str>) -> Result<Session, CompareError> {
        let opened = async {
            let mut session = self.connect().await?;
            if let Some(version) = session.version().filter(|version| is_too_old(version)) {
                return Err(OpenFailure::Version(version.to_owned()));
            }
            let is_direct = session.begin(options, snapshot).await.map_err(OpenFailure::Begin)?;
            if is_direct { Ok(session) } else { Err(OpenFailure::Pooler(self.pooler("a connection pooler"))) }
        };
        self.connector.within_limit(opened).await.map_err(|failure| self.to_compare_error(failure))
    }

    /// Finds out with another connection whether the server works on the query of a session.
    pub(super) async fn examine(&self, pid: i32) -> Liveness {
        let state = async {
            let session = self.connect().await?;
            let query = Query {
                // A server that cannot send its answer has finished.
                sql: "SELECT CASE WHEN wait_event OPERATOR(pg_catalog.=) 'ClientWrite' THEN 'idle' ELSE state END \
                      FROM pg_catalog.pg_stat_activity WHERE pid OPERATOR(pg_catalog.=) $1::int4"
                    .into(),
                values: vec![pid.to_string()],
            };
            session.rows(&query).await.map_err(OpenFailure::Begin)
        };
        match self.connector.within_limit(state).await {
            Ok(rows) => match rows.first().and_then(|row| row.get::<_, Option<String>>(0)).as_deref() {
                // Without a state, the server does not track it.
                Some("active" | "fastpath function call" | "disabled") => Liveness::AtWork,
                _ => Liveness::Idle,
            },
            // A server that refuses a session answers.
            Err(OpenFailure::Connect(failure)) if failure.code().is_some() => Liveness::AtWork,
            Err(failure) => {
                let cause = self.to_compare_error(failure).into_cause();
                Liveness::Silent(DatabaseError::new(format!(
                    "the server has stopped answering, and another connection fails too ({cause}); check the network \
                     and the tunnel"
                )))
            }
        }
    }

    /// Opens a connection that asks for the mark. A pooler refuses it or removes it, because it shares its sessions.
    async fn connect(&self) -> Result<Session, OpenFailure> {
        Ok(Session::new(self.connector.connect_with(&format!("-c {MARK}=on")).await?))
    }

    fn endpoint(&self) -> &Endpoint {
        self.connector.endpoint()
    }

    /// Returns the name of the pooler. The proxies of RDS have names of their own.
    fn pooler(&self, otherwise: &'static str) -> &'static str {
        if self.endpoint().is_rds() && self.endpoint().host.contains(".proxy-") { "RDS Proxy" } else { otherwise }
    }

    fn to_compare_error(&self, failure: OpenFailure) -> CompareError {
        let Endpoint { host, port, .. } = self.endpoint();
        let (side, host, port) = (self.side, host.clone(), *port);
        let pooler = match failure {
            OpenFailure::Version(version) => return CompareError::Version { side, version },
            OpenFailure::Begin(source) => {
                let hint = "check the log of the server".to_owned();
                return CompareError::Connect { side, host, port, hint, source };
            }
            OpenFailure::Pooler(pooler) => pooler,
            OpenFailure::Connect(failure) if failure.code() == Some(&SqlState::PROTOCOL_VIOLATION) => {
                self.pooler("a connection pooler such as PgBouncer")
            }
            OpenFailure::Connect(failure) if failure.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
                "RDS Proxy or another connection pooler"
            }
            OpenFailure::Connect(failure) => return connect_error(side, self.endpoint(), &failure),
        };
        CompareError::Pooler { side, host, port, pooler }
    }
}

/// Returns whether the catalogs of a version are unknown: it is older than PostgreSQL 10.
fn is_too_old(version: &str) -> bool {
    let major = version.split(|character: char| !character.is_ascii_digit()).next();
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < OLDEST_VERSION)
}

/// The oldest version whose catalogs are known.
const OLDEST_VERSION: u32 = 10;

fn connect_error(side: Side, endpoint: &Endpoint, failure: &ConnectFailure) -> CompareError {
    let hint = if failure.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
        "use fewer `--connections`, or close other connections".to_owned()
    } else {
        failure.hint(endpoint, &format!("pass its local end with `--{side}-url`"))
    };
    CompareError::Connect { side, host: endpoint.host.clone(), port: endpoint.port, hint, source: failure.cause() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_10_are_too_old() {
        assert!(is_too_old("9.6.24") && is_too_old("8.4"));
        assert!(
            !is_too_old("10.23") && !is_too_old("18beta1") && !is_too_old("15.4 (Debian 15.4-1)") && !is_too_old("")
        );
    }
}
