//! The history of the weights of weighted records: what was asked for when, and when the name servers knew of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::route53::{HostedZone, Record};

/// The weights that every weighted record has ever had, also of records that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weights(pub Vec<History>);

/// The weights of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The zone that it is in.
    pub zone_id: String,
    /// Its name, with a dot at its end.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What tells the records of one name apart.
    pub set_identifier: String,
    /// In the order in which they were asked for.
    pub changes: Vec<WeightChange>,
}

/// A weight, from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightChange {
    /// When it was asked for, in milliseconds.
    pub at: u64,
    /// When all name servers know of it ("GetChange", `INSYNC`).
    pub live_at: u64,
    /// The weight; none when the record was deleted.
    pub weight: Option<i64>,
}

impl History {
    /// Returns the weight that name servers answer by at `at`. A change that is known everywhere takes the place of all before it.
    pub fn live(&self, at: u64) -> Option<i64> {
        self.changes.iter().rev().find(|change| change.live_at <= at)?.weight
    }

    fn is_of(&self, zone_id: &str, name: &str, kind: &str) -> bool {
        self.zone_id == zone_id && self.name == name && self.kind == kind
    }
}

impl Weights {
    /// Takes down what has become of a zone's weighted records, which name servers know of from `live_at` on.
    pub fn note(&mut self, zone: &HostedZone, now: u64, live_at: u64) {
        let weighted = |record: &Record| record.set_identifier.clone().zip(record.weight);
        for (record, (set, weight)) in zone.records.iter().filter_map(|record| Some((record, weighted(record)?))) {
            let change = WeightChange { at: now, live_at, weight: Some(weight) };
            let known = self.0.iter_mut().find(|one| one.is_of(&zone.id, &record.name, &record.kind) && one.set_identifier == set);
            match known {
                Some(history) if history.changes.last().is_some_and(|last| last.weight == Some(weight)) => {}
                Some(history) => history.changes.push(change),
                None => self.0.push(History {
                    zone_id: zone.id.clone(),
                    name: record.name.clone(),
                    kind: record.kind.clone(),
                    set_identifier: set,
                    changes: vec![change],
                }),
            }
        }
        let is_there = |history: &History| {
            let same = |record: &&Record| record.name == history.name && record.kind == history.kind;
            zone.records.iter().filter(same).any(|record| record.set_identifier.as_deref() == Some(&history.set_identifier))
        };
        for history in self.0.iter_mut().filter(|history| history.zone_id == zone.id) {
            if history.changes.last().is_some_and(|last| last.weight.is_some()) && !is_there(history) {
                history.changes.push(WeightChange { at: now, live_at, weight: None });
            }
        }
    }

    /// Returns the weights of a name that name servers answer by at `at`, by set identifier.
    pub fn live(&self, zone_id: &str, name: &str, kind: &str, at: u64) -> Vec<(&str, i64)> {
        let of_name = self.0.iter().filter(|history| history.is_of(zone_id, name, kind));
        of_name.filter_map(|history| Some((history.set_identifier.as_str(), history.live(at)?))).collect()
    }

    /// Returns when, from `since` on, the records with a set identifier first had at least `percent` of the live weights of their name.
    pub fn first_reached(&self, set_identifier: &str, percent: f64, since: u64) -> Option<u64> {
        let of_set = self.0.iter().filter(|history| history.set_identifier == set_identifier);
        of_set.filter_map(|history| self.reached(history, percent, since)).min()
    }

    fn reached(&self, of: &History, percent: f64, since: u64) -> Option<u64> {
        let same_name = self.0.iter().filter(|history| history.is_of(&of.zone_id, &of.name, &of.kind));
        let mut moments: BTreeSet<u64> = same_name.flat_map(|history| &history.changes).map(|change| change.live_at.max(since)).collect();
        moments.insert(since);
        moments.into_iter().find(|at| {
            let live = self.live(&of.zone_id, &of.name, &of.kind, *at);
            let total: i64 = live.iter().map(|(_, weight)| weight).sum();
            let own = live.iter().find(|(set, _)| *set == of.set_identifier).map(|(_, weight)| *weight);
            own.is_some_and(|own| total > 0 && number(own) * 100.0 >= percent * number(total))
        })
    }
}

/// A weight as a number to reckon with. Weights are from 0 to 255.
pub(super) fn number(weight: i64) -> f64 {
    u32::try_from(weight).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(changes: &[(&str, u64, u64, Option<i64>)]) -> Weights {
        let mut weights = Weights::default();
        for (set, at, live_at, weight) in changes {
            let change = WeightChange { at: *at, live_at: *live_at, weight: *weight };
            match weights.0.iter_mut().find(|history| history.set_identifier == *set) {
                Some(history) => history.changes.push(change),
                None => weights.0.push(History {
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
    fn a_weight_counts_when_name_servers_know_of_it() {
        let weights = weights(&[("a", 0, 10, Some(100)), ("b", 0, 10, Some(0)), ("a", 50, 80, Some(60)), ("b", 50, 80, Some(40))]);
        assert_eq!(weights.live("Z", "api.", "A", 5), []);
        assert_eq!(weights.live("Z", "api.", "A", 79), [("a", 100), ("b", 0)]);
        assert_eq!(weights.live("Z", "api.", "A", 80), [("a", 60), ("b", 40)]);
        assert_eq!(weights.first_reached("b", 40.0, 0), Some(80));
        assert_eq!(weights.first_reached("b", 40.0, 500), Some(500));
        assert_eq!(weights.first_reached("b", 41.0, 0), None);
    }

    #[test]
    fn a_later_change_that_is_known_first_is_not_undone_by_an_earlier_one() {
        let weights = weights(&[("a", 0, 0, Some(100)), ("a", 10, 70, Some(50)), ("a", 20, 30, Some(100))]);
        assert_eq!([25, 30, 70, 99].map(|at| weights.live("Z", "api.", "A", at)[0].1), [100; 4]);
    }
}
