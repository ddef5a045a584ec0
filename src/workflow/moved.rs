//! Resources that were renamed in the configuration: `[[moved]]`. Every plan uses the new addresses, even before the
//! state records them.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::engine::Context;
use infra_core::graph::Graph;
use infra_core::state::{JournalError, Record, State};

use crate::refusal::ConfigRefusal;

/// Returns the state with the new addresses of renamed resources.
pub fn apply_in_memory(config: &Config, state: &State) -> State {
    let moves = config.moved_addresses();
    state.renamed(moves.iter().map(|(from, to)| (from, to)))
}

/// Refuses a rename from an address that the configuration still contains, or to one that it does not contain.
pub(crate) fn check(config: &Config, graph: &Graph) -> Result<(), ConfigRefusal> {
    for (from, to) in config.moved_addresses() {
        if graph.get(&from).is_some() {
            return Err(ConfigRefusal::MovedSourceExists { from });
        }
        if graph.get(&to).is_none() {
            let known = graph.nodes().keys().map(ToString::to_string).collect();
            return Err(ConfigRefusal::UnknownMovedTarget { from, to, known });
        }
    }
    Ok(())
}

/// Plans under the lock with the new addresses. If that succeeds, the state records them.
///
/// # Errors
/// The error of `plan`, or the journal cannot be written.
pub async fn plan_with_moves<T, E: From<JournalError>>(
    context: &Context,
    config: &Config,
    plan: impl FnOnce(&State) -> Result<T, E>,
) -> Result<T, E> {
    let planned = context.journal.read(|state| plan(&apply_in_memory(config, state)))?;
    record(context, config).await?;
    Ok(planned)
}

/// Records the new addresses of renamed resources in the state. Nothing in AWS is changed.
///
/// # Errors
/// The journal cannot be written.
pub async fn record(context: &Context, config: &Config) -> Result<(), JournalError> {
    let is_due = |state: &State, (from, to): &(Address, Address)| state.get(from).is_some() && state.get(to).is_none();
    let due = context
        .journal
        .read(|state| config.moved_addresses().into_iter().filter(|one| is_due(state, one)).collect::<Vec<_>>());
    let records: Vec<Record> = due.into_iter().map(|(from, to)| Record::Moved { from, to }).collect();
    if records.is_empty() { Ok(()) } else { context.journal.write(records).await.map(drop) }
}
