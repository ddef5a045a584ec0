//! The state: what the journal's records add up to. One total function, [`State::apply`], used live and in replay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::migration::Migration;
use super::record::{Line, Op, Record};
use super::undo::Undo;
use super::users::Users;
use crate::address::{AccountId, Address, Lineage, Region, RunId};
use crate::graph::{Need, OutputRef};

/// The format that this version writes. Every format ever released can be read.
pub const FORMAT: u32 = 1;

/// The command that brings everything to the configuration, as runs are recorded.
pub const UP: &str = "up";
/// The command that undoes what the last unfinished `up` did.
pub const ROLLBACK: &str = "rollback";
/// The command that deletes everything.
pub const DOWN: &str = "down";
/// How a run ends well.
const DONE: &str = "done";
/// How a run ends well that was only about targets.
pub const DONE_IN_PART: &str = "done in part";

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An intent to create it is open, and no id is known.
    Creating,
    /// Its id is known; it may not be usable yet.
    Created,
    /// It is usable and as specified.
    Ready,
    /// An intent to change it is open.
    Updating,
    /// An intent to delete it is open.
    Deleting,
}

/// What was intended and has not been settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// What.
    pub op: Op,
    /// The mutating calls sent so far, each once, in order: in this intent, and in those of the same direction that it goes on from.
    pub calls: Vec<String>,
}

/// One resource that exists, or may exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind's name.
    pub kind: String,
    /// The region.
    pub region: Region,
    /// How far it is.
    pub status: Status,
    /// The specification it was last brought to, or was being brought to; references are resolved.
    pub spec: Value,
    /// What is known of it. Absent while the creation is unsettled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attrs: Option<Value>,
    /// What it needs.
    pub needs: Vec<Need>,
    /// Tags besides the ownership tags.
    pub tags: BTreeMap<String, String>,
    /// The keys of tags that it had been given and that are no longer wanted, until it was seen to that they are off.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dropped_tags: BTreeSet<String>,
    /// The address that its tags in AWS say, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged_as: Option<Address>,
    /// The idempotency token of its creation.
    pub token: String,
    /// What is not settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenIntent>,
}

impl Entry {
    /// Returns the keys of the tags that it was given, or may have been, and that are not among those `wanted`.
    pub fn dropped(&self, wanted: &BTreeMap<String, String>) -> BTreeSet<String> {
        self.tags.keys().chain(&self.dropped_tags).filter(|key| !wanted.contains_key(*key)).cloned().collect()
    }

    /// The calls of an intent of the same direction that was never settled: what was begun with them has not been brought to an end.
    fn sent(&self, op: Op) -> Vec<String> {
        let open = self.open.as_ref().filter(|open| (open.op == Op::Delete) == (op == Op::Delete));
        open.map(|open| open.calls.clone()).unwrap_or_default()
    }
}

/// A run that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The command.
    pub command: String,
    /// The environments that it works on, or worked on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<String>,
    /// When it began, RFC 3339.
    pub at: String,
    /// How it ended; absent when it was killed or is still going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// Everything that is remembered of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The format of this file.
    pub format: u32,
    /// The history that it belongs to.
    pub lineage: Lineage,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The account that everything lives in.
    pub account: AccountId,
    /// The last journal record that is contained here.
    pub seq: u64,
    /// The last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Run>,
    /// The resources by address.
    pub resources: BTreeMap<Address, Entry>,
    /// What is known under another address than its tags say: what they say, and where it is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<(Address, Address)>,
    /// What a rollback would undo.
    #[serde(default, skip_serializing_if = "Undo::is_blank")]
    pub undo: Undo,
    /// What a rollback would have undone when the last `up` began, unless that has ended.
    #[serde(default, skip_serializing_if = "Undo::is_blank")]
    pub undo_before: Undo,
    /// The migration itself.
    #[serde(default, skip_serializing_if = "Migration::is_empty")]
    pub migration: Migration,
    #[serde(skip)]
    users: Users,
}

/// A record that cannot follow what came before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} can not follow what came before it: {why}")]
pub struct IllegalRecord {
    /// Its number.
    pub seq: u64,
    /// Why not.
    pub why: String,
}

impl State {
    /// The state before its first record.
    pub fn empty() -> Self {
        Self {
            format: FORMAT,
            lineage: Lineage(String::new()),
            stack: String::new(),
            account: AccountId(String::new()),
            seq: 0,
            last_run: None,
            resources: BTreeMap::new(),
            marks: BTreeSet::new(),
            undo: Undo::default(),
            undo_before: Undo::default(),
            migration: Migration::default(),
            users: Users::default(),
        }
    }

    /// Returns whether the history has begun.
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

    /// Adds one record.
    ///
    /// # Errors
    /// When it is not the next one, or does not fit: the journal is damaged or belongs to something else.
    pub fn apply(&mut self, line: &Line) -> Result<(), IllegalRecord> {
        if line.seq != self.seq + 1 {
            return Err(IllegalRecord { seq: line.seq, why: format!("record {} is missing", self.seq + 1) });
        }
        self.take(&line.record).map_err(|why| IllegalRecord { seq: line.seq, why })?;
        self.seq = line.seq;
        Ok(())
    }

    fn take(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Genesis { format, lineage, stack, account } => {
                if self.has_begun() {
                    return Err("the history has begun already".into());
                }
                self.format = *format;
                self.lineage = lineage.clone();
                self.stack.clone_from(stack);
                self.account = account.clone();
            }
            _ if !self.has_begun() => return Err("the history has not begun".into()),
            Record::RunStarted { run, command, environments, at, .. } => {
                let environments = environments.clone();
                self.undo_before = if command == UP { self.undo.clone() } else { Undo::default() };
                self.last_run = Some(Run { id: run.clone(), command: command.clone(), environments, at: at.clone(), outcome: None });
            }
            Record::RunFinished { run, outcome, .. } => match &mut self.last_run {
                Some(last) if last.id == *run => {
                    last.outcome = Some(outcome.clone());
                    let before = std::mem::take(&mut self.undo_before);
                    // What ended well stays, what was rolled back to its end is as it was, and of what was taken down nothing is left.
                    match last.command.as_str() {
                        DOWN if outcome == DONE => {
                            self.undo.settle(&last.environments);
                            if !self.resources.values().any(|entry| entry.kind == "route53.weighted_record") {
                                self.migration = Migration::default();
                            }
                        }
                        UP | ROLLBACK if outcome == DONE => self.undo.settle(&last.environments),
                        UP if outcome == DONE_IN_PART => self.undo.settle_part(&before),
                        _ => {}
                    }
                }
                _ => return Err(format!("run {run} ends but did not begin")),
            },
            Record::Intent { address, op, kind, region, spec, needs, tags, token } => {
                let before = self.resources.get(address);
                if self.last_run.as_ref().is_some_and(|run| run.command == UP) {
                    self.undo.intend(address, *op, needs, before);
                }
                let attrs = before.and_then(|entry| entry.attrs.clone());
                let status = match op {
                    Op::Create if attrs.is_none() => Status::Creating,
                    Op::Create | Op::Update => Status::Updating,
                    Op::Delete if before.is_none() => return Err(format!("{address} is to be deleted but is not known")),
                    Op::Delete => Status::Deleting,
                };
                let entry = Entry {
                    kind: kind.clone(),
                    region: region.clone(),
                    status,
                    // How something is to be deleted is no news of how it is.
                    spec: before.filter(|_| *op == Op::Delete).map_or_else(|| spec.clone(), |entry| entry.spec.clone()),
                    attrs,
                    needs: needs.clone(),
                    tags: tags.clone(),
                    dropped_tags: before.map(|entry| entry.dropped(tags)).unwrap_or_default(),
                    tagged_as: before.and_then(|entry| entry.tagged_as.clone()),
                    token: token.clone(),
                    open: Some(OpenIntent { op: *op, calls: before.map(|entry| entry.sent(*op)).unwrap_or_default() }),
                };
                if let Some(before) = self.resources.get(address) {
                    self.users.remove(address, &before.needs);
                }
                self.keep(address, entry);
            }
            Record::Moved { from, to } => self.rename(from, to)?,
            Record::Call { address, call } => {
                let open = self.resources.get_mut(address).and_then(|entry| entry.open.as_mut());
                let calls = &mut open.ok_or_else(|| format!("{call} for {address} without an intent"))?.calls;
                if !calls.contains(call) {
                    calls.push(call.clone());
                }
            }
            Record::ShiftIntent { .. }
            | Record::ShiftCall { .. }
            | Record::ShiftAccepted { .. }
            | Record::ShiftSeen { .. }
            | Record::OperationIntent { .. }
            | Record::OperationCall { .. }
            | Record::OperationEnded { .. }
            | Record::Cutover { .. } => self.migration.take(record)?,
            Record::Answer { .. } => {}
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
                entry.dropped_tags.clear();
            }
            Record::Settled { address } => {
                let entry = self.known(address)?;
                entry.open = None;
                if entry.attrs.is_none() {
                    self.drop(address);
                    self.undo.gone(address);
                } else {
                    entry.status = Status::Created;
                }
            }
            Record::Deleted { address } => {
                self.known(address)?;
                let entry = self.drop(address);
                match entry {
                    Some(entry) if self.undo.made_way(address, &entry) => {}
                    Some(entry) if self.last_run.as_ref().is_some_and(|run| run.command == UP) => self.undo.gone_during_up(address, &entry),
                    _ => self.undo.gone_for_good(address),
                }
            }
        }
        Ok(())
    }

    /// Gives a resource another address, also where others refer to it.
    fn rename(&mut self, from: &Address, to: &Address) -> Result<(), String> {
        if self.resources.contains_key(to) {
            return Err(format!("{from} is to be known as {to}, which is known already"));
        }
        let mut entry = self.drop(from).ok_or_else(|| format!("{from} is not known"))?;
        let tagged_as = entry.tagged_as.take().unwrap_or_else(|| from.clone());
        if tagged_as != *to {
            self.marks.insert((tagged_as.clone(), to.clone()));
            entry.tagged_as = Some(tagged_as);
        }
        self.keep(to, entry);
        for user in self.users.of(from, &self.resources) {
            let Some(mut entry) = self.resources.remove(&user) else { continue };
            self.users.remove(&user, &entry.needs);
            for need in entry.needs.iter_mut().filter(|need| need.on == *from) {
                need.on = to.clone();
            }
            self.keep(&user, entry);
        }
        self.undo.rename(from, to, self.last_run.as_ref().is_some_and(|run| run.command == UP));
        Ok(())
    }

    /// Returns the state as it is once these resources have other addresses, as far as that can be.
    #[must_use]
    pub fn renamed<'a>(&self, moves: impl IntoIterator<Item = (&'a Address, &'a Address)>) -> Self {
        let mut state = self.clone();
        for (from, to) in moves {
            // One that is not there, or whose new address is taken, stays as it is.
            let _ = state.rename(from, to);
        }
        state
    }

    /// Returns what makes way for a new one at this address, or did not get to it.
    pub fn set_aside<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = (&'a Address, &'a Entry)> {
        let after = self.resources.range(address.set_aside(0)..);
        after.take_while(|(other, _)| other.made_way().is_some_and(|base| base == *address))
    }

    /// Returns other resources whose tags say this address.
    pub fn namesakes<'a>(&'a self, address: &'a Address, tagged_as: &'a Address) -> impl Iterator<Item = &'a Entry> {
        self.that_say(tagged_as).filter(move |other| *other != address).filter_map(|other| self.get(other))
    }

    /// Returns whether something is known whose tags say this address, wherever it is known: it may have been renamed, or make way.
    pub fn knows_tagged_as(&self, says: &Address) -> bool {
        self.that_say(says).next().is_some()
    }

    /// The addresses of all whose tags say this address.
    fn that_say<'a>(&'a self, says: &'a Address) -> impl Iterator<Item = &'a Address> {
        let marked = self.marks.range((says.clone(), Address::new(""))..).take_while(move |(other, _)| other == says).map(|(_, at)| at);
        let itself = Some(says).filter(|at| self.get(at).is_some_and(|entry| entry.tagged_as.is_none()));
        marked.chain(itself)
    }

    fn keep(&mut self, address: &Address, entry: Entry) {
        self.users.add(address, &entry.needs);
        self.resources.insert(address.clone(), entry);
    }

    fn drop(&mut self, address: &Address) -> Option<Entry> {
        let entry = self.resources.remove(address)?;
        self.users.remove(address, &entry.needs);
        if let Some(says) = &entry.tagged_as {
            self.marks.remove(&(says.clone(), address.clone()));
        }
        Some(entry)
    }

    fn known(&mut self, address: &Address) -> Result<&mut Entry, String> {
        self.resources.get_mut(address).ok_or_else(|| format!("{address} is not known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn begun() -> State {
        let mut state = State::empty();
        let genesis = Record::Genesis { format: FORMAT, lineage: "l".into(), stack: "s/1".into(), account: "111122223333".into() };
        state.apply(&Line { seq: 1, record: genesis }).unwrap();
        state
    }

    fn intent(op: Op) -> Record {
        Record::Intent {
            address: Address::new("a"),
            op,
            kind: "ec2.vpc".into(),
            region: "us-east-1".into(),
            spec: json!({}),
            needs: vec![],
            tags: BTreeMap::new(),
            token: "t".into(),
        }
    }

    fn run(state: &mut State, records: Vec<Record>) {
        for record in records {
            let line = Line { seq: state.seq + 1, record };
            state.apply(&line).unwrap();
        }
    }

    #[test]
    fn a_creation_goes_from_intent_over_created_to_ready() {
        let mut state = begun();
        let address = Address::new("a");
        run(&mut state, vec![intent(Op::Create), Record::Call { address: address.clone(), call: "ec2:CreateVpc".into() }]);
        assert_eq!(state.get(&address).unwrap().status, Status::Creating);
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, ["ec2:CreateVpc"]);
        run(&mut state, vec![Record::Created { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) }]);
        assert_eq!(state.get(&address).unwrap().status, Status::Created);
        run(&mut state, vec![Record::Ready { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) }]);
        assert_eq!(state.get(&address).unwrap().status, Status::Ready);
        assert!(state.get(&address).unwrap().open.is_none());
    }

    #[test]
    fn an_intent_that_came_to_nothing_leaves_nothing() {
        let mut state = begun();
        run(&mut state, vec![intent(Op::Create), Record::Settled { address: Address::new("a") }]);
        assert!(state.resources.is_empty());
    }

    #[test]
    fn a_second_attempt_remembers_what_the_first_had_called() {
        let mut state = begun();
        let address = Address::new("a");
        let call = |call: &str| Record::Call { address: address.clone(), call: call.into() };
        run(&mut state, vec![intent(Op::Create), Record::Ready { address: address.clone(), attrs: json!({}) }]);
        run(&mut state, vec![intent(Op::Update), call("dms:Stop"), intent(Op::Update), call("dms:Modify"), intent(Op::Update), call("dms:Stop")]);
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, ["dms:Stop", "dms:Modify"]);
        run(&mut state, vec![intent(Op::Delete)]);
        assert_eq!(state.get(&address).unwrap().open.as_ref().unwrap().calls, Vec::<String>::new());
    }

    #[test]
    fn tags_to_be_taken_off_are_known_until_it_is_done() {
        let mut state = begun();
        let address = Address::new("a");
        let tagged = |keys: &[&str]| match intent(Op::Update) {
            Record::Intent { address, op, kind, region, spec, needs, token, .. } => {
                let tags = keys.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect();
                Record::Intent { address, op, kind, region, spec, needs, tags, token }
            }
            other => other,
        };
        let ready = Record::Ready { address: address.clone(), attrs: json!({}) };
        run(&mut state, vec![tagged(&["x", "y"]), ready.clone(), tagged(&["y"]), tagged(&[])]);
        assert_eq!(state.get(&address).unwrap().dropped_tags, ["x".to_owned(), "y".to_owned()].into());
        run(&mut state, vec![tagged(&["x"])]);
        assert_eq!(state.get(&address).unwrap().dropped_tags, ["y".to_owned()].into(), "what is wanted again stays");
        run(&mut state, vec![ready]);
        assert!(state.get(&address).unwrap().dropped_tags.is_empty());
    }

    #[test]
    fn what_was_moved_keeps_the_tags_that_it_has() {
        let mut state = begun();
        let (a, b) = (Address::new("a"), Address::new("b"));
        run(&mut state, vec![intent(Op::Create), Record::Moved { from: a.clone(), to: b.clone() }]);
        assert!(state.get(&a).is_none());
        assert_eq!(state.get(&b).unwrap().tagged_as, Some(a.clone()));
        run(&mut state, vec![Record::Moved { from: b, to: a.clone() }]);
        assert_eq!(state.get(&a).unwrap().tagged_as, None);
    }

    #[test]
    fn what_makes_way_is_found_by_its_place() {
        let mut state = begun();
        let a = Address::new("a");
        run(&mut state, vec![intent(Op::Create), Record::Moved { from: a.clone(), to: a.set_aside(0) }, intent(Op::Create)]);
        assert_eq!(state.set_aside(&a).map(|(address, _)| address.as_str()).collect::<Vec<_>>(), ["a~old"]);
        assert_eq!(state.namesakes(&a, &a).count(), 1);
        assert_eq!(state.namesakes(&a.set_aside(0), &a).count(), 1);
    }

    #[test]
    fn a_gap_and_a_call_without_intent_are_refused() {
        let mut state = begun();
        let deleted = Record::Deleted { address: Address::new("a") };
        assert!(state.apply(&Line { seq: 3, record: deleted }).unwrap_err().to_string().contains("record 2 is missing"));
        let call = Record::Call { address: Address::new("a"), call: "ec2:CreateVpc".into() };
        assert!(state.apply(&Line { seq: 2, record: call }).is_err());
    }
}
