//! Which minutes are judged: those that are over, and whose data CloudWatch has had time to receive.

use super::context::EvalContext;
use super::reading::Point;

/// The length of a period of the metrics of AWS services, in seconds.
pub(super) const MINUTE: i64 = 60;
/// How long after its end a minute of a load balancer is complete. "Elastic Load Balancing measures and sends its
/// metrics in 60-second intervals" ("CloudWatch metrics for your Application Load Balancer"), so a minute arrives
/// within the next one.
pub(super) const DELIVERY: i64 = 60;
/// How long resolvers keep the answers before a change: "Route 53 uses the default TTL for the resource", which is 60
/// seconds for load balancers ("Choosing between alias and non-alias records").
const ALIAS_TTL: i64 = 60;

/// The time whose requests are pooled, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    from: i64,
    to: i64,
}

impl Pool {
    /// Returns the time for which the current split has been watched, without the minute of the shift and without the
    /// newest data. `window_seconds` is its length if the step is watched for a shorter time or not at all.
    pub(super) fn of(window_seconds: u32, context: &EvalContext) -> Self {
        let longest = i64::from(window_seconds).max(context.bake_seconds);
        let to = context.now.saturating_sub(DELIVERY);
        let from = to.saturating_sub(longest);
        Self { from: context.since.map_or(from, |since| since.max(from)), to }
    }

    /// Returns the same time without the beginning, in which resolvers still have the answers from before the shift.
    pub(super) fn settled(self, context: &EvalContext) -> Self {
        Self { from: context.since.map_or(self.from, |since| self.from.max(since.saturating_add(ALIAS_TTL))), ..self }
    }

    /// Returns whether a minute is completely within this time.
    pub(super) fn contains(self, point: &Point) -> bool {
        self.from <= point.at && point.at.saturating_add(MINUTE) <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrafficSplit;

    #[test]
    fn only_whole_minutes_of_the_split_that_have_arrived_are_judged() {
        let context = |since| EvalContext {
            now: 6000,
            live: TrafficSplit::TARGET,
            next: TrafficSplit::TARGET,
            since,
            bake_seconds: 300,
        };
        let judged = |pool: Pool| {
            let minutes = (0..101_i32).map(|minute| Point { at: i64::from(minute) * 60, value: 1.0 });
            minutes.filter(|point| pool.contains(point)).map(|point| point.at).collect::<Vec<_>>()
        };
        assert_eq!(judged(Pool::of(60, &context(None))), [5640, 5700, 5760, 5820, 5880]);
        assert_eq!(judged(Pool::of(420, &context(None))), [5520, 5580, 5640, 5700, 5760, 5820, 5880]);
        // The minute of the shift is not whole.
        assert_eq!(judged(Pool::of(60, &context(Some(5730)))), [5760, 5820, 5880]);
        assert_eq!(judged(Pool::of(60, &context(Some(5730))).settled(&context(Some(5730)))), [5820, 5880]);
        assert_eq!(judged(Pool::of(60, &context(Some(5900)))), [0_i64; 0]);
    }
}
