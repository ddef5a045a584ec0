//! The operations that a kind declares are those that it calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use migrate_infra::address::Address;
use migrate_infra::aws::is_mutating;
use migrate_infra::events::{Event, Events};

use crate::harness::registry::kinds;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, every_kind, graph};

/// The mutating calls of a run, by resource.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<Address, BTreeSet<&'static str>>>>);

impl Calls {
    /// Records the calls of the runs of a fixture.
    pub fn listening(fixture: &mut Fixture) -> Self {
        let calls = Self::default();
        let taken = calls.clone();
        fixture.listener = Some(Events::to(move |event| match event {
            Event::Call { address, call, .. } if is_mutating(call.split_once(':').expect("service:Operation").1) => {
                taken.0.lock().expect("a map").entry(address).or_default().insert(call);
            }
            _ => {}
        }));
        calls
    }

    /// Returns the calls for a resource.
    pub fn of(&self, address: &Address) -> BTreeSet<&'static str> {
        self.0.lock().expect("a map").get(address).cloned().unwrap_or_default()
    }
}

fn add(to: &mut BTreeMap<String, BTreeSet<&'static str>>, fixture: &Fixture, calls: &Calls) {
    for (address, entry) in &fixture.state().resources {
        to.entry(entry.kind.clone()).or_default().extend(calls.of(address));
    }
}

#[tokio::test(start_paused = true)]
async fn declared_operations_are_called() {
    let (mut creates, mut deletes) = (BTreeMap::new(), BTreeMap::new());
    for stack in [graph(PAIRED, &[]), every_kind(), graph(SELF_CONTAINED, &[])] {
        let mut fixture = Fixture::default();
        let calls = Calls::listening(&mut fixture);
        fixture.up(&stack).await.must_succeed();
        add(&mut creates, &fixture, &calls);
        let up = fixture.fork();
        let calls = Calls::listening(&mut fixture);
        fixture.down().await.must_succeed();
        add(&mut deletes, &up, &calls);
    }
    for kind in kinds() {
        let schema = kind.schema();
        let none = BTreeSet::new();
        for (what, declared, called) in [("creates", schema.creates, &creates), ("deletes", schema.deletes, &deletes)] {
            let declared: BTreeSet<&str> = declared.iter().copied().collect();
            assert_eq!(&declared, called.get(kind.name()).unwrap_or(&none), "{} {what}", kind.name());
        }
        for call in schema.creates.iter().chain(schema.changes).chain(schema.deletes) {
            assert!(schema.operations.contains(call), "{} does not list {call} among its operations", kind.name());
        }
    }
}

/// The plan reports what follows from other changes: a dashboard, a route, an endpoint, the subnets of a load
/// balancer.
#[tokio::test(start_paused = true)]
async fn a_plan_reports_the_consequences_of_other_changes() {
    let mut initial = Fixture::default();
    initial.up(&graph(PAIRED, &[])).await.must_succeed();
    initial.advance_a_day();
    let sets: &[&[&str]] = &[
        &["network.availability_zones=3"],
        &["network.nat_gateways=per-zone"],
        &["service.port=9090"],
        &["database.username=other"],
        &["environments.source.vpc_cidr=10.7.0.0/16"],
        &[
            "database.multi_az=true",
            "service.log_retention_days=90",
            "monitoring.database_cpu_percent=50",
            "tags.Team=x",
        ],
        &[TWO_REGIONS],
    ];
    for set in sets {
        let after = graph(PAIRED, set);
        let mut fixture = initial.fork();
        let calls = Calls::listening(&mut fixture);
        let plan = fixture.plan(&after, &fixture.state());
        fixture.up(&after).await.must_succeed();
        for step in &plan.steps {
            let listed = migrate_infra::plan::calls(step);
            let listed: BTreeSet<&str> = listed.named().1.iter().copied().collect();
            let called: BTreeSet<&str> = calls.of(&step.address).into_iter().collect();
            let missing: Vec<_> = called.difference(&listed).collect();
            assert!(
                missing.is_empty(),
                "{set:?}: {} {} calls {missing:?}, of which the plan says nothing: {listed:?}",
                step.action.verb(),
                step.address
            );
            if step.kind == "ec2.subnet" && step.action.verb() == "create" {
                assert_eq!(called, listed, "{set:?}: {}", step.address);
            }
        }
    }
}
