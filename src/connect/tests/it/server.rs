//! A PostgreSQL server with TLS, which ends with this process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use infra_connect::{Connection, Endpoint, open};
use infra_test_server::{ADMIN, Setup, directory, give, programs};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub const PASSWORD: &str = "Gehe1m/7@x";
/// The password in a URL.
pub const ENCODED: &str = "Gehe1m%2F7%40x";

/// The server. It accepts the user `tls_only` with TLS only.
pub struct Server {
    pub port: u16,
    /// The certificates: `ca.crt`, `server.crt` for the host `localhost`, `other.crt`.
    pub directory: PathBuf,
    _server: infra_test_server::Server,
}

/// Returns the server. The first call starts it.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start)
}

/// Returns how the admin connects.
pub fn admin() -> Endpoint {
    Endpoint::new("127.0.0.1", server().port, ADMIN, PASSWORD, "postgres")
}

/// Connects as the admin.
pub async fn connect() -> Connection {
    open(&admin(), "test").await.expect("the server lets its admin in")
}

/// Returns a connection to what a URL names after `postgres://`.
pub fn parse(rest: &str) -> Endpoint {
    Endpoint::parse(&format!("postgres://{rest}")).expect("a URL")
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(15), "not within 15 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn start() -> Server {
    let directory = directory("connect-");
    write_certificates(&directory);
    let rules = "hostnossl all tls_only 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(directory.join("hba.conf"), rules).expect("a file");
    fs::set_permissions(directory.join("server.key"), fs::Permissions::from_mode(0o600)).expect("permissions");
    for file in ["hba.conf", "server.key", "server.crt"] {
        give(&directory.join(file));
    }
    let file = |setting: &str, name: &str| format!("{setting}={}", directory.join(name).display());
    let settings = [
        "ssl=on".to_owned(),
        file("ssl_cert_file", "server.crt"),
        file("ssl_key_file", "server.key"),
        file("hba_file", "hba.conf"),
        "lc_messages=C".to_owned(),
    ];
    let programs = programs(&["MIGRATE_INFRA_TEST_POSTGRES"]);
    let setup = Setup::new(programs, "connect-", Some(PASSWORD), &settings.each_ref().map(String::as_str));
    let server = infra_test_server::Server::start(setup);
    Server { port: server.port, directory, _server: server }
}

/// Writes a certificate for `localhost`, the certificate of the authority that signed it, and an unrelated one.
fn write_certificates(directory: &std::path::Path) {
    let write = |file: &str, text: String| fs::write(directory.join(file), text).expect("a file");
    let named = |name: &str, hosts: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("valid host names");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let authority = |name: &str| {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
    };
    let (ca, other) = (authority("test-ca"), authority("other-ca"));
    let key = KeyPair::generate().expect("a key");
    let server = named("localhost", &["localhost"]).signed_by(&key, &ca).expect("a certificate");
    write("ca.crt", ca.pem());
    write("other.crt", other.pem());
    write("server.crt", server.pem());
    write("server.key", key.serialize_pem());
}
