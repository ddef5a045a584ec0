//! Calls outside a plan: shifting traffic, starting and stopping a replication. They use the same context as the calls
//! of a step, so their intent is durable before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::run::ReadContext;
use super::target::Target;
use crate::resource::{IntentLog, StepContext};
use crate::state::{Journal, JournalError, Record, State};
use infra_aws::{AwsError, CallOutcome};
use infra_base::address::{Address, Location};

impl ReadContext {
    /// Returns a context for mutating calls, whose intents are written to `intents`.
    pub fn writer(&self, address: &Address, location: impl Into<Location>, intents: Arc<dyn IntentLog>) -> StepContext {
        let subject = Target { address, location: &location.into(), tags: &BTreeMap::new(), token: "" };
        self.cx(&State::empty(), &subject, intents)
    }

    /// Returns a context for calls that only read.
    pub fn reader(&self, address: &Address, location: impl Into<Location>) -> StepContext {
        let location = &location.into();
        self.dry_run(&State::empty(), &Target { address, location, tags: &BTreeMap::new(), token: "" })
    }
}

/// An intent that is written together with the first record after it.
pub(super) struct LazyIntent {
    journal: Journal,
    intent: Mutex<Option<Record>>,
}

impl LazyIntent {
    pub(super) fn new(journal: &Journal, intent: Record) -> Self {
        Self { journal: journal.clone(), intent: Mutex::new(Some(intent)) }
    }

    /// Writes records, preceded by the intent if it is not written yet.
    pub(super) async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let mut intent = self.intent.lock().await;
        self.journal.write(intent.iter().cloned().chain(records).collect()).await?;
        *intent = None;
        Ok(())
    }
}

/// Writes the intent of an operation before its first mutating call, and a record before each call.
pub struct Operation {
    intended: LazyIntent,
    call: Box<dyn Fn(&'static str) -> Record + Send + Sync>,
}

impl Operation {
    /// Returns an operation with this intent. `call` creates the record of each call.
    pub fn new(
        journal: &Journal,
        intent: Record,
        call: impl Fn(&'static str) -> Record + Send + Sync + 'static,
    ) -> Self {
        Self { intended: LazyIntent::new(journal, intent), call: Box::new(call) }
    }
}

#[async_trait]
impl IntentLog for Operation {
    async fn begin(&self, call: &'static str) -> Result<(), JournalError> {
        self.intended.write(vec![(self.call)(call)]).await
    }

    async fn remember(&self, _attrs: serde_json::Value) -> Result<(), JournalError> {
        Ok(())
    }

    fn outcome(&self, _call: &'static str, _outcome: CallOutcome, _error: Option<&AwsError>) {}
}

/// Writes nothing: for calls that only read, and for emergencies without a usable state.
pub struct NoLog;

#[async_trait]
impl IntentLog for NoLog {
    async fn begin(&self, _call: &'static str) -> Result<(), JournalError> {
        Ok(())
    }

    async fn remember(&self, _attrs: serde_json::Value) -> Result<(), JournalError> {
        Ok(())
    }

    fn outcome(&self, _call: &'static str, _outcome: CallOutcome, _error: Option<&AwsError>) {}
}
