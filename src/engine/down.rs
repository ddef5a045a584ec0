//! `down`: look, delete what is ours, wait until it is gone, and write that down before what it stood on is touched.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::Released;
use super::step::{StepLog, cx, look, may_be_hidden, moved, worth_settling};
use crate::plan::{Move, Plan, Step};
use crate::resource::{Error, Observed, Result, kind};
use crate::state::{DOWN, Entry, JournalError, Op, Record};

/// Carries out a plan of `down`.
///
/// # Errors
/// Only when the journal cannot be written at all; failed steps are in the report.
pub async fn down(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    run(context, DOWN, plan, DownSteps { context: context.clone() }).await
}

pub(super) struct DownSteps {
    pub(super) context: Context,
}

#[async_trait]
impl Steps for DownSteps {
    async fn run(&self, step: &Step, _released: Released) -> Result<StepEnd, (Option<String>, Error)> {
        moved(&self.context, step).await.map_err(|error| (None, error))?;
        let Some(entry) = self.context.journal.read(|state| state.get(&step.address).cloned()) else {
            return Ok(StepEnd { id: String::new(), action: "none", changed: false });
        };
        let id = kind(&step.kind).and_then(|kind| Some(kind.id(entry.attrs.as_ref()?)));
        Box::pin(self.remove(step, &entry)).await.map_err(|error| (id, error))
    }
}

impl DownSteps {
    /// Takes down that it is gone, and that what it had the place of has it again.
    async fn gone(&self, step: &Step) -> Result<(), JournalError> {
        let deleted = Record::Deleted { address: step.address.clone() };
        let moved = step.gives_back.as_ref().map(|Move { from, to }| Record::Moved { from: from.clone(), to: to.clone() });
        self.context.journal.write(std::iter::once(deleted).chain(moved).collect()).await
    }

    pub(super) async fn remove(&self, step: &Step, entry: &Entry) -> Result<StepEnd> {
        let kind = kind(&step.kind).ok_or_else(|| Error::Refused(format!("there is no kind `{}`; this version can not delete it", step.kind)))?;
        let known = entry.attrs.as_ref();
        for attempt in 0.. {
            let log = Arc::new(StepLog::new(&self.context.journal, Op::Delete, step, &step.spec, entry.needs.clone(), &entry.token));
            let cx = cx(&self.context, step, &entry.token, log);
            let result = match look(&cx, kind, &step.spec, known, may_be_hidden(Some(entry))).await {
                Err(error) => Err(error),
                Ok(Observed::Absent) => {
                    self.gone(step).await?;
                    return Ok(StepEnd { id: known.map(|attrs| kind.id(attrs)).unwrap_or_default(), action: "none", changed: false });
                }
                Ok(Observed::Foreign { id, owner }) => match known {
                    Some(_) => return Err(Error::Foreign { id, owner }),
                    // Ours was never made, because somebody else has its name: there is nothing of ours to delete.
                    None => {
                        self.context.journal.write(vec![Record::Settled { address: step.address.clone() }]).await?;
                        return Ok(StepEnd { id: String::new(), action: "none", changed: false });
                    }
                },
                Ok(Observed::Ours(attrs)) => {
                    // What takes its place may go by how it was at last, as a service does by the number of its tasks.
                    if step.address.made_way().is_some() && entry.attrs.as_ref() != Some(&attrs) {
                        self.context.journal.write(vec![Record::Created { address: step.address.clone(), attrs: attrs.clone() }]).await?;
                    }
                    kind.delete(&cx, &step.spec, &attrs).await.map(|()| kind.id(&attrs))
                }
            };
            match result {
                Ok(id) => {
                    self.gone(step).await?;
                    return Ok(StepEnd { id, action: "delete", changed: true });
                }
                Err(error) if worth_settling(&error, attempt, &cx) => {
                    cx.notice(format!("{}; looking what became of it", crate::resource::describe(&error)));
                    cx.pause(Duration::from_secs(2 << attempt)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Cancelled)
    }
}
