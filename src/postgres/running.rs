//! A server that runs, and the right to use it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use infra_connect::ident;
use tokio_postgres::Client;

use super::configuration::Applied;
use super::connection::Password;
use super::error::PostgresError;
use super::lock::Lock;
use super::roles;
use super::server::{Server, blocking};

/// How often it is verified that the server is looked after.
const WATCH: Duration = Duration::from_millis(500);
/// How long the server can take to read its files.
const RELOAD: Duration = Duration::from_secs(10);

/// The right to use a running server. The server runs as long as there is one, in whichever process; it stops a moment
/// after the last one is dropped.
///
/// While it exists, a killed supervisor is replaced. (A server whose supervisor *and* all users were killed runs until
/// the next start or stop.)
#[derive(Debug)]
pub struct Running {
    server: Server,
    users: Option<Arc<Lock>>,
    watch: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts the server, unless it runs, and returns the right to use it.
    ///
    /// *Guarantees*: Calls at the same time, in any number of processes, start it once. A server that was killed
    /// recovers. One whose supervisor was killed gets a new one. The right ends with this process, however it ends.
    pub async fn start(&self) -> Result<Running, PostgresError> {
        let this = self.clone();
        let (server, users) = blocking(move || this.start_blocking()).await?;
        server.await_answer().await?;
        Ok(Running::new(server, users))
    }
}

impl Deref for Running {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.abort();
        self.server.leave_supervised();
        self.users = None;
    }
}

impl Running {
    pub(super) fn new(server: Server, users: Lock) -> Self {
        let users = Arc::new(users);
        let (watched, used) = (server.clone(), Arc::downgrade(&users));
        let watch = tokio::spawn(async move {
            loop {
                tokio::time::sleep(WATCH).await;
                // Held meanwhile: without a user, a new supervisor would stop the server at once.
                let Some(_users) = used.upgrade() else { return };
                if let Err(error) = watched.ensure_supervised().await {
                    tracing::warn!(directory = %watched.directory().display(), %error, "the server is not supervised");
                }
            }
        });
        Self { server, users: Some(users), watch }
    }

    /// Connects a user, with TLS if the server offers it.
    pub async fn client(
        &self,
        user: &str,
        password: impl Into<Password>,
        database: &str,
    ) -> Result<Client, PostgresError> {
        Ok(self.connection(user, password, database)?.connect().await?)
    }

    /// Connects the superuser.
    pub async fn superuser_client(&self, database: &str) -> Result<Client, PostgresError> {
        self.connect_superuser(database).await
    }

    /// Restarts the server as a reboot of the instance does: its users lose their connections, and then all parameters
    /// have effect.
    pub async fn restart(&self) -> Result<(), PostgresError> {
        self.server.restart().await
    }

    /// Changes the parameters: dynamic ones at once, static ones with the next restart.
    pub async fn set_parameters(&self, parameters: BTreeMap<String, String>) -> Result<Applied, PostgresError> {
        let mut applied = self.server.set_parameters(parameters).await?;
        applied.pending_restart.extend(self.reload().await?);
        applied.pending_restart.sort();
        applied.pending_restart.dedup();
        Ok(applied)
    }

    /// Lets the server read its files, and waits until it has. Returns the settings for which it needs a restart.
    pub async fn reload(&self) -> Result<Vec<String>, PostgresError> {
        const LOADED: &str = "SELECT pg_conf_load_time()";
        let failed = || PostgresError::sql("reload the configuration");
        let client = self.superuser_client("postgres").await?;
        let before: SystemTime = client.query_one(LOADED, &[]).await.map_err(failed())?.get(0);
        client.execute("SELECT pg_reload_conf()", &[]).await.map_err(failed())?;
        let began = Instant::now();
        loop {
            // A new session starts with what the main process has read; an old one reads for itself.
            let client = self.superuser_client("postgres").await?;
            let after: SystemTime = client.query_one(LOADED, &[]).await.map_err(failed())?.get(0);
            if after > before {
                let pending = "SELECT name FROM pg_settings WHERE pending_restart";
                let rows = client.query(pending, &[]).await.map_err(failed())?;
                return Ok(rows.iter().map(|row| row.get(0)).collect());
            }
            if began.elapsed() > RELOAD {
                let what = "the server does not read its configuration".to_owned();
                return Err(PostgresError::Timeout { what, limit: RELOAD });
            }
            tokio::time::sleep(super::postmaster::POLL).await;
        }
    }

    /// Changes the password of the master user. Connections that exist stay.
    pub async fn set_master_password(&self, password: &Password) -> Result<(), PostgresError> {
        let statement = roles::set_password(self.master_user(), password.reveal());
        self.execute("change the password of the master user", &statement).await
    }

    /// Gives the attribute REPLICATION to the members of `rds_replication`, which is what the role means on RDS. To be
    /// called after roles or grants have changed, before a replication connects.
    pub async fn grant_replication(&self) -> Result<(), PostgresError> {
        self.execute("grant replication", roles::GRANT_REPLICATION).await
    }

    /// Creates an extension, which RDS lets the master user do also for those that PostgreSQL does not trust.
    pub async fn create_extension(&self, database: &str, name: &str) -> Result<(), PostgresError> {
        let client = self.superuser_client(database).await?;
        let statement = format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", ident(name));
        client.batch_execute(&statement).await.map_err(PostgresError::sql("create an extension"))
    }

    async fn execute(&self, action: &'static str, statement: &str) -> Result<(), PostgresError> {
        let client = self.superuser_client("postgres").await?;
        client.batch_execute(statement).await.map_err(PostgresError::sql(action))
    }
}
