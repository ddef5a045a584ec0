//! What `up` and `down` have in common: the context of a step, its intent, and repeated reads.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::operation::LazyIntent;
use super::run::{Context, ReadContext};
use super::target::Target;
use crate::plan::{Move, Step};
use crate::resource::{
    Error, Identity, IntentLog, Kind, KindRef, Kinds, Observed, Repeat, Result, SHORTLY_DOUBTED_SECONDS, StepContext,
};
use crate::state::{Entry, Journal, JournalError, Op, Record, State, Status};
use infra_aws::{AwsError, CallOutcome};
use infra_base::address::Address;
use infra_base::clock::{age, timestamp};
use infra_base::tags::is_managed_tag;

/// How often the outcome of a call is determined by reading the resource before the step fails.
pub(super) const REOBSERVE_ATTEMPTS: u32 = 4;
/// The longest pause in seconds between reads of a resource that may exist but does not show yet. The first one is a
/// second, and each is twice as long as the one before.
const LONGEST_PAUSE: u64 = 30;

/// Returns a unique idempotency token.
pub(super) fn new_token(stack: &str, address: &Address) -> String {
    let unique = uuid::Uuid::new_v4();
    let digest = Sha256::digest(format!("{stack}|{address}|{unique}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the intent of a step before its first mutating call, and a record before each call.
pub(super) struct StepLog {
    journal: Journal,
    address: Address,
    intended: LazyIntent,
}

impl StepLog {
    pub(super) fn new(
        journal: &Journal,
        op: Op,
        step: &Step,
        spec: &Value,
        needs: Vec<crate::graph::Need>,
        token: &str,
    ) -> Self {
        let intent = Record::Intent {
            address: step.address.clone(),
            op,
            kind: step.kind.clone(),
            region: step.region.clone(),
            account: step.account.clone(),
            spec: spec.clone(),
            needs,
            tags: step.tags.clone(),
            token: token.to_owned(),
        };
        Self { journal: journal.clone(), address: step.address.clone(), intended: LazyIntent::new(journal, intent) }
    }

    /// Writes `records`, preceded by the intent if it is not written yet.
    pub(super) async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        self.intended.write(records).await
    }
}

#[async_trait]
impl IntentLog for StepLog {
    async fn begin(&self, call: &'static str) -> Result<(), JournalError> {
        let (address, at) = (self.address.clone(), Some(timestamp()));
        self.write(vec![Record::Call { address, call: call.to_owned(), at }]).await
    }

    async fn remember(&self, attrs: Value) -> Result<(), JournalError> {
        self.write(vec![Record::Created { address: self.address.clone(), attrs }]).await
    }

    fn outcome(&self, call: &'static str, outcome: CallOutcome, error: Option<&AwsError>) {
        self.journal.note(vec![Record::Answer {
            address: self.address.clone(),
            call: call.to_owned(),
            outcome,
            code: error.and_then(|error| error.code.clone()),
            request_id: error.and_then(|error| error.request_id.clone()),
        }]);
    }
}

/// Returns the context of a step.
pub(super) fn cx(context: &Context, step: &Step, token: &str, log: Arc<StepLog>) -> StepContext {
    let subject = Target { address: &step.address, location: &step.location(), tags: &step.tags, token };
    context.journal.read(|state| context.read_context().cx(state, &subject, log))
}

impl ReadContext {
    /// Returns the context of a step.
    pub(super) fn cx(&self, state: &State, subject: &Target<'_>, intents: Arc<dyn IntentLog>) -> StepContext {
        let (aws, budgets) = self.cloud.clients(subject.location);
        let (last_applied, tagged_as, tag_siblings) = known_from_state(self.kinds, state, subject.address);
        let entry = state.get(subject.address);
        let mut unwanted = entry.map(|entry| entry.unwanted_tags(subject.tags)).unwrap_or_default();
        unwanted.retain(|key| !is_managed_tag(key));
        let open = entry.and_then(|entry| entry.open.as_ref()).filter(|open| open.op != Op::Delete);
        StepContext {
            aws,
            account: self.cloud.account_of(subject.location).clone(),
            location: subject.location.clone(),
            region: subject.location.region.clone(),
            identity: Identity {
                stack: self.stack.clone(),
                address: subject.address.clone(),
                tagged_as,
                token: subject.token.to_owned(),
                tags: subject.tags.clone(),
            },
            last_applied,
            pending_calls: open.map(|open| open.calls.clone()).unwrap_or_default(),
            tag_siblings,
            replaced: replaced(state, subject.address).cloned(),
            deleted_after: BTreeSet::new(),
            clock: self.cloud.clock(),
            budgets,
            calls: Arc::clone(&self.calls),
            is_emulator: self.cloud.is_emulator(),
            cancel: self.cancel.clone(),
            events: self.events.clone(),
            intents,
            changed: AtomicBool::new(false),
            list_cache: None,
            lists_tags: false,
            run_lists: None,
            first_look: false,
            created_ids: BTreeSet::new(),
            shown_usable: AtomicBool::new(false),
            adopting: false,
            dry_run: false,
            made_calls: Mutex::default(),
            tag_drift: Mutex::default(),
            removed_tags: Mutex::new(unwanted),
        }
    }
}

/// Moves the resource to the address that the step requires, and another resource out of its way.
pub(super) async fn apply_moves(context: &Context, step: &Step) -> Result<()> {
    for Move { from, to } in step.evicts.iter().chain(&step.moves) {
        let due = context.journal.read(|state| state.get(from).filter(|_| state.get(to).is_none()).cloned());
        let Some(entry) = due else { continue };
        if entry.attrs.is_some() || resolve_unknown_creation(context, from, &entry).await? {
            context.journal.write(vec![Record::Moved { from: from.clone(), to: to.clone() }]).await?;
        }
    }
    Ok(())
}

/// Returns the kind of a step.
pub(super) fn known_kind(step: &Step) -> Result<&'static dyn Kind> {
    step.handler.map(KindRef::get).ok_or_else(|| unknown_kind(&step.kind))
}

fn unknown_kind(name: &str) -> Error {
    Error::Refused(format!("this version does not support the kind `{name}`"))
}

/// Reads a resource of the state outside of its step. See [`observe`].
pub(super) async fn observe_entry(
    context: &Context,
    kind: &dyn Kind,
    address: &Address,
    entry: &Entry,
    known: Option<&Value>,
    doubted: Duration,
) -> Result<Observed<Value>> {
    let subject = Target { address, location: &entry.location(), tags: &entry.tags, token: &entry.token };
    let cx = context.journal.read(|state| context.read_context().dry_run(state, &subject));
    observe(&cx, kind, &entry.spec, known, doubted).await
}

/// Determines the outcome of a creation whose answer was lost, before another resource can be created at the same
/// address: without its id, the old resource could be mistaken for the new one. Returns whether it exists.
async fn resolve_unknown_creation(context: &Context, address: &Address, entry: &Entry) -> Result<bool> {
    let kind = context.kinds.get(&entry.kind).map(KindRef::get).ok_or_else(|| unknown_kind(&entry.kind))?;
    let (exists, record) =
        match observe_entry(context, kind, address, entry, None, doubted(context, kind, Some(entry))).await? {
            Observed::Ours(attrs) => (true, Record::Created { address: address.clone(), attrs }),
            Observed::Absent => (false, Record::Deleted { address: address.clone() }),
            Observed::Foreign { .. } => (false, Record::Settled { address: address.clone() }),
        };
    context.journal.write(vec![record]).await?;
    Ok(exists)
}

/// Returns what the state contributes to a step: the last applied specification, the address in the resource's tags,
/// and the ids of other resources with the same tags.
fn known_from_state(
    kinds: Kinds,
    state: &State,
    address: &Address,
) -> (Option<Value>, Option<Address>, BTreeSet<String>) {
    let entry = state.get(address);
    let tagged_as = entry.and_then(|entry| entry.tagged_as.clone());
    let tag_siblings = state.tag_siblings(address, tagged_as.as_ref().unwrap_or(address));
    let ids = tag_siblings.filter_map(|other| Some(kinds.get(&other.kind)?.id(other.attrs.as_ref()?))).collect();
    (entry.map(|entry| entry.spec.clone()), tagged_as, ids)
}

/// Returns the attributes of the resource that a new one replaces. It is deleted already, or exists until the new one
/// does.
fn replaced<'a>(state: &'a State, address: &'a Address) -> Option<&'a Value> {
    let retired = || state.retired(address).last().and_then(|(_, entry)| entry.attrs.as_ref());
    state.undo.recreated.get(address).or_else(retired)
}

/// Reads the resource. If a call whose answer was lost may have created it, an absence is confirmed by several reads
/// within the time for which it is `doubted`, because a new resource may be invisible for a while.
pub(super) async fn observe(
    cx: &StepContext,
    kind: &dyn Kind,
    spec: &Value,
    known: Option<&Value>,
    doubted: Duration,
) -> Result<Observed<Value>> {
    let mut seen = kind.observe(cx, spec, known).await?;
    let (mut spent, mut pause) = (Duration::ZERO, Duration::from_secs(1));
    while seen == Observed::Absent && spent < doubted {
        if spent >= Duration::from_secs(SHORTLY_DOUBTED_SECONDS) {
            cx.waiting("what a call without an answer may have created", "not visible, and created only once");
        }
        let next = pause.min(doubted.saturating_sub(spent));
        cx.pause(next).await?;
        spent += next;
        pause = (pause * 2).min(Duration::from_secs(LONGEST_PAUSE));
        seen = kind.observe(cx, spec, known).await?;
    }
    // AWS may no longer know the id, although the resource was recreated, or shows up only under its name or tags.
    if seen == Observed::Absent && known.is_some() {
        seen = kind.observe(cx, spec, None).await?;
    }
    Ok(seen)
}

/// How long an absence is doubted that only a stale read explains.
pub(super) const SHORTLY: Duration = Duration::from_secs(SHORTLY_DOUBTED_SECONDS);

/// Returns for how long an absence may be only apparent: the resource should exist, or may exist because a call was
/// sent whose outcome was never recorded. Only a resource that was being deleted is expected to be absent, unless
/// something can create it again. What a call has created that was sent long ago is visible.
pub(super) fn doubted(context: &Context, kind: &dyn Kind, entry: Option<&Entry>) -> Duration {
    let Some(entry) = entry else { return Duration::ZERO };
    match (entry.status, &entry.open) {
        (Status::Creating, Some(open)) if !open.calls.is_empty() => {
            let repeat = kind.schema().repeat.unwrap_or(Repeat::Name);
            let age = open.last_call.as_deref().and_then(age).unwrap_or_default();
            Duration::from_secs(repeat.doubted_seconds()).saturating_sub(age).max(SHORTLY)
        }
        // The deletion was interrupted before it was certain that nothing creates the resource again.
        (Status::Deleting, Some(open)) if !open.calls.is_empty() && !context.cloud.is_emulator() => {
            let age = open.last_call.as_deref().and_then(age).unwrap_or_default();
            Duration::from_secs(kind.schema().returns_seconds.into()).saturating_sub(age)
        }
        (Status::Creating | Status::Deleting, _) => Duration::ZERO,
        (Status::Created | Status::Ready | Status::Updating, _) => SHORTLY,
    }
}

/// Returns whether the resource exists although it was not seen, so that the step should look again.
pub(super) fn should_look_again(error: &Error, attempt: u32, cx: &StepContext) -> bool {
    error.aws().is_some_and(infra_aws::is_taken) && attempt < REOBSERVE_ATTEMPTS && !cx.cancel.is_cancelled()
}

/// Returns whether the step should read the resource again and continue from the result.
pub(super) fn should_reobserve(error: &Error, attempt: u32, cx: &StepContext) -> bool {
    error.outcome() == CallOutcome::Unknown && attempt < REOBSERVE_ATTEMPTS && !cx.cancel.is_cancelled()
}
