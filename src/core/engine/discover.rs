//! Finds existing resources that are not in the state, by names and ownership tags, without changing anything in AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::CreatedSignal;
use super::step::{StepLog, cx, new_token, observe};
use crate::graph::{OutputRef, resolve};
use crate::plan::{Plan, Step};
use crate::resource::{Error, KindRef, Observed, Result, spec_from_observed};
use crate::state::{JournalError, Op, Record};
use infra_base::address::Address;

/// Searches for each resource of the plan and records those that this stack owns. A resource with an unresolved
/// reference is skipped, because it cannot exist. A resource that was `renamed`, from one address to another, may still
/// have the tags of the old address.
///
/// # Errors
/// The journal cannot be written at all. Failed steps are in the report.
pub async fn find(
    context: &Context,
    command: &'static str,
    plan: Plan,
    renamed: &[(Address, Address)],
) -> Result<Report, JournalError> {
    let before = renamed.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    run(context, command, plan, FindSteps { context: context.clone(), before }).await
}

struct FindSteps {
    context: Context,
    /// The previous addresses of renamed resources.
    before: BTreeMap<Address, Address>,
}

#[async_trait]
impl Steps for FindSteps {
    async fn run(&self, step: &Step, _released: CreatedSignal) -> Result<StepEnd, (Option<String>, Error)> {
        Box::pin(self.find_renamed(step)).await.map_err(|error| (None, error))
    }
}

impl FindSteps {
    /// Searches by the current tags, and then by those before the renaming.
    async fn find_renamed(&self, step: &Step) -> Result<StepEnd> {
        let found = self.find(step).await?;
        let before = self
            .before
            .get(&step.address)
            .filter(|before| !self.context.journal.read(|state| state.has_tagged(before)));
        let Some(before) = before.filter(|_| !found.changed) else { return Ok(found) };
        let found = self.find(&Step { address: before.clone(), ..step.clone() }).await?;
        if found.changed {
            self.context.journal.write(vec![Record::Moved { from: before.clone(), to: step.address.clone() }]).await?;
        }
        Ok(found)
    }

    async fn find(&self, step: &Step) -> Result<StepEnd> {
        let nothing = StepEnd { id: String::new(), action: "none", changed: false };
        let Some(kind) = step.handler.map(KindRef::get) else { return Ok(nothing) };
        let lookup = |output: &OutputRef| self.context.journal.read(|state| state.output(output));
        let Ok(spec) = resolve(&step.spec, &lookup) else { return Ok(nothing) };
        let token = new_token(&self.context.stack, &step.address);
        let log = Arc::new(StepLog::new(&self.context.journal, Op::Create, step, &spec, step.lasting_needs(), &token));
        let cx = cx(&self.context, step, &token, Arc::clone(&log));
        match observe(&cx, kind, &spec, None, Duration::ZERO).await? {
            Observed::Absent => Ok(nothing),
            Observed::Foreign { id, owner } => {
                cx.notice(format!("`{id}` has its name, but belongs to {owner}"));
                Ok(nothing)
            }
            Observed::Ours(attrs) => {
                let address = step.address.clone();
                // A resource that would have to be replaced is recorded as observed, so that the next plan shows it.
                let wrong = spec_from_observed::immutable_diff(kind, &spec, &attrs);
                let Some(known) = spec_from_observed::with_observed(kind, &spec, &wrong) else {
                    cx.notice(format!(
                        "`{}` has its ownership tags, but does not match: {}",
                        kind.id(&attrs),
                        spec_from_observed::describe(&wrong)
                    ));
                    return Ok(nothing);
                };
                let log = StepLog::new(&self.context.journal, Op::Create, step, &known, step.lasting_needs(), &token);
                // The next `up` determines whether it is ready and matches the configuration.
                log.write(vec![Record::Created { address, attrs: attrs.clone() }]).await?;
                Ok(StepEnd { id: kind.id(&attrs), action: "find", changed: true })
            }
        }
    }
}
