//! Looking for what exists although the state does not know it: by names and ownership tags, without changing anything in AWS.

use std::sync::Arc;

use async_trait::async_trait;

use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::Released;
use super::step::{StepLog, cx, look, new_token};
use crate::graph::{OutputRef, resolve};
use crate::plan::{Plan, Step};
use crate::resource::{Error, Observed, Result, kind};
use crate::state::{JournalError, Op, Record};

/// Looks for each resource of the plan and takes down what is ours. What refers to something that is not there is not there either.
///
/// # Errors
/// Only when the journal cannot be written at all; failed steps are in the report.
pub async fn find(context: &Context, command: &'static str, plan: Plan) -> Result<Report, JournalError> {
    run(context, command, plan, FindSteps { context: context.clone() }).await
}

struct FindSteps {
    context: Context,
}

#[async_trait]
impl Steps for FindSteps {
    async fn run(&self, step: &Step, _released: Released) -> Result<StepEnd, (Option<String>, Error)> {
        Box::pin(self.find(step)).await.map_err(|error| (None, error))
    }
}

impl FindSteps {
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
                // Whether it is ready, and as specified, is for the next `up` to see.
                log.write(vec![Record::Created { address, attrs: attrs.clone() }]).await?;
                Ok(StepEnd { id: kind.id(&attrs), action: "find", changed: true })
            }
        }
    }
}
