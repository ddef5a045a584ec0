//! `down`: reads each resource, deletes it if this stack owns it, waits until it no longer exists, and records that
//! before its dependencies are touched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::duplicates::{ATTEMPTS, is_unknown_creation, remove_duplicates, unused_duplicate};
use super::parents::Parents;
use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::CreatedSignal;
use super::step::{StepLog, apply_moves, cx, doubted, observe, should_reobserve};
use crate::plan::{Action, Move, Plan, Step};
use crate::resource::{Error, KindRef, Observed, Result};
use crate::state::{DOWN, Entry, JournalError, Op, Record};
use infra_base::address::Address;
use infra_base::tags::Owner;

/// Executes a plan of `down`.
///
/// # Errors
/// The journal cannot be written at all. Failed steps are in the report.
pub async fn down(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    let steps = DownSteps::new(context, &plan);
    run(context, DOWN, plan, steps).await
}

pub(super) struct DownSteps {
    context: Context,
    pub(super) parents: Parents,
    /// The resources that the run deletes, also at the addresses from which it retires them first.
    deleted: BTreeSet<Address>,
}

#[async_trait]
impl Steps for DownSteps {
    async fn run(&self, step: &Step, _released: CreatedSignal) -> Result<StepEnd, (Option<String>, Error)> {
        apply_moves(&self.context, step).await.map_err(|error| (None, error))?;
        let Some(entry) = self.context.journal.read(|state| state.get(&step.address).cloned()) else {
            return Ok(StepEnd { id: String::new(), action: "none", changed: false });
        };
        let id = step.handler.and_then(|kind| Some(kind.id(entry.attrs.as_ref()?)));
        Box::pin(self.remove(step, &entry)).await.map_err(|error| (id, error))
    }
}

impl DownSteps {
    pub(super) fn new(context: &Context, plan: &Plan) -> Self {
        let deletions = plan.steps.iter().filter(|step| step.action == Action::Delete);
        let retired_from = |step: &Step| step.moves.as_ref().map(|retired| retired.from.clone());
        let deleted = deletions.flat_map(|step| std::iter::once(step.address.clone()).chain(retired_from(step)));
        Self { context: context.clone(), parents: Parents::default(), deleted: deleted.collect() }
    }

    /// Returns the ids of the resources that this one uses, and that the run deletes after it.
    fn deleted_after(&self, entry: &Entry) -> BTreeSet<String> {
        self.context.journal.read(|state| {
            let used = entry.needs.iter().filter(|need| self.deleted.contains(&need.on));
            let used = used.filter_map(|need| state.get(&need.on));
            used.filter_map(|used| Some(self.context.kinds.get(&used.kind)?.id(used.attrs.as_ref()?))).collect()
        })
    }

    /// Records that the resource no longer exists, and moves a retired one back to its address.
    async fn record_deleted(&self, step: &Step) -> Result<(), JournalError> {
        let deleted = Record::Deleted { address: step.address.clone() };
        let moved =
            step.restores.as_ref().map(|Move { from, to }| Record::Moved { from: from.clone(), to: to.clone() });
        self.context.journal.write(std::iter::once(deleted).chain(moved).collect()).await
    }

    /// Returns whether the state has another resource with the same tags: a replacement.
    fn has_tag_sibling(&self, step: &Step, entry: &Entry) -> bool {
        let tagged_as = entry.tagged_as.as_ref().unwrap_or(&step.address);
        self.context.journal.read(|state| state.tag_siblings(&step.address, tagged_as).next().is_some())
    }

    pub(super) async fn remove(&self, step: &Step, entry: &Entry) -> Result<StepEnd> {
        let kind = step.handler.map(KindRef::get).ok_or_else(|| {
            Error::Refused(format!("this version does not support the kind `{}` and cannot delete it", step.kind))
        })?;
        let known = entry.attrs.as_ref();
        for attempt in 0.. {
            let log = Arc::new(StepLog::new(
                &self.context.journal,
                Op::Delete,
                step,
                &step.spec,
                entry.needs.clone(),
                &entry.token,
            ));
            let mut cx = cx(&self.context, step, &entry.token, log);
            cx.deleted_after = self.deleted_after(entry);
            let result = match observe(&cx, kind, &step.spec, known, doubted(&self.context, kind, Some(entry))).await {
                Err(Error::Ambiguous(ids)) if attempt < ATTEMPTS && is_unknown_creation(Some(entry)) => {
                    remove_duplicates(&cx, kind, &step.spec, ids, attempt).await?;
                    continue;
                }
                Err(error) => Err(error),
                Ok(Observed::Absent) => {
                    self.record_deleted(step).await?;
                    return Ok(StepEnd {
                        id: known.map(|attrs| kind.id(attrs)).unwrap_or_default(),
                        action: "none",
                        changed: false,
                    });
                }
                Ok(Observed::Foreign { id, owner }) => match known {
                    Some(_) => return Err(Error::Foreign { id, owner }),
                    // It may be what a call without an answer has created, on an endpoint that ignores tags in create
                    // calls. A person decides: `adopt` takes it, `forget` leaves it.
                    None if is_unknown_creation(Some(entry)) && owner == Owner::Unknown => {
                        return Err(Error::Foreign { id, owner });
                    }
                    // It was never created, because its name is taken by a foreign resource. There is nothing to
                    // delete.
                    None => {
                        self.context.journal.write(vec![Record::Settled { address: step.address.clone() }]).await?;
                        return Ok(StepEnd { id: String::new(), action: "none", changed: false });
                    }
                },
                Ok(Observed::Ours(attrs)) => {
                    self.parents.judge(&self.context, kind, &entry.needs, &step.spec, Some(&attrs)).await?;
                    // The replacement may depend on the last observed values, as a service depends on its number of
                    // tasks.
                    if step.address.retired_from().is_some() && entry.attrs.as_ref() != Some(&attrs) {
                        self.context
                            .journal
                            .write(vec![Record::Created { address: step.address.clone(), attrs: attrs.clone() }])
                            .await?;
                    }
                    match kind.delete(&cx, &step.spec, &attrs).await {
                        Ok(()) => {
                            let id = kind.id(&attrs);
                            if !self.has_tag_sibling(step, entry)
                                && let Some(other) = unused_duplicate(&cx, kind, &step.spec, &id).await?
                            {
                                kind.delete(&cx, &step.spec, &other).await?;
                            }
                            Ok(id)
                        }
                        Err(error) => Err(error),
                    }
                }
            };
            match result {
                Ok(id) => {
                    self.record_deleted(step).await?;
                    return Ok(StepEnd { id, action: "delete", changed: true });
                }
                Err(error) if should_reobserve(&error, attempt, &cx) => {
                    cx.notice(format!(
                        "{}; reading the resource to find out the outcome",
                        crate::resource::describe(&error)
                    ));
                    cx.pause(Duration::from_secs(2 << attempt)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Cancelled)
    }
}
