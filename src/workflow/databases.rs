//! How the two databases of a replication are reached: with their secrets, through a tunnel if one is configured, or as
//! the caller says.

use async_trait::async_trait;
use infra_connect::{Endpoint, SslMode};
use infra_core::engine::ReadContext;
use infra_core::resource::describe;
use infra_kinds::secretsmanager::password_of;
use infra_migration::switchover::{DatabaseAccess, try_connect};
use infra_migration::topology::{Database, Replication, Topology};

use crate::workspace::Workspace;

/// Returns the source and the target of a replication, from their secrets.
///
/// # Errors
/// The reason why that is not possible, without a secret.
pub async fn endpoints(
    workspace: &Workspace,
    context: &ReadContext,
    topology: &Topology,
    replication: &Replication,
) -> Result<[Endpoint; 2], String> {
    let database = |secret: &Option<String>| secret.as_deref().and_then(|secret| topology.database_of(secret));
    let (Some(source), Some(target)) = (database(&replication.secrets[0]), database(&replication.secrets[1])) else {
        return Err("the state does not contain both databases".to_owned());
    };
    let roots = &workspace.config.databases.root_certificates;
    let locate =
        async |database| workspace.databases.locate(database, with_password(context, database, roots).await?).await;
    Ok([locate(source).await?, locate(target).await?])
}

/// Connects to both databases of the replication that a cutover moves, and changes nothing. `None` without such a
/// replication, or if the databases have no data.
///
/// # Errors
/// The reason why one of them cannot be reached, without a secret.
pub async fn reach(workspace: &Workspace, context: &ReadContext, topology: &Topology) -> Option<Result<(), String>> {
    let replication = topology.replications.iter().find(|one| one.replicates_changes())?;
    if !workspace.databases.have_data() {
        return None;
    }
    Some(match endpoints(workspace, context, topology, replication).await {
        Ok(endpoints) => try_connect(&endpoints).await,
        Err(reason) => Err(reason),
    })
}

/// Returns the endpoint of a database with the password of its secret. `roots` is a file of trusted certificates, in
/// place of those of RDS, or empty.
async fn with_password(context: &ReadContext, database: &Database, roots: &str) -> Result<Endpoint, String> {
    let (Some(secret), Some(host), Some(name)) = (&database.secret, &database.host, &database.name) else {
        return Err(format!("the state does not contain the endpoint of {}", database.identifier));
    };
    let reader = context.reader(&database.address, &database.location);
    let password = password_of(&reader, secret)
        .await
        .map_err(|error| format!("cannot read the secret of {}: {}", database.identifier, describe(&error)))?;
    let (user, port) = (database.username.clone().unwrap_or_default(), database.port.unwrap_or(5432));
    let mut endpoint = Endpoint::new(host, port, user, password.expose(), name);
    if !endpoint.is_rds() {
        // An emulator gives its databases other names, and has no certificates for them.
        endpoint.ssl_mode = SslMode::Require;
    }
    Ok(if roots.is_empty() { endpoint } else { endpoint.with_root_certificates(roots) })
}

/// The databases of a replication, with the credentials that their secrets have at that moment.
pub(crate) struct FromSecrets<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) context: ReadContext,
    pub(crate) topology: Topology,
    pub(crate) replication: Replication,
}

#[async_trait]
impl DatabaseAccess for FromSecrets<'_> {
    async fn endpoints(&self) -> Result<[Endpoint; 2], String> {
        endpoints(self.workspace, &self.context, &self.topology, &self.replication).await
    }
}

/// The databases that the user has named.
pub(crate) struct Given(pub(crate) [Endpoint; 2]);

#[async_trait]
impl DatabaseAccess for Given {
    async fn endpoints(&self) -> Result<[Endpoint; 2], String> {
        Ok(self.0.clone())
    }
}
