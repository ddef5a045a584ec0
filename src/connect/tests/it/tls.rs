//! TLS follows the mode.

use std::error::Error as _;

use infra_connect::open;

use crate::server::{ENCODED, connect, parse, server};

/// The certificate is for the host, and not for the near end of the tunnel.
#[tokio::test]
async fn through_a_tunnel_the_name_of_the_host_is_verified() {
    let at = |host: &str| {
        let root = server().directory.join("ca.crt");
        let url = format!("admin:{ENCODED}@{host}:1/postgres?sslmode=verify-full&sslrootcert={}", root.display());
        let near = std::net::SocketAddr::from(([127, 0, 0, 1], server().port));
        let endpoint = parse(&url).through(near);
        assert_eq!(endpoint.tunnel(), Some(near));
        endpoint
    };
    let connection = open(&at("localhost"), "source").await.expect("the certificate is for this host");
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(connection.client().query_one(query, &[]).await.unwrap().get::<_, bool>(0));
    for host in ["db.source.invalid", "127.0.0.1"] {
        let error = open(&at(host), "source").await.expect_err("the certificate is for another host");
        assert!(error.source().unwrap().to_string().contains("not valid for name"), "{error:?}");
        assert_eq!(error.to_string(), format!("could not connect to the source database at {host}:1"));
    }
}

/// Without a word about TLS, the password does not leave for a server whose certificate is not one of RDS.
#[tokio::test]
async fn an_endpoint_of_rds_must_prove_that_it_is_one() {
    let at = |host: &str, options: &str| {
        let near = std::net::SocketAddr::from(([127, 0, 0, 1], server().port));
        parse(&format!("admin:{ENCODED}@{host}:5432/postgres{options}")).through(near)
    };
    let known = "db.c1a2b3d4e5f6.eu-west-1.rds.amazonaws.com";
    let error = open(&at(known, ""), "source").await.expect_err("it is another server");
    assert!(error.source().unwrap().to_string().contains("UnknownIssuer"), "{error:?}");
    assert!(error.hint().contains("eu-west-1/eu-west-1-bundle.pem"), "{}", error.hint());
    let unknown = "db.c1a2b3d4e5f6.cn-north-1.rds.amazonaws.com.cn";
    let error = open(&at(unknown, ""), "source").await.expect_err("there are no certificates");
    let text = error.source().unwrap().to_string();
    assert!(text.contains("does not contain the certificates of RDS in cn-north-1"), "{text}");
    assert!(error.hint().contains("amazonaws.com.cn/cn-north-1/cn-north-1-bundle.pem"), "{}", error.hint());
    // As in libpq, `require` verifies if there are certificates to verify with; for the other region there are none.
    let error = open(&at(known, "?sslmode=require"), "source").await.expect_err("it is another server");
    assert!(error.source().unwrap().to_string().contains("UnknownIssuer"), "{error:?}");
    open(&at(unknown, "?sslmode=require"), "source").await.expect("nothing is verified");
    open(&at(known, "?sslmode=prefer"), "source").await.expect("what the user says about TLS counts");
    let root = server().directory.join("ca.crt");
    let verify = format!("?sslmode=verify-ca&sslrootcert={}", root.display());
    open(&at(unknown, &verify), "source").await.expect("the authority is trusted");
}

#[tokio::test]
async fn tls_follows_the_mode() {
    let role = "CREATE ROLE tls_only LOGIN PASSWORD 'Gehe1m/7@x'; CREATE ROLE anybody LOGIN PASSWORD 'Gehe1m/7@x'";
    connect().await.client().batch_execute(role).await.unwrap();
    let try_it = async |user: &str, host: &str, mode: &str, root: &str| {
        let root = match root {
            "" => String::new(),
            root => format!("&sslrootcert={}", server().directory.join(root).display()),
        };
        let url = format!("{user}:{ENCODED}@{host}:{}/postgres?sslmode={mode}{root}", server().port);
        let connection = open(&parse(&url), "source").await.map_err(|error| error.source().unwrap().to_string())?;
        let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Ok::<bool, String>(connection.client().query_one(query, &[]).await.unwrap().get(0))
    };
    for (user, host, mode, root, is_encrypted) in [
        ("anybody", "127.0.0.1", "disable", "", false),
        ("anybody", "127.0.0.1", "allow", "", false),
        ("tls_only", "127.0.0.1", "allow", "", true),
        ("tls_only", "127.0.0.1", "prefer", "", true),
        ("tls_only", "127.0.0.1", "require", "", true),
        ("tls_only", "127.0.0.1", "require", "ca.crt", true),
        ("tls_only", "127.0.0.1", "verify-ca", "ca.crt", true),
        ("tls_only", "127.0.0.1", "verify-ca", "server.crt", true),
        ("tls_only", "localhost", "verify-full", "ca.crt", true),
        ("tls_only", "localhost", "verify-full", "server.crt", true),
    ] {
        assert_eq!(try_it(user, host, mode, root).await, Ok(is_encrypted), "{user} {host} {mode} {root}");
    }
    for (host, mode, root, expected) in [
        ("127.0.0.1", "disable", "", "pg_hba.conf rejects connection"),
        ("127.0.0.1", "require", "other.crt", "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", "verify-ca", "other.crt", "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", "verify-full", "ca.crt", "not valid for name"),
        ("localhost", "verify-full", "other.crt", "invalid peer certificate: UnknownIssuer"),
    ] {
        let error = try_it("tls_only", host, mode, root).await.unwrap_err();
        assert!(error.contains(expected), "{host} {mode} {root}: {error}");
    }
}
