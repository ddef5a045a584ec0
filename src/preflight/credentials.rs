//! Whether the credentials outlive the run.

use std::time::{Duration, SystemTime};

use super::finding::{Finding, Verdict};
use super::subject::Subject;

/// Durations on AWS vary: half as long again is still usual.
const LATE: f64 = 1.5;

/// Returns whether credentials that expire at `at` outlast a run that is expected to take so long.
pub fn outlast(at: SystemTime, now: SystemTime, expected: Duration) -> bool {
    at > now + expected.mul_f64(LATE)
}

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let expected = Duration::from_secs(subject.plan.expected_seconds);
    let expires = subject.reads.cloud.expires_at();
    vec![judge(expires, subject.now, expected)]
}

fn judge(expires: Option<(SystemTime, String)>, now: SystemTime, expected: Duration) -> Finding {
    let Some((at, who)) = expires else {
        return Finding::new("credentials", "", Verdict::Pass, "they are renewed, or do not expire");
    };
    let left = at.duration_since(now).unwrap_or_default();
    let minutes = |duration: Duration| duration.as_secs().div_ceil(60);
    let detail =
        format!("{who}: valid for {} more minutes; the run is expected to take {}", minutes(left), minutes(expected));
    if outlast(at, now, expected) {
        return Finding::new("credentials", "", Verdict::Pass, detail);
    }
    Finding::new("credentials", "", Verdict::Warn, detail)
        .remedy("use new credentials, or a profile: credentials of a profile can be renewed during a run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_expire_during_the_run_are_a_warning() {
        let (now, minute) = (SystemTime::UNIX_EPOCH, Duration::from_mins(1));
        let verdict = |left: u32| judge(Some((now + minute * left, "profile a".into())), now, minute * 20).verdict;
        assert_eq!((verdict(31), verdict(30), verdict(0)), (Verdict::Pass, Verdict::Warn, Verdict::Warn));
        assert_eq!(judge(None, now, minute).verdict, Verdict::Pass);
    }
}
