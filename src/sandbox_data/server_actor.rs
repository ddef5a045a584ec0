//! Keeps one server as its DB instance is.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use infra_base::causes::with_causes;
use infra_postgres::{Applied, Password, Programs, Running, Server, ServerSpec};
use infra_sandbox::Sandbox;
use infra_sandbox::world::metrics::minute_end;
use infra_sandbox::world::real_data::Server as ServerRecord;
use tokio::sync::watch;
use tokio_postgres::Client;

use crate::error::DataError;
use crate::instance_size::instance_size;
use crate::measure::measure;
use crate::options::DataOptions;
use crate::wanted_server::{Wanted, WantedServer};

/// How often a server is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Keeps one server as its DB instance is.
pub(crate) struct ServerActor {
    sandbox: Weak<Sandbox>,
    options: Arc<DataOptions>,
    resource_id: String,
    running: Option<Running>,
    /// A session of the superuser, for measurements.
    session: Option<Client>,
}

impl ServerActor {
    pub(crate) fn new(sandbox: Weak<Sandbox>, options: Arc<DataOptions>, resource_id: &str) -> Self {
        Self { sandbox, options, resource_id: resource_id.to_owned(), running: None, session: None }
    }

    /// Works until the server is removed, or until nobody wants anything of it.
    pub(crate) async fn run(mut self, mut wanted: watch::Receiver<Wanted>) {
        loop {
            let now = wanted.borrow_and_update().clone();
            match now {
                Wanted::Removed => {
                    self.release();
                    return self.remove().await;
                }
                Wanted::Stopped => self.stop().await,
                Wanted::Runs(server) => {
                    if let Err(error) = self.ensure(&server).await {
                        tracing::warn!(instance = server.identifier, %error, "the database server cannot be used");
                        self.record(&server, |record| {
                            (record.answers, record.failure) = (false, Some(with_causes(&error)));
                        });
                    }
                }
            }
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() {
                    return self.release();
                },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn remove(&self) {
        let directory = self.options.server(&self.resource_id);
        if let Err(error) = Server::remove(&directory).await {
            tracing::warn!(directory = %directory.display(), %error, "the files of a deleted DB instance remain");
        }
    }

    /// Gives up the right to use the server, which stops if nobody else uses it.
    fn release(&mut self) {
        (self.session, self.running) = (None, None);
    }

    /// "Deletes a previously provisioned DB instance": its users lose their connections at once.
    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.session = None;
            if let Err(error) = running.stop().await {
                tracing::warn!(%error, "the database server of a deleted DB instance does not stop");
            }
        }
    }

    async fn ensure(&mut self, wanted: &WantedServer) -> Result<(), DataError> {
        let Some(record) = self.read(wanted) else { return Ok(()) };
        let mut applied = record.applied.clone();
        if self.running.is_none() {
            let server = self.open(wanted).await?;
            // A new server has all settings.
            applied = applied.or_else(|| Some(wanted.settings.clone()));
            let running = server.start().await?;
            let port = running.connection(&wanted.master_username, Password::new(""), "postgres")?.port;
            let (version, offers_tls) = (running.version().to_string(), running.offers_tls());
            self.running = Some(running);
            self.record(wanted, |record| {
                (record.port, record.version, record.offers_tls) = (Some(port), Some(version), offers_tls);
                record.failure = None;
            });
        }
        let Some(running) = &self.running else { return Ok(()) };
        let before = applied.unwrap_or_else(|| wanted.settings.clone());
        let mut pending = record.pending_restart.clone();
        if before.master_password != wanted.settings.master_password {
            running.set_master_password(&Password::new(wanted.settings.master_password.clone())).await?;
        }
        if before.parameters != wanted.settings.parameters {
            let Applied { pending_restart, .. } = running.set_parameters(wanted.settings.parameters.clone()).await?;
            pending = pending_restart.into_iter().collect();
        }
        // A change of the class or of the version restarts the instance, as a reboot does.
        let restarts = (wanted.reboot.is_some() && wanted.reboot != record.restarted_for)
            || (&before.class, &before.engine_version) != (&wanted.settings.class, &wanted.settings.engine_version);
        if restarts {
            self.record(wanted, |record| record.answers = false);
            self.session = None;
            running.restart().await?;
            pending = BTreeSet::new();
        }
        self.look(wanted, &record, pending).await
    }

    /// Verifies that the server answers, and measures it once for each minute.
    async fn look(
        &mut self,
        wanted: &WantedServer,
        before: &ServerRecord,
        pending: BTreeSet<String>,
    ) -> Result<(), DataError> {
        let Some(running) = &self.running else { return Ok(()) };
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => match running.superuser_client("postgres").await {
                Ok(session) => session,
                // It crashed. The next look starts it again, and it recovers.
                Err(error) => {
                    tracing::info!(instance = wanted.identifier, %error, "the database server does not answer");
                    self.running = None;
                    self.record(wanted, |record| record.answers = false);
                    return Ok(());
                }
            },
        };
        let after = ServerRecord {
            answers: true,
            failure: None,
            applied: Some(wanted.settings.clone()),
            pending_restart: pending,
            restarted_for: wanted.reboot.or(before.restarted_for),
            ..before.clone()
        };
        let is_same = (before.answers, &before.failure, &before.applied, &before.pending_restart, before.restarted_for)
            == (after.answers, &after.failure, &after.applied, &after.pending_restart, after.restarted_for);
        if !is_same {
            self.record(wanted, |record| {
                let (port, version, offers_tls) = (record.port, record.version.clone(), record.offers_tls);
                let minutes = std::mem::take(&mut record.minutes);
                *record = ServerRecord { port, version, offers_tls, minutes, ..after };
            });
        }
        let now = self.sandbox.upgrade().map_or(0, |sandbox| sandbox.mutate_out_of_band(|world| world.now));
        if before.minutes.last_end().is_none_or(|last| last < minute_end(now))
            && let Ok(measured) = measure(&session).await
        {
            self.mutate(wanted, |record| record.minutes.record(before.minutes.last_end(), now, &measured));
        }
        self.session = Some(session);
        Ok(())
    }

    async fn open(&self, wanted: &WantedServer) -> Result<Server, DataError> {
        let directory = self.options.server(&self.resource_id);
        if Server::exists(&directory) {
            return Ok(Server::open(&directory, self.options.launcher.clone())?);
        }
        let major = wanted.settings.engine_version.split('.').next().and_then(|major| major.parse().ok());
        let installation = Programs::all().choose(major)?.clone();
        let spec = ServerSpec {
            installation,
            endpoint: wanted.host.clone(),
            authority: self.options.authority()?,
            master_user: wanted.master_username.clone(),
            master_password: Password::new(wanted.settings.master_password.clone()),
            database: wanted.db_name.clone(),
            parameters: wanted.settings.parameters.clone(),
            size: instance_size(&wanted.settings.class, wanted.storage_gib),
            locale: None,
        };
        let (server, _) = Server::create(&directory, spec, self.options.launcher.clone()).await?;
        Ok(server)
    }

    fn read(&self, wanted: &WantedServer) -> Option<ServerRecord> {
        let sandbox = self.sandbox.upgrade()?;
        sandbox.mutate_out_of_band(|world| {
            world.region_of_key(&wanted.region).rds.instances.get(&wanted.identifier).and_then(|one| one.server.clone())
        })
    }

    /// Changes the record, and stores the world.
    fn record(&self, wanted: &WantedServer, change: impl FnOnce(&mut ServerRecord)) {
        self.mutate(wanted, change);
        if let Some(sandbox) = self.sandbox.upgrade() {
            sandbox.save();
        }
    }

    fn mutate(&self, wanted: &WantedServer, change: impl FnOnce(&mut ServerRecord)) {
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        sandbox.mutate_out_of_band(|world| {
            let instance = world.region_of_key(&wanted.region).rds.instances.get_mut(&wanted.identifier);
            let instance = instance.filter(|instance| instance.resource_id == wanted.resource_id);
            if let Some(record) = instance.and_then(|instance| instance.server.as_mut()) {
                change(record);
            }
        });
    }
}
