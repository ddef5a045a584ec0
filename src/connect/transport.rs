//! How the client library gets its stream: TLS is negotiated here, and the guard reads first.
//!
//! The client library would otherwise decide by itself: it has no setting for the methods of authentication that a
//! server may ask for, as libpq has with `require_auth`.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::guard::Protection;
use super::refusal::Refusal;
use super::stream::{Encrypted, Link, ServerStream};

/// The request for TLS: its length and its code ("Message Formats", PostgreSQL documentation, `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Never,
    /// If the server supports it.
    IfSupported,
    /// Always. The server is asked for it first.
    Always,
    /// Always, and from the first byte on (PostgreSQL 17 and later).
    AtOnce,
}

/// Makes the streams to one server. A password in clear text passes only to a verified server, or one on this machine.
#[derive(Clone)]
pub struct Transport {
    tls: MakeRustlsConnect,
    encryption: Encryption,
    is_verified: bool,
    is_local: bool,
}

impl Transport {
    /// Creates it. `tls` is what encrypts, and `is_verified` says that it accepts only trusted certificates. `is_local`
    /// says that the server itself is on this machine: nobody is in between.
    pub fn new(tls: MakeRustlsConnect, encryption: Encryption, is_verified: bool, is_local: bool) -> Self {
        Self { tls, encryption, is_verified, is_local }
    }

    /// Lets the client library leave the negotiation of TLS to this transport, also of a connection without TLS.
    pub fn prepare(config: &mut Config) {
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    }
}

/// Returns whether a name or an address of a host always means this machine.
pub fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

/// Returns whether an address is one of this machine.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl MakeTlsConnect<Socket> for Transport {
    type Stream = ServerStream;
    type TlsConnect = Negotiation;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.tls, domain)?;
        Ok(Negotiation { tls, encryption: self.encryption, is_verified: self.is_verified, is_local: self.is_local })
    }
}

/// Makes one stream.
pub struct Negotiation {
    tls: <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect,
    encryption: Encryption,
    is_verified: bool,
    is_local: bool,
}

impl TlsConnect<Socket> for Negotiation {
    type Stream = ServerStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ServerStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(self.negotiate(socket))
    }
}

impl Negotiation {
    async fn negotiate(self, mut socket: Socket) -> io::Result<ServerStream> {
        let Self { encryption, is_local, .. } = self;
        let is_encrypted = match encryption {
            Encryption::Never => false,
            Encryption::AtOnce => true,
            Encryption::IfSupported => accepts_tls(&mut socket).await?,
            Encryption::Always if accepts_tls(&mut socket).await? => true,
            Encryption::Always => return Err(Refusal::NoTls.into()),
        };
        let is_verified = is_encrypted && self.is_verified;
        let link = if is_encrypted {
            let stream: Encrypted = self.tls.connect(socket).await?;
            Link::Encrypted(Box::new(stream))
        } else {
            Link::Plain(socket)
        };
        Ok(ServerStream::new(link, Protection { is_encrypted, is_verified, is_local }))
    }
}

/// Asks whether the server supports TLS. What comes together with the answer is refused: the client would take it for a
/// part of the encrypted connection (CVE-2021-23222).
async fn accepts_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    // An honest server waits for the client after this byte.
    let mut answer = [0; 2];
    let count = socket.read(&mut answer).await?;
    match (count, answer) {
        (1, [b'S', _]) => Ok(true),
        (1, [b'N', _]) => Ok(false),
        (0, _) => {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection without an answer"))
        }
        (_, [b'E', _]) => Err(Refusal::BeforeTls.into()),
        (_, [b'S' | b'N', _]) => Err(Refusal::Injected.into()),
        _ => Err(Refusal::protocol("it does not answer the request for TLS").into()),
    }
}
