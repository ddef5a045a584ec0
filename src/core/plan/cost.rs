//! What planning costs, counted in allocations: they are the same on every machine. Tests never assert times.

use std::collections::BTreeMap;

use serde_json::json;

use super::sample::entry;
use super::{PlanOptions, plan_down, plan_with};
use crate::graph::{Graph, Input, Moment, Need};
use crate::resource::fake::{KINDS, Thing};
use crate::state::State;
use infra_base::address::Address;

/// How many resources a layer has. Each refers to one of the layer before.
const WIDTH: usize = 100;

/// What one resource may cost when it is created, unchanged and deleted: some more than today.
const ALLOCATIONS: [u64; 3] = [90, 60, 16];

fn address(index: usize) -> Address {
    Address::new(format!("bench/layer-{}/thing-{index}", index / WIDTH))
}

fn graph(resources: usize) -> Graph {
    let mut graph = Graph::default();
    for index in 0..resources {
        let vpc = match index.checked_sub(WIDTH) {
            Some(before) => Input::output(&address(before), "id", Moment::Ready),
            None => "vpc-1".into(),
        };
        let _ = graph.add(address(index), &"us-east-1".into(), &BTreeMap::new(), &Thing { vpc });
    }
    graph.finish().expect("a graph")
}

fn state(resources: usize) -> State {
    let mut state = State::empty();
    for index in 0..resources {
        let mut entry = entry();
        let before = index.checked_sub(WIDTH);
        let vpc = before.map_or_else(|| "vpc-1".to_owned(), |before| format!("thing-{before}"));
        entry.spec = json!({ "vpc": vpc });
        entry.attrs = Some(json!({ "id": format!("thing-{index}") }));
        entry.needs =
            before.map(|before| Need { on: address(before), at: Moment::Ready, weak: false }).into_iter().collect();
        state.resources.insert(address(index), entry);
    }
    state
}

/// Returns the allocations of a resource when all are created, unchanged, and deleted.
fn allocations(resources: usize) -> [u64; 3] {
    let (graph, none, all) = (graph(resources), State::empty(), state(resources));
    let options = PlanOptions::of(KINDS, &|_| true);
    let up = |state: &State| {
        let measured = allocation_counter::measure(|| {
            let plan = plan_with(&graph, state, &options).expect("a plan");
            assert_eq!(plan.steps.len(), resources);
        });
        measured.count_total / resources as u64
    };
    let down = allocation_counter::measure(|| {
        let plan = plan_down(KINDS, &all, &|_| true).expect("a plan");
        assert_eq!(plan.steps.len(), resources);
    });
    [up(&none), up(&all), down.count_total / resources as u64]
}

#[test]
fn planning_ten_thousand_resources_costs_each_as_much_as_in_a_small_stack() {
    let (few, many) = (allocations(1_000), allocations(10_000));
    println!("allocations of each resource: {few:?} of 1,000, {many:?} of 10,000");
    for ((few, many), limit) in few.into_iter().zip(many).zip(ALLOCATIONS) {
        assert!(many <= few + few / 10, "{many} instead of {few} allocations");
        assert!(many <= limit, "{many} allocations instead of at most {limit}");
    }
}
