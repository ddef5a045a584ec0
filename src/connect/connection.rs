//! One open connection. Dropping it ends it, and cancels the query that it runs.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_postgres::{CancelToken, Client, Socket};

use super::database_error::DatabaseError;
use super::plain_text::plain;
use super::stream::ServerStream;
use super::transport::Transport;

/// How long a connection without a query takes to say goodbye, which needs no answer.
const GOODBYE: Duration = Duration::from_millis(100);
/// The time limit of a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// An open connection. A task of the runtime serves it until it is dropped or the server closes it.
///
/// Dropping it closes it. If a query still runs then, a cancel request is sent first: the server would otherwise finish
/// the query, and commit it if it is a transaction of its own.
pub struct Connection {
    client: Client,
    version: Option<String>,
    end: End,
    /// The task sees that it is gone. Nothing is ever sent.
    _handle: oneshot::Sender<Infallible>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("version", &self.version).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(
        client: Client,
        connection: tokio_postgres::Connection<Socket, ServerStream>,
        transport: Transport,
    ) -> Self {
        let version = connection.parameter("server_version").map(plain);
        let end = End::default();
        let (handle, dropped) = oneshot::channel();
        let (token, cause) = (client.cancel_token(), end.clone());
        tokio::spawn(async move {
            // A query that runs reports the error that ended the connection; without one, the connection reports it.
            let served = async {
                if let Err(error) = connection.await {
                    let _ = cause.0.set(DatabaseError::of(&error));
                }
            };
            serve(served, dropped, token, transport).await;
        });
        Self { client, version, end, _handle: handle }
    }

    /// Returns the client, for statements.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the client, for transactions.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Returns the version of the server, as it says at the start.
    pub fn server_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the end of the connection, which can outlive it.
    pub fn end(&self) -> End {
        self.end.clone()
    }
}

/// The end of a connection.
#[derive(Clone, Debug, Default)]
pub struct End(Arc<OnceLock<DatabaseError>>);

impl End {
    /// Returns why the connection has ended, as soon as it has, if the server or the network said so.
    pub fn cause(&self) -> Option<&DatabaseError> {
        self.0.get()
    }
}

/// Serves a connection until it ends by itself or its handle is dropped.
async fn serve(
    served: impl Future<Output = ()>,
    dropped: oneshot::Receiver<Infallible>,
    token: CancelToken,
    transport: Transport,
) {
    let mut served = std::pin::pin!(served);
    tokio::select! {
        () = &mut served => return,
        _ = dropped => {}
    }
    // The client is gone as well: without an open query, the connection terminates by itself.
    if tokio::time::timeout(GOODBYE, &mut served).await.is_err() {
        // The server does not acknowledge the request. If it is lost, the server notices the closed connection when it
        // sends its answer, or after `client_connection_check_interval`.
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, token.cancel_query(transport)).await;
    }
}
