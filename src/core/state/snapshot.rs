//! The state: the sum of all journal records. [`State::apply`] is one total function, used by live runs and by replay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dependents::Dependents;
use super::entry::{Entry, OpenIntent, Status};
use super::migration::Migration;
use super::record::{Line, Op, Record};
use super::undo::UndoLog;
use crate::graph::OutputRef;
use infra_aws::CallOutcome;
use infra_base::address::{AccountId, Address, Lineage, RunId};

/// The format that this version writes. All released formats can be read.
pub const FORMAT: u32 = 1;

/// The name in run records of the command that applies the configuration.
pub const UP: &str = "up";
/// The command that undoes the last unfinished `up`.
pub const ROLLBACK: &str = "rollback";
/// The command that deletes all resources.
pub const DOWN: &str = "down";
/// The outcome of a successful run.
const DONE: &str = "done";
/// The outcome of a successful run with targets.
pub const DONE_IN_PART: &str = "done in part";

/// The maximum number of levels of a value. A snapshot nests it in a few more, and its parser refuses more than 127.
const DEEPEST: usize = 100;

/// Returns how many levels a value has.
fn levels(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(levels).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(levels).max().unwrap_or_default(),
        _ => 0,
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The command.
    pub command: String,
    /// Its environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<String>,
    /// Its start, RFC 3339.
    pub at: String,
    /// Its outcome; absent if it was killed or is still in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// The state of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The format of this file.
    pub format: u32,
    /// The history that it belongs to.
    pub lineage: Lineage,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The account of the stack: of all resources that do not name another one.
    pub account: AccountId,
    /// The accounts of environments, and of the routing, that are in another account, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_accounts: BTreeMap<String, AccountId>,
    /// The sequence number of the last record in this state.
    pub seq: u64,
    /// The last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Run>,
    /// The resources by address.
    pub resources: BTreeMap<Address, Entry>,
    /// Resources whose tags contain another address: the address in the tags, and the current one.
    #[serde(default, rename = "marks", skip_serializing_if = "BTreeSet::is_empty")]
    pub moved_tags: BTreeSet<(Address, Address)>,
    /// What a rollback undoes.
    #[serde(default, skip_serializing_if = "UndoLog::is_blank")]
    pub undo: UndoLog,
    /// What a rollback would have undone at the start of the last `up`, while that `up` has not ended.
    #[serde(default, skip_serializing_if = "UndoLog::is_blank")]
    pub undo_before: UndoLog,
    /// The migration itself.
    #[serde(default, skip_serializing_if = "Migration::is_empty")]
    pub migration: Migration,
    #[serde(skip)]
    dependents: Dependents,
}

/// A record that is invalid after the records before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} cannot follow the records before it: {why}")]
pub struct IllegalRecord {
    /// Its sequence number.
    pub seq: u64,
    /// The reason.
    pub why: String,
}

impl State {
    /// Returns the state before its first record.
    pub fn empty() -> Self {
        Self {
            format: FORMAT,
            lineage: Lineage(String::new()),
            stack: String::new(),
            account: AccountId(String::new()),
            other_accounts: BTreeMap::new(),
            seq: 0,
            last_run: None,
            resources: BTreeMap::new(),
            moved_tags: BTreeSet::new(),
            undo: UndoLog::default(),
            undo_before: UndoLog::default(),
            migration: Migration::default(),
            dependents: Dependents::default(),
        }
    }

    /// Returns whether the history has started.
    pub fn has_begun(&self) -> bool {
        !self.lineage.as_str().is_empty()
    }

    /// Returns an entry.
    pub fn get(&self, address: &Address) -> Option<&Entry> {
        self.resources.get(address)
    }

    /// Returns the attributes of a resource that exists.
    pub fn attrs(&self, address: &Address) -> Option<&Value> {
        self.get(address)?.attrs.as_ref()
    }

    /// Returns an output of a resource that exists.
    pub fn output(&self, output: &OutputRef) -> Option<Value> {
        self.attrs(&output.of)?.get(&output.name).cloned()
    }

    /// Applies a record.
    ///
    /// # Errors
    /// The record is not the next one, or is invalid: the journal is damaged or belongs to another history.
    pub fn apply(&mut self, line: &Line) -> Result<(), IllegalRecord> {
        let next = self.seq.checked_add(1).ok_or_else(|| {
            let why = format!("the record before it has the number {}, the largest possible one", self.seq);
            IllegalRecord { seq: line.seq, why }
        })?;
        if line.seq != next {
            return Err(IllegalRecord { seq: line.seq, why: format!("record {next} is missing") });
        }
        if line.record.value().is_some_and(|value| levels(value) > DEEPEST) {
            let why = format!("it contains a value with more than {DEEPEST} levels");
            return Err(IllegalRecord { seq: line.seq, why });
        }
        // A snapshot cannot tell it from a resource of which nothing is known yet.
        if let Record::Created { attrs: Value::Null, .. } | Record::Ready { attrs: Value::Null, .. } = line.record {
            return Err(IllegalRecord { seq: line.seq, why: "its `attrs` are null".into() });
        }
        self.apply_record(&line.record).map_err(|why| IllegalRecord { seq: line.seq, why })?;
        self.seq = line.seq;
        Ok(())
    }

    fn apply_record(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Genesis { format, lineage, stack, account } => {
                if self.has_begun() {
                    return Err("the history has already started".into());
                }
                // A history without an id could start again, and its snapshot could not be read.
                if lineage.as_str().is_empty() {
                    return Err("its `lineage` is empty, so it starts no history".into());
                }
                self.format = *format;
                self.lineage = lineage.clone();
                self.stack.clone_from(stack);
                self.account = account.clone();
            }
            _ if !self.has_begun() => return Err("the history has not started".into()),
            Record::RunStarted { run, command, environments, at, .. } => {
                let environments = environments.clone();
                self.undo_before = if command == UP { self.undo.clone() } else { UndoLog::default() };
                self.last_run = Some(Run {
                    id: run.clone(),
                    command: command.clone(),
                    environments,
                    at: at.clone(),
                    outcome: None,
                });
            }
            Record::RunFinished { run, outcome, .. } => match &mut self.last_run {
                Some(last) if last.id == *run => {
                    last.outcome = Some(outcome.clone());
                    let before = std::mem::take(&mut self.undo_before);
                    // After a successful `up`, its changes stay. After a complete rollback, everything is as before.
                    // After a successful `down`, nothing is left.
                    match last.command.as_str() {
                        DOWN if outcome == DONE => {
                            self.undo.commit(&last.environments);
                            if self.resources.is_empty() {
                                self.migration = Migration::default();
                            }
                        }
                        UP | ROLLBACK if outcome == DONE => self.undo.commit(&last.environments),
                        UP if outcome == DONE_IN_PART => self.undo.commit_targeted(&before),
                        _ => {}
                    }
                }
                _ => return Err(format!("run {run} ends without a start")),
            },
            Record::Intent { address, op, kind, region, account, spec, needs, tags, token } => {
                let before = self.resources.get(address);
                if self.last_run.as_ref().is_some_and(|run| run.command == UP) {
                    self.undo.intend(address, *op, needs, before);
                }
                let attrs = before.and_then(|entry| entry.attrs.clone());
                let status = match op {
                    Op::Create if attrs.is_none() => Status::Creating,
                    Op::Create | Op::Update => Status::Updating,
                    Op::Delete if before.is_none() => {
                        return Err(format!("{address} is deleted, but is not in the state"));
                    }
                    Op::Delete => Status::Deleting,
                };
                let entry = Entry {
                    kind: kind.clone(),
                    region: region.clone(),
                    account: account.clone(),
                    status,
                    // The deletion inputs of the step do not change the recorded specification.
                    spec: before.filter(|_| *op == Op::Delete).map_or_else(|| spec.clone(), |entry| entry.spec.clone()),
                    attrs,
                    needs: needs.clone(),
                    tags: tags.clone(),
                    removed_tags: before.map(|entry| entry.unwanted_tags(tags)).unwrap_or_default(),
                    tagged_as: before.and_then(|entry| entry.tagged_as.clone()),
                    token: token.clone(),
                    open: Some(before.map_or_else(|| OpenIntent::new(*op), |entry| entry.reopened(*op))),
                };
                if let Some(before) = self.resources.get(address) {
                    self.dependents.remove(address, &before.needs);
                }
                self.insert(address, entry);
            }
            Record::Moved { from, to } => {
                self.rename(from, to)?;
                self.migration.apply_record(record)?;
            }
            Record::Call { address, call, at } => {
                let open = self.resources.get_mut(address).and_then(|entry| entry.open.as_mut());
                let open = open.ok_or_else(|| format!("{call} for {address} without an intent"))?;
                open.send(call, at.as_deref());
            }
            Record::ShiftIntent { .. }
            | Record::ShiftCall { .. }
            | Record::ShiftAccepted { .. }
            | Record::ShiftSeen { .. }
            | Record::OperationIntent { .. }
            | Record::OperationCall { .. }
            | Record::OperationEnded { .. }
            | Record::Cutover { .. }
            | Record::Switchover { .. }
            | Record::Replication { .. }
            | Record::Validated { .. }
            | Record::RotationHeld { .. }
            | Record::RotationReleased { .. } => self.migration.apply_record(record)?,
            Record::Answer { address, outcome, .. } => {
                let open = self.resources.get_mut(address).and_then(|entry| entry.open.as_mut());
                if let Some(open) = open.filter(|_| *outcome == CallOutcome::NotDone) {
                    open.refuse();
                }
            }
            Record::Accounts { others } => self.other_accounts.clone_from(others),
            Record::Created { address, attrs } => {
                let entry = self.known(address)?;
                entry.attrs = Some(attrs.clone());
                if entry.status == Status::Creating {
                    entry.status = Status::Created;
                }
            }
            Record::Ready { address, attrs } => {
                let entry = self.known(address)?;
                entry.attrs = Some(attrs.clone());
                entry.status = Status::Ready;
                entry.open = None;
                entry.removed_tags.clear();
            }
            Record::Settled { address } => {
                let entry = self.known(address)?;
                entry.open = None;
                if entry.attrs.is_none() {
                    self.remove(address);
                    self.undo.removed(address);
                } else {
                    entry.status = Status::Created;
                }
            }
            Record::Deleted { address } => {
                self.known(address)?;
                self.migration.apply_record(record)?;
                let entry = self.remove(address);
                match entry {
                    Some(entry) if self.undo.retired_removed(address, &entry) => {}
                    Some(entry) if self.last_run.as_ref().is_some_and(|run| run.command == UP) => {
                        self.undo.removed_during_up(address, &entry);
                    }
                    _ => self.undo.removed_for_good(address),
                }
            }
        }
        Ok(())
    }

    /// Changes the address of a resource, also in the dependencies of its users.
    fn rename(&mut self, from: &Address, to: &Address) -> Result<(), String> {
        if self.resources.contains_key(to) {
            return Err(format!("{from} moves to {to}, which is in the state already"));
        }
        let mut entry = self.remove(from).ok_or_else(|| format!("{from} is not in the state"))?;
        let tagged_as = entry.tagged_as.take().unwrap_or_else(|| from.clone());
        if tagged_as != *to {
            self.moved_tags.insert((tagged_as.clone(), to.clone()));
            entry.tagged_as = Some(tagged_as);
        }
        self.insert(to, entry);
        for user in self.dependents.of(from, &self.resources) {
            let Some(mut entry) = self.resources.remove(&user) else { continue };
            self.dependents.remove(&user, &entry.needs);
            for need in entry.needs.iter_mut().filter(|need| need.on == *from) {
                need.on = to.clone();
            }
            self.insert(&user, entry);
        }
        self.undo.rename(from, to, self.last_run.as_ref().is_some_and(|run| run.command == UP));
        Ok(())
    }

    /// Returns the state after these moves, as far as they are possible.
    #[must_use]
    pub fn renamed<'a>(&self, moves: impl IntoIterator<Item = (&'a Address, &'a Address)>) -> Self {
        let mut state = self.clone();
        for (from, to) in moves {
            // A resource that does not exist, or whose new address is in use, keeps its address.
            let _ = state.rename(from, to);
        }
        state
    }

    /// Returns the retired resources of this address.
    pub fn retired<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = (&'a Address, &'a Entry)> {
        let after = self.resources.range(address.retired(0)..);
        after.take_while(|(other, _)| other.retired_from().is_some_and(|base| base == *address))
    }

    /// Returns the other resources whose tags contain the same address.
    pub fn tag_siblings<'a>(&'a self, address: &'a Address, tagged_as: &'a Address) -> impl Iterator<Item = &'a Entry> {
        self.tagged_with(tagged_as).filter(move |other| *other != address).filter_map(|other| self.get(other))
    }

    /// Returns whether a resource is known whose tags contain this address. It may have been renamed or retired.
    pub fn has_tagged(&self, tagged_as: &Address) -> bool {
        self.tagged_with(tagged_as).next().is_some()
    }

    /// Returns the resources whose tags contain this address.
    pub fn tagged<'a>(&'a self, tagged_as: &'a Address) -> impl Iterator<Item = &'a Entry> {
        self.tagged_with(tagged_as).filter_map(|address| self.get(address))
    }

    /// Returns the addresses of all resources whose tags contain this address.
    fn tagged_with<'a>(&'a self, tagged_as: &'a Address) -> impl Iterator<Item = &'a Address> {
        let moved = self
            .moved_tags
            .range((tagged_as.clone(), Address::new(""))..)
            .take_while(move |(other, _)| other == tagged_as)
            .map(|(_, at)| at);
        let itself = Some(tagged_as).filter(|at| self.get(at).is_some_and(|entry| entry.tagged_as.is_none()));
        moved.chain(itself)
    }

    fn insert(&mut self, address: &Address, entry: Entry) {
        self.dependents.add(address, &entry.needs);
        self.resources.insert(address.clone(), entry);
    }

    fn remove(&mut self, address: &Address) -> Option<Entry> {
        let entry = self.resources.remove(address)?;
        self.dependents.remove(address, &entry.needs);
        if let Some(tagged_as) = &entry.tagged_as {
            self.moved_tags.remove(&(tagged_as.clone(), address.clone()));
        }
        Some(entry)
    }

    fn known(&mut self, address: &Address) -> Result<&mut Entry, String> {
        self.resources.get_mut(address).ok_or_else(|| format!("{address} is not in the state"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn begun() -> State {
        let mut state = State::empty();
        let genesis = Record::Genesis {
            format: FORMAT,
            lineage: "l".into(),
            stack: "s/1".into(),
            account: "111122223333".into(),
        };
        state.apply(&Line { seq: 1, record: genesis }).unwrap();
        state
    }

    fn intent(op: Op) -> Record {
        Record::Intent {
            address: Address::new("a"),
            op,
            kind: "ec2.vpc".into(),
            region: "us-east-1".into(),
            account: None,
            spec: json!({}),
            needs: vec![],
            tags: BTreeMap::new(),
            token: "t".into(),
        }
    }

    fn sent(address: &str, call: &str) -> Record {
        Record::Call { address: Address::new(address), call: call.into(), at: None }
    }

    fn run(state: &mut State, records: Vec<Record>) {
        for record in records {
            let line = Line { seq: state.seq + 1, record };
            state.apply(&line).unwrap();
        }
    }

    fn answered(outcome: CallOutcome) -> Record {
        Record::Answer {
            address: Address::new("a"),
            call: "ec2:CreateVpc".into(),
            outcome,
            code: None,
            request_id: None,
        }
    }

    /// A quota refused the creation, and the next run looked for the resource for five minutes.
    #[test]
    fn a_refused_call_counts_as_not_sent() {
        let calls = |answers: &[CallOutcome]| {
            let mut state = begun();
            run(&mut state, vec![intent(Op::Create)]);
            for outcome in answers {
                run(&mut state, vec![sent("a", "ec2:CreateVpc"), answered(*outcome)]);
            }
            state.get(&Address::new("a")).unwrap().open.clone().unwrap().calls
        };
        assert_eq!(calls(&[CallOutcome::NotDone]), [""; 0]);
        assert_eq!(calls(&[CallOutcome::NotDone, CallOutcome::NotDone]), [""; 0]);
        for unknown in [CallOutcome::Unknown, CallOutcome::Done] {
            assert_eq!(calls(&[unknown, CallOutcome::NotDone]), ["ec2:CreateVpc"], "the first one may have an effect");
        }
        // A state of an earlier version has not counted the calls.
        let mut state = begun();
        run(&mut state, vec![intent(Op::Create), sent("a", "ec2:CreateVpc")]);
        let open = state.resources.get_mut(&Address::new("a")).unwrap().open.as_mut().unwrap();
        (open.sent, open.refused) = (0, 0);
        run(&mut state, vec![sent("a", "ec2:CreateVpc"), answered(CallOutcome::NotDone)]);
        assert_eq!(state.get(&Address::new("a")).unwrap().open.as_ref().unwrap().calls, ["ec2:CreateVpc"]);
    }

    #[test]
    fn a_creation_goes_from_intent_over_created_to_ready() {
        let mut state = begun();
        let address = Address::new("a");
        run(&mut state, vec![intent(Op::Create), sent("a", "ec2:CreateVpc")]);
        assert_eq!(state.get(&address).unwrap().status, Status::Creating);
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, ["ec2:CreateVpc"]);
        run(&mut state, vec![Record::Created { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) }]);
        assert_eq!(state.get(&address).unwrap().status, Status::Created);
        run(&mut state, vec![Record::Ready { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) }]);
        assert_eq!(state.get(&address).unwrap().status, Status::Ready);
        assert!(state.get(&address).unwrap().open.is_none());
    }

    #[test]
    fn an_intent_without_effect_leaves_nothing() {
        let mut state = begun();
        run(&mut state, vec![intent(Op::Create), Record::Settled { address: Address::new("a") }]);
        assert!(state.resources.is_empty());
    }

    #[test]
    fn a_second_attempt_remembers_the_calls_of_the_first() {
        let mut state = begun();
        let address = Address::new("a");
        let call = |call: &str| sent("a", call);
        run(&mut state, vec![intent(Op::Create), Record::Ready { address: address.clone(), attrs: json!({}) }]);
        run(
            &mut state,
            vec![
                intent(Op::Update),
                call("dms:Stop"),
                intent(Op::Update),
                call("dms:Modify"),
                intent(Op::Update),
                call("dms:Stop"),
            ],
        );
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, ["dms:Stop", "dms:Modify"]);
        run(&mut state, vec![intent(Op::Delete)]);
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, Vec::<String>::new());
    }

    #[test]
    fn tags_to_remove_are_known_until_they_are_removed() {
        let mut state = begun();
        let address = Address::new("a");
        let tagged = |keys: &[&str]| match intent(Op::Update) {
            Record::Intent { address, op, kind, region, account, spec, needs, token, .. } => {
                let tags = keys.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect();
                Record::Intent { address, op, kind, region, account, spec, needs, tags, token }
            }
            other => other,
        };
        let ready = Record::Ready { address: address.clone(), attrs: json!({}) };
        run(&mut state, vec![tagged(&["x", "y"]), ready.clone(), tagged(&["y"]), tagged(&[])]);
        assert_eq!(state.get(&address).unwrap().removed_tags, ["x".to_owned(), "y".to_owned()].into());
        run(&mut state, vec![tagged(&["x"])]);
        assert_eq!(state.get(&address).unwrap().removed_tags, ["y".to_owned()].into(), "what is wanted again stays");
        run(&mut state, vec![ready]);
        assert!(state.get(&address).unwrap().removed_tags.is_empty());
    }

    #[test]
    fn a_moved_resource_keeps_its_tags() {
        let mut state = begun();
        let (a, b) = (Address::new("a"), Address::new("b"));
        run(&mut state, vec![intent(Op::Create), Record::Moved { from: a.clone(), to: b.clone() }]);
        assert!(state.get(&a).is_none());
        assert_eq!(state.get(&b).unwrap().tagged_as, Some(a.clone()));
        run(&mut state, vec![Record::Moved { from: b, to: a.clone() }]);
        assert_eq!(state.get(&a).unwrap().tagged_as, None);
    }

    #[test]
    fn a_retired_resource_is_found_by_its_base_address() {
        let mut state = begun();
        let a = Address::new("a");
        run(
            &mut state,
            vec![intent(Op::Create), Record::Moved { from: a.clone(), to: a.retired(0) }, intent(Op::Create)],
        );
        assert_eq!(state.retired(&a).map(|(address, _)| address.as_str()).collect::<Vec<_>>(), ["a~old"]);
        assert_eq!(state.tag_siblings(&a, &a).count(), 1);
        assert_eq!(state.tag_siblings(&a.retired(0), &a).count(), 1);
    }

    #[test]
    fn a_history_without_an_id_was_accepted_and_its_snapshot_was_not() {
        let (stack, account) = ("s/1".into(), "111122223333".into());
        let genesis = Record::Genesis { format: FORMAT, lineage: "".into(), stack, account };
        let error = State::empty().apply(&Line { seq: 1, record: genesis }).unwrap_err();
        assert!(error.to_string().contains("`lineage` is empty"), "{error}");
    }

    #[test]
    fn a_record_was_accepted_whose_snapshot_could_not_be_read() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let address = || Address::new("a");
        let records: [fn(Address, Value) -> Record; 5] = [
            |address, attrs| Record::Created { address, attrs },
            |_, saved| Record::Cutover { saved: Some(saved) },
            |_, saved| Record::Switchover { saved: Some(saved) },
            |address, saved| Record::Replication { address, saved: Some(saved) },
            |address, saved| Record::Validated { address, saved: Some(saved) },
        ];
        for record in records {
            let mut state = begun();
            run(&mut state, vec![intent(Op::Create), record(address(), nested(DEEPEST))]);
            let snapshot = serde_json::to_vec(&state).unwrap();
            assert_eq!(serde_json::from_slice::<State>(&snapshot).unwrap().seq, state.seq);
            let seq = state.seq + 1;
            let error = state.apply(&Line { seq, record: record(address(), nested(DEEPEST + 1)) }).unwrap_err();
            assert!(error.to_string().contains("more than 100 levels"), "{error}");
        }
    }

    #[test]
    fn attributes_that_are_null_were_accepted_and_lost_in_the_snapshot() {
        for record in [
            Record::Created { address: Address::new("a"), attrs: Value::Null },
            Record::Ready { address: Address::new("a"), attrs: Value::Null },
        ] {
            let mut state = begun();
            run(&mut state, vec![intent(Op::Create)]);
            let error = state.apply(&Line { seq: state.seq + 1, record }).unwrap_err();
            assert!(error.to_string().contains("`attrs` are null"), "{error}");
        }
    }

    #[test]
    fn a_snapshot_with_the_largest_numbers_overflowed() {
        let mut state = begun();
        run(&mut state, vec![intent(Op::Create), sent("a", "ec2:CreateVpc")]);
        let open = state.resources.get_mut(&Address::new("a")).unwrap().open.as_mut().unwrap();
        (open.sent, open.refused) = (u32::MAX, u32::MAX);
        run(&mut state, vec![sent("a", "ec2:CreateVpc"), answered(CallOutcome::NotDone)]);
        state.seq = u64::MAX;
        let error = state.apply(&Line { seq: u64::MAX, record: sent("a", "ec2:CreateVpc") }).unwrap_err();
        assert!(error.to_string().contains("largest possible"), "{error}");
    }

    #[test]
    fn a_gap_and_a_call_without_intent_are_rejected() {
        let mut state = begun();
        let deleted = Record::Deleted { address: Address::new("a") };
        assert!(
            state.apply(&Line { seq: 3, record: deleted }).unwrap_err().to_string().contains("record 2 is missing")
        );
        let call = sent("a", "ec2:CreateVpc");
        assert!(state.apply(&Line { seq: 2, record: call }).is_err());
    }
}
