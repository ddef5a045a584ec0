//! Whose a resource without tags is: that of the resource of which it is a part, according to the tags of that in AWS.
//!
//! A state is a file that somebody can edit, or copy from another stack. A resource with tags shows its owner whenever
//! it is read. One without tags shows none, so its parent is read before it is changed or deleted. What this run has
//! created or read already is not read again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::run::Context;
use super::step::{doubted, observe_entry};
use crate::graph::Need;
use crate::resource::{Error, Kind, KindRef, Observed, Parent, Result};
use crate::state::{Entry, State};
use infra_base::address::Address;
use infra_base::tags::Owner;

/// What a read of a parent shows.
enum Verdict {
    Ours,
    Gone,
    Foreign(Owner),
}

/// How long an absence of a parent is doubted.
#[derive(Clone, Copy)]
enum Patience {
    /// As long as that of any resource of its status: it may be new.
    AsUsual,
    /// Not at all.
    None,
}

/// What is known of the parents of a run.
#[derive(Default)]
pub(super) struct Parents {
    /// What this run has created, or found to be ours.
    ours: Mutex<BTreeSet<Address>>,
}

impl Parents {
    /// Records that a resource is ours.
    pub(super) fn is_ours(&self, address: &Address) {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone());
    }

    /// Refuses a resource without tags that is part of a foreign one. Without `attrs`, it is about to be created. A
    /// parent that the configuration names, such as the zone of a record, shows no owner either, and neither does one
    /// that no longer exists: the resource is ours then, if no other parent says otherwise.
    ///
    /// # Errors
    /// [`Error::ForeignParent`]; the error of the read.
    pub(super) async fn judge(
        &self,
        context: &Context,
        kind: &dyn Kind,
        needs: &[Need],
        spec: &Value,
        attrs: Option<&Value>,
    ) -> Result<()> {
        if kind.schema().tagged {
            return Ok(());
        }
        let parents = kind.parents(spec, attrs)?;
        match self.refusal(context, &parents, needs, Patience::AsUsual).await? {
            None => Ok(()),
            Some((parent, why, _)) => Err(Error::ForeignParent { parent: parent.to_string(), why }),
        }
    }

    /// Returns why none of the parents is ours, with the owner of one of them, if it has another one.
    async fn refusal<'a>(
        &self,
        context: &Context,
        parents: &'a [Parent],
        needs: &[Need],
        patience: Patience,
    ) -> Result<Option<(&'a Parent, String, Option<Owner>)>> {
        let (mut foreign, mut unknown, mut gone, mut is_named) = (None, None, None, false);
        for parent in parents {
            let entries = context.journal.read(|state| find(context, state, parent, needs));
            if context.named.contains(&parent.value) {
                is_named = true;
            } else if entries.is_empty() {
                unknown.get_or_insert((parent, "is not in the state".to_owned(), None));
            }
            for (address, entry) in entries {
                match self.verdict(context, &address, &entry, patience).await? {
                    Verdict::Ours => return Ok(None),
                    Verdict::Gone => {
                        gone.get_or_insert((parent, "no longer exists".to_owned(), None));
                    }
                    Verdict::Foreign(owner) => {
                        foreign.get_or_insert((parent, format!("belongs to {owner}"), Some(owner)));
                    }
                }
            }
        }
        Ok(foreign.or(unknown).or(gone.filter(|_| !is_named)))
    }

    async fn verdict(
        &self,
        context: &Context,
        address: &Address,
        entry: &Entry,
        patience: Patience,
    ) -> Result<Verdict> {
        if self.ours.lock().unwrap_or_else(PoisonError::into_inner).contains(address) {
            return Ok(Verdict::Ours);
        }
        let Some(kind) = context.kinds.get(&entry.kind).map(KindRef::get) else { return Ok(Verdict::Gone) };
        let doubted = match patience {
            Patience::AsUsual => doubted(context, kind, Some(entry)),
            Patience::None => Duration::ZERO,
        };
        Ok(match observe_entry(context, kind, address, entry, entry.attrs.as_ref(), doubted).await? {
            Observed::Ours(_) => {
                self.is_ours(address);
                Verdict::Ours
            }
            Observed::Absent => Verdict::Gone,
            Observed::Foreign { owner, .. } => Verdict::Foreign(owner),
        })
    }
}

/// Returns the resources of the state that the parent can be: the dependency that has its name, or else each resource
/// that has it, because a name can be used in each account.
fn find(context: &Context, state: &State, parent: &Parent, needs: &[Need]) -> Vec<(Address, Entry)> {
    // Names of hosts are the same in upper and lower case.
    let is_value = |value: &str| value.eq_ignore_ascii_case(parent.value.trim_end_matches('.'));
    let is_it = |entry: &Entry| {
        let value = entry.attrs.as_ref().and_then(|attrs| attrs.get(parent.attribute)?.as_str());
        entry.kind == parent.kind && context.kinds.get(&entry.kind).is_some() && value.is_some_and(is_value)
    };
    let owned = |(address, entry): (&Address, &Entry)| (address.clone(), entry.clone());
    let needed = needs.iter().filter_map(|need| state.resources.get_key_value(&need.on));
    match needed.filter(|(_, entry)| is_it(entry)).map(owned).next() {
        Some(needed) => vec![needed],
        None => state.resources.iter().filter(|(_, entry)| is_it(entry)).map(owned).collect(),
    }
}

/// Returns the resources of the state, among these addresses, that belong to another stack, with the reason. It is for
/// commands that change resources outside of a plan. What cannot be read now, or within the limit, what no longer
/// exists, and what has lost its tags is not foreign. A resource without tags is judged as it was last applied: a
/// change by hand is drift.
pub async fn foreign(
    context: &Context,
    addresses: &BTreeSet<Address>,
    limit: Option<Duration>,
) -> Vec<(Address, Error)> {
    let parents = &Parents::default();
    let reads = addresses.iter().map(|address| async move {
        let read = foreign_entry(context, parents, address);
        let found = match limit {
            None => read.await,
            Some(limit) => tokio::time::timeout(limit, read).await.unwrap_or_default(),
        };
        found.map(|error| (address.clone(), error))
    });
    let reads: Vec<_> = reads.collect();
    let answers: Vec<_> = stream::iter(reads).buffered(context.parallelism.max(1)).collect().await;
    answers.into_iter().flatten().collect()
}

async fn foreign_entry(context: &Context, parents: &Parents, address: &Address) -> Option<Error> {
    let entry = context.journal.read(|state| state.get(address).cloned())?;
    let kind = context.kinds.get(&entry.kind).map(KindRef::get)?;
    if !kind.schema().tagged {
        let of = kind.parents(&entry.spec, entry.attrs.as_ref()).ok()?;
        let (parent, why, owner) = parents.refusal(context, &of, &entry.needs, Patience::None).await.ok()??;
        return match owner {
            Some(Owner::Stack { .. }) => Some(Error::ForeignParent { parent: parent.to_string(), why }),
            _ => None,
        };
    }
    match observe_entry(context, kind, address, &entry, entry.attrs.as_ref(), Duration::ZERO).await.ok()? {
        Observed::Foreign { id, owner: owner @ Owner::Stack { .. } } => Some(Error::Foreign { id, owner }),
        _ => None,
    }
}
