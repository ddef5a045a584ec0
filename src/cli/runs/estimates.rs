//! Durations that the stored runs of a stack have measured.

use std::path::Path;
use std::time::Duration;

use infra_core::graph::Timing;
use infra_core::plan::{Durations, Estimate};
use infra_kinds::KINDS;
use infra_timeline::{EndpointKind, Measured, measured, samples};

use super::store::Runs;

/// How many of the newest runs with a plan are read.
const READ: usize = 20;
/// From how many steps on the measured spread is believed. With fewer, what the kind declares is part of it.
const ENOUGH: usize = 5;

/// Returns the durations that the runs of a stack have measured against this kind of endpoint. Runs that cannot be read
/// teach nothing.
pub(in crate::cli) fn durations(stack: &Path, endpoint: EndpointKind) -> Durations {
    let runs = Runs::of(stack);
    let is_useful = |record: &infra_timeline::RunRecord| record.endpoint == endpoint && record.plan.is_some();
    let ids = runs.ids().unwrap_or_default().into_iter();
    let useful = ids.filter_map(|id| Some((runs.record(&id).ok().filter(is_useful)?, id))).take(READ);
    let timelines = useful.filter_map(|(record, id)| runs.timeline_of(&id, record).ok());
    let steps = timelines.flat_map(|timeline| samples(&timeline));
    let mut durations = Durations::default();
    for of in measured(steps) {
        durations.insert(&of.kind, &of.operation, estimate(&of));
    }
    durations
}

fn estimate(of: &Measured) -> Estimate {
    let timing = |[created, ready]: [f64; 2]| Timing {
        created: Duration::try_from_secs_f64(created).unwrap_or_default(),
        ready: Duration::try_from_secs_f64(ready).unwrap_or_default(),
    };
    let (mut least, usual, mut most) = (timing(of.least), timing(of.usual), timing(of.most));
    if of.count < ENOUGH
        && of.operation == "create"
        && let Some(kind) = KINDS.get(&of.kind)
    {
        let schema = kind.schema();
        if schema.ready_least_seconds > 0 {
            least.ready = least.ready.min(Duration::from_secs(schema.ready_least_seconds.into()));
        }
        most.ready = most.ready.max(Duration::from_secs(schema.ready_most_seconds.into()));
    }
    Estimate { least, usual, most }
}
