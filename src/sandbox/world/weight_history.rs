//! The history of record weights: when each was requested, and when it reached the name servers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::hosted_zones::{HostedZone, Record};

/// All weights of all weighted records, including those of deleted records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightHistory(pub Vec<RecordWeights>);

/// The weights of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWeights {
    /// The zone of the record.
    pub zone_id: String,
    /// Its name, with a trailing dot.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What distinguishes the records of one name.
    pub set_identifier: String,
    /// Its changes, in request order.
    pub changes: Vec<WeightChange>,
}

/// A weight, starting at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightChange {
    /// When it was requested, in milliseconds.
    pub at: u64,
    /// When it has reached all name servers ("GetChange", `INSYNC`).
    pub live_at: u64,
    /// The weight; `None` if the record was deleted.
    pub weight: Option<i64>,
}

impl RecordWeights {
    /// Returns the weight that name servers use at `at`. A change that has reached all name servers supersedes all
    /// earlier ones.
    pub fn live(&self, at: u64) -> Option<i64> {
        self.changes.iter().rev().find(|change| change.live_at <= at)?.weight
    }

    fn is_of(&self, zone_id: &str, name: &str, kind: &str) -> bool {
        self.zone_id == zone_id && self.name == name && self.kind == kind
    }
}

impl WeightHistory {
    /// Records the changes of a zone's weighted records, which reach the name servers at `live_at`.
    pub fn record_changes(&mut self, zone: &HostedZone, now: u64, live_at: u64) {
        let weighted = |record: &Record| record.set_identifier.clone().zip(record.weight);
        for (record, (set, weight)) in zone.records.iter().filter_map(|record| Some((record, weighted(record)?))) {
            let change = WeightChange { at: now, live_at, weight: Some(weight) };
            let known = self
                .0
                .iter_mut()
                .find(|one| one.is_of(&zone.id, &record.name, &record.kind) && one.set_identifier == set);
            match known {
                Some(history) if history.changes.last().is_some_and(|last| last.weight == Some(weight)) => {}
                Some(history) => history.changes.push(change),
                None => self.0.push(RecordWeights {
                    zone_id: zone.id.clone(),
                    name: record.name.clone(),
                    kind: record.kind.clone(),
                    set_identifier: set,
                    changes: vec![change],
                }),
            }
        }
        let exists = |history: &RecordWeights| {
            let has_same_name = |record: &&Record| record.name == history.name && record.kind == history.kind;
            zone.records
                .iter()
                .filter(has_same_name)
                .any(|record| record.set_identifier.as_deref() == Some(&history.set_identifier))
        };
        for history in self.0.iter_mut().filter(|history| history.zone_id == zone.id) {
            if history.changes.last().is_some_and(|last| last.weight.is_some()) && !exists(history) {
                history.changes.push(WeightChange { at: now, live_at, weight: None });
            }
        }
    }

    /// Returns the weights of a name that name servers use at `at`, by set identifier.
    pub fn live(&self, zone_id: &str, name: &str, kind: &str, at: u64) -> Vec<(&str, i64)> {
        let of_name = self.0.iter().filter(|history| history.is_of(zone_id, name, kind));
        of_name.filter_map(|history| Some((history.set_identifier.as_str(), history.live(at)?))).collect()
    }

    /// Returns the first time, not before `since`, at which the records with a set identifier had at least `percent` of
    /// the live weights of their name.
    pub fn first_reached_share(&self, set_identifier: &str, percent: f64, since: u64) -> Option<u64> {
        let of_set = self.0.iter().filter(|history| history.set_identifier == set_identifier);
        of_set.filter_map(|history| self.share_reached_at(history, percent, since)).min()
    }

    fn share_reached_at(&self, of: &RecordWeights, percent: f64, since: u64) -> Option<u64> {
        let same_name = self.0.iter().filter(|history| history.is_of(&of.zone_id, &of.name, &of.kind));
        let mut moments: BTreeSet<u64> =
            same_name.flat_map(|history| &history.changes).map(|change| change.live_at.max(since)).collect();
        moments.insert(since);
        moments.into_iter().find(|at| {
            let live = self.live(&of.zone_id, &of.name, &of.kind, *at);
            let total: i64 = live.iter().map(|(_, weight)| weight).sum();
            let own = live.iter().find(|(set, _)| *set == of.set_identifier).map(|(_, weight)| *weight);
            own.is_some_and(|own| total > 0 && weight_as_f64(own) * 100.0 >= percent * weight_as_f64(total))
        })
    }
}

/// Returns a weight as a floating-point number. Weights are from 0 to 255.
pub(super) fn weight_as_f64(weight: i64) -> f64 {
    u32::try_from(weight).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(changes: &[(&str, u64, u64, Option<i64>)]) -> WeightHistory {
        let mut weights = WeightHistory::default();
        for (set, at, live_at, weight) in changes {
            let change = WeightChange { at: *at, live_at: *live_at, weight: *weight };
            match weights.0.iter_mut().find(|history| history.set_identifier == *set) {
                Some(history) => history.changes.push(change),
                None => weights.0.push(RecordWeights {
                    zone_id: "Z".into(),
                    name: "api.".into(),
                    kind: "A".into(),
                    set_identifier: (*set).into(),
                    changes: vec![change],
                }),
            }
        }
        weights
    }

    #[test]
    fn a_weight_applies_once_it_has_reached_the_name_servers() {
        let weights = weights(&[
            ("a", 0, 10, Some(100)),
            ("b", 0, 10, Some(0)),
            ("a", 50, 80, Some(60)),
            ("b", 50, 80, Some(40)),
        ]);
        assert_eq!(weights.live("Z", "api.", "A", 5), []);
        assert_eq!(weights.live("Z", "api.", "A", 79), [("a", 100), ("b", 0)]);
        assert_eq!(weights.live("Z", "api.", "A", 80), [("a", 60), ("b", 40)]);
        assert_eq!(weights.first_reached_share("b", 40.0, 0), Some(80));
        assert_eq!(weights.first_reached_share("b", 40.0, 500), Some(500));
        assert_eq!(weights.first_reached_share("b", 41.0, 0), None);
    }

    #[test]
    fn a_later_change_that_propagates_first_is_not_overridden_by_an_earlier_one() {
        let weights = weights(&[("a", 0, 0, Some(100)), ("a", 10, 70, Some(50)), ("a", 20, 30, Some(100))]);
        assert_eq!([25, 30, 70, 99].map(|at| weights.live("Z", "api.", "A", at)[0].1), [100; 4]);
    }
}
