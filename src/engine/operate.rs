//! Calls that belong to no step of a plan: shifting traffic, starting and stopping a replication. They are made with the same context as
//! those of a step, so their intent is durable before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::run::Looker;
use super::step::Subject;
use crate::address::{Address, Region};
use crate::aws::{AwsError, Fate};
use crate::resource::{Announce, Cx};
use crate::state::{Journal, JournalError, Record, State};

impl Looker {
    /// Makes a context for calls about something, which `announce` takes down.
    pub fn operator(&self, address: &Address, region: &Region, announce: Arc<dyn Announce>) -> Cx {
        let subject = Subject { address, region, tags: &BTreeMap::new(), token: "" };
        self.cx(&State::empty(), &subject, announce)
    }

    /// Makes a context for calls that only read.
    pub fn reader(&self, address: &Address, region: &Region) -> Cx {
        self.silent(&State::empty(), &Subject { address, region, tags: &BTreeMap::new(), token: "" })
    }
}

/// Records that are preceded by an intent, which is written with the first of them.
pub(super) struct Intended {
    journal: Journal,
    intent: Mutex<Option<Record>>,
}

impl Intended {
    pub(super) fn new(journal: &Journal, intent: Record) -> Self {
        Self { journal: journal.clone(), intent: Mutex::new(Some(intent)) }
    }

    /// Writes records, preceded by the intent when it has not been written yet.
    pub(super) async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let mut intent = self.intent.lock().await;
        self.journal.write(intent.iter().cloned().chain(records).collect()).await?;
        *intent = None;
        Ok(())
    }
}

/// Writes the intent of an operation before its first mutating call, and each call before it is sent.
pub struct Operation {
    intended: Intended,
    call: Box<dyn Fn(&'static str) -> Record + Send + Sync>,
}

impl Operation {
    /// An operation with this intent, whose calls are recorded as `call` says.
    pub fn new(journal: &Journal, intent: Record, call: impl Fn(&'static str) -> Record + Send + Sync + 'static) -> Self {
        Self { intended: Intended::new(journal, intent), call: Box::new(call) }
    }
}

#[async_trait]
impl Announce for Operation {
    async fn announce(&self, call: &'static str) -> Result<(), JournalError> {
        self.intended.write(vec![(self.call)(call)]).await
    }

    fn told(&self, _call: &'static str, _fate: Fate, _error: Option<&AwsError>) {}
}

/// Writes nothing down: for calls that only read, and for an emergency in which the state can not be used.
pub struct Unwritten;

#[async_trait]
impl Announce for Unwritten {
    async fn announce(&self, _call: &'static str) -> Result<(), JournalError> {
        Ok(())
    }

    fn told(&self, _call: &'static str, _fate: Fate, _error: Option<&AwsError>) {}
}
