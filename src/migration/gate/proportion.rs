//! Shares of requests, and how exactly they are known.
//!
//! Both intervals have a confidence of 95 %. They assume that requests fail independently of each other. Failures that
//! come in bursts are known less exactly than the intervals say, which is why a gate also requires a minimum number of
//! requests.

/// The quantile of the normal distribution for a two-sided confidence of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// How many requests of all have a property.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Proportion {
    /// The number of requests with the property. At most `all`.
    pub(super) hits: f64,
    /// The number of all requests.
    pub(super) all: f64,
}

/// A range in which a share lies, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Proportion {
    /// Returns the share, from 0 to 1. Zero without requests.
    pub(super) fn share(self) -> f64 {
        if self.all > 0.0 { self.hits / self.all } else { 0.0 }
    }

    /// Returns the Wilson score interval of the share (E. B. Wilson, "Probable inference, the law of succession, and
    /// statistical inference", JASA 22 (1927), 209-212): with `p` hits per request, `n` requests and the quantile `z`,
    ///
    /// `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`.
    ///
    /// It is within 0 to 1 also for few requests and for no hits. Without requests it is 0 to 1.
    pub(super) fn wilson(self) -> Interval {
        if self.all <= 0.0 {
            return Interval { low: 0.0, high: 1.0 };
        }
        let (p, n, z2) = (self.share(), self.all, Z * Z);
        let middle = p + z2 / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        Interval { low: ((middle - spread) / scale).max(0.0), high: ((middle + spread) / scale).min(1.0) }
    }

    /// Returns the interval of the difference `self - other` of two shares: method 10 of R. G. Newcombe, "Interval
    /// estimation for the difference between independent proportions", Statistics in Medicine 17 (1998), 873-890. With
    /// the shares `p1` and `p2`, and their Wilson intervals `l1` to `u1` and `l2` to `u2`, it is
    ///
    /// `p1 - p2 - √((p1-l1)² + (u2-p2)²)` to `p1 - p2 + √((u1-p1)² + (p2-l2)²)`.
    pub(super) fn minus(self, other: Self) -> Interval {
        let (one, two) = (self.wilson(), other.wilson());
        let (p1, p2) = (self.share(), other.share());
        Interval {
            low: p1 - p2 - (p1 - one.low).hypot(two.high - p2),
            high: p1 - p2 + (one.high - p1).hypot(p2 - two.low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hits: f64, all: f64) -> Proportion {
        Proportion { hits, all }
    }

    fn rounded(interval: Interval) -> (f64, f64) {
        let round = |value: f64| (value * 10_000.0).round() / 10_000.0;
        (round(interval.low), round(interval.high))
    }

    /// The single proportions of table I in R. G. Newcombe, "Two-sided confidence intervals for the single proportion",
    /// Statistics in Medicine 17 (1998), 857-872, method 3.
    #[test]
    fn the_interval_of_a_share_is_the_published_one() {
        let table = [
            ((81.0, 263.0), (0.2553, 0.3662)),
            ((15.0, 148.0), (0.0624, 0.1605)),
            ((0.0, 20.0), (0.0, 0.1611)),
            ((1.0, 29.0), (0.0061, 0.1718)),
        ];
        for ((hits, all), expected) in table {
            assert_eq!(rounded(of(hits, all).wilson()), expected, "{hits} of {all}");
        }
        assert_eq!(rounded(of(0.0, 0.0).wilson()), (0.0, 1.0));
    }

    /// The differences of table II in the paper of the method.
    #[test]
    fn the_interval_of_a_difference_is_the_published_one() {
        let table = [
            ((56.0, 70.0, 48.0, 80.0), (0.0524, 0.3339)),
            ((9.0, 10.0, 3.0, 10.0), (0.1705, 0.8090)),
            ((10.0, 10.0, 0.0, 20.0), (0.6791, 1.0)),
            ((5.0, 56.0, 0.0, 29.0), (-0.0381, 0.1926)),
        ];
        for ((hits, all, others, of_others), expected) in table {
            let found = of(hits, all).minus(of(others, of_others));
            assert_eq!(rounded(found), expected, "{hits} of {all}, {others} of {of_others}");
        }
    }

    #[test]
    fn more_requests_make_both_intervals_narrower_and_both_contain_the_estimate() {
        for share in [0.0, 0.001, 0.01, 0.5, 1.0] {
            let mut width = f64::INFINITY;
            for all in [1.0, 10.0, 100.0, 10_000.0] {
                let one = of(share * all, all);
                let interval = one.wilson();
                assert!(interval.low <= share + 1e-12 && share <= interval.high + 1e-12, "{one:?}: {interval:?}");
                assert!(interval.high - interval.low < width);
                width = interval.high - interval.low;
                let same = one.minus(one);
                assert!(same.low <= 0.0 && same.high >= 0.0, "{same:?}");
            }
        }
    }
}
