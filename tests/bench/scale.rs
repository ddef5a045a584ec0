//! One phase of a run over a layered graph of steps that make no call: the planner, the engine, and a journal on disk.
//!
//! `tests/bench/bench.py engine` runs it, each phase in a process of its own, and shows a table:
//!
//! ```text
//! scale STEPS PHASE DIRECTORY    # PHASE: create, none or destroy, in this order, with the same directory
//! ```
//!
//! It writes one JSON object: seconds and CPU seconds of the plan and of the run, and the peak of the memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use infra_core::graph::Input;
use infra_core::resource::{Erased, Handle, Kinds, Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};
use migrate_infra::address::Address;
use migrate_infra::aws::{CallCounter, Cancel, Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::{Context, Outcome, down, up};
use migrate_infra::events::Events;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{PlanOptions, plan_down, plan_with};
use migrate_infra::sandbox::{Sandbox, World};
use migrate_infra::state::{FileStore, Journal, Lock, Record, State, open};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many steps a layer has, and of how many steps of the layer before each of them depends.
const WIDTH: usize = 100;
const NEEDS: usize = 3;

/// A step without calls.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "bench.step",
    summary = "a step without calls",
    repeat = "setting",
    create_seconds = 1,
    delete_blockers = "nothing",
    reads(),
    creates(),
    updates(),
    deletes()
)]
struct Step {
    name: String,
    needs: Vec<Input<String>>,
}

/// What is known of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
struct StepAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    name: String,
}

#[async_trait]
impl Resource for Step {
    async fn observe(&self, _cx: &StepContext, known: Option<&StepAttrs>) -> Result<Observed<StepAttrs>> {
        Ok(known.cloned().map_or(Observed::Absent, Observed::Ours))
    }

    async fn ensure(&self, _cx: &StepContext, seen: Option<StepAttrs>) -> Result<StepAttrs> {
        Ok(seen.unwrap_or_else(|| StepAttrs { name: self.name.clone() }))
    }

    async fn delete(&self, _cx: &StepContext, _attrs: &StepAttrs) -> Result<()> {
        Ok(())
    }
}

const KINDS: Kinds = Kinds::new(&[&Erased::<Step>::NEW]);

fn graph(steps: usize) -> Graph {
    let mut graph = Graph::default();
    let mut handles: Vec<Handle<Step>> = Vec::with_capacity(steps);
    for index in 0..steps {
        let needs = (0..NEEDS).filter_map(|one| {
            let before = (index / WIDTH).checked_sub(1)? * WIDTH;
            Some(handles[before + (index * 7 + one * 31) % WIDTH].name())
        });
        let step = Step { name: format!("step-{index}"), needs: needs.collect() };
        let address = Address::new(format!("bench/layer-{}/step-{index}", index / WIDTH));
        handles.push(graph.add(address, &"us-east-1".into(), &BTreeMap::new(), &step));
    }
    graph.finish().expect("a graph")
}

/// Returns the CPU seconds of this process, of all its threads (proc(5), `/proc/pid/stat`: hundredths).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the kernel tells");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let times = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
    times.sum::<f64>() / 100.0
}

fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

async fn run(steps: usize, phase: &str, directory: &Path) {
    let graph = graph(steps);
    let built = (Instant::now(), cpu_seconds());
    let clock = Clock::real();
    let sandbox = Sandbox::new(World::default(), clock, None, CrashPoints::default());
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), clock).await;
    let cloud = cloud.expect("the sandbox answers");
    let lock = Lock::take_with_crash_points(directory, "bench", &CrashPoints::default()).expect("the lock");
    let mut store = Box::new(FileStore::new(directory));
    let state = open(store.as_mut()).await.expect("the state");
    let (journal, writer) = Journal::start(state, store);
    if !journal.read(State::has_begun) {
        let account = cloud.account().clone();
        let genesis = Record::Genesis { format: 1, lineage: "bench".into(), stack: "bench/1".into(), account };
        journal.write(vec![genesis]).await.expect("written");
    }
    let plan = journal.read(|state| match phase {
        "destroy" => plan_down(KINDS, state, &|_| true).expect("everything is chosen"),
        _ => plan_with(&graph, state, &PlanOptions::of(KINDS, &|_| true)).expect("a plan"),
    });
    let planned = (Instant::now(), cpu_seconds());
    let context = Context {
        kinds: KINDS,
        cloud: Arc::new(cloud),
        journal: journal.clone(),
        events: Events::nowhere(),
        cancel: Cancel::default(),
        calls: Arc::new(CallCounter::default()),
        stack: "bench/1".into(),
        parallelism: 32,
        named: Arc::default(),
    };
    let report = match phase {
        "destroy" => down(&context, plan).await,
        _ => up(&context, plan).await,
    };
    assert_eq!(report.expect("a report").outcome, Outcome::Done);
    drop(context);
    writer.finish(journal).await.expect("the journal is written");
    lock.release().await.expect("the lock is released");
    let result = json!({
        "steps": steps,
        "phase": phase,
        "plan_seconds": (planned.0 - built.0).as_secs_f64(),
        "plan_cpu_seconds": planned.1 - built.1,
        "run_seconds": planned.0.elapsed().as_secs_f64(),
        "run_cpu_seconds": cpu_seconds() - planned.1,
        "peak_kilobytes": peak_kilobytes(),
    });
    println!("{result}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    // `cargo test --all-targets` and `cargo bench` also start it without arguments.
    let [steps, phase, directory] = &arguments[..] else {
        eprintln!("usage: scale STEPS create|none|destroy DIRECTORY; see tests/bench/bench.py");
        return;
    };
    let steps = steps.parse().expect("a number of steps");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(steps, phase, Path::new(directory)));
}
