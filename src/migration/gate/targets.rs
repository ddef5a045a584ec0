//! Evaluates the targets of the load balancers: their health, and their number for the next step.

use super::context::{EvalContext, SIDES};
use super::evaluation::Evaluation;
use super::reading::Targets;
use super::verdict::Verdict;
use infra_config::Side;

/// Evaluates the targets of each environment that has traffic now or after the next step.
///
/// A target that is `initial` has not failed a health check: "The load balancer is in the process of registering the
/// target or performing the initial health checks on the target" (`TargetHealthStateEnum`). While the others are
/// healthy, or while some start, it is *no data*. So the start of further tasks is no failure.
pub(super) fn health(all: &[Targets], context: &EvalContext) -> Evaluation {
    let sides = SIDES.into_iter().filter(|side| context.has_or_gets_traffic(*side));
    let each = sides.map(|side| match all.iter().find(|one| one.side == side) {
        None => Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured")),
        Some(one) => health_of(one).of(Some(side)),
    });
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

/// Evaluates the targets of one environment.
pub(super) fn health_of(one: &Targets) -> Evaluation {
    let Targets { side, healthy, initial, unhealthy, desired, .. } = *one;
    let of_desired = format!("{side}: {healthy} of {desired} targets are healthy");
    if healthy == 0 && initial == 0 {
        return Evaluation::counted(Verdict::Fail, 0, format!("{side}: no target is healthy"));
    }
    if healthy > 0 && healthy >= desired {
        return Evaluation::counted(Verdict::Pass, healthy, format!("{side}: {healthy} healthy, {desired} desired"));
    }
    if unhealthy > 0 {
        return Evaluation::counted(Verdict::Fail, healthy, of_desired);
    }
    let starting = desired.saturating_sub(healthy).max(initial);
    Evaluation::counted(Verdict::NoData, healthy, format!("{of_desired}, {starting} are not ready yet"))
}

/// Evaluates whether the target has the capacity for its share after the next step, and whether an environment that
/// gets traffic is open.
///
/// The tasks of the source are the measure: they have carried all traffic, and scale-in is suspended during the
/// cutover. It is never a failure, because nothing has happened to the traffic yet.
pub(super) fn capacity(all: &[Targets], context: &EvalContext) -> Evaluation {
    if context.next <= context.live {
        return Evaluation::new(Verdict::NotJudged, "there is no further step");
    }
    let of = |side: Side| all.iter().find(|one| one.side == side);
    let (Some(source), Some(target)) = (of(Side::Source), of(Side::Target)) else {
        return Evaluation::new(Verdict::NoData, "nothing was measured");
    };
    let next = context.next;
    if target.is_fenced {
        return Evaluation::new(Verdict::NoData, format!("target: its fence is closed, and {next} would get 503"));
    }
    let all_traffic = source.desired.max(source.healthy);
    let needed = (all_traffic * u32::from(next.percent())).div_ceil(100).max(1);
    let text = format!("target: {} healthy, {needed} needed for {next}", target.healthy);
    if target.healthy >= needed {
        return Evaluation::counted(Verdict::Pass, target.healthy, text);
    }
    let text = format!("{text}, because {all_traffic} tasks of the source carry all traffic");
    Evaluation::counted(Verdict::NoData, target.healthy, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrafficSplit;

    fn targets(side: Side, counts: [u32; 4]) -> Targets {
        let [healthy, initial, unhealthy, desired] = counts;
        Targets { side, healthy, initial, unhealthy, desired, is_fenced: false }
    }

    #[test]
    fn a_target_that_starts_is_not_unhealthy() {
        let table = [
            ([2, 0, 0, 2], Verdict::Pass),
            ([3, 0, 0, 2], Verdict::Pass),
            ([2, 2, 0, 4], Verdict::NoData),
            ([2, 0, 0, 4], Verdict::NoData),
            ([0, 2, 0, 2], Verdict::NoData),
            ([1, 1, 1, 2], Verdict::Fail),
            ([2, 0, 1, 2], Verdict::Pass),
            ([0, 0, 2, 2], Verdict::Fail),
            ([0, 0, 0, 2], Verdict::Fail),
            ([0, 0, 0, 0], Verdict::Fail),
        ];
        for (counts, verdict) in table {
            assert_eq!(health_of(&targets(Side::Target, counts)).verdict, verdict, "{counts:?}");
        }
    }

    #[test]
    fn the_target_needs_the_share_of_the_tasks_of_the_source() {
        let split = |percent| TrafficSplit::new(percent).expect("a percent");
        let at = |live, next, source: u32, healthy: u32, is_fenced| {
            let context = EvalContext { now: 0, live: split(live), next: split(next), since: None, bake_seconds: 0 };
            let source = targets(Side::Source, [source, 0, 0, source]);
            let target = Targets { is_fenced, ..targets(Side::Target, [healthy, 0, 0, healthy]) };
            capacity(&[source, target], &context).verdict
        };
        let table = [
            (0, 10, 10, 1, Verdict::Pass),
            (0, 10, 11, 1, Verdict::NoData),
            (10, 50, 10, 4, Verdict::NoData),
            (10, 50, 10, 5, Verdict::Pass),
            (50, 100, 10, 9, Verdict::NoData),
            (50, 100, 10, 10, Verdict::Pass),
            (100, 100, 10, 0, Verdict::NotJudged),
            (0, 10, 0, 0, Verdict::NoData),
        ];
        for (live, next, source, healthy, verdict) in table {
            assert_eq!(at(live, next, source, healthy, false), verdict, "{live} {next} {source} {healthy}");
        }
        assert_eq!(at(0, 10, 2, 2, true), Verdict::NoData, "its fence is closed");
    }
}
