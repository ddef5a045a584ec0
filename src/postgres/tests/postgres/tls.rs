//! Encrypted connections.

use std::net::TcpListener;

use infra_postgres::{Authority, ConnectError, ConnectionInfo, PostgresError, Tls};

use super::harness::{DATABASE, MASTER, PASSWORD, Place, map};

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_and_can_be_required() {
    let place = Place::open();
    let server = place.create(&[("rds.force_ssl", "0")]).await;
    let running = server.start().await.unwrap();
    let info = running.connection(MASTER, PASSWORD, DATABASE).unwrap();
    let plain = info.with_tls(Tls::Off);
    plain.connect().await.expect("TLS is not required");
    if !running.offers_tls() {
        let applied = running.set_parameters(map(&[("rds.force_ssl", "1")])).await.unwrap();
        assert!(applied.notes.iter().any(|note| note.contains("built without TLS")), "{applied:?}");
        assert_eq!(info.tls, Tls::Off);
        return;
    }
    let client = info.connect().await.unwrap();
    let used = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(client.query_one(used, &[]).await.unwrap().get::<_, bool>(0));

    // Names and authorities.
    let root = place.authority().join("ca.crt");
    let named = |host: &str| ConnectionInfo { host: host.to_owned(), ..info.clone() };
    named("localhost").connect().await.unwrap();
    named("127.0.0.1").connect().await.unwrap();
    let other = named("other.rds.amazonaws.com");
    assert!(other.connect().await.is_err());
    other.with_tls(Tls::VerifyCa(root)).connect().await.unwrap();
    let foreign = Authority::open_or_create(&place.authority().with_file_name("foreign")).unwrap();
    let untrusted = info.with_tls(Tls::VerifyCa(foreign.certificate_file()));
    assert!(untrusted.connect().await.is_err());
    untrusted.with_tls(Tls::Require).connect().await.unwrap();
    let absent = info.with_tls(Tls::VerifyFull("/nowhere".into())).connect().await.unwrap_err();
    assert!(matches!(absent, ConnectError::Roots { .. }), "{absent}");

    // Required, at once: the parameter is dynamic. 15 and later require it by default.
    let force = [map(&[("rds.force_ssl", "1")]), map(&[])];
    let by_default = running.version().major >= 15;
    for parameters in force.into_iter().take(if by_default { 2 } else { 1 }) {
        running.set_parameters(map(&[("rds.force_ssl", "0")])).await.unwrap();
        plain.connect().await.unwrap();
        let applied = running.set_parameters(parameters).await.unwrap();
        assert!(applied.pending_restart.is_empty(), "{applied:?}");
        let refused = PostgresError::from(plain.connect().await.unwrap_err());
        let text = format!("{refused:?}");
        assert!(text.contains("no pg_hba.conf entry for host") && text.contains("no encryption"), "{text}");
        info.connect().await.unwrap();
    }
}

/// The time limit was only for the TCP connection.
#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_does_not_hold_its_client() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for tls in [Tls::Off, Tls::Require] {
        let info = ConnectionInfo {
            host: "db.example.com".to_owned(),
            address: Some([127, 0, 0, 1].into()),
            port: silent.local_addr().unwrap().port(),
            user: MASTER.to_owned(),
            password: PASSWORD.into(),
            database: DATABASE.to_owned(),
            tls,
            application_name: "test".to_owned(),
        };
        let error = info.connect().await.expect_err("nobody answers");
        assert!(matches!(error, ConnectError::Silent { .. }), "{error:?}");
        assert!(error.to_string().contains("did not complete the login within 10 s"), "{error}");
    }
}
