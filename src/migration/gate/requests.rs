//! Evaluates the share of requests with a property: those that failed, or that took too long.

use super::context::{EvalContext, SIDES};
use super::evaluation::Evaluation;
use super::minutes::{MINUTE, Pool};
use super::proportion::Proportion;
use super::reading::{Point, Requests};
use super::threshold::{FUTURE, rounded};
use super::verdict::Verdict;
use infra_config::{RateLimit, Side};

/// The requests of an environment, pooled over several minutes, without those of health checkers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pooled {
    pub(super) count: Proportion,
    /// The number of minutes with requests.
    pub(super) minutes: u32,
}

/// Why requests cannot be pooled.
pub(super) const NOT_A_NUMBER: &str = "a value is not a number";

/// Adds the requests of the minutes of a pool.
///
/// # Errors
/// A value is not a number, or from the future.
pub(super) fn pool(one: &Requests, over: Pool, context: &EvalContext) -> Result<Pooled, &'static str> {
    let all = || one.all.iter().chain(&one.hits);
    if all().any(|point| point.at > context.now.saturating_add(MINUTE)) {
        return Err(FUTURE);
    }
    if all().any(|point| over.contains(point) && !point.value.is_finite()) {
        return Err(NOT_A_NUMBER);
    }
    let at = |points: &[Point], at: i64| -> f64 {
        points.iter().filter(|point| point.at == at).map(|point| point.value).sum()
    };
    let mut minutes: Vec<i64> = all().filter(|point| over.contains(point)).map(|point| point.at).collect();
    minutes.sort_unstable();
    minutes.dedup();
    let mut pooled = Pooled::default();
    for minute in minutes {
        // A load balancer does not count a request for which it had no target, but it counts the error.
        let hits = at(&one.hits, minute).max(0.0);
        let requests = (at(&one.all, minute).max(hits) - one.probes_per_minute).max(0.0);
        // Without a target, the requests of health checkers fail as well.
        let hits = hits.min(requests);
        if requests > 0.0 {
            pooled.minutes += 1;
        }
        pooled.count.hits += hits;
        pooled.count.all += requests;
    }
    Ok(pooled)
}

/// Evaluates a share in each environment that has traffic. `what` is the property, for example ` failed`.
///
/// The verdict for an environment follows from its own share and, for the target, from that of the source in the same
/// time:
///
/// - *fail*, if the Wilson interval of the share is not below the limit at all, or if the Newcombe interval of the
///   difference between target and source is above the allowed excess as a whole;
/// - *no data*, if there are too few requests, or if the share is not below the limit but could be;
/// - *pass* otherwise.
///
/// A side whose fence is closed is not judged: every request is answered with 503 on purpose.
pub(super) fn requests(limit: &RateLimit, what: &str, all: &[Requests], context: &EvalContext) -> Evaluation {
    let over = Pool::of(limit.window_seconds, context);
    let of = |side: Side| all.iter().find(|one| one.side == side);
    let each = SIDES.into_iter().filter(|side| context.has_traffic(*side)).map(|side| {
        let Some(one) = of(side) else {
            return Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured"));
        };
        if one.is_fenced {
            return Evaluation::new(Verdict::NotJudged, format!("{side}: its fence is closed"));
        }
        let own = match pool(one, over, context) {
            Ok(own) => own,
            Err(why) => return Evaluation::new(Verdict::Error, format!("{side}: {why}")),
        };
        let other = of(Side::Source).filter(|other| side == Side::Target && !other.is_fenced);
        let other = other.and_then(|other| pool(other, over, context).ok());
        let other = other.filter(|other| other.count.all >= f64::from(limit.min_requests)).map(|other| other.count);
        judge(limit, what, side, own, other).of(Some(side))
    });
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

fn judge(limit: &RateLimit, what: &str, side: Side, own: Pooled, other: Option<Proportion>) -> Evaluation {
    let (count, percent) = (own.count, |share: f64| rounded(100.0 * share));
    let enough = count.all >= f64::from(limit.min_requests) && own.minutes >= limit.min_points;
    let number = count.all.round();
    if !enough {
        let text = format!(
            "{side}: {number} of {} requests in {} of {} minutes since the split is live",
            limit.min_requests, own.minutes, limit.min_points
        );
        return Evaluation::new(Verdict::NoData, text);
    }
    let (share, interval) = (count.share(), count.wilson());
    let found = format!("{side}: {} % of {number} requests{what}", percent(share));
    let range = format!("{} to {} % with 95 % confidence", percent(interval.low), percent(interval.high));
    let must = format!("must be below {} %", limit.below_percent);
    let excess = other.map(|other| (count.minus(other), other));
    let exceeds = excess.filter(|(excess, _)| 100.0 * excess.low > limit.excess_percent);
    let (verdict, text) = if 100.0 * interval.low >= limit.below_percent {
        (Verdict::Fail, format!("{found} ({range}), {must}"))
    } else if let Some((excess, other)) = exceeds {
        let text = format!(
            "{found}, and {} % at the source: {} to {} percentage points more with 95 % confidence, must be at most {}",
            percent(other.share()),
            percent(excess.low),
            percent(excess.high),
            limit.excess_percent
        );
        (Verdict::Fail, text)
    } else if 100.0 * share >= limit.below_percent {
        (Verdict::NoData, format!("{found} ({range}), {must}: more requests are necessary"))
    } else {
        (Verdict::Pass, found)
    };
    Evaluation { value: Some(100.0 * share), ..Evaluation::new(verdict, text) }
}
