//! Evaluates time series.

use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::reading::{Point, Series};
use super::threshold::{FUTURE, in_window, is_in_future, values};
use super::verdict::Verdict;
use infra_config::Limit;

/// Evaluates each series. The worst counts.
pub(super) fn series(limit: &Limit, unit: &str, all: &[Series], context: &EvalContext) -> Evaluation {
    let each = all.iter().map(|one| points(limit, unit, &one.of, &one.points, context).of(one.side));
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

fn points(limit: &Limit, unit: &str, of: &str, points: &[Point], context: &EvalContext) -> Evaluation {
    if is_in_future(limit, points, context.now) {
        return Evaluation::new(Verdict::Error, format!("{of}: {FUTURE}"));
    }
    values(limit, unit, of, in_window(limit, points, context.now).map(|point| point.value))
}
