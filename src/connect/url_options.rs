//! The parameters of libpq in a URL. Each one is supported or refused by its name, never ignored.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::endpoint::{Endpoint, Roots, SslMode, TlsVersion};

/// The address and the credentials, which stand in the URL or in its parameters.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
}

/// Parameters of libpq that are not supported, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("gssdelegation", GSS),
    ("gsslib", GSS),
    ("krbsrvname", GSS),
    ("krb_srvname", GSS),
    ("max_protocol_version", "the version of the protocol is 3.0"),
    ("min_protocol_version", "the version of the protocol is 3.0"),
    ("oauth_client_id", OAUTH),
    ("oauth_client_secret", OAUTH),
    ("oauth_issuer", OAUTH),
    ("oauth_scope", OAUTH),
    ("passfile", "the URL must contain the password"),
    ("replication", "a connection is for queries"),
    ("require_auth", "the server chooses the method; use `sslmode` and `channel_binding` to verify it"),
    ("requirepeer", "only TCP connections are supported"),
    ("requiressl", "use `sslmode`"),
    ("scram_client_key", "use the password"),
    ("scram_server_key", "use the password"),
    ("service", SERVICE),
    ("servicefile", SERVICE),
    ("sslcrl", "lists of revoked certificates are not supported"),
    ("sslcrldir", "lists of revoked certificates are not supported"),
    ("sslkeylogfile", "keys are not written to files"),
    ("sslpassword", "the key in `sslkey` must not be encrypted"),
];

const GSS: &str = "GSSAPI is not supported";
const OAUTH: &str = "OAuth is not supported";
const SERVICE: &str = "service files are not supported";

/// Sets a part of the address or of the credentials, and returns whether the parameter is one.
pub(super) fn is_part(name: &str, value: &str, parts: &mut Parts) -> bool {
    let part = match name {
        "host" => &mut parts.host,
        "user" => &mut parts.user,
        "password" => &mut parts.password,
        "dbname" => &mut parts.database,
        "port" => match value.parse() {
            Ok(port) => {
                parts.port = Some(port);
                return true;
            }
            Err(_) => return false,
        },
        _ => return false,
    };
    *part = Some(value.to_owned());
    true
}

/// Sets one parameter.
///
/// # Errors
/// The parameter is unknown or not supported, or its value is invalid. The text contains no value.
pub(super) fn set(endpoint: &mut Endpoint, name: &str, value: &str) -> Result<(), String> {
    let seconds = || seconds(name, value);
    let link = &mut endpoint.link;
    let (idle, interval, count) = link.keepalives.unwrap_or_default();
    match name {
        "port" => return Err("has a `port` that is not a number of a port".into()),
        "hostaddr" => link.address = Some(value.parse().map_err(|_| "has a `hostaddr` that is no address")?),
        "sslmode" => endpoint.ssl_mode = one_of(name, value, &SslMode::ALL.map(|mode| (mode.as_str(), mode)))?,
        "sslrootcert" if value == "system" => endpoint.roots = Roots::System,
        "sslrootcert" => endpoint.roots = Roots::File(PathBuf::from(value)),
        "sslcert" => certificate(endpoint).0 = PathBuf::from(value),
        "sslkey" => certificate(endpoint).1 = PathBuf::from(value),
        "sslnegotiation" => link.is_tls_direct = one_of(name, value, &[("postgres", false), ("direct", true)])?,
        "ssl_min_protocol_version" => {
            let known = [("TLSv1", TlsVersion::V1_2), ("TLSv1.1", TlsVersion::V1_2)];
            link.tls_versions.0 = one_of(name, value, &[known.as_slice(), TLS_VERSIONS].concat())?;
        }
        "ssl_max_protocol_version" => link.tls_versions.1 = one_of(name, value, TLS_VERSIONS)?,
        "connect_timeout" => endpoint.connect_timeout = seconds()?,
        "keepalives" if value == "0" => link.keepalives = None,
        "keepalives" => one_of(name, value, &[("0", ()), ("1", ())])?,
        "keepalives_idle" => link.keepalives = Some((seconds()?, interval, count)),
        "keepalives_interval" => link.keepalives = Some((idle, seconds()?, count)),
        "keepalives_count" => {
            let count = value.parse().map_err(|_| "has a `keepalives_count` that is not a number")?;
            link.keepalives = Some((idle, interval, count));
        }
        "tcp_user_timeout" => {
            let limit = value.parse().map_err(|_| "has a `tcp_user_timeout` that is not a number of milliseconds")?;
            link.tcp_user_timeout = Duration::from_millis(limit);
        }
        "application_name" => value.clone_into(&mut link.application_name),
        "options" => link.options = Some(value.to_owned()),
        "channel_binding" => {
            use ChannelBinding::{Disable, Prefer, Require};
            let known = [("disable", Disable), ("prefer", Prefer), ("require", Require)];
            link.channel_binding = one_of(name, value, &known)?;
        }
        "target_session_attrs" => {
            use TargetSessionAttrs::{Any, ReadOnly, ReadWrite};
            link.target_session_attrs =
                one_of(name, value, &[("any", Any), ("read-write", ReadWrite), ("read-only", ReadOnly)])?;
        }
        // These values are what happens anyway.
        "client_encoding" => one_of(name, value, &[("UTF8", ()), ("utf8", ()), ("UTF-8", ()), ("auto", ())])?,
        "fallback_application_name" => {}
        "gssencmode" => one_of(name, value, &[("disable", ()), ("prefer", ())])?,
        "load_balance_hosts" => one_of(name, value, &[("disable", ()), ("random", ())])?,
        "sslcertmode" => one_of(name, value, &[("allow", ())])?,
        "sslcompression" => one_of(name, value, &[("0", ())])?,
        "sslsni" => one_of(name, value, &[("1", ())])?,
        _ => return Err(refused(name)),
    }
    Ok(())
}

const TLS_VERSIONS: &[(&str, TlsVersion)] = &[("TLSv1.2", TlsVersion::V1_2), ("TLSv1.3", TlsVersion::V1_3)];

fn certificate(endpoint: &mut Endpoint) -> &mut (PathBuf, PathBuf) {
    endpoint.link.certificate.get_or_insert_default()
}

/// Returns the meaning of a value.
fn one_of<T: Clone>(name: &str, value: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(text, _)| *text == value);
    found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
        let known: Vec<String> = known.iter().map(|(text, _)| format!("`{text}`")).collect();
        format!("has an unsupported value for `{name}`; supported are {}", known.join(", "))
    })
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let seconds = value.parse::<u64>().ok().filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("has a `{name}` that is not a number of seconds"))
}

/// A name that is not one of libpq is not repeated: it can be a part of a password that was not encoded.
fn refused(name: &str) -> String {
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((name, reason)) => format!("contains `{name}`, which is not supported: {reason}"),
        None => "has an unknown option; in a password, percent-encode characters such as `& = ?`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parameters of libpq in PostgreSQL 18.
    const LIBPQ: &[&str] = &[
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_issuer",
        "oauth_scope",
        "options",
        "passfile",
        "password",
        "port",
        "replication",
        "require_auth",
        "requirepeer",
        "scram_client_key",
        "scram_server_key",
        "service",
        "servicefile",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslkeylogfile",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    ];

    #[test]
    fn every_parameter_of_libpq_is_supported_or_refused_by_name() {
        for name in LIBPQ {
            match Endpoint::parse(&format!("postgres://u@h/d?{name}=hush7")) {
                Ok(_) => {}
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("`{name}`")) && !text.contains("hush7"), "{name}: {text}");
                }
            }
        }
    }

    #[test]
    fn supported_parameters_have_their_meaning() {
        let url = "postgres:///?host=h&port=6000&user=u&password=a+b%26&dbname=d&hostaddr=10.0.0.1&keepalives_idle=7\
            &tcp_user_timeout=900&application_name=x&options=-c%20a.b%3D1&channel_binding=require&sslnegotiation=direct\
            &sslcert=/c&sslkey=/k&ssl_min_protocol_version=TLSv1.3&client_encoding=UTF8&gssencmode=disable\
            &target_session_attrs=read-only&sslmode=require";
        let read = Endpoint::parse(url).unwrap();
        assert_eq!((read.host.as_str(), read.port, read.user.as_str(), read.database.as_str()), ("h", 6000, "u", "d"));
        assert_eq!((read.password.as_deref(), read.ssl_mode), (Some("a+b&"), SslMode::Require));
        let link = read.link;
        assert_eq!((link.address, link.keepalives.unwrap().0), ("10.0.0.1".parse().ok(), Duration::from_secs(7)));
        assert_eq!(link.tcp_user_timeout, Duration::from_millis(900));
        assert_eq!((link.application_name.as_str(), link.options.as_deref()), ("x", Some("-c a.b=1")));
        assert!(link.is_tls_direct && link.channel_binding == ChannelBinding::Require);
        assert_eq!(link.certificate, Some(("/c".into(), "/k".into())));
        assert_eq!(link.tls_versions, (TlsVersion::V1_3, TlsVersion::V1_3));
    }
}
