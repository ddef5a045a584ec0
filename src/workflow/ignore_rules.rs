//! The fields that others are allowed to change: `drift.ignore`.

use serde_json::Value;

use infra_base::address::Address;
use infra_config::{Config, IgnoreRule};
use infra_core::graph::Graph;
use infra_core::resource::spec_from_observed;
use infra_core::state::{Entry, State};

use crate::refusal::ConfigRefusal;

/// Refuses an entry that matches nothing: with a typing error in it, `up` would revert a change that is to be kept. The
/// fields are known only of resources that exist.
pub(crate) fn check(config: &Config, graph: &Graph, state: &State) -> Result<(), ConfigRefusal> {
    let addresses: Vec<&Address> = graph.nodes().keys().chain(state.resources.keys()).collect();
    config.drift.ignore.iter().try_for_each(|rule| check_rule(rule, &addresses, state))
}

fn check_rule(rule: &IgnoreRule, addresses: &[&Address], state: &State) -> Result<(), ConfigRefusal> {
    let IgnoreRule { address: pattern, field, .. } = rule;
    if !addresses.iter().any(|address| address.matches(pattern)) {
        let known = addresses.iter().map(ToString::to_string).collect();
        return Err(ConfigRefusal::UnmatchedIgnoreRule { pattern: pattern.clone(), known });
    }
    let existing = state.resources.iter().filter(|(address, entry)| address.matches(pattern) && entry.attrs.is_some());
    let fields: Vec<Vec<String>> = existing.map(|(_, entry)| fields(entry)).collect();
    // Others choose the names of their tags.
    let is_known = field.starts_with("tags.") || fields.iter().flatten().any(|one| rule.covers(one));
    if fields.is_empty() || is_known {
        return Ok(());
    }
    let mut known: Vec<String> = fields.into_iter().flatten().collect();
    known.sort_unstable();
    known.dedup();
    let nested = known.iter().find(|one| one.rsplit('.').next() == Some(field)).cloned();
    Err(ConfigRefusal::UnknownIgnoredField { pattern: pattern.clone(), field: field.clone(), nested, known })
}

/// Returns the fields of a resource that drift detection can report.
fn fields(entry: &Entry) -> Vec<String> {
    let schema = infra_kinds::KINDS.schema(&entry.kind);
    let is_reported = |name: &&String| {
        !schema.computed.contains(&name.as_str()) && !["missing_tags", "tags"].contains(&name.as_str())
    };
    let attrs = entry.attrs.as_ref().and_then(Value::as_object).into_iter().flatten();
    let mut fields: Vec<String> = Vec::new();
    for (name, value) in attrs.filter(|(name, _)| is_reported(name)) {
        match value.as_object() {
            Some(group) => fields.extend(group.keys().map(|inner| format!("{name}.{inner}"))),
            None => fields.push(name.clone()),
        }
    }
    // Drift in something that the state does not store is named after the operation that corrects it.
    let operations = schema.changes.iter().chain(schema.creates);
    fields.extend(operations.map(|call| spec_from_observed::by_call(call).to_owned()));
    fields
}
