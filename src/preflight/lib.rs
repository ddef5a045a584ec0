//! What would fail a run, found before its first change: quotas, permissions, names, offerings, networks,
//! certificates, credentials.
//!
//! Every check only reads. What a check may not read, or what an endpoint does not have, is *not checked*; it never
//! stops a run.

mod certificates;
mod credentials;
mod existing;
mod finding;
mod identity;
mod names;
mod networks;
mod offerings;
mod permissions;
mod quotas;
mod service_roles;
mod subject;

use futures::future::{BoxFuture, join_all};

pub use credentials::outlast;
pub use finding::{Finding, Verdict, place};
pub use subject::Subject;

/// Runs all checks at the same time. The most serious findings come first.
pub async fn preflight(subject: &Subject<'_>) -> Vec<Finding> {
    let checks: Vec<BoxFuture<'_, Vec<Finding>>> = vec![
        Box::pin(permissions::check(subject)),
        Box::pin(quotas::check(subject)),
        Box::pin(names::check(subject)),
        Box::pin(offerings::check(subject)),
        Box::pin(networks::check(subject)),
        Box::pin(certificates::check(subject)),
        Box::pin(service_roles::check(subject)),
    ];
    let mut findings = identity::check(subject);
    findings.extend(credentials::check(subject));
    findings.extend(join_all(checks).await.into_iter().flatten());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    findings
}
