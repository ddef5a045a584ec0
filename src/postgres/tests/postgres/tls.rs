//! Encrypted connections.

use infra_postgres::{Authority, ConnectError, PostgresError, Tls};

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
    let named = |host: &str| infra_postgres::ConnectionInfo { host: host.to_owned(), ..info.clone() };
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
