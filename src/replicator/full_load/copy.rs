//! Streams the result of a query into a table, with bounded memory.

use std::io::Cursor;

use futures::{SinkExt, TryStreamExt};
use tokio_postgres::{Client, CopyInSink, Error};

/// How much text is sent to the target at once.
const CHUNK: usize = 1 << 17;

/// How rows are grouped.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// The number of rows in a transaction of the target (`CommitRate`).
    pub rows: u64,
    /// The size of the text in a transaction of the target (`MaxFileSize`), in bytes.
    pub bytes: u64,
}

/// Why a copy ended.
#[derive(Debug)]
pub enum CopyError {
    /// The source failed.
    Source(Error),
    /// The target failed. The transactions before are committed.
    Target(Error),
    /// The caller does not want to continue.
    Stopped,
}

type Sink = CopyInSink<Cursor<Vec<u8>>>;

/// Copies rows. `committed` is called with the number of rows of each transaction, and answers whether to continue.
///
/// Each part is a transaction of its own on the target: an error loses the rows of its part, and those before stay.
pub async fn copy(
    source: &Client,
    query: &str,
    target: &Client,
    into: &str,
    parts: Parts,
    mut committed: impl FnMut(u64) -> bool,
) -> Result<u64, CopyError> {
    let rows = source.copy_out(&format!("COPY ({query}) TO STDOUT")).await.map_err(CopyError::Source)?;
    futures::pin_mut!(rows);
    let mut open: Option<Part> = None;
    let mut total = 0;
    // A message of PostgreSQL's COPY has one row ("the backend will always send one message per row", "COPY
    // operations").
    while let Some(row) = rows.try_next().await.map_err(CopyError::Source)? {
        let part = match &mut open {
            Some(part) => part,
            None => open.insert(Part::begin(target, into).await.map_err(CopyError::Target)?),
        };
        part.add(&row).await.map_err(CopyError::Target)?;
        if part.rows >= parts.rows || part.bytes >= parts.bytes {
            total += finish(&mut open, &mut committed).await?;
        }
    }
    total += finish(&mut open, &mut committed).await?;
    Ok(total)
}

async fn finish(open: &mut Option<Part>, committed: &mut impl FnMut(u64) -> bool) -> Result<u64, CopyError> {
    let Some(part) = open.take() else { return Ok(0) };
    let rows = part.finish().await.map_err(CopyError::Target)?;
    if committed(rows) { Ok(rows) } else { Err(CopyError::Stopped) }
}

struct Part {
    sink: std::pin::Pin<Box<Sink>>,
    chunk: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl Part {
    async fn begin(target: &Client, into: &str) -> Result<Self, Error> {
        let sink = Box::pin(target.copy_in(&format!("COPY {into} FROM STDIN")).await?);
        Ok(Self { sink, chunk: Vec::with_capacity(CHUNK + 4096), rows: 0, bytes: 0 })
    }

    async fn add(&mut self, row: &[u8]) -> Result<(), Error> {
        self.chunk.extend_from_slice(row);
        self.rows += 1;
        self.bytes += row.len() as u64;
        if self.chunk.len() >= CHUNK {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Error> {
        let full = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK + 4096));
        match self.sink.send(Cursor::new(full)).await {
            Ok(()) => Ok(()),
            // The server's reason comes with the end of the copy, not with the failed send.
            Err(error) => Err(self.sink.as_mut().finish().await.err().unwrap_or(error)),
        }
    }

    async fn finish(mut self) -> Result<u64, Error> {
        if !self.chunk.is_empty() {
            self.send().await?;
        }
        self.sink.as_mut().finish().await
    }
}
