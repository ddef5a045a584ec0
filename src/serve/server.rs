//! The server.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::ready;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use infra_timeline::html::View;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::answer::Site;
use super::token::Token;

/// How many connections there can be. A browser uses two for a page.
const CONNECTIONS: usize = 64;
/// How long a client can take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing is accepted after a failure, for example because there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// A server of a page.
pub struct Server {
    listener: TcpListener,
    site: Arc<Site>,
    port: u16,
}

impl Server {
    /// Listens on a port of 127.0.0.1; 0 stands for a free one.
    ///
    /// # Errors
    /// The port is in use or not allowed, or the system has no random bytes.
    pub async fn listen(port: u16, views: watch::Receiver<View>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
        let site = Arc::new(Site { token: Token::random()?, hosts, views });
        Ok(Self { listener, site, port })
    }

    /// Returns the address of the page. Whoever knows it can read the page.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.site.token.as_str())
    }

    /// Answers requests until it is dropped.
    pub async fn run(self) -> Infallible {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // With all places taken, the next client waits.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return std::future::pending().await };
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let site = Arc::clone(&self.site);
            tokio::spawn(async move {
                let service =
                    service_fn(move |request: Request<Incoming>| ready(Ok::<_, Infallible>(site.answer(&request))));
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                // A client that goes away, or does not speak HTTP, is no failure of the server.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                drop(place);
            });
        }
    }
}
