//! Encryption of connections.

use std::path::PathBuf;

/// Encryption of a connection, with the meanings of libpq's `sslmode` and of the SSL modes of a DMS endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// None: a server with `rds.force_ssl=1` refuses the connection.
    Off,
    /// `require`: encrypted, but the server's certificate is not verified.
    Require,
    /// `verify-ca`: the certificate must be signed by an authority of this PEM file.
    VerifyCa(PathBuf),
    /// `verify-full`: as `verify-ca`, and the certificate must be for the host.
    VerifyFull(PathBuf),
}
