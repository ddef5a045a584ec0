//! Hostile URLs of databases.

use infra_connect::Endpoint;
use infra_fuzz::{Syntax, Target};

const URLS: &[&str] = &[
    "postgres://app:hush7@db.internal:5432/payments",
    "postgresql://db%40min:p%40ss%2F%25w@[::1]:6543/pay%20ments?sslmode=verify-ca&sslrootcert=%2Ftmp%2Fca.pem",
    "postgres://u:hush7@a.b.eu-west-1.rds.amazonaws.com/d?sslmode=verify-full&connect_timeout=3",
    "postgres:///?host=h&port=6000&user=u&password=a+b%26&dbname=d&hostaddr=10.0.0.1&keepalives_idle=7",
    "postgres://u@10.0.0.1/d?options=-c%20a.b%3D1&channel_binding=require&sslnegotiation=direct&application_name=x",
    "postgres://u@h/d?sslcert=/c&sslkey=/k&ssl_min_protocol_version=TLSv1.3&target_session_attrs=read-only",
];

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "postgres://", "postgresql://", "mysql://", "@", ":", "/", "?", "&", "=", "#", "%", "%00", "%0a", "%1b", "%ff",
    "%c2%9b", "%zz", "[", "]", "::1", "10.0.0.1", ",", "localhost", "xn--", "sslmode", "verify-full", "disable",
    "sslrootcert", "system", "connect_timeout", "host", "hostaddr", "port", "user", "password", "dbname", "options",
    "keepalives", "keepalives_count", "tcp_user_timeout", "channel_binding", "application_name", "service",
    "passfile", ".rds.amazonaws.com", ".rds.amazonaws.com.cn", "sslnegotiation", "direct", "+",
];

#[test]
fn urls() {
    let run = |input: &[u8]| match Endpoint::parse(&String::from_utf8_lossy(input)) {
        Ok(endpoint) => {
            let shown = format!("{endpoint:?}");
            assert!(!shown.contains("hush7") || !is_password(input), "a password is shown: {shown}");
            assert!(!endpoint.host.is_empty() && !endpoint.user.is_empty());
            for text in [&endpoint.host, &endpoint.user, &endpoint.database] {
                assert!(!text.contains(char::is_control), "{text:?}");
            }
            for (name, value) in endpoint.libpq_variables() {
                assert!(!value.as_encoded_bytes().contains(&0), "{name} contains a zero byte");
            }
            endpoint.built_in_roots();
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control) && !message.contains("hush7"), "{message:?}");
            false
        }
    };
    let corpus = URLS.iter().map(|url| url.as_bytes().to_vec()).collect();
    Target { test: "fuzz::urls", syntax: Syntax::Text, corpus, tokens: TOKENS, run }.check();
}

/// Whether the text of the test's password is only where a password is: between the user and the host.
fn is_password(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    text.matches("hush7").count() == 1 && text.starts_with("postgres://u:hush7@")
}
