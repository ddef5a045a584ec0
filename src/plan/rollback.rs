//! The plan of `rollback`: what the last unfinished `up` did, backwards.

use std::collections::BTreeSet;

use serde_json::Value;

use super::diff::{Change, changes};
use super::{Action, Plan, Step};
use crate::address::Address;
use crate::graph::{Moment, OutputRef};
use crate::resource::{Kind, kind};
use crate::state::{Previous, State};

/// A plan, and what it leaves out.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// What is done.
    pub plan: Plan,
    /// What was to be skipped, and what that needs, each with the reason why it stays.
    pub kept: Vec<(Address, String)>,
    /// What the `up` deleted, which can not be brought back.
    pub lost: Vec<Address>,
}

/// Plans to undo what the last unfinished `up` did: what it made goes, what it changed becomes what it was. What is in `skipped` stays as
/// it is, and so does what that needs.
pub fn plan_rollback(state: &State, skipped: &[Address]) -> Rollback {
    let mut kept: Vec<(Address, String)> = skipped.iter().map(|address| (address.clone(), "it was to be skipped".to_owned())).collect();
    let mut seen: BTreeSet<Address> = skipped.iter().cloned().collect();
    let mut at = 0;
    while let Some((user, _)) = kept.get(at).cloned() {
        at += 1;
        for need in state.get(&user).iter().flat_map(|entry| &entry.needs) {
            if state.undo.created.contains(&need.on) && seen.insert(need.on.clone()) {
                kept.push((need.on.clone(), format!("{user} needs it")));
            }
        }
    }
    let doomed: Vec<Address> = state.undo.created.iter().filter(|address| !seen.contains(address)).cloned().collect();
    let gone = doomed.iter().filter_map(|address| Some(super::down::step(address, state.get(address)?, "the last `up` made it")));
    let mut steps: Vec<Step> = gone.collect();
    let changed = state.undo.changed.iter().filter(|(address, _)| !seen.contains(address));
    steps.extend(changed.filter_map(|(address, previous)| restore(address, state, previous)));
    steps.sort_by(|one, other| one.address.cmp(&other.address));
    super::down::order(&mut steps, state, &doomed);
    Rollback { plan: Plan::new(steps), kept, lost: state.undo.deleted.iter().cloned().collect() }
}

fn restore(address: &Address, state: &State, previous: &Previous) -> Option<Step> {
    let entry = state.get(address)?;
    let mut differences = changes(&entry.spec, &previous.spec);
    if entry.tags != previous.tags {
        let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
        differences.push(Change { field: "tags".to_owned(), old: print(&entry.tags), new: print(&previous.tags) });
    }
    let restored = previous.needs.iter().filter_map(|need| Some((&need.on, &state.undo.changed.get(&need.on)?.attrs)));
    Some(Step {
        address: address.clone(),
        kind: entry.kind.clone(),
        region: entry.region.clone(),
        action: Action::Update { changes: differences },
        reason: "the last `up` changed it".to_owned(),
        needs: previous.needs.clone(),
        spec: restored.fold(previous.spec.clone(), |spec, (of, attrs)| refer(&spec, of, attrs)),
        tags: previous.tags.clone(),
        timing: kind(&entry.kind).map(<dyn Kind>::timing).unwrap_or_default(),
    })
}

/// Puts references in the place of values that came from a resource which is restored, too: it may get a new id, as a task definition
/// gets a new revision.
fn refer(spec: &Value, of: &Address, attrs: &Value) -> Value {
    match spec {
        Value::String(text) => {
            let mut outputs = attrs.as_object().into_iter().flatten().filter(|(_, value)| value.as_str() == Some(text));
            let output = outputs.next().map(|(name, _)| OutputRef { of: of.clone(), name: name.clone(), at: Moment::Ready });
            output.map_or_else(|| spec.clone(), |output| serde_json::json!({ "$output": output }))
        }
        Value::Array(items) => items.iter().map(|item| refer(item, of, attrs)).collect(),
        Value::Object(fields) if !fields.contains_key("$output") => {
            fields.iter().map(|(field, value)| (field.clone(), refer(value, of, attrs))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_what_is_restored_become_references() {
        let of = Address::new("source/service/task-definition");
        let spec = json!({ "name": "service", "task_definition": "arn:1", "subnets": ["subnet-1"] });
        let referred = refer(&spec, &of, &json!({ "arn": "arn:1", "active": true }));
        let reference = json!({ "$output": { "of": "source/service/task-definition", "name": "arn", "at": "ready" } });
        assert_eq!(referred, json!({ "name": "service", "task_definition": reference, "subnets": ["subnet-1"] }));
    }
}
