//! Whose a resource without tags is: that of the resource of which it is a part, according to the tags of that in AWS.
//!
//! A state is a file that somebody can edit, or copy from another stack. A resource with tags shows its owner whenever
//! it is read. One without tags shows none, so its parent is read before it is changed or deleted. What this run has
//! created or read already is not read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::operation::NoLog;
use super::run::Context;
use super::step::{doubted, observe};
use super::target::Target;
use crate::resource::{Error, Kind, KindRef, Observed, Parent, Result};
use crate::state::{Entry, State};
use infra_base::address::Address;

/// Why a parent shows no ownership.
type Verdict = Option<String>;

/// What is known of the parents of a run.
#[derive(Default)]
pub(super) struct Parents {
    /// What this run has created, or found to be ours.
    ours: Mutex<BTreeSet<Address>>,
    judged: Mutex<BTreeMap<Address, Arc<OnceCell<Verdict>>>>,
}

impl Parents {
    /// Records that a resource is ours.
    pub(super) fn is_ours(&self, address: &Address) {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone());
    }

    /// Refuses a resource without tags that is part of a foreign one. Without `attrs`, it is about to be created.
    ///
    /// # Errors
    /// [`Error::ForeignParent`]; the error of the read.
    pub(super) async fn judge(
        &self,
        context: &Context,
        kind: &dyn Kind,
        spec: &Value,
        attrs: Option<&Value>,
    ) -> Result<()> {
        let parents = kind.parents(spec, attrs)?;
        let mut refusal = None;
        for parent in &parents {
            let found = context.journal.read(|state| find(context, state, parent));
            let Some((address, entry)) = found else { continue };
            match self.verdict(context, &address, &entry).await? {
                None => return Ok(()),
                Some(why) => {
                    refusal.get_or_insert((parent, why));
                }
            }
        }
        match (refusal, parents.first()) {
            (Some((parent, why)), _) => Err(Error::ForeignParent { parent: parent.to_string(), why }),
            (None, Some(parent)) => {
                Err(Error::ForeignParent { parent: parent.to_string(), why: "is not in the state".to_owned() })
            }
            (None, None) => Ok(()),
        }
    }

    async fn verdict(&self, context: &Context, address: &Address, entry: &Entry) -> Result<Verdict> {
        if self.ours.lock().unwrap_or_else(PoisonError::into_inner).contains(address) {
            return Ok(None);
        }
        let judged = {
            let mut all = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(address.clone()).or_default())
        };
        judged.get_or_try_init(|| read(context, address, entry)).await.cloned()
    }
}

/// Returns the resource of the state that the parent is.
fn find(context: &Context, state: &State, parent: &Parent) -> Option<(Address, Entry)> {
    // Names of hosts are the same in upper and lower case.
    let is_value = |value: &str| value.eq_ignore_ascii_case(parent.value.trim_end_matches('.'));
    let is_it = |entry: &Entry| {
        let value = entry.attrs.as_ref().and_then(|attrs| attrs.get(parent.attribute)?.as_str());
        entry.kind == parent.kind && context.kinds.get(&entry.kind).is_some() && value.is_some_and(is_value)
    };
    let found = state.resources.iter().find(|(_, entry)| is_it(entry));
    found.map(|(address, entry)| (address.clone(), entry.clone()))
}

async fn read(context: &Context, address: &Address, entry: &Entry) -> Result<Verdict> {
    let Some(kind) = context.kinds.get(&entry.kind).map(KindRef::get) else { return Ok(None) };
    let subject = Target { address, location: &entry.location(), tags: &entry.tags, token: &entry.token };
    let cx = context.journal.read(|state| context.read_context().cx(state, &subject, Arc::new(NoLog)));
    let seen = observe(&cx, kind, &entry.spec, entry.attrs.as_ref(), doubted(kind, Some(entry))).await?;
    Ok(match seen {
        Observed::Ours(_) => None,
        Observed::Absent => Some("no longer exists".to_owned()),
        Observed::Foreign { owner, .. } => Some(format!("belongs to {owner}")),
    })
}

/// Returns the resources of the state, among these addresses, that belong to somebody else, with the reason. It is for
/// commands that change resources outside of a plan. What cannot be read now, or no longer exists, is not foreign.
pub async fn foreign(context: &Context, addresses: &BTreeSet<Address>) -> Vec<(Address, Error)> {
    let parents = &Parents::default();
    let reads = addresses.iter().map(|address| async move {
        let entry = context.journal.read(|state| state.get(address).cloned())?;
        let kind = context.kinds.get(&entry.kind).map(KindRef::get)?;
        let subject = Target { address, location: &entry.location(), tags: &entry.tags, token: &entry.token };
        let cx = context.journal.read(|state| context.read_context().dry_run(state, &subject));
        let attrs = match observe(&cx, kind, &entry.spec, entry.attrs.as_ref(), Duration::ZERO).await.ok()? {
            Observed::Foreign { id, owner } => return Some((address.clone(), Error::Foreign { id, owner })),
            Observed::Ours(attrs) => attrs,
            Observed::Absent => return None,
        };
        match parents.judge(context, kind, &entry.spec, Some(&attrs)).await {
            Err(error @ Error::ForeignParent { .. }) => Some((address.clone(), error)),
            _ => None,
        }
    });
    let reads: Vec<_> = reads.collect();
    let answers: Vec<_> = stream::iter(reads).buffered(context.parallelism.max(1)).collect().await;
    answers.into_iter().flatten().collect()
}
