//! How a plan changes the cost.

use std::collections::BTreeMap;

use infra_base::address::Address;
use infra_core::plan::{Action, Plan};
use infra_core::state::{State, Status};
use serde::Serialize;

use crate::bill::Bill;
use crate::model::bills;
use crate::money::{Money, Range};
use crate::prices::Prices;
use crate::resource::Resource;

/// How the cost changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The day of the prices.
    pub prices: String,
    /// The currency.
    pub currency: String,
    /// What is paid more each month, whatever is used. Less, if it is negative.
    pub monthly: Money,
    /// What is paid more each month for what is used, in addition.
    pub usage: Range<Money>,
    /// How many resources that change have something without a known price.
    pub unknown: usize,
}

/// Compares the cost of what exists with the cost after a plan.
pub fn change(plan: &Plan, state: &State, prices: &Prices) -> Change {
    let is_new: Vec<&Address> =
        plan.steps.iter().filter(|step| step.action == Action::Create).map(|step| &step.address).collect();
    let existing = state
        .resources
        .iter()
        .filter(|(address, entry)| entry.status != Status::Creating && is_new.binary_search(address).is_err());
    let before: BTreeMap<&Address, Resource<'_>> =
        existing.map(|(address, entry)| (address, Resource::of_entry(address, entry))).collect();
    let after = applied(plan, before.clone());
    let (before, _) = bills(before.into_values(), prices);
    let (after, _) = bills(after.into_values(), prices);
    let mut change = Change {
        prices: prices.date.clone(),
        currency: prices.currency.clone(),
        monthly: Money::ZERO,
        usage: Range::default(),
        unknown: 0,
    };
    let free = Bill::default();
    let added = after.keys().filter(|address| !before.contains_key(*address));
    for address in before.keys().chain(added) {
        let [old, new] = [&before, &after].map(|bills| bills.get(address).unwrap_or(&free));
        if old == new {
            continue;
        }
        change.monthly += new.monthly() - old.monthly();
        change.usage = change.usage + (new.usage() - old.usage());
        change.unknown += usize::from(old.unknown().chain(new.unknown()).next().is_some());
    }
    change
}

/// Returns what exists after a plan: first, resources change their addresses; then, they are created, changed and
/// deleted.
fn applied<'a>(plan: &'a Plan, mut all: BTreeMap<&'a Address, Resource<'a>>) -> BTreeMap<&'a Address, Resource<'a>> {
    let moves = |step: &'a infra_core::plan::Step| step.evicts.iter().chain(&step.moves);
    for one in plan.steps.iter().flat_map(moves) {
        if let Some(resource) = all.remove(&one.from) {
            all.insert(&one.to, Resource { address: &one.to, ..resource });
        }
    }
    for step in &plan.steps {
        match step.action {
            Action::Create | Action::Resume { .. } | Action::Update { .. } | Action::Replace { .. } => {
                all.insert(&step.address, Resource::of_step(step));
            }
            Action::Delete => drop(all.remove(&step.address)),
            Action::NoOp | Action::Restore | Action::Manual { .. } => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra_core::graph::Graph;
    use infra_core::plan::plan_up;
    use infra_core::state::Entry;
    use infra_kinds::KINDS;
    use infra_kinds::ec2::ElasticIp;
    use infra_kinds::rds::DbInstance;
    use serde_json::{Value, json};

    use super::*;

    fn database(class: &str) -> Value {
        json!({
            "identifier": "d", "engine": "postgres", "engine_version": "16", "instance_class": class,
            "allocated_storage_gb": 100, "storage_type": "gp3", "db_name": "d", "master_username": "u",
            "master_secret": "arn:aws:secretsmanager:us-east-1:111122223333:secret:s", "subnet_group": "g",
            "parameter_group": "p", "security_groups": ["sg-1"], "encrypted": true, "kms_key": null,
            "multi_az": false, "backup_retention_days": 7, "log_exports": [], "performance_insights_days": null,
            "deletion_protection": false, "final_snapshot": "skip",
        })
    }

    fn graph(databases: &[&str], addresses: usize) -> Graph {
        let mut graph = Graph::default();
        for (number, class) in databases.iter().enumerate() {
            let spec: DbInstance = serde_json::from_value(database(class)).expect("a specification");
            let address = Address::of("source", "database", &format!("d{number}"));
            graph.add(address, &"us-east-1".into(), &BTreeMap::new(), &spec);
        }
        for number in 0..addresses {
            let address = Address::of("source", "network", &format!("address-{number}"));
            graph.add(address, &"us-east-1".into(), &BTreeMap::new(), &ElasticIp {});
        }
        graph.finish().expect("a graph")
    }

    /// Returns the state after a graph was created.
    fn created(graph: &Graph) -> State {
        let mut state = State::empty();
        for (address, node) in graph.nodes() {
            let entry = Entry {
                kind: node.kind.get().name().to_owned(),
                region: node.region.clone(),
                account: None,
                status: Status::Ready,
                spec: node.spec.clone(),
                attrs: Some(json!({})),
                needs: node.needs.clone(),
                tags: BTreeMap::new(),
                removed_tags: BTreeSet::new(),
                tagged_as: None,
                token: "t".into(),
                open: None,
            };
            state.resources.insert(address.clone(), entry);
        }
        state
    }

    fn between(old: &Graph, new: &Graph) -> Change {
        let state = created(old);
        let plan = plan_up(KINDS, new, &state, &|_| true).expect("a plan");
        change(&plan, &state, &Prices::included().expect("a table"))
    }

    #[test]
    fn what_is_created_costs_more_and_what_is_deleted_less() {
        let created = between(&graph(&[], 1), &graph(&[], 3));
        assert_eq!((created.monthly.text(2), created.unknown), ("7.30".to_owned(), 0));
        let deleted = between(&graph(&["db.r5.large"], 0), &graph(&[], 0));
        assert_eq!(deleted.monthly.text(2), "-194.00");
        assert!(deleted.usage.high.is_negative(), "{:?}", deleted.usage);
        let same = between(&graph(&["db.r5.large"], 1), &graph(&["db.r5.large"], 1));
        assert_eq!((same.monthly, same.usage, same.unknown), (Money::ZERO, Range::default(), 0));
    }

    #[test]
    fn a_change_costs_the_difference() {
        let larger = between(&graph(&["db.r5.large", "db.r5.large"], 1), &graph(&["db.r5.xlarge", "db.r5.large"], 1));
        assert_eq!(larger.monthly.text(2), "182.50");
        assert_eq!(larger.usage, Range::default(), "no more is used");
    }

    #[test]
    fn a_change_to_what_has_no_price_is_unknown() {
        let unknown = between(&graph(&["db.r5.large"], 0), &graph(&["db.x9.large"], 0));
        assert_eq!(unknown.unknown, 1);
        let same = between(&graph(&["db.x9.large"], 0), &graph(&["db.x9.large"], 1));
        assert_eq!((same.monthly.text(2), same.unknown), ("3.65".to_owned(), 0), "it does not change");
    }
}
