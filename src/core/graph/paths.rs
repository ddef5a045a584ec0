//! Longest paths: the remaining time after each step, and the critical path of a run.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::input::{Moment, Need};
use infra_base::address::Address;

/// The typical duration of a step, for each of its two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// From start to created.
    pub created: Duration,
    /// From created to ready.
    pub ready: Duration,
}

impl Timing {
    fn until(self, moment: Moment) -> Duration {
        match moment {
            Moment::Created => self.created,
            Moment::Ready => self.created + self.ready,
        }
    }

    fn total(self) -> Duration {
        self.until(Moment::Ready)
    }
}

type Steps<'a> = BTreeMap<&'a Address, (Timing, &'a [Need])>;

/// Returns for each step the expected time from its start to the end of the run, along its slowest dependents.
///
/// Linear in steps and edges. The steps must not contain a cycle. Ignores dependencies on other addresses.
pub fn remaining<'a>(steps: &Steps<'a>) -> BTreeMap<&'a Address, Duration> {
    let order = order(steps);
    let mut left: BTreeMap<&Address, Duration> =
        steps.iter().map(|(address, (timing, _))| (*address, timing.total())).collect();
    for address in order.iter().rev() {
        let own = left[address];
        for need in steps[address].1 {
            let Some((timing, _)) = steps.get(&need.on) else { continue };
            let through = timing.until(need.at) + own;
            if let Some(before) = left.get_mut(&need.on) {
                *before = (*before).max(through);
            }
        }
    }
    left
}

/// Returns the critical path, first step to last, and its duration.
pub fn critical_path(steps: &Steps<'_>) -> (Vec<Address>, Duration) {
    let mut start: BTreeMap<&Address, (Duration, Option<&Address>)> = BTreeMap::new();
    let mut last: Option<(&Address, Duration)> = None;
    for address in order(steps) {
        let (timing, needs) = steps[address];
        let mut begin = (Duration::ZERO, None);
        for need in needs {
            let Some((before, _)) = steps.get(&need.on) else { continue };
            let at = start.get(&need.on).map_or(Duration::ZERO, |(begin, _)| *begin) + before.until(need.at);
            if begin.1.is_none() || at > begin.0 {
                begin = (at, Some(&need.on));
            }
        }
        start.insert(address, begin);
        let end = begin.0 + timing.total();
        if last.is_none_or(|(_, latest)| end > latest) {
            last = Some((address, end));
        }
    }
    let Some((mut at, length)) = last else { return (Vec::new(), Duration::ZERO) };
    let mut path = vec![at.clone()];
    while let Some((_, Some(before))) = start.get(at) {
        path.push((*before).clone());
        at = before;
    }
    path.reverse();
    (path, length)
}

/// Returns dependencies before dependents, in alphabetical order among equals (Kahn's algorithm).
pub(super) fn order<'a>(steps: &Steps<'a>) -> Vec<&'a Address> {
    let addresses: Vec<&'a Address> = steps.keys().copied().collect();
    let number: HashMap<&Address, usize> = addresses.iter().enumerate().map(|(number, one)| (*one, number)).collect();
    let mut waiting = vec![0_usize; addresses.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); addresses.len()];
    for (dependent, (_, needs)) in steps.values().enumerate() {
        for needed in needs.iter().filter_map(|need| number.get(&need.on)) {
            waiting[dependent] += 1;
            dependents[*needed].push(dependent);
        }
    }
    let mut free: VecDeque<usize> = (0..addresses.len()).filter(|one| waiting[*one] == 0).collect();
    let mut order = Vec::with_capacity(addresses.len());
    while let Some(one) = free.pop_front() {
        order.push(addresses[one]);
        for &dependent in &dependents[one] {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                free.push_back(dependent);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(created: u64, ready: u64) -> Timing {
        Timing { created: Duration::from_secs(created), ready: Duration::from_secs(ready) }
    }

    #[test]
    fn a_dependent_on_the_id_does_not_wait_for_ready() {
        let (db, alarm, service) = (Address::new("db"), Address::new("alarm"), Address::new("service"));
        let on_id = [Need { on: db.clone(), at: Moment::Created, weak: false }];
        let on_ready = [Need { on: db.clone(), at: Moment::Ready, weak: false }];
        let none: [Need; 0] = [];
        let steps: Steps = [
            (&db, (secs(5, 400), none.as_slice())),
            (&alarm, (secs(1, 0), on_id.as_slice())),
            (&service, (secs(2, 60), on_ready.as_slice())),
        ]
        .into();
        let (path, length) = critical_path(&steps);
        assert_eq!(path, [db.clone(), service.clone()]);
        assert_eq!(length, Duration::from_secs(467));
        let left = remaining(&steps);
        assert_eq!(left[&db], Duration::from_secs(467));
        assert_eq!(left[&alarm], Duration::from_secs(1));
    }
}
