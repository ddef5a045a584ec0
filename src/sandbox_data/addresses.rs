//! Where the databases of the world are on this machine.

use std::net::Ipv4Addr;

use infra_connect::{Endpoint, SslMode};
use infra_postgres::{ConnectionInfo, Tls};
use infra_sandbox::World;
use infra_sandbox::world::rds::Instance;
use infra_sandbox::world::request_path::DatabaseAddress;

/// What sessions of clients are called in `pg_stat_activity`.
const APPLICATION: &str = "payment-service";

/// Returns the instance with an endpoint name.
pub(crate) fn instance_of<'a>(world: &'a World, host: &str) -> Option<&'a Instance> {
    let mut all = world.regions.values().flat_map(|region| region.rds.instances.values());
    all.find(|instance| instance.host.eq_ignore_ascii_case(host))
}

/// Returns how to reach the database that a secret describes: on this machine, under the name of the endpoint. `None`
/// if no instance has the endpoint, or if its server has not been started yet.
pub fn database_of(world: &World, address: &DatabaseAddress, tls: Tls) -> Option<ConnectionInfo> {
    let server = instance_of(world, &address.host)?.server.as_ref()?;
    let port = server.port?;
    Some(ConnectionInfo {
        host: address.host.clone(),
        address: Some(Ipv4Addr::LOCALHOST.into()),
        port,
        user: address.username.clone(),
        password: address.password.clone().into(),
        database: address.dbname.clone(),
        // Programs without TLS cannot do what RDS does. Without it, nothing would work.
        tls: if server.offers_tls { tls } else { Tls::Off },
        application_name: APPLICATION.to_owned(),
    })
}

/// The server of a DB instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseServer {
    /// The identifier of the instance.
    pub identifier: String,
    /// The name of its endpoint.
    pub endpoint: String,
    /// The port on this machine.
    pub port: u16,
    /// The version of the programs.
    pub version: String,
    /// Whether the programs support TLS.
    pub offers_tls: bool,
}

/// Returns the servers of the DB instances that have been started.
pub fn databases(world: &World) -> Vec<DatabaseServer> {
    let all = world.regions.values().flat_map(|region| region.rds.instances.values());
    let found = all.filter_map(|instance| {
        let server = instance.server.as_ref()?;
        Some(DatabaseServer {
            identifier: instance.identifier.clone(),
            endpoint: instance.host.clone(),
            port: server.port?,
            version: server.version.clone().unwrap_or_default(),
            offers_tls: server.offers_tls,
        })
    });
    found.collect()
}

/// Returns where the server of an endpoint of RDS is on this machine. Its certificate is for the name of the endpoint.
///
/// # Errors
/// No server was started for it.
pub fn locate(servers: &[DatabaseServer], mut endpoint: Endpoint) -> Result<Endpoint, String> {
    let server = servers.iter().find(|server| server.endpoint == endpoint.host);
    let server = server.ok_or_else(|| format!("the sandbox has no database server for {}", endpoint.host))?;
    (endpoint.host, endpoint.port) = ("127.0.0.1".to_owned(), server.port);
    endpoint.ssl_mode = if server.offers_tls { SslMode::Require } else { SslMode::Disable };
    // Its certificate is issued by the sandbox, whatever the configuration and the user trust.
    Ok(endpoint.without_root_certificates())
}
