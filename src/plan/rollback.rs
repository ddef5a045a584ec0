//! The plan of `rollback`: what the last unfinished `up` did, backwards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diff::{Change, changes};
use super::knot::{Knot, untie};
use super::{Action, Move, Plan, Step};
use crate::address::Address;
use crate::graph::{Moment, Need, OutputRef, Timing};
use crate::state::{Op, Previous, State};

/// A plan, and what it leaves out.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// What is done.
    pub plan: Plan,
    /// What was to be skipped, and what that needs, each with the reason why it stays.
    pub kept: Vec<(Address, String)>,
    /// What was there before and is not there afterwards, each with the reason.
    pub lost: Vec<(Address, String)>,
    /// Why it can not be carried out.
    pub knot: Option<Knot>,
}

/// Plans to undo what the last unfinished `up` did in the chosen environments: what it made goes, what it changed becomes what it was.
/// What is in `skipped` stays as it is, and so does what something that stays needs.
pub fn plan_rollback(state: &State, skipped: &[Address], chosen: &dyn Fn(&str) -> bool) -> Rollback {
    let undo = &state.undo;
    let places = Places::new(state);
    let is_made = |address: &Address| undo.created.contains(address) && chosen(address.environment()) && !places.leaving.contains_key(address);
    let is_changed = |address: &Address| undo.changed.contains_key(address) && chosen(address.environment());
    let mut kept: Vec<(Address, String)> = skipped.iter().map(|address| (address.clone(), "it was to be skipped".to_owned())).collect();
    let mut seen: BTreeSet<Address> = skipped.iter().cloned().collect();
    let keep = |user: &Address, needs: &[Need], kept: &mut Vec<(Address, String)>, seen: &mut BTreeSet<Address>| {
        for need in needs.iter().filter(|need| is_made(&need.on)) {
            if seen.insert(need.on.clone()) {
                kept.push((need.on.clone(), format!("{user} needs it")));
            }
        }
    };
    // What is not undone keeps what it needs: resources of other environments, and those that were there before.
    for (user, entry) in state.resources.iter().filter(|(user, _)| !is_made(user)) {
        let restored = undo.changed.get(user).filter(|_| is_changed(user) && !skipped.contains(user));
        let needs = restored.map_or_else(|| entry.needs.clone(), |previous| places.needs(previous));
        keep(user, &needs, &mut kept, &mut seen);
    }
    let mut at = 0;
    while let Some((user, _)) = kept.get(at).cloned() {
        at += 1;
        let needs = state.get(&user).map(|entry| entry.needs.clone()).unwrap_or_default();
        keep(&user, &needs, &mut kept, &mut seen);
    }
    let mut steps: BTreeMap<Address, Step> = BTreeMap::new();
    for address in undo.created.iter().filter(|address| is_made(address) && !seen.contains(*address)) {
        let step = state.get(address).map(|entry| super::down::step(address, entry, "the last `up` made it"));
        steps.extend(step.map(|step| (address.clone(), step)));
    }
    for old in places.leaving.values().filter(|old| chosen(old.environment())) {
        let step = state.get(old).map(|entry| super::down::step(old, entry, "its deletion was begun"));
        steps.extend(step.map(|step| ((*old).clone(), step)));
    }
    for (address, previous) in undo.changed.iter().filter(|(address, _)| is_changed(address) && !seen.contains(*address)) {
        if !steps.contains_key(address) {
            steps.extend(restore(address, state, previous, &places).map(|step| (address.clone(), step)));
        }
    }
    for (base, old) in places.coming_back.iter().filter(|(base, _)| chosen(base.environment()) && !seen.contains(**base)) {
        let moves = Move { from: (*old).clone(), to: (*base).clone() };
        match steps.get_mut(*base) {
            Some(step) if step.action == Action::Delete => step.gives_back = Some(moves),
            None if state.get(base).is_none() => steps.extend(give_back(old, moves, state).map(|step| ((*old).clone(), step))),
            _ => {}
        }
    }
    let mut steps: Vec<Step> = steps.into_values().collect();
    let doomed: Vec<Address> = steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.address.clone()).collect();
    super::down::order(&mut steps, state, &doomed);
    let knot = untie(&mut steps).err();
    super::division::keep(&mut steps, state);
    let mut plan = Plan::new(steps);
    plan.environments.extend(undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    let deleted = undo.deleted.iter().map(|address| (address, "it was deleted by the `up` and can not be brought back"));
    let missing = undo.remade.keys().filter(|address| state.attrs(address).is_none());
    let lost = deleted.chain(missing.map(|address| (address, "it is gone, and no new one was made; `up` makes it again")));
    let lost = lost.filter(|(address, _)| chosen(address.environment())).map(|(address, why)| (address.clone(), why.to_owned()));
    // The old one is still there, and has its place no more: nobody asked for that.
    let (beside, kept): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|(address, _)| places.coming_back.contains_key(address) && !skipped.contains(address));
    let beside = beside.into_iter().map(|(address, why)| (address, format!("{why}, so the new one stays, with the old one beside it")));
    let lost = lost.chain(beside).collect();
    Rollback { plan, kept, lost, knot }
}

/// What makes way for something new: its place, and where it is.
struct Places<'a> {
    /// What gets its place again.
    coming_back: BTreeMap<&'a Address, &'a Address>,
    /// What AWS has been told to delete: it can not come back, so the new one stays.
    leaving: BTreeMap<&'a Address, &'a Address>,
}

impl<'a> Places<'a> {
    fn new(state: &'a State) -> Self {
        let all = state.undo.set_aside.iter().map(|(old, base)| (base, old));
        let (leaving, coming_back) = all.partition(|(_, old)| is_leaving(state, old));
        Self { coming_back, leaving }
    }

    /// What a resource needed, by the addresses of now: what gets its place again is still where it makes way.
    fn needs(&self, previous: &Previous) -> Vec<Need> {
        let now = |need: &Need| {
            let base = need.on.made_way().unwrap_or_else(|| need.on.clone());
            Need { on: self.coming_back.get(&base).map_or(base, |old| (*old).clone()), ..need.clone() }
        };
        previous.needs.iter().map(now).collect()
    }
}

/// Whether AWS has been told to delete it.
fn is_leaving(state: &State, old: &Address) -> bool {
    let open = state.get(old).and_then(|entry| entry.open.as_ref());
    open.is_some_and(|open| open.op == Op::Delete && !open.calls.is_empty())
}

/// What was to make way gets its place again: there is nothing new in it yet.
fn give_back(old: &Address, moves: Move, state: &State) -> Option<Step> {
    let step = super::down::step(old, state.get(old)?, "the last `up` was to replace it");
    Some(Step { action: Action::Restore, timing: Timing::default(), moves: Some(moves), ..step })
}

fn restore(address: &Address, state: &State, previous: &Previous, places: &Places<'_>) -> Option<Step> {
    let entry = state.get(address)?;
    let mut differences = changes(&entry.spec, &previous.spec);
    if entry.tags != previous.tags {
        let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
        differences.push(Change::new("tags", print(&entry.tags), print(&previous.tags)));
    }
    let undo = &state.undo;
    let left_by = |of: &Address| places.leaving.get(of).and_then(|old| state.attrs(old));
    let known = |of: &Address| undo.changed.get(of).map(|previous| &previous.attrs).or_else(|| undo.remade.get(of)).or_else(|| left_by(of));
    let needs = places.needs(previous);
    let restored: Vec<_> = needs.iter().filter_map(|need| Some((&need.on, known(&need.on)?))).collect();
    let spec = restored.into_iter().fold(previous.spec.clone(), |spec, (of, attrs)| refer(&spec, of, attrs));
    let action = Action::Update { changes: differences };
    Some(Step {
        address: address.clone(),
        kind: entry.kind.clone(),
        region: entry.region.clone(),
        timing: super::timing::of(&entry.kind, &action),
        action,
        reason: "the last `up` changed it".to_owned(),
        needs,
        after: Vec::new(),
        moves: None,
        clears: None,
        gives_back: None,
        leaves: Vec::new(),
        puts_right: None,
        shown: None,
        seen: false,
        spec,
        tags: previous.tags.clone(),
    })
}

/// Puts references in the place of values that came from a resource which is restored, too, or was made again: it may have a new id, as a
/// task definition gets a new revision.
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
    use crate::state::{Entry, Status};
    use serde_json::json;

    fn entry(needs: &[&str]) -> Entry {
        let needs = needs.iter().map(|on| Need { on: Address::new(on), at: Moment::Created, loose: false }).collect();
        Entry {
            kind: "ec2.vpc".into(),
            region: "us-east-1".into(),
            status: Status::Ready,
            spec: json!({}),
            attrs: Some(json!({ "vpc_id": "vpc-1" })),
            needs,
            tags: [].into(),
            dropped_tags: [].into(),
            tagged_as: None,
            token: "t".into(),
            open: None,
        }
    }

    fn state(entries: &[(&str, &[&str])], created: &[&str]) -> State {
        let mut state = State::empty();
        state.resources = entries.iter().map(|(address, needs)| (Address::new(address), entry(needs))).collect();
        state.undo.created = created.iter().map(Address::new).collect();
        state
    }

    fn addresses(rollback: &Rollback) -> Vec<&str> {
        rollback.plan.steps.iter().map(|step| step.address.as_str()).collect()
    }

    #[test]
    fn what_another_environment_stands_on_stays() {
        let entries: &[(&str, &[&str])] = &[
            ("source/network/vpc", &[]),
            ("source/network/subnet", &["source/network/vpc"]),
            ("source/service/logs", &[]),
            ("target/link/route", &["source/network/subnet"]),
        ];
        let state = state(entries, &["source/network/vpc", "source/network/subnet", "source/service/logs"]);
        let rollback = plan_rollback(&state, &[], &|_| true);
        assert_eq!(addresses(&rollback), ["source/service/logs"]);
        let kept: Vec<String> = rollback.kept.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        assert_eq!(kept, ["source/network/subnet: target/link/route needs it", "source/network/vpc: source/network/subnet needs it"]);
    }

    #[test]
    fn only_the_chosen_environments_are_rolled_back() {
        let state = state(&[("source/a/b", &[]), ("target/a/b", &[])], &["source/a/b", "target/a/b"]);
        assert_eq!(addresses(&plan_rollback(&state, &[], &|environment| environment == "target")), ["target/a/b"]);
    }

    #[test]
    fn values_of_what_is_restored_become_references() {
        let of = Address::new("source/service/task-definition");
        let spec = json!({ "name": "service", "task_definition": "arn:1", "subnets": ["subnet-1"] });
        let referred = refer(&spec, &of, &json!({ "arn": "arn:1", "active": true }));
        let reference = json!({ "$output": { "of": "source/service/task-definition", "name": "arn", "at": "ready" } });
        assert_eq!(referred, json!({ "name": "service", "task_definition": reference, "subnets": ["subnet-1"] }));
    }
}
