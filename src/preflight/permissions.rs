//! Permissions: IAM simulates what the plan calls, with its resources and its conditions.
//!
//! "SimulatePrincipalPolicy" evaluates the policies of a user or a role, its permissions boundary and the policies of
//! the organization. It does not know the policies of resources, such as those of buckets and keys.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType, ResourceSpecificResult};
use futures::StreamExt;
use infra_base::address::{AccountId, Location};
use infra_core::resource::{Result, StepContext};
use infra_permissions::{Policy, Statement};

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

/// IAM limits the rate of calls of an account.
const AT_ONCE: usize = 8;
/// How many names of actions a finding shows.
const SHOWN: usize = 8;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in subject.policies {
        let cloud = &subject.reads.cloud;
        let account = policy.account.as_deref().map_or_else(|| cloud.account().clone(), AccountId::from);
        let of_account = |step: &&infra_core::plan::Step| *cloud.account_of(&step.location()) == account;
        let Some(step) = subject.plan.steps.iter().find(of_account) else { continue };
        let location = Location { account: Some(account.clone()), region: step.region.clone() };
        findings.push(of_account_policy(subject, &location, policy, cloud.identity_in(&account)).await);
    }
    findings
}

async fn of_account_policy(subject: &Subject<'_>, location: &Location, policy: &Policy, who: &str) -> Finding {
    let cx = reader(subject, location);
    let at = place(location);
    let unchecked = |detail: String| Finding::new("permissions", at.clone(), Verdict::Unchecked, detail);
    let principal = match principal(&cx, who).await {
        Ok(Some(principal)) => principal,
        Ok(None) => return unchecked(format!("IAM cannot simulate the permissions of `{who}`")),
        Err(error) => return unchecked(format!("{who}: {error}")),
    };
    let simulations: Vec<_> =
        policy.statements().map(|statement| Box::pin(denied(&cx, &principal, statement))).collect();
    let answers: Vec<_> = futures::stream::iter(simulations).buffer_unordered(AT_ONCE).collect().await;
    let mut all: BTreeSet<(String, String)> = BTreeSet::new();
    let mut failed = None;
    for answer in answers {
        match answer {
            Ok(denied) => all.extend(denied),
            Err(error) => failed = Some(error),
        }
    }
    if !all.is_empty() {
        let actions: BTreeSet<&str> = all.iter().map(|(action, _)| action.as_str()).collect();
        let shown: Vec<&str> = actions.iter().take(SHOWN).copied().collect();
        let more = match actions.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let resource = all.first().map(|(_, resource)| resource.as_str()).unwrap_or_default();
        let detail = format!("{who} may not call {}{more} (on {resource})", shown.join(", "));
        return Finding::new("permissions", at, Verdict::Fail, detail)
            .remedy("`migrate-infra policy up` writes the policy that is needed");
    }
    match failed {
        Some(error) => unchecked(format!("{error}")),
        None => {
            Finding::new("permissions", at, Verdict::Pass, format!("{who} may call everything that the plan needs"))
        }
    }
}

/// Returns the user or the role behind an identity, which is all that IAM simulates. The session of a role does not
/// name the path of the role.
async fn principal(cx: &StepContext, who: &str) -> Result<Option<String>> {
    let parts: Vec<&str> = who.splitn(6, ':').collect();
    match parts.as_slice() {
        [_, _, "iam", _, _, resource] if resource.starts_with("user/") || resource.starts_with("role/") => {
            Ok(Some(who.to_owned()))
        }
        [_, _, "sts", _, _, resource] => {
            let mut words = resource.split('/');
            let (Some("assumed-role"), Some(name)) = (words.next(), words.next()) else { return Ok(None) };
            let found = cx.read("iam:GetRole", cx.aws.iam.get_role().role_name(name).send()).await?;
            Ok(found.role.map(|role| role.arn))
        }
        _ => Ok(None),
    }
}

/// Returns the actions of a statement that are denied, with the resource.
async fn denied(cx: &StepContext, principal: &str, statement: &Statement) -> Result<Vec<(String, String)>> {
    let mut context = Vec::new();
    for (key, values) in statement.conditions.values().flatten() {
        let kind =
            if key.starts_with("kms:GrantIsFor") { ContextKeyTypeEnum::Boolean } else { ContextKeyTypeEnum::String };
        let value = values.iter().next().cloned().unwrap_or_default();
        context.push(
            ContextEntry::builder().context_key_name(key).context_key_values(value).context_key_type(kind).build(),
        );
    }
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let call = cx
            .aws
            .iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(statement.actions.iter().cloned().collect()))
            .set_resource_arns(Some(statement.resources.iter().cloned().collect()))
            .set_context_entries(Some(context.clone()))
            .set_marker(marker)
            .send();
        let page = cx.read("iam:SimulatePrincipalPolicy", call).await?;
        for result in page.evaluation_results() {
            let on_each = result.resource_specific_results();
            let mut bad = on_each
                .iter()
                .filter(|one| one.eval_resource_decision() != &PolicyEvaluationDecisionType::Allowed)
                .map(ResourceSpecificResult::eval_resource_name);
            if let Some(resource) = bad.next() {
                found.push((result.eval_action_name().to_owned(), resource.to_owned()));
            } else if on_each.is_empty() && result.eval_decision() != &PolicyEvaluationDecisionType::Allowed {
                let resource = result.eval_resource_name().unwrap_or("*");
                found.push((result.eval_action_name().to_owned(), resource.to_owned()));
            }
        }
        marker = page.marker;
        if marker.is_none() || !page.is_truncated {
            return Ok(found);
        }
    }
}
