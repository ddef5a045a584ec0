//! Removing resources from the state without deleting them.

use std::collections::{BTreeMap, BTreeSet};

use infra_base::address::{Address, RunId};
use infra_base::clock::timestamp;
use infra_config::Config;
use infra_core::state::{Record, State};

use crate::error::Error;
use crate::refusal::{ImportRefusal, SelectionRefusal};
use crate::stack::graph;

/// Returns the resources in the state that the patterns match. A resource that only the configuration contains was
/// forgotten by an earlier attempt.
///
/// # Errors
/// A pattern matches nothing, or a forgotten resource could not be found again.
pub fn select(config: &Config, state: &State, patterns: &[String]) -> Result<BTreeSet<Address>, Error> {
    let mut selected = BTreeSet::new();
    for pattern in patterns {
        let mut found = state.resources.keys().filter(|address| address.matches(pattern)).peekable();
        if found.peek().is_none() {
            let graph = graph(config, state)?;
            if graph.nodes().keys().any(|address| address.matches(pattern)) {
                continue;
            }
            let known = state.resources.keys().map(ToString::to_string).collect();
            return Err(SelectionRefusal::NotInState { pattern: pattern.clone(), known }.into());
        }
        selected.extend(found.cloned());
    }
    check_renamed(config, state, &selected)?;
    Ok(selected)
}

/// Returns the address in the tags of each selected resource that was renamed, and its current address. Retired
/// resources are left out.
pub fn renamed<'a>(state: &'a State, selected: &'a BTreeSet<Address>) -> Vec<(&'a Address, &'a Address)> {
    let current = selected.iter().filter(|address| address.retired_from().is_none());
    current.filter_map(|address| Some((state.get(address)?.tagged_as.as_ref()?, address))).collect()
}

/// Refuses to forget a resource that could not be found again.
fn check_renamed(config: &Config, state: &State, selected: &BTreeSet<Address>) -> Result<(), ImportRefusal> {
    let moves = config.moved_addresses();
    let is_lost = |(tagged_as, address): &(&Address, &Address)| {
        !moves.iter().any(|(from, to)| from == *tagged_as && to == *address)
    };
    let Some((tagged_as, address)) = renamed(state, selected).into_iter().find(is_lost) else { return Ok(()) };
    Err(ImportRefusal::TaggedWithOldAddress { address: address.clone(), tagged_as: tagged_as.clone() })
}

/// Returns the resources that stay in the state although they depend on a forgotten one.
pub fn dependents<'a>(state: &'a State, selected: &BTreeSet<Address>) -> BTreeMap<&'a Address, &'a Address> {
    let staying = state.resources.iter().filter(|(address, _)| !selected.contains(*address));
    staying
        .filter_map(|(user, entry)| Some((user, &entry.needs.iter().find(|need| selected.contains(&need.on))?.on)))
        .collect()
}

/// Returns a text that identifies a selection.
pub fn digest(selected: &BTreeSet<Address>) -> String {
    selected.iter().map(Address::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns the records of a run that removes the resources, as one batch.
pub fn records(selected: &BTreeSet<Address>) -> Vec<Record> {
    let at = timestamp();
    let run = RunId(uuid::Uuid::new_v4().simple().to_string());
    let environments = selected.iter().map(|address| address.environment().to_owned()).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let start =
        Record::RunStarted { run: run.clone(), command: "forget".to_owned(), environments, version, at: at.clone() };
    let removed = selected.iter().map(|address| Record::Deleted { address: address.clone() });
    let end = Record::RunFinished { run, outcome: "done".to_owned(), at };
    [start].into_iter().chain(removed).chain([end]).collect()
}
