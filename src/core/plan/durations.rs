//! Durations of steps that earlier runs have measured.

use std::collections::BTreeMap;

use crate::graph::Timing;

/// How long a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// If it is fast: one of ten is faster.
    pub least: Timing,
    /// Usually: half of them are faster.
    pub usual: Timing,
    /// If it is slow: one of ten is slower.
    pub most: Timing,
}

impl Estimate {
    /// Returns a duration that does not vary.
    pub(super) fn exactly(timing: Timing) -> Self {
        Self { least: timing, usual: timing, most: timing }
    }
}

/// Measured durations, by kind and operation.
#[derive(Clone, Debug, Default)]
pub struct Durations(BTreeMap<(String, String), Estimate>);

impl Durations {
    /// Adds the durations of an operation ([`super::Action::operation`]) on a kind.
    pub fn insert(&mut self, kind: &str, operation: &str, estimate: Estimate) {
        self.0.insert((kind.to_owned(), operation.to_owned()), estimate);
    }

    /// Returns how long an operation on a kind takes, if it was measured.
    pub(super) fn get(&self, kind: &str, operation: &str) -> Option<Estimate> {
        self.0.get(&(kind.to_owned(), operation.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Plan, deletion, sample};
    use super::*;
    use crate::resource::Kinds;
    use infra_base::address::Address;

    fn plan() -> Plan {
        Plan::single(deletion::step(Kinds::none(), &Address::new("source/a/b"), &sample::entry(), "a reason"))
    }

    fn secs(ready: u64) -> Timing {
        Timing { created: Duration::ZERO, ready: Duration::from_secs(ready) }
    }

    #[test]
    fn a_measured_duration_replaces_the_typical_one() {
        let (mut plan, untouched) = (plan(), plan());
        let mut measured = Durations::default();
        measured.insert("fake.thing", "create", Estimate::exactly(secs(5)));
        plan.estimate(&measured);
        assert_eq!((plan.expected_seconds, plan.expected_range_seconds), (1, None), "another operation");
        measured.insert("fake.thing", "delete", Estimate { least: secs(40), usual: secs(60), most: secs(90) });
        plan.estimate(&measured);
        assert_eq!((plan.expected_seconds, plan.expected_range_seconds), (60, Some([40, 90])));
        assert_eq!(plan.digest(), untouched.digest(), "estimates are no part of what is done");
    }
}
