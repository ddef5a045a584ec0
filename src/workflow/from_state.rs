//! A stack of which only the state is left: its configuration file is missing or broken.

use std::collections::BTreeMap;
use std::path::Path;

use infra_base::address::Region;
use infra_config::{Config, Side, of_existing};
use infra_core::state::{Backend, State, load};
use infra_payment::stack::ROUTING;

use crate::error::Error;

/// Returns the states in a directory of local states that contain something, in the order of their names. What cannot
/// be read is left out: its stack is not known.
pub async fn local_states(root: &Path) -> Vec<State> {
    let mut directories: Vec<_> =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    directories.sort();
    let mut states = Vec::new();
    for directory in directories.into_iter().filter(|path| path.is_dir()) {
        let backend = Backend::Local(directory);
        if let Ok(state) = load(backend.store().as_mut()).await
            && state.has_begun()
            && !state.resources.is_empty()
        {
            states.push(state);
        }
    }
    states
}

/// Returns a configuration that is enough to delete what a state contains. The region of an environment is that of most
/// of its resources.
///
/// # Errors
/// The state does not name its stack, or an environment cannot be part of a configuration.
pub fn config_of(state: &State) -> Result<Config, Error> {
    let mut counts: BTreeMap<&str, BTreeMap<&Region, usize>> = BTreeMap::new();
    for (address, entry) in &state.resources {
        if address.environment() != ROUTING {
            *counts.entry(address.environment()).or_default().entry(&entry.region).or_default() += 1;
        }
    }
    let environments = counts
        .into_iter()
        .filter_map(|(name, counts)| {
            let (region, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
            Some((name.to_owned(), region.clone()))
        })
        .collect::<BTreeMap<String, Region>>();
    // Calls need a region, also if only the routing is left.
    let environments = match environments.is_empty() {
        true => BTreeMap::from([(Side::Source.as_str().to_owned(), Region::from("us-east-1"))]),
        false => environments,
    };
    let (name, suffix) = state.stack.split_once('/').unwrap_or((state.stack.as_str(), ""));
    Ok(of_existing(name, suffix, &environments)?)
}
