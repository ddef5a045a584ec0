//! Statistics of samples ("CloudWatch statistics definitions").

use crate::registry::{Rejection, refuse};
use crate::world::metrics::Measured;

/// How several values are aggregated to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stat {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    /// `pNN`, in percent.
    Percentile(f64),
    /// `TC(a:b)`: the number of values from more than `a` to `b`.
    CountBetween(f64, f64),
    /// `PR(a:b)`: the percentage of values from more than `a` to `b`.
    RankBetween(f64, f64),
}

impl Stat {
    /// Parses a statistic. Trimmed means and similar statistics are not modelled, and bounds in percent are not.
    pub(super) fn read(text: &str) -> Result<Self, Rejection> {
        let percentile = text
            .strip_prefix('p')
            .and_then(|rest| rest.parse::<f64>().ok())
            .filter(|rest| (0.0..=100.0).contains(rest));
        if let Some((a, b)) = absolute_bounds(text, "TC") {
            return Ok(Self::CountBetween(a, b));
        }
        if let Some((a, b)) = absolute_bounds(text, "PR") {
            return Ok(Self::RankBetween(a, b));
        }
        match (text, percentile) {
            ("Average", _) => Ok(Self::Average),
            ("Sum", _) => Ok(Self::Sum),
            ("Minimum", _) => Ok(Self::Minimum),
            ("Maximum", _) => Ok(Self::Maximum),
            ("SampleCount", _) => Ok(Self::SampleCount),
            (_, Some(percentile)) => Ok(Self::Percentile(percentile)),
            _ if ["tm", "wm", "tc", "ts", "PR(", "IQM", "TM(", "WM(", "TC(", "TS("]
                .iter()
                .any(|known| text.starts_with(known)) =>
            {
                refuse("SandboxUnknownMember", format!("the sandbox does not model the statistic {text}"))
            }
            _ => refuse("ValidationError", format!("The value {text} for parameter Stat is not supported.")),
        }
    }

    /// Returns the statistic of samples. Returns `None` without samples, or when the statistic cannot be derived from
    /// them: "percentile statistics are not available for […] statistic sets" of more than one value.
    pub(super) fn compute(self, samples: &[&Measured]) -> Option<f64> {
        let count: f64 = samples.iter().map(|one| one.count()).sum();
        if count <= 0.0 {
            return None;
        }
        let sum: f64 = samples.iter().map(|one| one.sum()).sum();
        match self {
            Self::Average => Some(sum / count),
            Self::Sum => Some(sum),
            Self::SampleCount => Some(count),
            Self::Minimum => samples.iter().map(|one| one.minimum()).reduce(f64::min),
            Self::Maximum => samples.iter().map(|one| one.maximum()).reduce(f64::max),
            Self::Percentile(percent) => percentile(samples, percent),
            Self::CountBetween(a, b) => count_between(samples, a, b),
            Self::RankBetween(a, b) => Some(100.0 * count_between(samples, a, b)? / count),
        }
    }
}

/// Parses absolute bounds, for example `TC(0.005:0.030)` or `TC(:0.5)`: "You define the boundaries as one or two
/// numbers" ("CloudWatch statistics definitions").
fn absolute_bounds(text: &str, name: &str) -> Option<(f64, f64)> {
    let (from, to) = text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?.split_once(':')?;
    let bound = |text: &str, open: f64| match text {
        "" => Some(open),
        number => number.parse::<f64>().ok().filter(|number| number.is_finite()),
    };
    if from.is_empty() && to.is_empty() {
        return None;
    }
    Some((bound(from, f64::NEG_INFINITY)?, bound(to, f64::INFINITY)?))
}

/// Returns how many values are within bounds. A percentile rank, and so the number of values, "is exclusive of the
/// lower bound and inclusive of the upper bound" ("CloudWatch statistics definitions").
fn count_between(samples: &[&Measured], from: f64, to: f64) -> Option<f64> {
    let values = values_of(samples)?;
    Some(values.iter().filter(|(value, _)| from < *value && *value <= to).map(|(_, count)| count).sum())
}

/// Returns all values with their counts, or `None` if only a summary of different values is known.
fn values_of(samples: &[&Measured]) -> Option<Vec<(f64, f64)>> {
    let mut values = Vec::new();
    for one in samples {
        match one {
            Measured::Values(more) => values.extend_from_slice(more),
            Measured::Summary { minimum, maximum, count, .. } if maximum <= minimum => values.push((*minimum, *count)),
            Measured::Summary { .. } => return None,
        }
    }
    Some(values)
}

/// Returns the nearest-rank percentile: the smallest value that is not less than `percent` of all values.
fn percentile(samples: &[&Measured], percent: f64) -> Option<f64> {
    let mut values = values_of(samples)?;
    values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let mut seen = 0.0;
    for (value, count) in &values {
        seen += count;
        if seen * 100.0 >= percent * total {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stat: &str, samples: &[Measured]) -> Option<f64> {
        Stat::read(stat).unwrap().compute(&samples.iter().collect::<Vec<_>>())
    }

    #[test]
    fn each_statistic_is_that_of_all_samples() {
        let samples = [Measured::Values(vec![(1.0, 98.0), (5.0, 1.0)]), Measured::Values(vec![(10.0, 1.0)])];
        let expected = [
            ("Sum", 113.0),
            ("SampleCount", 100.0),
            ("Average", 1.13),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p50", 1.0),
            ("p99", 5.0),
            ("p100", 10.0),
            ("TC(:1)", 98.0),
            ("TC(:0.5)", 0.0),
            ("TC(1:5)", 1.0),
            ("TC(1:)", 2.0),
            ("PR(:5)", 99.0),
        ];
        for (stat, value) in expected {
            assert_eq!(of(stat, &samples), Some(value), "{stat}");
        }
        assert_eq!(of("p99.5", &samples), Some(10.0));
        assert_eq!(of("Sum", &[]), None);
    }

    #[test]
    fn a_summary_has_no_percentiles_unless_all_its_values_are_the_same() {
        let summary = |maximum| Measured::Summary { count: 4.0, sum: 8.0, minimum: 2.0, maximum };
        assert_eq!(of("p90", &[summary(3.0)]), None);
        assert_eq!(of("p90", &[summary(2.0)]), Some(2.0));
        assert_eq!(of("Average", &[summary(3.0)]), Some(2.0));
    }

    #[test]
    fn unknown_statistics_are_refused() {
        assert_eq!(Stat::read("Mean").unwrap_err().code, "ValidationError");
        assert_eq!(Stat::read("p101").unwrap_err().code, "ValidationError");
        assert_eq!(Stat::read("tm99").unwrap_err().code, "SandboxUnknownMember");
    }
}
