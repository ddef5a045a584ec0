//! Connections that break: before a statement has its effect, or after it and before its answer arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The server does not get the statement.
    BeforeItsEffect,
    /// The server has carried out the statement; the answer is lost.
    AfterItsEffect,
}

/// Which statement of all connections is the last one.
#[derive(Clone, Debug)]
pub struct Cut {
    when: When,
    at: u32,
    seen: Arc<AtomicU32>,
}

impl Cut {
    /// Breaks the connection at a statement, counted from 0.
    pub fn new(when: When, at: u32) -> Self {
        Self { when, at, seen: Arc::default() }
    }

    /// Returns whether so many statements were sent that a connection has broken.
    pub fn has_happened(&self) -> bool {
        self.seen.load(Ordering::Relaxed) > self.at
    }

    /// Takes note of a statement. Returns when its connection breaks, if it does.
    fn next(&self) -> Option<When> {
        (self.seen.fetch_add(1, Ordering::Relaxed) == self.at).then_some(self.when)
    }

    /// Relays one connection to the server at a port of this machine. Returns the port to connect to, without TLS.
    ///
    /// # Panics
    /// No port is free.
    pub async fn in_front_of(&self, server: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("a port").port();
        let cut = self.clone();
        tokio::spawn(async move {
            let (client, _) = listener.accept().await?;
            let server = TcpStream::connect(("127.0.0.1", server)).await?;
            cut.relay(client, server).await
        });
        own
    }

    /// Relays one exchange after the other: what the client sends up to the end of a statement, and the answer up to
    /// "ready for query" ("Frontend/Backend Protocol", PostgreSQL documentation).
    async fn relay(self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        // The first message has no type.
        let length = client.read_u32().await?;
        server.write_u32(length).await?;
        copy(&mut client, &mut server, length).await?;
        authenticate(&mut client, &mut server).await?;
        loop {
            let statement = until(&mut client, b"QSX").await?;
            let breaks = self.next();
            if breaks == Some(When::BeforeItsEffect) {
                return Ok(());
            }
            server.write_all(&statement).await?;
            let answer = until(&mut server, b"Z").await?;
            if breaks == Some(When::AfterItsEffect) {
                return Ok(());
            }
            client.write_all(&answer).await?;
        }
    }
}

/// Copies the rest of a message.
async fn copy(from: &mut TcpStream, to: &mut TcpStream, length: u32) -> std::io::Result<()> {
    let mut rest = vec![0; usize::try_from(length).unwrap_or(4) - 4];
    from.read_exact(&mut rest).await?;
    to.write_all(&rest).await
}

/// Relays the authentication, up to "ready for query". The server asks with messages of type `R`; the client answers
/// all but those that say "ok" (0) and "the final message of SASL" (12).
async fn authenticate(client: &mut TcpStream, server: &mut TcpStream) -> std::io::Result<()> {
    loop {
        let message = until(server, b"RZE").await?;
        client.write_all(&message).await?;
        let is_question = |kind: u8, rest: &[u8]| kind == b'R' && !matches!(rest, [0, 0, 0, 0 | 12, ..]);
        match message.as_slice() {
            [kind, _, _, _, _, rest @ ..] if is_question(*kind, rest) => {
                server.write_all(&until(client, b"p").await?).await?;
            }
            [b'R', ..] => {}
            _ => return Ok(()),
        }
    }
}

/// Returns all messages up to one of these types.
async fn until(from: &mut TcpStream, types: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut messages = Vec::new();
    loop {
        let kind = from.read_u8().await?;
        let length = from.read_u32().await?;
        let begin = messages.len() + 5;
        messages.push(kind);
        messages.extend(length.to_be_bytes());
        messages.resize(begin + usize::try_from(length).unwrap_or(4) - 4, 0);
        from.read_exact(&mut messages[begin..]).await?;
        if types.contains(&kind) {
            return Ok(messages);
        }
    }
}

/// Returns the first statement at which a connection breaks, and how many statements lie between two of them: one of
/// `one_of`, another one each time, or all with `MIGRATE_INFRA_MATRIX=full`.
pub fn sampled(one_of: u32) -> (u32, u32) {
    let is_full = std::env::var("MIGRATE_INFRA_MATRIX").is_ok_and(|value| value == "full");
    if is_full { (0, 1) } else { (fastrand::u32(0..one_of), one_of) }
}
