//! Evaluates time series.

use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::reading::{Point, Series};
use super::threshold::{FUTURE, in_window, is_in_future, values};
use super::verdict::Verdict;
use infra_config::{Limit, Side};

/// Evaluates each series. The worst counts. With `adds_up`, the value of a period that is not over is ignored.
pub(super) fn series(limit: &Limit, unit: &str, all: &[Series], context: &EvalContext, adds_up: bool) -> Evaluation {
    let each = all.iter().map(|one| points(limit, unit, &one.of, &one.points, context, adds_up));
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

/// Returns the series of the environments that have traffic, or an evaluation that names a missing one.
pub(super) fn with_traffic(all: &[Series], context: &EvalContext) -> Result<Vec<Series>, Evaluation> {
    let sides = [Side::Source, Side::Target].into_iter().filter(|side| context.has_traffic(*side));
    let found = sides.map(|side| {
        let one = all.iter().find(|one| one.side == Some(side)).cloned();
        one.ok_or_else(|| Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured")))
    });
    found.collect()
}

fn points(limit: &Limit, unit: &str, of: &str, points: &[Point], context: &EvalContext, adds_up: bool) -> Evaluation {
    if is_in_future(limit, points, context.now) {
        return Evaluation::new(Verdict::Error, format!("{of}: {FUTURE}"));
    }
    let is_over = |point: &&Point| !adds_up || point.at.saturating_add(i64::from(limit.period_seconds)) <= context.now;
    values(limit, unit, of, in_window(limit, points, context.now).filter(is_over).map(|point| point.value))
}
