//! Where a command says that it listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads a line that a command has printed. `None` if it is about something else.
///
/// An address is a line of its own: `127.0.0.1:5432`, `[::1]:5432` or `localhost:5432`. The plugin of Session Manager
/// prints `Port 5432 opened for sessionId …`, and listens on this machine.
///
/// # Errors
/// It is an address or a port that cannot be.
pub(super) fn announced(line: &str) -> Result<Option<SocketAddr>, String> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("Port ")
        && let Some((port, _)) = rest.split_once(" opened")
    {
        return port_of(port, line).map(|port| Some(SocketAddr::new(LOOPBACK, port)));
    }
    let Some((host, port)) = line.rsplit_once(':') else { return Ok(None) };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = match host {
        "localhost" => LOOPBACK,
        host => match host.parse() {
            Ok(address) => address,
            Err(_) => return Ok(None),
        },
    };
    if address.is_unspecified() {
        return Err(format!("`{line}` is no address to connect to"));
    }
    port_of(port, line).map(|port| Some(SocketAddr::new(address, port)))
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn port_of(text: &str, line: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("`{line}` names no port between 1 and 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_the_line_of_the_plugin_are_read() {
        for (line, expected) in [
            ("127.0.0.1:5432\n", "127.0.0.1:5432"),
            ("  localhost:1 ", "127.0.0.1:1"),
            ("[::1]:5432", "[::1]:5432"),
            ("10.1.2.3:65535", "10.1.2.3:65535"),
            ("Port 55678 opened for sessionId user-0a1b2c3d.", "127.0.0.1:55678"),
        ] {
            assert_eq!(announced(line), Ok(Some(expected.parse().unwrap())), "{line}");
        }
        for line in ["", "Starting session with SessionId: user-0", "Waiting for connections...", "time: 12:30", "x:1"]
        {
            assert_eq!(announced(line), Ok(None), "{line}");
        }
        for line in ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:port", "0.0.0.0:5432", "Port x opened for", "[::]:1"]
        {
            assert!(announced(line).is_err(), "{line}");
        }
    }
}
