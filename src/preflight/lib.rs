//! What would fail a run, found before its first change: quotas, permissions, names, offerings, networks, credentials.
//!
//! Every check only reads. What a check may not read, or what an endpoint does not have, is *not checked*; it never
//! stops a run.

mod credentials;
mod existing;
mod finding;
mod identity;
mod names;
mod networks;
mod permissions;
mod quotas;
mod service_roles;

use std::time::SystemTime;

use futures::future::{BoxFuture, join_all};
use infra_core::engine::ReadContext;
use infra_core::plan::Plan;
use infra_core::state::State;
use infra_permissions::Policy;

pub use finding::{Finding, Verdict};

/// What is checked: a plan, before it is executed.
pub struct Subject<'a> {
    /// The clients, and what else reads need.
    pub reads: &'a ReadContext,
    /// The state.
    pub state: &'a State,
    /// The plan.
    pub plan: &'a Plan,
    /// What the run needs permissions for.
    pub policies: &'a [Policy],
    /// The current time, for what expires.
    pub now: SystemTime,
}

/// Runs all checks at the same time. The most serious findings come first.
pub async fn preflight(subject: &Subject<'_>) -> Vec<Finding> {
    let checks: Vec<BoxFuture<'_, Vec<Finding>>> = vec![
        Box::pin(permissions::check(subject)),
        Box::pin(quotas::check(subject)),
        Box::pin(names::check(subject)),
        Box::pin(networks::check(subject)),
        Box::pin(service_roles::check(subject)),
    ];
    let mut findings = identity::check(subject);
    findings.extend(credentials::check(subject));
    findings.extend(join_all(checks).await.into_iter().flatten());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    findings
}
