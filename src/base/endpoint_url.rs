//! The URL that calls are sent to instead of AWS.

use url::{Host, Url};

/// Why calls are not sent to a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It is not the URL of a server.
    #[error("it is not a URL of the form `https://HOST:PORT`: {0}")]
    NotAUrl(String),
    /// It contains a user or a password.
    #[error("it contains a user or a password, which would be sent nowhere")]
    HasUser,
    /// Requests, which are signed with the credentials and contain passwords, could be read on their way.
    #[error("it would send requests with secrets over plain HTTP to `{0}`, which is not this machine")]
    PlainHttp(String),
}

/// Checks a URL that calls are sent to. Plain HTTP is only for this machine, where emulators run.
///
/// # Errors
/// It is no URL, or requests could be read on their way.
pub fn check(text: &str) -> Result<(), EndpointUrlError> {
    let not_a_url = |why: &str| EndpointUrlError::NotAUrl(why.to_owned());
    if text.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(not_a_url("it contains a space or a control character"));
    }
    let url = Url::parse(text).map_err(|error| not_a_url(&error.to_string()))?;
    let is_plain = match url.scheme() {
        "http" => true,
        "https" => false,
        other => return Err(not_a_url(&format!("its scheme is `{other}`"))),
    };
    // The parser also takes `http:host` and `http:///host`; the SDK does not.
    let rest = text.get(url.scheme().len()..).unwrap_or_default();
    if rest.strip_prefix("://").is_none_or(|rest| rest.starts_with(['/', '\\'])) {
        return Err(not_a_url("`//` and a host must follow the scheme"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointUrlError::HasUser);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(not_a_url("it contains `?` or `#`"));
    }
    let Some(host) = url.host() else { return Err(not_a_url("it has no host")) };
    if is_plain && !is_this_machine(&host) { Err(EndpointUrlError::PlainHttp(host.to_string())) } else { Ok(()) }
}

/// Whether a host is this machine. Names below `localhost` are ("RFC 6761", 6.3).
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_parsed_was_used() {
        for text in [
            "",
            "127.0.0.1:4566",
            "localhost:4566",
            "http://",
            "http://:4566",
            "http:///path",
            "http:127.0.0.1",
            "http://[::1",
            "http://host:port",
            "http://host:99999",
            "https://a b",
            "https://host\n",
            "ftp://host",
            "https://host/?x=1",
            "https://ho%st",
        ] {
            assert!(matches!(check(text), Err(EndpointUrlError::NotAUrl(_))), "{text}: {:?}", check(text));
        }
        assert_eq!(check("https://user:secret@host"), Err(EndpointUrlError::HasUser));
    }

    #[test]
    fn credentials_were_sent_over_plain_http() {
        for text in ["http://10.0.0.5:4566", "http://proxy.example", "http://127.0.0.1.example", "http://[2001:db8::1]"]
        {
            assert!(matches!(check(text), Err(EndpointUrlError::PlainHttp(_))), "{text}: {:?}", check(text));
        }
        for text in [
            "http://127.0.0.1:4566",
            "http://127.8.8.8",
            "http://localhost:4566/",
            "http://s3.localhost:4566",
            "http://[::1]:4566",
            "https://vpce-1.sts.us-east-1.vpce.amazonaws.com",
            "https://10.0.0.5",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
