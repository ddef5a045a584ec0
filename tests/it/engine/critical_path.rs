//! Runs of the whole stack with AWS's durations take no longer than their longest chain of waits. `.cargo/bench
//! critical-path` shows the figures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use migrate_infra::address::Address;
use migrate_infra::events::{Event, Events};
use migrate_infra::graph::{Graph, Moment};
use migrate_infra::plan::{Plan, plan_down};
use migrate_infra::resources::KINDS;
use tokio::time::Instant;

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

/// What a run may take, as a multiple of its longest chain.
const LONGEST_CHAINS: f64 = 1.03;

/// When a step began, when its resource was there, and when it was usable.
#[derive(Clone, Copy)]
struct Took {
    start: Instant,
    created: Option<Instant>,
    done: Option<Instant>,
}

impl Took {
    /// Returns how long it took until a moment.
    fn until(&self, moment: Moment) -> Duration {
        let done = self.done.unwrap_or(self.start);
        let at = match moment {
            Moment::Created => self.created.unwrap_or(done),
            Moment::Ready => done,
        };
        at.saturating_duration_since(self.start)
    }
}

type Times = Arc<Mutex<HashMap<Address, Took>>>;

fn record(fixture: &mut Fixture) -> Times {
    let times = Times::default();
    let seen = Arc::clone(&times);
    fixture.listener = Some(Events::to(move |event| {
        let now = Instant::now();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StepStarted { address, .. } => {
                seen.insert(address, Took { start: now, created: None, done: None });
            }
            Event::StepCreated { address, .. } => {
                seen.get_mut(&address).expect("it has begun").created = Some(now);
            }
            Event::StepDone { address, .. } => seen.get_mut(&address).expect("it has begun").done = Some(now),
            _ => {}
        }
    }));
    times
}

/// What a run took, what its longest chain took, and what it would take if each level waited for the one before.
#[derive(Debug)]
struct Figures {
    total: Duration,
    chain: Duration,
    levels: Duration,
}

impl Figures {
    fn of(plan: &Plan, times: &Times) -> Self {
        let times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let index: HashMap<&Address, usize> =
            plan.steps.iter().enumerate().map(|(index, step)| (&step.address, index)).collect();
        let needs: Vec<Vec<(usize, Moment)>> = plan
            .steps
            .iter()
            .map(|step| step.needs.iter().filter_map(|need| Some((*index.get(&need.on)?, need.at))).collect())
            .collect();
        let took = |at: usize, moment| times.get(&plan.steps[at].address).map(|took| took.until(moment));
        let took = |at: usize, moment| took(at, moment).unwrap_or_default();
        // When each step could begin, and its level. A plan is not in order of its needs.
        let mut known: Vec<Option<(Duration, usize)>> = vec![None; needs.len()];
        while let Some(next) =
            (0..needs.len()).find(|&at| known[at].is_none() && needs[at].iter().all(|(need, _)| known[*need].is_some()))
        {
            let before = needs[next].iter().filter_map(|&(need, moment)| {
                let (start, level) = known[need]?;
                Some((start + took(need, moment), level + 1))
            });
            known[next] = Some(before.fold((Duration::ZERO, 0), |most, one| (most.0.max(one.0), most.1.max(one.1))));
        }
        let mut levels: HashMap<usize, Duration> = HashMap::new();
        let mut chain = Duration::ZERO;
        for (at, known) in known.iter().enumerate() {
            let (start, level) = known.expect("a plan has no cycle");
            let ready = took(at, Moment::Ready);
            chain = chain.max(start + ready);
            let longest = levels.entry(level).or_default();
            *longest = (*longest).max(ready);
        }
        let first = times.values().map(|took| took.start).min().expect("it has steps");
        let last = times.values().filter_map(|took| took.done).max().expect("steps are done");
        Self { total: last - first, chain, levels: levels.values().sum() }
    }

    fn check(&self, what: &str) {
        let seconds = |duration: Duration| duration.as_secs_f64();
        let ratio = seconds(self.total) / seconds(self.chain);
        println!(
            "{what}: {:.0} s, longest chain {:.0} s ({ratio:.3}), level by level {:.0} s",
            seconds(self.total),
            seconds(self.chain),
            seconds(self.levels)
        );
        assert!(ratio <= LONGEST_CHAINS, "{what} takes {ratio:.3} times its longest chain: {self:?}");
        assert!(self.levels > self.total, "{what} is not faster than level by level: {self:?}");
    }
}

async fn up_and_down(what: &str, graph: &Graph) {
    let mut fixture = Fixture::default();
    let times = record(&mut fixture);
    let plan = fixture.plan(graph, &fixture.state());
    fixture.up(graph).await.must_succeed();
    Figures::of(&plan, &times).check(&format!("up of {what}"));
    let times = record(&mut fixture);
    let plan = plan_down(KINDS, &fixture.state(), &|_| true).expect("everything is chosen");
    fixture.down().await.must_succeed();
    Figures::of(&plan, &times).check(&format!("down of {what}"));
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_as_long_as_its_longest_chain() {
    up_and_down("both environments", &graph(PAIRED, &[])).await;
    up_and_down("both environments in two regions", &graph(PAIRED, &[TWO_REGIONS])).await;
    up_and_down("two self-contained environments", &graph(SELF_CONTAINED, &[])).await;
}
