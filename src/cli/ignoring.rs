//! What the configuration lets others change: `drift.ignore`.

use serde_json::Value;

use super::failure::{CliError, Exit};
use crate::address::Address;
use crate::config::{Config, Ignored, did_you_mean};
use crate::graph::Graph;
use crate::resource::{about, told};
use crate::state::{Entry, State};

/// Refuses an entry that is about nothing: a slip of the pen must not let `up` put back what was to be left alone. Which fields there are is
/// known of what exists.
pub(super) fn check(config: &Config, graph: &Graph, state: &State) -> Result<(), CliError> {
    let known: Vec<&Address> = graph.nodes().keys().chain(state.resources.keys()).collect();
    for ignored in &config.drift.ignore {
        let Ignored { address, field, .. } = ignored;
        let usage = |what: String| CliError::new(Exit::Usage, what).remains("nothing was changed");
        if !known.iter().any(|one| one.matches(address)) {
            let known: Vec<&str> = known.iter().map(|one| one.as_str()).collect();
            let hint = did_you_mean(address, &known, "`plan` shows all addresses; `*` stands for any text");
            return Err(usage(format!("no resource is called `{address}`, which `drift.ignore` lists")).hint(hint));
        }
        let existing = state.resources.iter().filter(|(one, entry)| one.matches(address) && entry.attrs.is_some());
        let fields: Vec<Vec<String>> = existing.map(|(_, entry)| fields(entry)).collect();
        // Whoever puts tags on things has names of their own for them.
        let is_known = field.starts_with("tags.") || fields.iter().flatten().any(|one| ignored.covers(one));
        if !fields.is_empty() && !is_known {
            let mut known: Vec<&str> = fields.iter().flatten().map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            let inner = known.iter().find(|one| one.rsplit('.').next() == Some(field));
            let list = || format!("there are {}", known.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", "));
            let hint = inner.map_or_else(|| did_you_mean(field, &known, &list()), |inner| format!("`drift` calls it `{inner}`"));
            return Err(usage(format!("`drift.ignore` lists the field `{field}` of `{address}`, and `drift` knows no such field")).hint(hint));
        }
    }
    Ok(())
}

/// The fields that `drift` may show of a resource, by the names that it has for them.
fn fields(entry: &Entry) -> Vec<String> {
    let about = about(&entry.kind);
    let shown = |name: &&String| !about.computed.contains(&name.as_str()) && !["missing_tags", "tags"].contains(&name.as_str());
    let attrs = entry.attrs.as_ref().and_then(Value::as_object).into_iter().flatten();
    let mut fields: Vec<String> = Vec::new();
    for (name, value) in attrs.filter(|(name, _)| shown(name)) {
        match value.as_object() {
            Some(inside) => fields.extend(inside.keys().map(|inner| format!("{name}.{inner}"))),
            None => fields.push(name.clone()),
        }
    }
    // What differs in something that the state does not remember is called by what puts it right.
    let operations = about.changes.iter().chain(about.creates);
    fields.extend(operations.map(|call| told::by_call(call).to_owned()));
    fields
}
