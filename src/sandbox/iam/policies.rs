//! Inline policies of roles and policies attached to roles.

use aws_sdk_iam::operation::attach_role_policy::{
    AttachRolePolicyError, AttachRolePolicyInput, AttachRolePolicyOutput,
};
use aws_sdk_iam::operation::delete_role_policy::{
    DeleteRolePolicyError, DeleteRolePolicyInput, DeleteRolePolicyOutput,
};
use aws_sdk_iam::operation::detach_role_policy::{
    DetachRolePolicyError, DetachRolePolicyInput, DetachRolePolicyOutput,
};
use aws_sdk_iam::operation::get_role_policy::{GetRolePolicyError, GetRolePolicyInput, GetRolePolicyOutput};
use aws_sdk_iam::operation::list_attached_role_policies::{
    ListAttachedRolePoliciesError, ListAttachedRolePoliciesInput, ListAttachedRolePoliciesOutput,
};
use aws_sdk_iam::operation::list_role_policies::{
    ListRolePoliciesError, ListRolePoliciesInput, ListRolePoliciesOutput,
};
use aws_sdk_iam::operation::put_role_policy::{PutRolePolicyError, PutRolePolicyInput, PutRolePolicyOutput};
use aws_sdk_iam::types::AttachedPolicy;

use super::roles::find;
use super::syntax::{check_name, check_permissions, encode};
use crate::registry::{Call, Registry, Rejection, built, refuse};

/// AWS's managed policies with their paths. A misspelled name or a wrong path does not exist. Names are those of the
/// "AWS Managed Policy Reference Guide"; add those that a kind requires.
const MANAGED: &[&str] = &[
    "service-role/AmazonECSTaskExecutionRolePolicy",
    "service-role/AmazonDMSVPCManagementRole",
    "service-role/AmazonDMSCloudWatchLogsRole",
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "service-role/AmazonRDSEnhancedMonitoringRole",
    "AmazonS3ReadOnlyAccess",
    "CloudWatchLogsFullAccess",
    "ReadOnlyAccess",
];

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "iam",
        "PutRolePolicy",
        &["role_name", "policy_name", "policy_document"],
        PutRolePolicyError::generic,
        put,
    );
    registry.on("iam", "GetRolePolicy", &["role_name", "policy_name"], GetRolePolicyError::generic, get);
    registry.on("iam", "DeleteRolePolicy", &["role_name", "policy_name"], DeleteRolePolicyError::generic, delete);
    registry.on("iam", "ListRolePolicies", &["role_name"], ListRolePoliciesError::generic, list);
    registry.on("iam", "AttachRolePolicy", &["role_name", "policy_arn"], AttachRolePolicyError::generic, attach);
    registry.on("iam", "DetachRolePolicy", &["role_name", "policy_arn"], DetachRolePolicyError::generic, detach);
    registry.on(
        "iam",
        "ListAttachedRolePolicies",
        &["role_name"],
        ListAttachedRolePoliciesError::generic,
        list_attached,
    );
}

fn put(call: &mut Call<'_>, input: &PutRolePolicyInput) -> Result<PutRolePolicyOutput, Rejection> {
    let name = input.policy_name().unwrap_or_default();
    check_name("policyName", name, 128)?;
    let role = find(call, input.role_name())?;
    let policy = check_permissions(input.policy_document().unwrap_or_default())?;
    let mut policies = role.inline_policies.clone();
    policies.insert(name.to_owned(), policy);
    // "The total aggregate policy size of all inline policies for a role can't exceed 10,240 characters"; white space
    // does not count.
    if policies.values().map(|policy| policy.to_string().len()).sum::<usize>() > 10_240 {
        return refuse(
            "LimitExceeded",
            format!("Maximum policy size of 10240 bytes exceeded for role {}", role.role_name),
        );
    }
    role.inline_policies = policies;
    Ok(PutRolePolicyOutput::builder().build())
}

fn no_policy<T>(name: &str) -> Result<T, Rejection> {
    refuse("NoSuchEntity", format!("The role policy with name {name} cannot be found."))
}

fn get(call: &mut Call<'_>, input: &GetRolePolicyInput) -> Result<GetRolePolicyOutput, Rejection> {
    let name = input.policy_name().unwrap_or_default();
    let role = find(call, input.role_name())?;
    let Some(policy) = role.inline_policies.get(name) else { return no_policy(name) };
    built(
        GetRolePolicyOutput::builder()
            .role_name(&role.role_name)
            .policy_name(name)
            .policy_document(encode(policy))
            .build(),
    )
}

fn delete(call: &mut Call<'_>, input: &DeleteRolePolicyInput) -> Result<DeleteRolePolicyOutput, Rejection> {
    let name = input.policy_name().unwrap_or_default();
    match find(call, input.role_name())?.inline_policies.remove(name) {
        Some(_) => Ok(DeleteRolePolicyOutput::builder().build()),
        None => no_policy(name),
    }
}

fn list(call: &mut Call<'_>, input: &ListRolePoliciesInput) -> Result<ListRolePoliciesOutput, Rejection> {
    let names = find(call, input.role_name())?.inline_policies.keys().cloned().collect();
    built(ListRolePoliciesOutput::builder().set_policy_names(Some(names)).is_truncated(false).build())
}

fn attach(call: &mut Call<'_>, input: &AttachRolePolicyInput) -> Result<AttachRolePolicyOutput, Rejection> {
    let arn = input.policy_arn().unwrap_or_default();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, "iam", "", owner, name] = parts.as_slice() else {
        return refuse("InvalidInput", format!("ARN {arn} is not valid."));
    };
    let own_partition = call.region.partition();
    let exists = partition == own_partition
        && owner == "aws"
        && name.strip_prefix("policy/").is_some_and(|name| MANAGED.contains(&name));
    let role = find(call, input.role_name())?;
    if !exists {
        return refuse("NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."));
    }
    // "Managed policies attached to an IAM role: 10."
    if role.attached_policies.len() >= 10 && !role.attached_policies.contains(arn) {
        return refuse("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10");
    }
    role.attached_policies.insert(arn.to_owned());
    Ok(AttachRolePolicyOutput::builder().build())
}

fn detach(call: &mut Call<'_>, input: &DetachRolePolicyInput) -> Result<DetachRolePolicyOutput, Rejection> {
    let arn = input.policy_arn().unwrap_or_default();
    if find(call, input.role_name())?.attached_policies.remove(arn) {
        Ok(DetachRolePolicyOutput::builder().build())
    } else {
        refuse("NoSuchEntity", format!("Policy {arn} was not found."))
    }
}

fn list_attached(
    call: &mut Call<'_>,
    input: &ListAttachedRolePoliciesInput,
) -> Result<ListAttachedRolePoliciesOutput, Rejection> {
    let role = find(call, input.role_name())?;
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let attached = role
        .attached_policies
        .iter()
        .map(|arn| AttachedPolicy::builder().policy_arn(arn).policy_name(name(arn)).build())
        .collect();
    Ok(ListAttachedRolePoliciesOutput::builder().set_attached_policies(Some(attached)).is_truncated(false).build())
}
