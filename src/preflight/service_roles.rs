//! The service-linked roles that a new account does not have.

use std::collections::BTreeMap;

use futures::future::join_all;
use infra_base::address::Location;
use infra_core::plan::Action;
use infra_core::resource::{Result, StepContext, ignore_codes};
use infra_kinds::iam::service_linked_role;

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut needed = BTreeMap::new();
    for step in subject.plan.steps.iter().filter(|step| step.action == Action::Create) {
        let Some(role) = service_linked_role(&step.kind) else { continue };
        let account = subject.reads.cloud.account_of(&step.location()).clone();
        // The roles of an account are the same in each region.
        needed.entry((account, role.name)).or_insert_with(|| step.region.clone());
    }
    let looks = needed.into_iter().map(|((account, role), region)| async move {
        let location = Location { account: Some(account), region };
        let finding = |verdict, what: &dyn std::fmt::Display| {
            Finding::new("service roles", place(&location), verdict, format!("{role}{what}"))
        };
        match exists(&reader(subject, &location), role).await {
            Ok(true) => finding(Verdict::Pass, &" exists"),
            Ok(false) => finding(Verdict::Pass, &" does not exist yet and is created first"),
            Err(error) => finding(Verdict::Unchecked, &format!(": {error}")),
        }
    });
    join_all(looks).await
}

async fn exists(cx: &StepContext, role: &str) -> Result<bool> {
    let read = cx.read("iam:GetRole", cx.aws.iam.get_role().role_name(role).send()).await;
    Ok(ignore_codes(read, &["NoSuchEntity"])?.is_some())
}
