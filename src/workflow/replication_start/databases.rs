//! How the phases reach both databases, and the programs of PostgreSQL.

use std::io;
use std::path::{Path, PathBuf};

use infra_base::file;
use infra_base::file_id::FileId;
use infra_connect::{Connection, Endpoint};
use infra_core::engine::Context;
use infra_database::Database;
use infra_database::schema::{Access, Options, Programs};
use infra_migration::phase::Phase;
use infra_migration::switchover::open_writable;
use infra_migration::topology::{Replication, Topology};
use infra_postgres::{ClientProgram, Programs as Installed};

use super::error::StartError;
use crate::databases::endpoints;
use crate::workspace::Workspace;

/// The file of trusted certificates for the programs of PostgreSQL.
const ROOTS: &str = "rds-roots.pem";

/// Both databases of a replication, connected.
pub(super) struct Connected {
    endpoints: [Endpoint; 2],
    source: Connection,
    pub(super) target: Connection,
}

/// What is known about the access to both databases.
pub(super) enum Reached {
    /// They are connected.
    Connected(Box<Connected>),
    /// Those of the sandbox without data: they are empty.
    Empty,
    /// They cannot be reached, for this reason.
    Unreachable(String),
}

/// Connects to both databases.
pub(super) async fn reach(
    workspace: &Workspace,
    context: &Context,
    replication: &Replication,
    urls: Option<&[Endpoint; 2]>,
) -> Reached {
    let found = match urls {
        Some(urls) => Ok(urls.clone()),
        None if !workspace.databases.have_data() => return Reached::Empty,
        None => {
            let topology = context.journal.read(Topology::of);
            endpoints(workspace, &context.read_context(), &topology, replication).await
        }
    };
    match found {
        Ok(endpoints) => match connect(endpoints).await {
            Ok(connected) => Reached::Connected(Box::new(connected)),
            Err(reason) => Reached::Unreachable(reason),
        },
        Err(reason) => Reached::Unreachable(reason),
    }
}

async fn connect(endpoints: [Endpoint; 2]) -> Result<Connected, String> {
    // The target may refuse writes of the service, which has the same role.
    let [source, target] = &endpoints;
    let (source, target) = futures::try_join!(open_writable(source, "source"), open_writable(target, "target"))?;
    Ok(Connected { endpoints, source, target })
}

impl Connected {
    pub(super) fn source(&self) -> Database<'_> {
        Database::new("source", self.source.client())
    }

    pub(super) fn target(&self) -> Database<'_> {
        Database::new("target", self.target.client())
    }

    /// Returns how `pg_dump` connects to the source and to the target. The certificates that this program contains are
    /// written into the directory, where `pg_dump` reads them.
    pub(super) fn access(&self, directory: &Path) -> Result<[Access; 2], StartError> {
        let [source, target] = &self.endpoints;
        Ok([access(source, directory)?, access(target, directory)?])
    }

    /// Finds programs that are at least as new as both servers.
    pub(super) async fn programs(&self, phase: Phase) -> Result<Programs, StartError> {
        let failed = |source| StartError::Database { phase, source };
        let source = infra_database::schema::server_version(self.source()).await.map_err(failed)?;
        let target = infra_database::schema::server_version(self.target()).await.map_err(failed)?;
        let at_least = u16::try_from(source.max(target)).unwrap_or(u16::MAX);
        let found = tokio::task::spawn_blocking(move || {
            let installed = Installed::all();
            let (pg_dump, _) = installed.client(ClientProgram::PgDump, at_least)?;
            let (pg_restore, _) = installed.client(ClientProgram::PgRestore, at_least)?;
            Ok(Programs { pg_dump, pg_restore })
        });
        let found = found.await.map_err(|error| StartError::Ended(error.to_string()))?;
        found.map_err(|missing| StartError::MissingPrograms { at_least, missing })
    }
}

fn access(endpoint: &Endpoint, directory: &Path) -> Result<Access, StartError> {
    let mut endpoint = endpoint.clone();
    if let Some(roots) = endpoint.built_in_roots() {
        let path = directory.join(ROOTS);
        file::replace(&path, roots, file::Access::Owner)
            .map_err(|source| StartError::File { path: path.clone(), source })?;
        endpoint = endpoint.with_root_certificates(path);
    }
    let variables = endpoint.libpq_variables().into_iter();
    Ok(variables.fold(Access::new(), |access, (name, value)| access.set(name, value)))
}

/// What is transferred.
pub(super) fn options() -> Options {
    Options { identity_by_default: true, ..Options::default() }
}

/// Returns the directory for the dumps of a replication's schemas, which contain no rows.
pub(super) fn directory(workspace: &Workspace, replication: &Replication) -> Result<PathBuf, StartError> {
    let parent = workspace.directory().join("schema");
    // The address comes from the state.
    let name = FileId::try_from(replication.address.environment()).map_err(io::Error::other);
    let name = name.map_err(|source| StartError::File { path: parent.clone(), source })?;
    let directory = parent.join(name.as_str());
    file::create_directory(&directory).map_err(|source| StartError::File { path: directory.clone(), source })?;
    Ok(directory)
}
