//! A way to a server that can stall, and one that is a connection pooler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Forwards connections until it stalls: then they stay open, and nothing passes.
pub struct Tunnel {
    /// Its port.
    pub port: u16,
    stalls: Arc<AtomicBool>,
}

impl Tunnel {
    /// Opens a tunnel to a port of this machine.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let stalls = Arc::new(AtomicBool::new(false));
        let stalled = Arc::clone(&stalls);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", target)).await.expect("the server");
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, Arc::clone(&stalled)));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&stalled)));
            }
        });
        Self { port, stalls }
    }

    /// Stops forwarding.
    pub fn stall(&self) {
        self.stalls.store(true, Ordering::Relaxed);
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    stalled: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if stalled.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// What a pooler does with the options that a client asks for.
#[derive(Clone, Copy)]
pub enum Pooler {
    /// It refuses them, as PgBouncer does.
    Refuses,
    /// It ignores them, as PgBouncer does with `ignore_startup_parameters = options`.
    Ignores,
}

impl Pooler {
    /// Starts a pooler before a port of this machine, and returns its port.
    pub async fn before(self, target: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(self.serve(client, target));
            }
        });
        port
    }

    async fn serve(self, mut client: TcpStream, target: u16) -> std::io::Result<()> {
        let startup = loop {
            let length = client.read_u32().await?;
            let mut message = vec![0; length as usize - 4];
            client.read_exact(&mut message).await?;
            if message[..4] == 80_877_103_u32.to_be_bytes() {
                // The answer to the request for TLS: no.
                client.write_all(b"N").await?;
                continue;
            }
            break message;
        };
        let words: Vec<&[u8]> = startup[4..].split(|byte| *byte == 0).collect();
        let settings: Vec<&[&[u8]]> = words.chunks(2).filter(|pair| pair.len() == 2 && !pair[0].is_empty()).collect();
        if let Self::Refuses = self
            && settings.iter().any(|pair| pair[0] == b"options")
        {
            let fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            client.write_u8(b'E').await?;
            client.write_u32(u32::try_from(fields.len()).expect("short") + 4).await?;
            return client.write_all(fields).await;
        }
        let mut message = startup[..4].to_vec();
        for pair in settings.iter().filter(|pair| pair[0] != b"options") {
            message.extend([pair[0], b"\0", pair[1], b"\0"].concat());
        }
        message.push(0);
        let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
        server.write_u32(u32::try_from(message.len()).expect("short") + 4).await?;
        server.write_all(&message).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}
