//! Waits as data, for the single wait loop.

use std::time::Duration;

/// The result of one read during a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The expected state is reached.
    Reached(T),
    /// Not yet. The status is shown to the user. Unknown statuses are pending, too.
    Pending(String),
    /// The expected state cannot be reached any more.
    Failed {
        /// The status.
        status: String,
        /// AWS's reason.
        reason: Option<String>,
    },
}

/// A wait as data. The timeout starts again whenever the status changes.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What is waited for, for example "NAT gateway `nat-1` to become available".
    pub what: String,
    /// Time between two reads.
    pub every: Duration,
    /// How long a single status may last.
    pub stall_timeout: Duration,
    /// The call that begins what is waited for, and the time from there on before which it does not end. Until then,
    /// the wait reads less often.
    pub ends_after: Option<(&'static str, Duration)>,
}

/// How many times longer than usual the longest time between two reads is, before the wait can end.
const EARLY_FACTOR: u32 = 6;

impl Wait {
    /// Returns a wait that reads every `every` seconds and fails when one status lasts for `stall_timeout` seconds.
    pub fn new(what: impl Into<String>, every: u64, stall_timeout: u64) -> Self {
        let (every, stall_timeout) = (Duration::from_secs(every), Duration::from_secs(stall_timeout));
        Self { what: what.into(), every, stall_timeout, ends_after: None }
    }

    /// Sets how many seconds it typically takes from `call` on. It reads less often during most of that time.
    #[must_use]
    pub fn typically(self, call: &'static str, seconds: u32) -> Self {
        Self { ends_after: Some((call, Duration::from_secs(seconds.into()) * 4 / 5)), ..self }
    }

    /// Sets how many seconds it takes at least from `call` on. It reads less often during that time.
    #[must_use]
    pub fn at_least(self, call: &'static str, seconds: u32) -> Self {
        Self { ends_after: Some((call, Duration::from_secs(seconds.into()))), ..self }
    }

    /// Returns the time until the next read, `spent` after the begin of the wait. `is_begun` tells whether the run has
    /// made a call, immediately before the wait.
    ///
    /// The pauses become shorter as the end comes nearer, so a wait that fails early is not noticed much later.
    pub fn pause_after(&self, spent: Duration, is_begun: impl Fn(&str) -> bool) -> Duration {
        let end = self.ends_after.filter(|(call, _)| is_begun(call)).map_or(Duration::ZERO, |(_, end)| end);
        (end.saturating_sub(spent) / 2).clamp(self.every, self.every * EARLY_FACTOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns when a wait reads, in seconds, until it ends.
    fn reads(wait: &Wait, ends: u64, call: &str) -> Vec<u64> {
        let mut at = Duration::ZERO;
        let mut reads = vec![0];
        while at.as_secs() < ends {
            at += wait.pause_after(at, |one| one == call);
            reads.push(at.as_secs());
        }
        reads
    }

    #[test]
    fn it_reads_less_often_before_it_can_end() {
        let wait = Wait::new("the database", 15, 3600).at_least("rds:CreateDBInstance", 300);
        assert_eq!(reads(&wait, 330, "rds:CreateDBInstance"), [0, 90, 180, 240, 270, 285, 300, 315, 330]);
        assert_eq!(reads(&wait, 45, "rds:ModifyDBInstance"), [0, 15, 30, 45]);
    }

    #[test]
    fn a_wait_without_a_typical_time_reads_regularly() {
        assert_eq!(reads(&Wait::new("the subnet", 1, 60), 4, "ec2:CreateSubnet"), [0, 1, 2, 3, 4]);
    }
}
