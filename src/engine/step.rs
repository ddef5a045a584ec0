//! What the steps of both directions do alike: the context of one step, its intent, and looking again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::operate::Intended;
use super::run::{Context, Looker};
use crate::address::{Address, Region};
use crate::aws::{AwsError, Fate, is_mark};
use crate::plan::{Move, Step};
use crate::resource::{Announce, Cx, Error, Identity, Kind, Observed, Result, kind};
use crate::state::{Entry, Journal, JournalError, Op, Record, State, Status};

/// How often a call with an unknown outcome is settled by looking and going on, before the step fails.
pub(super) const SETTLE_ATTEMPTS: u32 = 4;
/// Pauses between looks for a thing that may exist but does not show yet. EC2 documents that a new thing may be invisible
/// for some seconds ("Eventual consistency in the Amazon EC2 API").
const LOOK_AGAIN: [u64; 4] = [1, 2, 4, 8];

/// Makes a token that no other creation ever has.
pub(super) fn new_token(stack: &str, address: &Address) -> String {
    let unique = uuid::Uuid::new_v4();
    let digest = Sha256::digest(format!("{stack}|{address}|{unique}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the intent of one step before its first mutating call, and each call before it is sent.
pub(super) struct StepLog {
    journal: Journal,
    address: Address,
    intended: Intended,
}

impl StepLog {
    pub(super) fn new(journal: &Journal, op: Op, step: &Step, spec: &Value, needs: Vec<crate::graph::Need>, token: &str) -> Self {
        let intent = Record::Intent {
            address: step.address.clone(),
            op,
            kind: step.kind.clone(),
            region: step.region.clone(),
            spec: spec.clone(),
            needs,
            tags: step.tags.clone(),
            token: token.to_owned(),
        };
        Self { journal: journal.clone(), address: step.address.clone(), intended: Intended::new(journal, intent) }
    }

    /// Writes `records`, preceded by the intent when it has not been written yet.
    pub(super) async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        self.intended.write(records).await
    }
}

#[async_trait]
impl Announce for StepLog {
    async fn announce(&self, call: &'static str) -> Result<(), JournalError> {
        self.write(vec![Record::Call { address: self.address.clone(), call: call.to_owned() }]).await
    }

    fn told(&self, call: &'static str, fate: Fate, error: Option<&AwsError>) {
        self.journal.note(vec![Record::Answer {
            address: self.address.clone(),
            call: call.to_owned(),
            fate,
            code: error.and_then(|error| error.code.clone()),
            request_id: error.and_then(|error| error.request_id.clone()),
        }]);
    }
}

/// Makes the context of a step.
pub(super) fn cx(context: &Context, step: &Step, token: &str, log: Arc<StepLog>) -> Cx {
    let subject = Subject { address: &step.address, region: &step.region, tags: &step.tags, token };
    context.journal.read(|state| context.looker().cx(state, &subject, log))
}

/// What a step is about.
pub(super) struct Subject<'a> {
    pub(super) address: &'a Address,
    pub(super) region: &'a Region,
    pub(super) tags: &'a BTreeMap<String, String>,
    pub(super) token: &'a str,
}

impl Looker {
    /// Makes the context of a step.
    pub(super) fn cx(&self, state: &State, subject: &Subject<'_>, announce: Arc<dyn Announce>) -> Cx {
        let (aws, budgets) = self.cloud.clients(subject.region);
        let (brought_to, tagged_as, namesakes) = remembered(state, subject.address);
        let entry = state.get(subject.address);
        let mut dropped = entry.map(|entry| entry.dropped(subject.tags)).unwrap_or_default();
        dropped.retain(|key| !is_mark(key));
        let open = entry.and_then(|entry| entry.open.as_ref()).filter(|open| open.op != Op::Delete);
        Cx {
            aws,
            account: self.cloud.account().clone(),
            region: subject.region.clone(),
            identity: Identity {
                stack: self.stack.clone(),
                address: subject.address.clone(),
                tagged_as,
                token: subject.token.to_owned(),
                tags: subject.tags.clone(),
            },
            brought_to,
            begun: open.map(|open| open.calls.clone()).unwrap_or_default(),
            namesakes,
            replaced: replaced(state, subject.address).cloned(),
            clock: self.cloud.clock(),
            budgets,
            meter: Arc::clone(&self.meter),
            cancel: self.cancel.clone(),
            events: self.events.clone(),
            announce,
            changed: AtomicBool::new(false),
            listing: None,
            adopts: false,
            looks_only: false,
            stray_tags: Mutex::default(),
            dropped_tags: Mutex::new(dropped),
        }
    }
}

/// Gives a resource the address that the step wants it to have, and what is in its way another one.
pub(super) async fn moved(context: &Context, step: &Step) -> Result<()> {
    for Move { from, to } in step.clears.iter().chain(&step.moves) {
        let due = context.journal.read(|state| state.get(from).filter(|_| state.get(to).is_none()).cloned());
        let Some(entry) = due else { continue };
        if entry.attrs.is_some() || known_now(context, from, &entry).await? {
            context.journal.write(vec![Record::Moved { from: from.clone(), to: to.clone() }]).await?;
        }
    }
    Ok(())
}

/// Returns a kind by its name.
pub(super) fn registered(name: &str) -> Result<&'static dyn Kind> {
    kind(name).ok_or_else(|| Error::Refused(format!("there is no kind `{name}`")))
}

/// Finds out what became of a creation whose answer is not known, before something else may be made in its place: without its id, the old
/// thing could be taken for the new one. Returns whether it exists.
async fn known_now(context: &Context, address: &Address, entry: &Entry) -> Result<bool> {
    let kind = registered(&entry.kind)?;
    let subject = Subject { address, region: &entry.region, tags: &entry.tags, token: &entry.token };
    let cx = context.journal.read(|state| context.looker().silent(state, &subject));
    let (exists, record) = match look(&cx, kind, &entry.spec, None, may_be_hidden(Some(entry))).await? {
        Observed::Ours(attrs) => (true, Record::Created { address: address.clone(), attrs }),
        Observed::Absent => (false, Record::Deleted { address: address.clone() }),
        Observed::Foreign { .. } => (false, Record::Settled { address: address.clone() }),
    };
    context.journal.write(vec![record]).await?;
    Ok(exists)
}

/// What the state knows that a step goes by: the specification that the resource was last brought to, the address that its tags say, and
/// the ids of others with the same tags.
fn remembered(state: &State, address: &Address) -> (Option<Value>, Option<Address>, BTreeSet<String>) {
    let entry = state.get(address);
    let tagged_as = entry.and_then(|entry| entry.tagged_as.clone());
    let namesakes = state.namesakes(address, tagged_as.as_ref().unwrap_or(address));
    let ids = namesakes.filter_map(|other| Some(kind(&other.kind)?.id(other.attrs.as_ref()?))).collect();
    (entry.map(|entry| entry.spec.clone()), tagged_as, ids)
}

/// What is known of the thing whose place a new one takes: it is gone, or is there until the new one is.
fn replaced<'a>(state: &'a State, address: &'a Address) -> Option<&'a Value> {
    let set_aside = || state.set_aside(address).last().and_then(|(_, entry)| entry.attrs.as_ref());
    state.undo.remade.get(address).or_else(set_aside)
}

/// Looks for the resource. When it may have been created by a call whose answer is not known, an absence is believed only
/// after several looks, because a new thing may be invisible for a while.
pub(super) async fn look(cx: &Cx, kind: &dyn Kind, spec: &Value, known: Option<&Value>, may_be_hidden: bool) -> Result<Observed<Value>> {
    let mut seen = kind.observe(cx, spec, known).await?;
    if may_be_hidden {
        for pause in LOOK_AGAIN {
            if seen != Observed::Absent {
                break;
            }
            cx.pause(Duration::from_secs(pause)).await?;
            seen = kind.observe(cx, spec, known).await?;
        }
    }
    // The id may have been forgotten by AWS while the thing has been made again, or shows up under its name or tags only.
    if seen == Observed::Absent && known.is_some() {
        seen = kind.observe(cx, spec, None).await?;
    }
    Ok(seen)
}

/// Returns whether an absence may be only apparent: the resource should be there, or may be, because a call was sent and its
/// outcome was never written down. Only what was being deleted is expected to be gone.
pub(super) fn may_be_hidden(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| match entry.status {
        Status::Deleting => false,
        Status::Creating => entry.open.as_ref().is_some_and(|open| !open.calls.is_empty()),
        Status::Created | Status::Ready | Status::Updating => true,
    })
}

/// Returns whether the step should look at the cloud again and go on from what it finds.
pub(super) fn worth_settling(error: &Error, attempt: u32, cx: &Cx) -> bool {
    error.fate() == Fate::Unknown && attempt < SETTLE_ATTEMPTS && !cx.cancel.is_cancelled()
}
