//! The check of a state before anything is changed because of it.
//!
//! The state is a file or an object that other programs can write, and a later version of this one may have. The check
//! finds what this version could only discover in the middle of a run.

use super::entry::Entry;
use super::snapshot::State;
use crate::graph::{DependencyGraph, Need};
use crate::resource::Kinds;
use infra_base::address::{Address, Region};

/// Why a state that can be read is not used for changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableState {
    /// A later version has written the resource.
    #[error("{address} has the kind `{kind}`, which this version does not know")]
    UnknownKind {
        /// The resource.
        address: Address,
        /// Its kind.
        kind: String,
    },
    /// Resources depend on each other, so there is no order in which they could be changed or deleted.
    #[error(
        "these resources depend on each other: {}",
        .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> ")
    )]
    Cycle(Vec<Address>),
    /// The text cannot be an address.
    #[error("{0:?} cannot be the address of a resource")]
    Address(String),
    /// The text cannot be a region, which becomes a part of the names of hosts.
    #[error("{address} is in the region {region:?}, which cannot exist")]
    Region {
        /// The resource.
        address: Address,
        /// Its region.
        region: String,
    },
    /// The text cannot be an account.
    #[error("{address} is in the account {account:?}, which cannot exist")]
    Account {
        /// The resource.
        address: Address,
        /// Its account.
        account: String,
    },
}

impl State {
    /// Checks that the resources of the state can be changed by a program with these kinds.
    ///
    /// A dependency on a resource that is not in the state is no mistake: it was deleted outside of this tool, or by a
    /// run that was killed before it recreated it. A weak dependency may be part of a cycle, which plans break.
    ///
    /// # Errors
    /// The first mistake, with the address of the resource.
    pub fn verify(&self, kinds: Kinds) -> Result<(), UnusableState> {
        for (address, entry) in &self.resources {
            verify_entry(address, entry, kinds)?;
        }
        let strong: Vec<(&Address, Vec<Need>)> =
            self.resources.iter().map(|(address, entry)| (address, strong_needs(entry))).collect();
        let graph = DependencyGraph::new(strong.iter().map(|(address, needs)| (*address, needs.as_slice())));
        graph.find_cycle().map_or(Ok(()), |cycle| Err(UnusableState::Cycle(cycle)))
    }
}

fn verify_entry(address: &Address, entry: &Entry, kinds: Kinds) -> Result<(), UnusableState> {
    for one in entry.needs.iter().map(|need| &need.on).chain([address]).chain(&entry.tagged_as) {
        if !one.is_well_formed() {
            return Err(UnusableState::Address(one.as_str().to_owned()));
        }
    }
    if !is_region(&entry.region) {
        return Err(UnusableState::Region { address: address.clone(), region: entry.region.to_string() });
    }
    if let Some(account) = entry.account.as_ref().filter(|account| !is_account(account.as_str())) {
        return Err(UnusableState::Account { address: address.clone(), account: account.to_string() });
    }
    match kinds.get(&entry.kind) {
        Some(_) => Ok(()),
        None => Err(UnusableState::UnknownKind { address: address.clone(), kind: entry.kind.clone() }),
    }
}

fn strong_needs(entry: &Entry) -> Vec<Need> {
    entry.needs.iter().filter(|need| !need.weak).cloned().collect()
}

fn is_region(region: &Region) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&region.as_str().len()) && region.as_str().bytes().all(is_part)
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::resource::fake;

    fn state(resources: &Value) -> State {
        let mut state = State::empty();
        state.resources = serde_json::from_value(resources.clone()).unwrap();
        state
    }

    fn entry(kind: &str, needs: &Value) -> Value {
        json!({
            "kind": kind, "region": "us-east-1", "status": "ready", "spec": {}, "attrs": {}, "needs": needs, "tags": {},
            "token": "t"
        })
    }

    fn need(on: &str, weak: bool) -> Value {
        json!({ "on": on, "at": "ready", "loose": weak })
    }

    #[test]
    fn an_unknown_kind_was_found_only_at_its_step() {
        let known = state(&json!({ "a": entry(fake::KIND, &json!([])) }));
        assert_eq!(known.verify(fake::KINDS), Ok(()));
        let newer = state(&json!({ "a": entry(fake::KIND, &json!([])), "b": entry("ec2.teleporter", &json!([])) }));
        let unknown = UnusableState::UnknownKind { address: Address::new("b"), kind: "ec2.teleporter".to_owned() };
        assert_eq!(newer.verify(fake::KINDS), Err(unknown));
    }

    #[test]
    fn a_cycle_of_dependencies_was_found_only_in_a_plan() {
        let two = |weak| {
            state(&json!({
                "a": entry(fake::KIND, &json!([need("b", weak)])),
                "b": entry(fake::KIND, &json!([need("a", false)])),
            }))
        };
        assert!(matches!(two(false).verify(fake::KINDS), Err(UnusableState::Cycle(cycle)) if cycle.len() == 3));
        assert_eq!(two(true).verify(fake::KINDS), Ok(()), "a weak dependency does not prevent a deletion");
        let alone = state(&json!({ "a": entry(fake::KIND, &json!([need("a", false)])) }));
        assert!(matches!(alone.verify(fake::KINDS), Err(UnusableState::Cycle(_))));
        let gone = state(&json!({ "a": entry(fake::KIND, &json!([need("gone", false)])) }));
        assert_eq!(gone.verify(fake::KINDS), Ok(()), "it was deleted outside of this tool");
    }

    #[test]
    fn an_address_in_a_state_led_out_of_a_directory() {
        for address in ["../../etc/x", "/etc/x", "a//b", "a/./b", "a/..", "", "a b", "a\u{1b}[31m"] {
            let found = state(&json!({ address: entry(fake::KIND, &json!([])) })).verify(fake::KINDS);
            assert_eq!(found, Err(UnusableState::Address(address.to_owned())));
            let needed = state(&json!({ "a": entry(fake::KIND, &json!([need(address, true)])) })).verify(fake::KINDS);
            assert_eq!(needed, Err(UnusableState::Address(address.to_owned())));
        }
    }

    #[test]
    fn a_region_in_a_state_was_a_host() {
        let mut foreign = entry(fake::KIND, &json!([]));
        foreign["region"] = json!("evil.example/");
        let found = state(&json!({ "a": foreign })).verify(fake::KINDS);
        assert!(matches!(found, Err(UnusableState::Region { .. })));
        let mut foreign = entry(fake::KIND, &json!([]));
        foreign["account"] = json!("1234");
        assert!(matches!(state(&json!({ "a": foreign })).verify(fake::KINDS), Err(UnusableState::Account { .. })));
    }
}
