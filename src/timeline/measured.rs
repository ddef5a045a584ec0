//! What runs teach about how long steps take.

use std::collections::BTreeMap;

use crate::model::{End, Timeline};

/// How many of the newest steps of an operation count.
const NEWEST: usize = 20;

/// A step that was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The kind of the resource.
    pub kind: String,
    /// What was done.
    pub operation: String,
    /// From the start until AWS had accepted it, in seconds.
    pub created: f64,
    /// From there until it was ready, in seconds.
    pub ready: f64,
}

/// How long an operation on a kind takes, in seconds: until AWS has accepted it, and from there until it is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The kind.
    pub kind: String,
    /// The operation.
    pub operation: String,
    /// The number of steps.
    pub count: usize,
    /// One of ten is faster.
    pub least: [f64; 2],
    /// Half of them are faster.
    pub usual: [f64; 2],
    /// One of ten is slower.
    pub most: [f64; 2],
}

/// Returns the steps of a run whose duration says how long others will take: those that were done from their beginning
/// to their end.
pub fn samples(timeline: &Timeline) -> Vec<Sample> {
    let counts = |action: &str| ["create", "update", "delete"].contains(&action);
    let done = timeline.steps.iter().filter(|bar| bar.end == End::Done && counts(&bar.action) && !bar.kind.is_empty());
    // A creation that an earlier run began was planned as one that is resumed.
    let planned = timeline.run.plan.iter().flat_map(|plan| &plan.steps);
    let resumed: Vec<&str> = planned.filter(|step| step.action == "resume").map(|step| step.address.as_str()).collect();
    let done = done.filter(|bar| !resumed.contains(&bar.address.as_str()));
    done.filter_map(|bar| {
        let created = bar.created.map_or(0.0, |created| created - bar.start).max(0.0);
        let (kind, operation) = (bar.kind.clone(), bar.operation.clone()?);
        Some(Sample { kind, operation, created, ready: (bar.seconds() - created).max(0.0) })
    })
    .collect()
}

/// Returns how long operations take, from samples of which the newest come first.
pub fn measured(samples: impl IntoIterator<Item = Sample>) -> Vec<Measured> {
    let mut all: BTreeMap<(String, String), Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        let of = all.entry((sample.kind.clone(), sample.operation.clone())).or_default();
        if of.len() < NEWEST {
            of.push(sample);
        }
    }
    all.into_iter()
        .map(|((kind, operation), samples)| {
            let quantile = |share: f64| {
                [
                    self::quantile(samples.iter().map(|sample| sample.created).collect(), share),
                    self::quantile(samples.iter().map(|sample| sample.ready).collect(), share),
                ]
            };
            let [least, usual, most] = [0.1, 0.5, 0.9].map(quantile);
            Measured { count: samples.len(), kind, operation, least, usual, most }
        })
        .collect()
}

/// Returns the value below which a share of the values are, between two of them if necessary (Hyndman and Fan, type 7).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "there are at most NEWEST values"
)]
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let position = values.len().saturating_sub(1) as f64 * share;
    let at = |index: f64| values.get(index as usize).copied().unwrap_or_default();
    at(position.floor()) + (at(position.ceil()) - at(position.floor())) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_comes_from_the_newest_steps() {
        let sample = |ready: f64| Sample { kind: "dms.x".into(), operation: "create".into(), created: 2.0, ready };
        let eleven = measured((0..=10).map(|index| sample(f64::from(index) * 10.0)));
        assert_eq!(eleven.len(), 1);
        let [of] = eleven.as_slice() else { unreachable!("one operation") };
        assert_eq!((of.count, of.least, of.usual, of.most), (11, [2.0, 10.0], [2.0, 50.0], [2.0, 90.0]));
        // Older ones do not count.
        let newest = measured((0..100).map(|index| sample(if index < 20 { 7.0 } else { 1e6 })));
        assert_eq!((newest[0].count, newest[0].most), (20, [2.0, 7.0]));
        let two = measured([sample(10.0), sample(20.0)]);
        assert_eq!((two[0].least, two[0].usual, two[0].most), ([2.0, 11.0], [2.0, 15.0], [2.0, 19.0]));
        assert!(measured([]).is_empty());
    }
}
