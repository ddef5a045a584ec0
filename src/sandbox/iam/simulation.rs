//! The simulation of the permissions of who calls.
//!
//! The caller may do everything, apart from the calls that the script makes fail because of missing permissions.

use std::sync::OnceLock;

use aws_sdk_iam::operation::simulate_principal_policy::{
    SimulatePrincipalPolicyError, SimulatePrincipalPolicyInput, SimulatePrincipalPolicyOutput,
};
use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType, ResourceSpecificResult};

use crate::registry::{Call, Registry, Rejection, built, refuse};

/// Codes of refusals for which a permission is missing.
const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"];

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "iam",
        "SimulatePrincipalPolicy",
        &["policy_source_arn", "action_names", "resource_arns", "context_entries", "marker", "max_items"],
        SimulatePrincipalPolicyError::generic,
        simulate,
    );
}

/// Returns the operations that need an action.
fn allowed_by(action: &str) -> impl Iterator<Item = &'static str> {
    static OPERATIONS: OnceLock<Vec<String>> = OnceLock::new();
    let all = OPERATIONS.get_or_init(|| Registry::complete().operations().collect());
    all.iter().map(String::as_str).filter(move |call| infra_aws::iam_actions(call).contains(&action))
}

fn simulate(
    call: &mut Call<'_>,
    input: &SimulatePrincipalPolicyInput,
) -> Result<SimulatePrincipalPolicyOutput, Rejection> {
    let source = input.policy_source_arn().unwrap_or_default();
    if !source.contains(":user/") && !source.contains(":role/") && !source.contains(":group/") {
        return refuse(
            "InvalidInput",
            format!("Invalid Entity Arn: {source} does not clearly define entity type and name."),
        );
    }
    let resources: Vec<String> = match input.resource_arns() {
        [] => vec!["*".to_owned()],
        arns => arns.to_vec(),
    };
    let now = call.now();
    let active = call.world.timeline().at(now);
    let fails = |call: &str| active.call_fails(call).is_some_and(|code| DENIED.contains(&code));
    let is_denied = |action: &str| fails(action) || allowed_by(action).any(fails);
    let mut results = Vec::new();
    for action in input.action_names() {
        let decision = match is_denied(action) {
            true => PolicyEvaluationDecisionType::ImplicitDeny,
            false => PolicyEvaluationDecisionType::Allowed,
        };
        let mut result = EvaluationResult::builder().eval_action_name(action).eval_decision(decision.clone());
        for resource in &resources {
            let one = ResourceSpecificResult::builder()
                .eval_resource_name(resource)
                .eval_resource_decision(decision.clone())
                .build();
            result = result.resource_specific_results(built(one)?);
        }
        results.push(built(result.build())?);
    }
    Ok(SimulatePrincipalPolicyOutput::builder().set_evaluation_results(Some(results)).is_truncated(false).build())
}
