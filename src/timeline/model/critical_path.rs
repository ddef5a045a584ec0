//! The steps that determined how long a run took.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Bar, End};

/// Returns the critical path, first to last: the step that ended last, before it the need that it had to wait for
/// longest, and so on.
pub(super) fn critical_path(steps: &[Bar]) -> Vec<usize> {
    let ran = |(_, bar): &(usize, &Bar)| !matches!(bar.end, End::Blocked | End::Unchanged);
    let last = steps.iter().enumerate().filter(ran).max_by(|one, other| one.1.finish.total_cmp(&other.1.finish));
    let Some((mut at, _)) = last else { return Vec::new() };
    // A resource can have several steps, in the parts of a run.
    let mut by_address: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, bar) in steps.iter().enumerate().filter(|(_, bar)| bar.end != End::Blocked) {
        by_address.entry(&bar.address).or_default().push(index);
    }
    let mut path = vec![at];
    let mut seen = BTreeSet::from([at]);
    loop {
        let bar = &steps[at];
        let before = bar.needs.iter().filter_map(|need| {
            let index =
                by_address.get(need.on.as_str())?.iter().rev().find(|index| steps[**index].start <= bar.start)?;
            Some((*index, steps[*index].reached(need)))
        });
        let before = before.filter(|(index, _)| !seen.contains(index));
        let Some((next, _)) = before.max_by(|one, other| one.1.total_cmp(&other.1)) else { break };
        seen.insert(next);
        path.push(next);
        at = next;
    }
    path.reverse();
    path
}
