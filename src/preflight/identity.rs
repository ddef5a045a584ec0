//! Who runs it, in which accounts.

use super::finding::{Finding, Verdict};
use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let cloud = &subject.reads.cloud;
    let one = |account: &infra_base::address::AccountId| {
        let who = cloud.identity_in(account);
        let detail = if who.is_empty() { "the credentials are valid".to_owned() } else { who.to_owned() };
        Finding::new("identity", account.as_str(), Verdict::Pass, detail)
    };
    let unreachable = cloud
        .unreachable()
        .iter()
        .map(|error| Finding::new("identity", "", Verdict::Warn, error.to_string()).remedy("check its credentials"));
    cloud.accounts().map(one).chain(unreachable).collect()
}
