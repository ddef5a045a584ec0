//! What a rollback would undo: all that `up` has done since it last ended well.
//!
//! It is kept by [`State::apply`](super::State::apply), so it is as durable as the journal and the same in replay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Op;
use super::snapshot::Entry;
use crate::address::Address;
use crate::graph::Need;

/// What a resource was before it was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// Its specification; references are resolved.
    pub spec: Value,
    /// What it needed, by the addresses of then. What has made way since is meant by either of its addresses.
    pub needs: Vec<Need>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What was known of it.
    pub attrs: Value,
}

/// What a rollback would undo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undo {
    /// What was made, or may have been made.
    pub created: BTreeSet<Address>,
    /// What was changed in place, with what it was before.
    pub changed: BTreeMap<Address, Previous>,
    /// What was deleted, because the configuration no longer had it. It can not be brought back.
    pub deleted: BTreeSet<Address>,
    /// What was gone from AWS, or made way, and was or is to be made again, with what was known of it before. The new one stays: it was there before
    /// the `up`.
    pub remade: BTreeMap<Address, Value>,
    /// What has been replaced: the same `up`, run again, does not have to do it again.
    pub replaced: BTreeSet<Address>,
    /// What makes way for a new one, with the address that it had. As long as it is there it can have its place again.
    pub set_aside: BTreeMap<Address, Address>,
}

impl Undo {
    /// Returns whether there is nothing to undo. What has to be made again is not undone, and may still be missing.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.deleted.is_empty() && self.set_aside.is_empty()
    }

    /// Returns whether there is nothing that would have to be remembered.
    pub(super) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the environments in which there is something to undo.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        let all = self.created.iter().chain(self.changed.keys()).chain(&self.deleted).chain(self.remade.keys()).chain(self.set_aside.keys());
        all.map(Address::environment)
    }

    /// An `up` is about to do something to a resource, which was `before`.
    ///
    /// Only what the state did not know and what is then *created* counts as made: what `up` merely finds, by its name or its tags, was
    /// there before. Unless it stands on something that was made: then it came with that, as a default group comes with its VPC.
    pub(super) fn intend(&mut self, address: &Address, op: Op, needs: &[Need], before: Option<&Entry>) {
        if self.created.contains(address) || self.remade.contains_key(address) {
            return;
        }
        match (op, before) {
            (Op::Create, None) => {
                self.created.insert(address.clone());
            }
            (Op::Create | Op::Update, Some(entry)) => {
                if let Some(attrs) = &entry.attrs {
                    let (spec, needs, tags) = (entry.spec.clone(), entry.needs.clone(), entry.tags.clone());
                    self.changed.entry(address.clone()).or_insert(Previous { spec, needs, tags, attrs: attrs.clone() });
                }
            }
            (Op::Update, None) if needs.iter().any(|need| self.created.contains(&need.on)) => {
                self.created.insert(address.clone());
            }
            (Op::Update, None) | (Op::Delete, _) => {}
        }
    }

    /// A resource has another address from here on.
    pub(super) fn rename(&mut self, from: &Address, to: &Address, during_up: bool) {
        let made = self.created.remove(from);
        if made {
            self.created.insert(to.clone());
        }
        if let Some(previous) = self.changed.remove(from) {
            self.changed.insert(to.clone(), previous);
        }
        if let Some(attrs) = self.remade.remove(from) {
            self.remade.insert(to.clone(), attrs);
        }
        self.set_aside.remove(from);
        if during_up && to.made_way().as_ref() == Some(from) {
            self.replaced.insert(from.clone());
            if !made {
                self.set_aside.insert(to.clone(), from.clone());
            }
        }
        // It has its place again, so nothing has been replaced.
        if from.made_way().as_ref() == Some(to) {
            self.replaced.remove(to);
        }
    }

    /// What was to make way is gone and can not be brought back: the new one stays in its place. Returns whether it was such a one.
    pub(super) fn made_way(&mut self, address: &Address, entry: &Entry) -> bool {
        let Some(base) = self.set_aside.remove(address) else { return false };
        self.created.remove(&base);
        self.changed.remove(address);
        if let Some(attrs) = &entry.attrs {
            self.remade.insert(base, attrs.clone());
        }
        true
    }

    /// During an `up`, a resource was found to be gone, or was deleted.
    pub(super) fn gone_during_up(&mut self, address: &Address, entry: &Entry) {
        let made = self.created.contains(address);
        self.gone(address);
        match (&entry.attrs, &entry.open) {
            (Some(_), Some(open)) if open.op == Op::Delete && !made => drop(self.deleted.insert(address.clone())),
            (Some(attrs), None) if !made => drop(self.remade.insert(address.clone(), attrs.clone())),
            _ => {}
        }
    }

    /// An `up` of these environments ended well, so what was done there stays; or a `rollback` did, so nothing is left to undo.
    pub(super) fn settle(&mut self, environments: &BTreeSet<String>) {
        // Records of before environments were taken down were of all of them.
        let elsewhere = |address: &Address| !environments.is_empty() && !environments.contains(address.environment());
        self.created.retain(elsewhere);
        self.changed.retain(|address, _| elsewhere(address));
        self.deleted.retain(elsewhere);
        self.remade.retain(|address, _| elsewhere(address));
        self.replaced.retain(elsewhere);
        self.set_aside.retain(|address, _| elsewhere(address));
    }

    /// An `up` that was only about targets ended well: what it did stays, and what there was to undo `before` it still is.
    pub(super) fn settle_part(&mut self, before: &Self) {
        let created = places(&before.created);
        self.created.retain(|address| created.contains(&place(address)));
        let changed = places(before.changed.keys());
        self.changed.retain(|address, _| changed.contains(&place(address)));
        self.deleted.retain(|address| before.deleted.contains(address));
        self.remade.retain(|address, _| before.remade.contains_key(address));
        self.replaced.retain(|address| before.replaced.contains(address));
        self.set_aside.retain(|address, _| before.set_aside.contains_key(address));
    }

    /// A resource is gone because it was to go. What is made in its place later on is new.
    pub(super) fn gone_for_good(&mut self, address: &Address) {
        self.gone(address);
        self.remade.remove(address);
        self.replaced.remove(address);
    }

    /// A resource is gone, or never came to be.
    pub(super) fn gone(&mut self, address: &Address) {
        self.created.remove(address);
        self.changed.remove(address);
        self.set_aside.remove(address);
    }
}

/// The address of a thing, or the one that it had before it was to make way.
fn place(address: &Address) -> Address {
    address.made_way().unwrap_or_else(|| address.clone())
}

fn places<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> BTreeSet<Address> {
    addresses.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::RunId;
    use crate::state::record::{Line, Record};
    use crate::state::snapshot::{DONE_IN_PART, DOWN, State, UP};
    use serde_json::json;

    fn begun() -> State {
        let mut state = State::empty();
        run(&mut state, vec![Record::Genesis { format: 1, lineage: "l".into(), stack: "s/1".into(), account: "111122223333".into() }]);
        state
    }

    fn run(state: &mut State, records: Vec<Record>) {
        for record in records {
            let line = Line { seq: state.seq + 1, record };
            state.apply(&line).unwrap();
        }
    }

    fn started(command: &str) -> Record {
        let (run, command, environments) = (RunId(command.to_owned()), command.to_owned(), ["a".to_owned(), "b".to_owned()].into());
        Record::RunStarted { run, command, environments, version: "0".into(), at: "now".into() }
    }

    fn finished(command: &str, outcome: &str) -> Record {
        Record::RunFinished { run: RunId(command.to_owned()), outcome: outcome.into(), at: "now".into() }
    }

    fn intent(address: &Address, op: Op) -> Record {
        let (kind, region, spec, token) = ("ec2.vpc".into(), "us-east-1".into(), json!({}), "t".into());
        Record::Intent { address: address.clone(), op, kind, region, spec, needs: vec![], tags: BTreeMap::new(), token }
    }

    fn made(address: &Address) -> Vec<Record> {
        vec![intent(address, Op::Create), Record::Ready { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) }]
    }

    #[test]
    fn what_was_taken_down_is_new_when_it_is_made_again() {
        let mut state = begun();
        let address = Address::new("a");
        run(&mut state, [vec![started(UP)], made(&address), vec![finished(UP, "done")]].concat());
        // It is gone, and the `up` that makes it again does not end.
        run(&mut state, [vec![started(UP), Record::Deleted { address: address.clone() }], made(&address)].concat());
        assert!(state.undo.remade.contains_key(&address));
        run(&mut state, vec![started(DOWN), intent(&address, Op::Delete), Record::Deleted { address: address.clone() }]);
        run(&mut state, [vec![started(UP)], made(&address)].concat());
        assert!(state.undo.created.contains(&address), "a rollback deletes what was not there before");
    }

    #[test]
    fn what_an_up_of_a_part_did_well_was_undone() {
        let mut state = begun();
        let (a, b) = (Address::new("a"), Address::new("b"));
        run(&mut state, [vec![started(UP)], made(&a), vec![finished(UP, "failed"), started(UP)], made(&b)].concat());
        // It is the same when the state is read in between.
        state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        run(&mut state, vec![finished(UP, DONE_IN_PART)]);
        assert_eq!(state.undo.created, [a].into());
    }

    #[test]
    fn what_was_replaced_was_forgotten_with_the_next_snapshot() {
        let mut state = begun();
        let a = Address::new("a");
        run(&mut state, [vec![started(UP)], made(&a), vec![finished(UP, "done"), started(UP)]].concat());
        let old = a.set_aside(0);
        run(&mut state, [vec![Record::Moved { from: a.clone(), to: old.clone() }], made(&a), vec![Record::Deleted { address: old }]].concat());
        assert_eq!(state.undo.replaced, [a].into());
        let read: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(read.undo, state.undo);
    }
}
