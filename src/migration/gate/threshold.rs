//! Compares the values in a time window with a limit.

use super::evaluation::Evaluation;
use super::reading::Point;
use super::verdict::Verdict;
use infra_config::Limit;

/// The message when a point is in the future.
pub(super) const FUTURE: &str = "there are values from the future, so the clock of this machine is wrong";

/// Returns the points that count: those whose period is over and overlaps the window.
pub(super) fn in_window<'a>(limit: &Limit, points: &'a [Point], now: i64) -> impl Iterator<Item = &'a Point> {
    let oldest = now.saturating_sub(i64::from(limit.window_seconds));
    let period = i64::from(limit.period_seconds);
    points.iter().filter(move |point| {
        let end = point.at.saturating_add(period);
        oldest < end && end <= now
    })
}

/// Returns whether a point is so far in the future that a clock must be wrong.
pub(super) fn is_in_future(limit: &Limit, points: &[Point], now: i64) -> bool {
    points.iter().any(|point| point.at > now.saturating_add(i64::from(limit.period_seconds)))
}

/// Evaluates values that must all be within the limit.
pub(super) fn values(limit: &Limit, unit: &str, of: &str, values: impl Iterator<Item = f64>) -> Evaluation {
    let values: Vec<f64> = values.collect();
    let labelled = |text: String| if of.is_empty() { text } else { format!("{of}: {text}") };
    if values.iter().any(|value| !value.is_finite()) {
        return Evaluation::new(Verdict::Error, labelled("a value is not a number".to_owned()));
    }
    let worst = values.iter().copied().reduce(|one, other| limit.bound.worse(one, other));
    let verdict = match worst {
        Some(worst) if values.len() >= limit.min_points as usize => {
            if limit.bound.holds(worst) {
                Verdict::Pass
            } else {
                Verdict::Fail
            }
        }
        _ => Verdict::NoData,
    };
    let number = worst.map(rounded).unwrap_or_default();
    let text = match verdict {
        Verdict::Fail => format!("{number}{unit}, must be {}{unit}", limit.bound),
        Verdict::Pass => format!("{number}{unit}"),
        _ => format!("{} of {} values within {} s", values.len(), limit.min_points, limit.window_seconds),
    };
    Evaluation { value: worst, ..Evaluation::new(verdict, labelled(text)) }
}

/// Formats a value with at most three decimal places.
pub(super) fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
