//! An error says which database, why, and what to do, and never the password.

use std::error::Error as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use infra_connect::{Endpoint, open};
use infra_test_server::ADMIN;

use crate::server::{PASSWORD, connect, parse, server};

#[tokio::test]
async fn an_error_explains_the_cause_without_the_password() {
    connect().await.client().batch_execute("CREATE ROLE nobody LOGIN PASSWORD 'x' CONNECTION LIMIT 0").await.unwrap();
    let port = server().port;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut impatient = Endpoint::new("127.0.0.1", silent.local_addr().unwrap().port(), ADMIN, "hush7", "d");
    impatient.connect_timeout = Duration::from_millis(300);
    let wrong: [(Endpoint, &[&str]); 8] = [
        (
            Endpoint::new("127.0.0.1", port, ADMIN, "hush7", "postgres"),
            &["password authentication failed", "(SQLSTATE 28P01)", "check user and password"],
        ),
        (
            Endpoint::new("127.0.0.1", port, ADMIN, PASSWORD, "nowhere"),
            &["database \"nowhere\" does not exist", "the URL must end with the name of an existing database"],
        ),
        (
            Endpoint::new("127.0.0.1", closed, ADMIN, "hush7", "d"),
            &["Connection refused", "no server listens on this port", "open a tunnel"],
        ),
        (
            Endpoint::new("no.such.host.invalid", 5432, ADMIN, "hush7", "d"),
            &["its host name cannot be resolved", "check the host name", "open a tunnel"],
        ),
        (impatient, &["no response within 0.3 s", "private subnet"]),
        (parse(&format!("tls_only:hush7@127.0.0.1:{port}/d?sslmode=disable")), &["pg_hba.conf", "sslmode=require"]),
        (parse(&format!("a:hush7@127.0.0.1:{port}/d?sslmode=verify-full&sslrootcert=/no/file")), &["/no/file", "RDS"]),
        (
            Endpoint::new("127.0.0.1", port, "nobody", "x", "postgres"),
            &["too many connections for role", "(SQLSTATE 53300)", "close other connections"],
        ),
    ];
    for (endpoint, expected) in wrong {
        let began = Instant::now();
        let error = open(&endpoint, "target").await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(9), "{error}");
        let named = format!("could not connect to the target database at {}:{}", endpoint.host, endpoint.port);
        assert_eq!(error.to_string(), named);
        assert_eq!((error.label.as_str(), &error.host, error.port), ("target", &endpoint.host, endpoint.port));
        let text = format!("{error}: {}; {}; {error:?}", error.source().unwrap(), error.hint());
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in {text}");
        assert!(!text.contains("hush7") && !text.contains(PASSWORD), "{text}");
    }
}
