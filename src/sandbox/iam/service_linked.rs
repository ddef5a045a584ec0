//! Service-linked roles. A new account has none.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::create_service_linked_role::{
    CreateServiceLinkedRoleError, CreateServiceLinkedRoleInput, CreateServiceLinkedRoleOutput,
};

use super::roles::to_sdk;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::iam::{DEFAULT_SESSION_SECONDS, Role};

/// The services of this model that have such a role, and its name ("AWS services that work with IAM").
const ROLES: &[(&str, &str)] = &[
    ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    ("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    ("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    ("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
];

pub(super) fn register(registry: &mut Registry) {
    let fields = &["aws_service_name"];
    registry.on("iam", "CreateServiceLinkedRole", fields, CreateServiceLinkedRoleError::generic, create);
}

fn create(
    call: &mut Call<'_>,
    input: &CreateServiceLinkedRoleInput,
) -> Result<CreateServiceLinkedRoleOutput, Rejection> {
    let service = input.aws_service_name().unwrap_or_default();
    let Some((_, name)) = ROLES.iter().find(|(known, _)| *known == service) else {
        return refuse("SandboxUnknownMember", format!("the sandbox has no service-linked role of {service}"));
    };
    if call.world.iam.roles.contains_key(*name) {
        let text = format!("Service role name {name} has been taken in this account, please try a different suffix.");
        return refuse("InvalidInput", text);
    }
    let role = add(call, service, name);
    Ok(CreateServiceLinkedRoleOutput::builder().role(to_sdk(&role)?).build())
}

fn add(call: &mut Call<'_>, service: &str, name: &str) -> Role {
    let arn = format!("arn:{}:iam::{}:role/aws-service-role/{service}/{name}", call.region.partition(), call.account());
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole"
        }],
    });
    let role = Role {
        permissions_boundary: None,
        role_name: name.to_owned(),
        role_id: format!("AROA{}", &call.world.random_hex()[..17].to_uppercase()),
        arn,
        description: None,
        assume_role_policy: trust,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        tags: BTreeMap::new(),
        created_at: call.now(),
        max_session_seconds: DEFAULT_SESSION_SECONDS,
        assumable_at: call.completion_time(2.0, 8.0, 30.0),
    };
    call.world.iam.roles.insert(name.to_owned(), role.clone());
    role
}

/// Returns whether a service can use its role now.
pub(crate) fn is_usable(call: &Call<'_>, service: &str) -> bool {
    let role = ROLES.iter().find(|(known, _)| *known == service).and_then(|(_, name)| call.world.iam.roles.get(*name));
    role.is_some_and(|role| call.world.now >= role.assumable_at)
}

/// Does what a service does with its first resource: it creates its role, if the account has none. Returns whether it
/// can use it now.
pub(crate) fn create_for(call: &mut Call<'_>, service: &str) -> bool {
    if let Some((_, name)) = ROLES.iter().find(|(known, _)| *known == service)
        && !call.world.iam.roles.contains_key(*name)
    {
        add(call, service, name);
    }
    is_usable(call, service)
}
