//! Looking for what exists although the state does not know it: by names and ownership tags, without changing anything in AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::Released;
use super::step::{StepLog, cx, look, new_token};
use crate::address::Address;
use crate::graph::{OutputRef, resolve};
use crate::plan::{Plan, Step};
use crate::resource::{Error, Observed, Result, kind, told};
use crate::state::{JournalError, Op, Record};

/// Looks for each resource of the plan and takes down what is ours. What refers to something that is not there is not there either. What was
/// `renamed`, from one address to another, may still have the tags of the first.
///
/// # Errors
/// Only when the journal cannot be written at all; failed steps are in the report.
pub async fn find(context: &Context, command: &'static str, plan: Plan, renamed: &[(Address, Address)]) -> Result<Report, JournalError> {
    let before = renamed.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    run(context, command, plan, FindSteps { context: context.clone(), before }).await
}

struct FindSteps {
    context: Context,
    /// What had another address, and which.
    before: BTreeMap<Address, Address>,
}

#[async_trait]
impl Steps for FindSteps {
    async fn run(&self, step: &Step, _released: Released) -> Result<StepEnd, (Option<String>, Error)> {
        Box::pin(self.find_renamed(step)).await.map_err(|error| (None, error))
    }
}

impl FindSteps {
    /// Looks for it by the tags that it would be given today, and then by those that it had before it was renamed.
    async fn find_renamed(&self, step: &Step) -> Result<StepEnd> {
        let found = self.find(step).await?;
        let before = self.before.get(&step.address).filter(|before| !self.context.journal.read(|state| state.knows_tagged_as(before)));
        let Some(before) = before.filter(|_| !found.changed) else { return Ok(found) };
        let found = self.find(&Step { address: before.clone(), ..step.clone() }).await?;
        if found.changed {
            self.context.journal.write(vec![Record::Moved { from: before.clone(), to: step.address.clone() }]).await?;
        }
        Ok(found)
    }

    async fn find(&self, step: &Step) -> Result<StepEnd> {
        let nothing = StepEnd { id: String::new(), action: "none", changed: false };
        let Some(kind) = kind(&step.kind) else { return Ok(nothing) };
        let lookup = |output: &OutputRef| self.context.journal.read(|state| state.output(output));
        let Ok(spec) = resolve(&step.spec, &lookup) else { return Ok(nothing) };
        let token = new_token(&self.context.stack, &step.address);
        let log = Arc::new(StepLog::new(&self.context.journal, Op::Create, step, &spec, step.lasting_needs(), &token));
        let cx = cx(&self.context, step, &token, Arc::clone(&log));
        match look(&cx, kind, &spec, None, false).await? {
            Observed::Absent => Ok(nothing),
            Observed::Foreign { id, owner } => {
                cx.notice(format!("`{id}` has its name and belongs to {owner}"));
                Ok(nothing)
            }
            Observed::Ours(attrs) => {
                let address = step.address.clone();
                // What would have to be made anew is taken down as it is, so that the next plan shows it.
                let wrong = told::fixed(kind, &spec, &attrs);
                let Some(known) = told::as_it_is(kind, &spec, &wrong) else {
                    cx.notice(format!("`{}` has its marks and can not be it: {}", kind.id(&attrs), told::in_words(&wrong)));
                    return Ok(nothing);
                };
                let log = StepLog::new(&self.context.journal, Op::Create, step, &known, step.lasting_needs(), &token);
                // Whether it is ready, and as specified, is for the next `up` to see.
                log.write(vec![Record::Created { address, attrs: attrs.clone() }]).await?;
                Ok(StepEnd { id: kind.id(&attrs), action: "find", changed: true })
            }
        }
    }
}
