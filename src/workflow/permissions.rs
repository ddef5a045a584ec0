//! The IAM policies that commands on this stack need.

use infra_base::address::{AccountId, Address};
use infra_config::{BackendKind, Config};
use infra_core::state::{Entry, State};
use infra_kinds::KINDS;
use infra_permissions::scope::is_named_by_id;
use infra_permissions::{Access, Part, Policy, StateBucket, Topic, derive};

use crate::environments;
use crate::error::Error;
use crate::selection::Selection;
use crate::stack::graph;

/// Returns the policies that these commands need for the selected environments, one for each account. They cover what
/// the configuration describes, and what exists.
///
/// # Errors
/// The selection names an environment that there is not, or the configuration is not valid.
pub fn policies(
    config: &Config,
    state: &State,
    selection: &Selection,
    commands: &[Access],
) -> Result<Vec<Policy>, Error> {
    let graph = graph(config, state)?;
    let mut known = environments::known(config, state);
    known.extend(graph.environments());
    known.sort();
    known.dedup();
    environments::check(selection, &known)?;
    let is_selected = |address: &Address| selection.includes(address.environment());
    let of_stack = Some(&state.account).filter(|account| !account.as_str().is_empty());
    let desired = graph.nodes().values().filter(|node| is_selected(&node.address)).map(|node| Part {
        kind: node.kind.get(),
        region: &node.region,
        account: node.account.as_ref().or(of_stack),
        spec: &node.spec,
        attrs: None,
    });
    // What exists is known better than what is configured, but its names may be those of before.
    let existing = state.resources.iter().filter(|(address, _)| is_selected(address)).filter_map(|(_, entry)| {
        Some(Part {
            kind: KINDS.get(&entry.kind)?.get(),
            region: &entry.region,
            account: entry.account.as_ref().or(of_stack),
            spec: &entry.spec,
            attrs: entry.attrs.as_ref(),
        })
    });
    let parts: Vec<Part<'_>> = desired.filter(|part| !has_id_of_its_own(part, state)).chain(existing).collect();
    Ok(derive(&parts, &config.stack.id(), commands, state_bucket(config, of_stack), topic(config, of_stack)))
}

/// Returns whether a configured resource is named by an id that only what exists has.
fn has_id_of_its_own(part: &Part<'_>, state: &State) -> bool {
    let exists = |entry: &Entry| entry.kind == part.kind.name() && entry.attrs.is_some();
    is_named_by_id(part.kind) && state.resources.values().any(exists)
}

fn topic<'a>(config: &'a Config, account: Option<&'a AccountId>) -> Option<Topic<'a>> {
    config.notify.topic_region().map(|_| Topic { arn: &config.notify.topic, account })
}

fn state_bucket<'a>(config: &'a Config, account: Option<&'a AccountId>) -> Option<StateBucket<'a>> {
    let state = &config.state;
    let key = Some(state.kms_key_arn.as_str()).filter(|key| !key.is_empty());
    (state.backend == BackendKind::S3).then(|| StateBucket {
        bucket: &state.bucket,
        prefix: &state.prefix,
        account,
        partition: config.environments.first().map_or("aws", |first| first.region.partition()),
        key,
    })
}
