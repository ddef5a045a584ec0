//! The IAM policies that commands on this stack need.

use infra_base::address::{AccountId, Address, Region};
use infra_config::{BackendKind, Config};
use infra_core::resource::Kind;
use infra_core::state::{Entry, State};
use infra_kinds::KINDS;
use infra_permissions::scope::is_named_by_id;
use infra_permissions::{Access, Part, Policy, StateBucket, derive};
use serde_json::Value;

use crate::environments;
use crate::error::Error;
use crate::selection::Selection;
use crate::stack::graph;

/// What is known about a resource: as it is configured, or as the state has it.
struct Known<'a> {
    kind: &'static dyn Kind,
    region: &'a Region,
    account: Option<&'a AccountId>,
    spec: &'a Value,
    attrs: Option<&'a Value>,
}

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
    let desired = graph.nodes().values().filter(|node| is_selected(&node.address)).map(|node| Known {
        kind: node.kind.get(),
        region: &node.region,
        account: node.account.as_ref(),
        spec: &node.spec,
        attrs: None,
    });
    // What exists is known better than what is configured, but its names may be those of before.
    let existing = state.resources.iter().filter(|(address, _)| is_selected(address)).filter_map(|(_, entry)| {
        Some(Known {
            kind: KINDS.get(&entry.kind)?.get(),
            region: &entry.region,
            account: entry.account.as_ref(),
            spec: &entry.spec,
            attrs: entry.attrs.as_ref(),
        })
    });
    let parts: Vec<Part<'_>> = desired
        .filter(|known| !has_id_of_its_own(known, state))
        .chain(existing)
        .map(|Known { kind, region, account, spec, attrs }| Part {
            kind,
            region,
            account: account.or(of_stack),
            spec,
            attrs,
        })
        .collect();
    Ok(derive(&parts, &config.stack.id(), commands, state_bucket(config, of_stack)))
}

/// Returns whether a configured resource is named by an id that only what exists has.
fn has_id_of_its_own(known: &Known<'_>, state: &State) -> bool {
    let exists = |entry: &Entry| entry.kind == known.kind.name() && entry.attrs.is_some();
    is_named_by_id(known.kind) && state.resources.values().any(exists)
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
