//! What a rollback undoes: all changes of `up` since its last success.
//!
//! [`State::apply`](super::State::apply) maintains it, so it is as durable as the journal, and the same in replay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::Entry;
use super::record::Op;
use crate::graph::Need;
use infra_base::address::Address;

/// A resource before its update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// Its specification, with resolved references.
    pub spec: Value,
    /// Its dependencies by their addresses at that time. A dependency that was retired since has either of its
    /// addresses.
    pub needs: Vec<Need>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its attributes.
    pub attrs: Value,
}

/// What a rollback undoes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UndoLog {
    /// Resources that were created, or may have been created.
    pub created: BTreeSet<Address>,
    /// Resources that were updated in place, with their previous data.
    pub changed: BTreeMap<Address, Previous>,
    /// Resources that were deleted, because the configuration no longer contained them. They cannot be restored.
    pub deleted: BTreeSet<Address>,
    /// Resources that no longer existed in AWS, or were retired, and that were or will be recreated, with their
    /// previous attributes. The new ones stay, because the resources existed before the `up`.
    #[serde(rename = "remade")]
    pub recreated: BTreeMap<Address, Value>,
    /// Resources that have been replaced, so that a repeated `up` does not replace them again.
    pub replaced: BTreeSet<Address>,
    /// Retired resources with their base addresses. As long as they exist, they can be restored.
    #[serde(rename = "set_aside")]
    pub retired: BTreeMap<Address, Address>,
}

impl UndoLog {
    /// Returns whether there is nothing to undo. Recreated resources are not undone, and may still be missing.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.deleted.is_empty() && self.retired.is_empty()
    }

    /// Returns whether there is nothing to store.
    pub(super) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the environments in which there is something to undo.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        let all = self
            .created
            .iter()
            .chain(self.changed.keys())
            .chain(&self.deleted)
            .chain(self.recreated.keys())
            .chain(self.retired.keys());
        all.map(Address::environment)
    }

    /// Records that an `up` is about to change a resource, which was `before`.
    ///
    /// A resource counts as created only if it was not in the state and the operation is a creation. A resource that
    /// `up` only finds, by its name or its tags, existed before. The exception is a resource that depends on a created
    /// one: it was created with it, as the default rules of a network with that network.
    pub(super) fn intend(&mut self, address: &Address, op: Op, needs: &[Need], before: Option<&Entry>) {
        if self.created.contains(address) || self.recreated.contains_key(address) {
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

    /// Records that a resource has another address from now on.
    pub(super) fn rename(&mut self, from: &Address, to: &Address, during_up: bool) {
        let made = self.created.remove(from);
        if made {
            self.created.insert(to.clone());
        }
        if let Some(previous) = self.changed.remove(from) {
            self.changed.insert(to.clone(), previous);
        }
        if let Some(attrs) = self.recreated.remove(from) {
            self.recreated.insert(to.clone(), attrs);
        }
        self.retired.remove(from);
        if during_up && to.retired_from().as_ref() == Some(from) {
            self.replaced.insert(from.clone());
            if !made {
                self.retired.insert(to.clone(), from.clone());
            }
        }
        // The resource has its base address again, so nothing has been replaced.
        if from.retired_from().as_ref() == Some(to) {
            self.replaced.remove(to);
        }
    }

    /// Records that a retired resource no longer exists and cannot be restored: the new one keeps the address. Returns
    /// whether the resource was retired.
    pub(super) fn retired_removed(&mut self, address: &Address, entry: &Entry) -> bool {
        let Some(base) = self.retired.remove(address) else { return false };
        self.created.remove(&base);
        self.changed.remove(address);
        if let Some(attrs) = &entry.attrs {
            self.recreated.insert(base, attrs.clone());
        }
        true
    }

    /// Records that, during an `up`, a resource was deleted, or was found to be missing.
    pub(super) fn removed_during_up(&mut self, address: &Address, entry: &Entry) {
        let made = self.created.contains(address);
        self.removed(address);
        match (&entry.attrs, &entry.open) {
            (Some(_), Some(open)) if open.op == Op::Delete && !made => drop(self.deleted.insert(address.clone())),
            (Some(attrs), None) if !made => drop(self.recreated.insert(address.clone(), attrs.clone())),
            _ => {}
        }
    }

    /// Commits these environments: after a successful `up`, its changes stay; after a successful `rollback`, nothing is
    /// left to undo.
    pub(super) fn commit(&mut self, environments: &BTreeSet<String>) {
        // Records of older versions without environments apply to all of them.
        let elsewhere = |address: &Address| !environments.is_empty() && !environments.contains(address.environment());
        self.created.retain(elsewhere);
        self.changed.retain(|address, _| elsewhere(address));
        self.deleted.retain(elsewhere);
        self.recreated.retain(|address, _| elsewhere(address));
        self.replaced.retain(elsewhere);
        self.retired.retain(|address, _| elsewhere(address));
    }

    /// Commits a successful `up` with targets: its changes stay, and what could be undone `before` can still be undone.
    pub(super) fn commit_targeted(&mut self, before: &Self) {
        let created = places(&before.created);
        self.created.retain(|address| created.contains(&place(address)));
        let changed = places(before.changed.keys());
        self.changed.retain(|address, _| changed.contains(&place(address)));
        self.deleted.retain(|address| before.deleted.contains(address));
        self.recreated.retain(|address, _| before.recreated.contains_key(address));
        self.replaced.retain(|address| before.replaced.contains(address));
        self.retired.retain(|address, _| before.retired.contains_key(address));
    }

    /// Records that a resource was deleted as intended. A later resource at its address is new.
    pub(super) fn removed_for_good(&mut self, address: &Address) {
        self.removed(address);
        self.recreated.remove(address);
        self.replaced.remove(address);
    }

    /// Records that a resource no longer exists, or never existed.
    pub(super) fn removed(&mut self, address: &Address) {
        self.created.remove(address);
        self.changed.remove(address);
        self.retired.remove(address);
    }
}

/// Returns the base address of a resource.
fn place(address: &Address) -> Address {
    address.retired_from().unwrap_or_else(|| address.clone())
}

fn places<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> BTreeSet<Address> {
    addresses.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::record::{Line, Record};
    use crate::state::snapshot::{DONE_IN_PART, DOWN, State, UP};
    use infra_base::address::RunId;
    use serde_json::json;

    fn begun() -> State {
        let mut state = State::empty();
        run(
            &mut state,
            vec![Record::Genesis {
                format: 1,
                lineage: "l".into(),
                stack: "s/1".into(),
                account: "111122223333".into(),
            }],
        );
        state
    }

    fn run(state: &mut State, records: Vec<Record>) {
        for record in records {
            let line = Line { seq: state.seq + 1, record };
            state.apply(&line).unwrap();
        }
    }

    fn started(command: &str) -> Record {
        let (run, command, environments) =
            (RunId(command.to_owned()), command.to_owned(), ["a".to_owned(), "b".to_owned()].into());
        Record::RunStarted { run, command, environments, version: "0".into(), at: "now".into() }
    }

    fn finished(command: &str, outcome: &str) -> Record {
        Record::RunFinished { run: RunId(command.to_owned()), outcome: outcome.into(), at: "now".into() }
    }

    fn intent(address: &Address, op: Op) -> Record {
        let (kind, region, spec, token) = ("ec2.vpc".into(), "us-east-1".into(), json!({}), "t".into());
        Record::Intent {
            address: address.clone(),
            op,
            kind,
            region,
            account: None,
            spec,
            needs: vec![],
            tags: BTreeMap::new(),
            token,
        }
    }

    fn made(address: &Address) -> Vec<Record> {
        vec![
            intent(address, Op::Create),
            Record::Ready { address: address.clone(), attrs: json!({ "vpc_id": "vpc-1" }) },
        ]
    }

    #[test]
    fn what_was_taken_down_is_new_when_it_is_made_again() {
        let mut state = begun();
        let address = Address::new("a");
        run(&mut state, [vec![started(UP)], made(&address), vec![finished(UP, "done")]].concat());
        // It no longer exists, and the `up` that recreates it does not finish.
        run(&mut state, [vec![started(UP), Record::Deleted { address: address.clone() }], made(&address)].concat());
        assert!(state.undo.recreated.contains_key(&address));
        run(
            &mut state,
            vec![started(DOWN), intent(&address, Op::Delete), Record::Deleted { address: address.clone() }],
        );
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
        let old = a.retired(0);
        run(
            &mut state,
            [
                vec![Record::Moved { from: a.clone(), to: old.clone() }],
                made(&a),
                vec![Record::Deleted { address: old }],
            ]
            .concat(),
        );
        assert_eq!(state.undo.replaced, [a].into());
        let read: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(read.undo, state.undo);
    }
}
