//! A disk that is full while an `up` runs: nothing that AWS already has is lost, and the next run goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use migrate_infra::fuse::Fuse;
use migrate_infra::resource::Error;
use migrate_infra::state::{MemoryStore, Status, Store};

use crate::lab::{Lab, Way};
use crate::stacks::source;

/// A store with room for so many bytes. What does not fit is written as far as it does, as a file system would.
pub struct Filling {
    inner: MemoryStore,
    room: Arc<AtomicUsize>,
}

impl Filling {
    pub fn new(inner: MemoryStore, room: usize) -> Self {
        Self { inner, room: Arc::new(AtomicUsize::new(room)) }
    }

    /// The room that is left, for somebody else to take it.
    pub fn room(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.room)
    }
}

#[async_trait]
impl Store for Filling {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.inner.snapshot().await
    }

    async fn journal(&mut self) -> io::Result<Vec<u8>> {
        self.inner.journal().await
    }

    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let fits = bytes.len().min(self.room.load(Ordering::SeqCst));
        self.room.fetch_sub(fits, Ordering::SeqCst);
        self.inner.append(first, &bytes[..fits]).await?;
        if fits < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    async fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.inner.truncate(length).await
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        if snapshot.len() > self.room.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        } else {
            self.inner.compact(snapshot).await
        }
    }

    async fn set_aside(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.inner.set_aside(label).await
    }

    fn journal_place(&self) -> String {
        self.inner.journal_place()
    }

    fn snapshot_place(&self) -> String {
        self.inner.snapshot_place()
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_anywhere_loses_nothing() {
    let graph = source(&[]);
    let mut calm = Lab::default();
    calm.up(&graph).await.must_succeed();
    let things = calm.world.inventory().len();
    let mut full = 0;
    for room in (150..).step_by(6_500) {
        let mut lab = Lab { room: Some(room), ..Lab::default() };
        let ran = lab.run(&graph, Way::Up, Fuse::default()).await;
        match &ran.report {
            // It did not even begin.
            None => {}
            Some(report) if report.failures.is_empty() && report.remaining.is_empty() => {
                println!("{full} sizes of disk were too small; {room} bytes are enough");
                assert!(full > 10, "only {full} sizes");
                return;
            }
            Some(report) => {
                let told = report.failures.iter().any(|failure| matches!(failure.error, Error::Journal(_)));
                assert!(told, "with room for {room} bytes nobody was told: {:?}", report.failures);
            }
        }
        full += 1;
        lab.room = None;
        lab.up(&graph).await.must_succeed();
        assert_eq!(lab.world.inventory().len(), things, "with room for {room} bytes at first");
        assert!(lab.state().resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()));
        if full % 4 == 0 {
            lab.down().await.must_succeed();
            lab.rest();
            assert_eq!(lab.world.inventory(), Vec::<String>::new(), "with room for {room} bytes at first");
        }
    }
}
