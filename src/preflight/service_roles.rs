//! The service-linked roles that a new account does not have.

use std::collections::BTreeSet;

use futures::future::join_all;
use infra_core::plan::Action;
use infra_core::resource::{StepContext, ignore_codes};

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

/// The kinds whose services need a role, and its name ("Using service-linked roles" of each service).
const ROLES: &[(&str, &str)] = &[
    ("ecs.cluster", "AWSServiceRoleForECS"),
    ("rds.db_subnet_group", "AWSServiceRoleForRDS"),
    ("elbv2.load_balancer", "AWSServiceRoleForElasticLoadBalancing"),
    ("autoscaling.scalable_target", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
];

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let created = subject.plan.steps.iter().filter(|step| matches!(step.action, Action::Create));
    let mut needed = BTreeSet::new();
    for step in created {
        let account = subject.reads.cloud.account_of(&step.location()).clone();
        let roles = ROLES.iter().filter(|(kind, _)| *kind == step.kind);
        needed.extend(roles.map(|(_, role)| (account.clone(), *role)));
    }
    let location = |account: &infra_base::address::AccountId| {
        let of_account = |step: &&infra_core::plan::Step| subject.reads.cloud.account_of(&step.location()) == account;
        subject.plan.steps.iter().find(of_account).map(infra_core::plan::Step::location)
    };
    let looks = needed.iter().filter_map(|(account, role)| {
        let location = location(account)?;
        Some(async move {
            let cx = reader(subject, &location);
            let at = infra_base::address::Location { account: Some(account.clone()), region: location.region.clone() };
            match exists(&cx, role).await {
                Ok(true) => Finding::new("service roles", place(&at), Verdict::Pass, format!("{role} exists")),
                Ok(false) => Finding::new(
                    "service roles",
                    place(&at),
                    Verdict::Pass,
                    format!("{role} does not exist yet and is created first"),
                ),
                Err(error) => Finding::new("service roles", place(&at), Verdict::Unchecked, format!("{role}: {error}")),
            }
        })
    });
    join_all(looks).await
}

async fn exists(cx: &StepContext, role: &str) -> infra_core::resource::Result<bool> {
    let read = cx.read("iam:GetRole", cx.aws.iam.get_role().role_name(role).send()).await;
    Ok(ignore_codes(read, &["NoSuchEntity"])?.is_some())
}
