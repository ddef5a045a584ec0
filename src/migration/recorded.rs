//! Operations outside of a plan. Each is recorded at an address before its first call is sent, and until its result is
//! known.

use std::sync::Arc;

use infra_aws::CallOutcome;
use infra_base::address::{Address, Location};
use infra_core::engine::{Context, Operation};
use infra_core::resource::{Result, StepContext};
use infra_core::state::Record;

/// Returns the context of an operation, which is recorded with its first call.
pub(crate) fn operation(context: &Context, address: &Address, location: &Location, what: &str) -> StepContext {
    let intent = Record::OperationIntent { address: address.clone(), what: what.to_owned() };
    let of_call = address.clone();
    let call = move |call: &'static str| Record::OperationCall { address: of_call.clone(), call: call.to_owned() };
    let log = Arc::new(Operation::new(&context.journal, intent, call));
    context.read_context().writer(address, location, log)
}

/// Records that the operation has ended, if it was recorded.
pub(crate) async fn record_end(context: &Context, address: &Address) -> Result<()> {
    if context.journal.read(|state| state.migration.operations.contains_key(address)) {
        context.journal.write(vec![Record::OperationEnded { address: address.clone() }]).await?;
    }
    Ok(())
}

/// Sends a call that sets something, unless it is set already, as the caller has just read. Returns whether the call
/// was sent.
pub(crate) async fn set<Fut>(
    context: &Context,
    address: &Address,
    location: &Location,
    what: &str,
    is_set: bool,
    send: impl FnOnce(StepContext) -> Fut,
) -> Result<bool>
where
    Fut: Future<Output = Result<()>>,
{
    if is_set {
        // A killed run may have left its operation open, although it had its effect.
        record_end(context, address).await?;
        return Ok(false);
    }
    let result = send(operation(context, address, location, what)).await;
    // Every call that was sent has a result, so nothing is open.
    if result.as_ref().err().is_none_or(|error| error.outcome() != CallOutcome::Unknown) {
        record_end(context, address).await?;
    }
    result.map(|()| true)
}
