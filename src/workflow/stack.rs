//! The graph of the stack, given the state.

use infra_config::{Config, Side};
use infra_core::graph::Graph;
use infra_core::state::State;
use infra_migration::phase::{Phase, StartRecord};
use infra_payment::stack::{MigrationFacts, build_with};

use crate::error::Error;
use crate::refusal::MigrationRefusal;
use crate::switchover_record::read_record;

/// Returns the graph of all resources that the configuration describes, at this point of the migration.
///
/// # Errors
/// The parts do not fit together, or a newer version has written the state.
pub fn graph(config: &Config, state: &State) -> Result<Graph, Error> {
    let record = read_record(state)?;
    let mut facts = MigrationFacts {
        is_target_primary: record.as_ref().is_some_and(|record| record.primary() == Side::Target),
        stack_account: Some(state.account.clone()).filter(|account| !account.as_str().is_empty()),
        other_accounts: state.other_accounts.clone(),
        is_finished: record.is_some_and(|record| record.is_finished()),
        ..Default::default()
    };
    for task in state.migration.replications.keys() {
        let start = StartRecord::of(state, task).map_err(MigrationRefusal::from)?;
        if start.as_ref().is_some_and(|start| start.is_done(Phase::Load)) {
            facts.loaded.insert(task.environment().to_owned());
        }
        let measured = start.and_then(|start| start.measured);
        facts.measured.extend(measured.map(|measured| (task.environment().to_owned(), measured)));
    }
    Ok(build_with(config, &facts)?)
}
