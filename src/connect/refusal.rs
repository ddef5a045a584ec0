//! Why this program ends a connection that a server has not opened yet.

use std::io;

/// The reason why this program does not continue with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The server asks for the password itself.
    #[error("the server asks for the password in clear text, and {0}: the password was not sent")]
    ClearText(&'static str),
    /// The server asks for the MD5 hash of the password.
    #[error("the server asks for a hash of the password (MD5), and the connection is not encrypted: it was not sent")]
    Md5,
    /// The server asks for something that this program does not have.
    #[error("the server asks for {0}, which is not supported")]
    Method(&'static str),
    /// The server has no TLS.
    #[error("the server does not support TLS")]
    NoTls,
    /// The server reports an error before TLS begins. Its text is from nobody in particular, and is not shown.
    #[error("the server reports an error before TLS begins")]
    BeforeTls,
    /// The server says something in clear text that would be taken for a part of the encrypted connection.
    #[error("the server sends data in clear text before TLS begins: somebody may be in between")]
    Injected,
    /// What answers does not speak the protocol.
    #[error("what answers is not a PostgreSQL server: {0}")]
    Protocol(&'static str),
}

impl Refusal {
    pub(super) fn protocol(reason: &'static str) -> Self {
        Self::Protocol(reason)
    }

    /// Returns what to do.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::ClearText(_) | Self::Md5 => {
                "verify the server: use `sslmode=verify-full` and name the file of trusted certificates with \
                 `sslrootcert=FILE`; or let the server ask with `scram-sha-256`, which does not reveal the password"
            }
            Self::Method(_) => "let the server ask with `scram-sha-256` in its `pg_hba.conf`",
            Self::NoTls => {
                "switch TLS on in the server (`ssl = on`), or check that host and port are those of the server"
            }
            Self::BeforeTls => "see the log of the server",
            Self::Injected => "check the network between here and the server, and what relays the connection",
            Self::Protocol(_) => "check host and port, and what relays the connection",
        }
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}
