//! Percentiles of durations, in bounded memory.

#![expect(clippy::cast_precision_loss, reason = "a drawing and a percentile are not exact")]

use serde::{Deserialize, Serialize};

/// Latencies in milliseconds, from the first attempt to the acknowledgement. They are exact to about 3 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// Nine of ten are not above it.
    pub p90: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// The number of steps between a power of two and the next one.
const STEPS: u64 = 32;

/// Counts of durations in microseconds.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, microseconds: u64) {
        let at = position(microseconds);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
        self.max = self.max.max(microseconds);
    }

    pub(super) fn latency(&self) -> Latency {
        Latency {
            p50: self.percentile(50),
            p90: self.percentile(90),
            p99: self.percentile(99),
            max: self.max as f64 / 1000.0,
        }
    }

    fn percentile(&self, percent: u64) -> f64 {
        let wanted = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(at as u64).min(self.max) as f64 / 1000.0;
            }
        }
        0.0
    }
}

/// Small values have a position each; then each power of two has the same number of positions.
fn position(value: u64) -> usize {
    let position = if value < STEPS {
        value
    } else {
        let power = u64::from(value.ilog2()) - u64::from(STEPS.ilog2());
        STEPS * (power + 1) + (value >> power) - STEPS
    };
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Returns the largest value of a position.
fn upper(position: u64) -> u64 {
    if position < STEPS {
        return position;
    }
    let power = position / STEPS - 1;
    ((STEPS + position % STEPS + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_continuous_and_percentiles_are_close() {
        let mut last = 0;
        for value in 0..100_000_u64 {
            let at = position(value);
            assert!(at == last || at == last + 1, "{value}");
            assert!(value <= upper(at as u64) && upper(at as u64) <= value + value / 16 + 1, "{value}");
            last = at;
        }
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|milliseconds| histogram.add(milliseconds * 1000));
        let latency = histogram.latency();
        assert!((latency.p50 - 500.0).abs() < 20.0 && (latency.p99 - 990.0).abs() < 30.0, "{latency:?}");
        assert!((latency.max - 1000.0).abs() < f64::EPSILON);
    }
}
