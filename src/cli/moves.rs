//! What was renamed in the configuration: `[[moved]]`. Every command that plans goes by the new addresses, also before one has written them
//! down.

use super::failure::{CliError, Exit};
use crate::address::Address;
use crate::config::{Config, did_you_mean};
use crate::engine::Context;
use crate::graph::Graph;
use crate::state::{Record, State};

/// The state with the addresses that the configuration has for what was renamed.
pub(super) fn renamed(config: &Config, state: &State) -> State {
    let moves = config.renamed();
    state.renamed(moves.iter().map(|(from, to)| (from, to)))
}

/// Refuses a move from an address that the configuration still has, or to one that it does not have.
pub(super) fn check(config: &Config, graph: &Graph) -> Result<(), CliError> {
    let known: Vec<&str> = graph.nodes().keys().map(Address::as_str).collect();
    for (from, to) in config.renamed() {
        let usage = |what: String| CliError::new(Exit::Usage, what).remains("nothing was changed");
        if graph.get(&from).is_some() {
            return Err(usage(format!("`moved` takes {from} away, which the configuration still has")).hint("take the entry out of `moved`"));
        }
        if graph.get(&to).is_none() {
            let hint = did_you_mean(to.as_str(), &known, "`plan` shows all addresses");
            return Err(usage(format!("`moved` moves {from} to {to}, which no resource is called")).hint(hint));
        }
    }
    Ok(())
}

/// Plans under the lock by the addresses of today. When that can be done, what was renamed has its new address from here on.
pub(super) async fn planned<T>(context: &Context, config: &Config, plan: impl FnOnce(&State) -> Result<T, CliError>) -> Result<T, CliError> {
    let planned = context.journal.read(|state| plan(&renamed(config, state)))?;
    carry_out(context, config).await?;
    Ok(planned)
}

/// Gives what was renamed its new address in the state. Nothing is changed in AWS.
pub(super) async fn carry_out(context: &Context, config: &Config) -> Result<(), CliError> {
    let is_due = |state: &State, (from, to): &(Address, Address)| state.get(from).is_some() && state.get(to).is_none();
    let due = context.journal.read(|state| config.renamed().into_iter().filter(|one| is_due(state, one)).collect::<Vec<_>>());
    let records: Vec<Record> = due.into_iter().map(|(from, to)| Record::Moved { from, to }).collect();
    if records.is_empty() { Ok(()) } else { Ok(context.journal.write(records).await?) }
}
