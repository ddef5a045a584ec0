//! The verdict on values over time.

use super::judge::Moment;
use super::parts::Finding;
use super::reading::{Point, Series};
use super::verdict::Verdict;
use crate::config::{Limit, Side};

/// Judges every series by itself; the worst counts. `adds_up` says that a period under way says nothing yet.
pub(super) fn series(limit: &Limit, unit: &str, all: &[Series], moment: &Moment, adds_up: bool) -> Finding {
    let each = all.iter().map(|one| points(limit, unit, &one.of, &one.points, moment, adds_up));
    Finding::worst(each).unwrap_or_else(|| Finding::new(Verdict::NoData, "nothing was measured"))
}

/// Returns the series of the environments that have traffic, or what is missing.
pub(super) fn with_traffic(all: &[Series], moment: &Moment) -> Result<Vec<Series>, Finding> {
    let sides = [Side::Source, Side::Target].into_iter().filter(|side| moment.has_traffic(*side));
    let found = sides.map(|side| {
        let one = all.iter().find(|one| one.side == Some(side)).cloned();
        one.ok_or_else(|| Finding::new(Verdict::NoData, format!("{side}: nothing was measured")))
    });
    found.collect()
}

/// Returns the points that count: those whose period reaches into the window.
pub(super) fn in_window<'a>(limit: &Limit, points: &'a [Point], now: i64) -> impl Iterator<Item = &'a Point> {
    let oldest = now.saturating_sub(i64::from(limit.window_seconds));
    let period = i64::from(limit.period_seconds);
    points.iter().filter(move |point| point.at.saturating_add(period) > oldest)
}

/// Returns whether a point lies so far ahead that a clock must be wrong.
pub(super) fn is_ahead(limit: &Limit, points: &[Point], now: i64) -> bool {
    points.iter().any(|point| point.at > now.saturating_add(i64::from(limit.period_seconds)))
}

/// What is said when a point lies ahead.
pub(super) const AHEAD: &str = "there are values from the future, so the clock of this machine is wrong";

fn points(limit: &Limit, unit: &str, of: &str, points: &[Point], moment: &Moment, adds_up: bool) -> Finding {
    if is_ahead(limit, points, moment.now) {
        return Finding::new(Verdict::Error, format!("{of}: {AHEAD}"));
    }
    let over = |point: &&Point| !adds_up || point.at.saturating_add(i64::from(limit.period_seconds)) <= moment.now;
    values(limit, unit, of, in_window(limit, points, moment.now).filter(over).map(|point| point.value))
}

/// Judges values that all have to hold.
pub(super) fn values(limit: &Limit, unit: &str, of: &str, values: impl Iterator<Item = f64>) -> Finding {
    let values: Vec<f64> = values.collect();
    let shown = |text: String| if of.is_empty() { text } else { format!("{of}: {text}") };
    if values.iter().any(|value| !value.is_finite()) {
        return Finding::new(Verdict::Error, shown("a value is not a number".to_owned()));
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
    Finding { verdict, value: worst, text: shown(text) }
}

/// A value with at most three digits after the point.
fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
