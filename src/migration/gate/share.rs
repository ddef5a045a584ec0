//! Evaluates the share of the requests that arrives in each environment: it must be that of the weight.

use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::minutes::Pool;
use super::proportion::Proportion;
use super::reading::Requests;
use super::requests::pool;
use super::threshold::rounded;
use super::verdict::Verdict;
use infra_config::Side;

/// What the share of the requests is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShareLimit {
    pub(super) tolerance_percent: f64,
    pub(super) min_requests: u32,
    pub(super) window_seconds: u32,
}

/// Compares the share of the target with its weight. A difference is *no data*: it says that requests do not follow the
/// weights, for example because nobody resolves the zone, and not that an environment is unhealthy.
pub(super) fn share(limit: ShareLimit, all: &[Requests], context: &EvalContext) -> Evaluation {
    // Before the first step, the split may have been another one a while ago.
    let bake_seconds = if context.since.is_some() { context.bake_seconds } else { 0 };
    let over = Pool::of(limit.window_seconds, &EvalContext { bake_seconds, ..*context }).settled(context);
    let mut counts = [0.0, 0.0];
    for (side, count) in [Side::Source, Side::Target].into_iter().zip(&mut counts) {
        let Some(one) = all.iter().find(|one| one.side == side) else {
            if context.has_traffic(side) {
                return Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured"));
            }
            continue;
        };
        if one.is_fenced && context.has_traffic(side) {
            return Evaluation::new(Verdict::NotJudged, format!("{side}: its fence is closed"));
        }
        match pool(one, over, context) {
            Ok(pooled) => *count = pooled.count.all,
            Err(why) => return Evaluation::new(Verdict::Error, format!("{side}: {why}")),
        }
    }
    let [source, target] = counts;
    let found = Proportion { hits: target, all: source + target };
    if found.all < f64::from(limit.min_requests) {
        let text = format!(
            "{} of {} requests arrive at the load balancers of both environments: do clients resolve this zone?",
            found.all.round(),
            limit.min_requests
        );
        return Evaluation::new(Verdict::NoData, text);
    }
    let (interval, percent) = (found.wilson(), 100.0 * found.share());
    let weight = f64::from(context.live.percent());
    let fits = 100.0 * interval.low - limit.tolerance_percent <= weight
        && weight <= 100.0 * interval.high + limit.tolerance_percent;
    let text = format!("{} % of {} requests arrive at the target", rounded(percent), found.all.round());
    let (verdict, text) = if fits {
        (Verdict::Pass, text)
    } else {
        let tolerance = limit.tolerance_percent;
        (Verdict::NoData, format!("{text}, but its weight is {weight} %, and they may differ by {tolerance} points"))
    };
    Evaluation { value: Some(percent), ..Evaluation::new(verdict, text) }
}
