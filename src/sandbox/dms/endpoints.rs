//! Endpoints. Only those that read their credentials from Secrets Manager are modelled.

use aws_sdk_databasemigration::operation::create_endpoint::{
    CreateEndpointError, CreateEndpointInput, CreateEndpointOutput,
};
use aws_sdk_databasemigration::operation::delete_endpoint::{
    DeleteEndpointError, DeleteEndpointInput, DeleteEndpointOutput,
};
use aws_sdk_databasemigration::operation::describe_endpoints::{
    DescribeEndpointsError, DescribeEndpointsInput, DescribeEndpointsOutput,
};
use aws_sdk_databasemigration::operation::modify_endpoint::{
    ModifyEndpointError, ModifyEndpointInput, ModifyEndpointOutput,
};
use aws_sdk_databasemigration::types::{DmsSslModeValue, PostgreSqlSettings, ReplicationEndpointTypeValue};

use super::conversion::tags_from_sdk;
use super::filters::{matches_filters, not_found_if_empty};
use super::validation::identifier;
use crate::kms::default_key;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::Endpoint;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "endpoint_identifier",
        "endpoint_type",
        "engine_name",
        "ssl_mode",
        "postgre_sql_settings",
        "kms_key_id",
        "tags",
    ];
    registry.on("dms", "CreateEndpoint", fields, CreateEndpointError::generic, create);
    registry.on("dms", "DescribeEndpoints", &["filters"], DescribeEndpointsError::generic, describe);
    let fields = &["endpoint_arn", "engine_name", "ssl_mode", "postgre_sql_settings"];
    registry.on("dms", "ModifyEndpoint", fields, ModifyEndpointError::generic, modify);
    registry.on("dms", "DeleteEndpoint", &["endpoint_arn"], DeleteEndpointError::generic, delete);
}

/// Checks the settings, and that DMS can read the secret: it is in this region, and the role trusts the principal of
/// the region and is allowed to read it ("Using secrets to access AWS Database Migration Service endpoints").
fn check(call: &mut Call<'_>, settings: &PostgreSqlSettings) -> Result<(String, String, String), Rejection> {
    let both = settings.server_name().is_some() || settings.password().is_some() || settings.username().is_some();
    let (Some(secret), Some(role), false) =
        (settings.secrets_manager_secret_id(), settings.secrets_manager_access_role_arn(), both)
    else {
        return refuse(
            "InvalidParameterCombinationException",
            "Credentials must be given as clear text or as a secret, not both",
        );
    };
    let secret_exists = call
        .region_state()
        .secretsmanager
        .secrets
        .values()
        .any(|one| (one.arn == secret || one.name == secret) && one.deleted_at.is_none());
    if !secret_exists {
        return refuse("ResourceNotFoundFault", format!("The secret {secret} does not exist in {}", call.region));
    }
    let principal = format!("dms.{}.amazonaws.com", call.region);
    let may_read = call.world.iam.roles.values().find(|one| one.arn == role).is_some_and(|role| {
        let policies: Vec<String> = role.inline_policies.values().map(ToString::to_string).collect();
        policies.iter().any(|policy| policy.contains("secretsmanager:GetSecretValue") && policy.contains(secret))
    });
    if !may_read || !call.world.iam.can_assume(role, &principal, call.now()) {
        return refuse("AccessDeniedFault", format!("The IAM Role {role} is not configured properly."));
    }
    Ok((secret.to_owned(), role.to_owned(), settings.database_name().unwrap_or_default().to_owned()))
}

fn create(call: &mut Call<'_>, input: &CreateEndpointInput) -> Result<CreateEndpointOutput, Rejection> {
    let name = identifier(input.endpoint_identifier(), 63)?;
    if input.engine_name() != Some("postgres") {
        return refuse("SandboxUnknownMember", "the sandbox models PostgreSQL endpoints only");
    }
    if call.region_state().dms.endpoints.contains_key(&name) {
        return refuse("ResourceAlreadyExistsFault", format!("Endpoint {name} already exists"));
    }
    let Some(settings) = input.postgre_sql_settings() else {
        return refuse("InvalidParameterCombinationException", "Settings are required");
    };
    let (secret_id, access_role_arn, database_name) = check(call, settings)?;
    let arn_id = call.world.random_hex()[..26].to_uppercase();
    let endpoint = Endpoint {
        arn: call.arn("dms", &format!("endpoint:{arn_id}")),
        identifier: name.clone(),
        direction: input.endpoint_type().map(|one| one.as_str().to_owned()).unwrap_or_default(),
        engine: "postgres".to_owned(),
        database_name,
        secret_id,
        access_role_arn,
        ssl_mode: input.ssl_mode().map_or("none", DmsSslModeValue::as_str).to_owned(),
        kms_key_id: input.kms_key_id().map(str::to_owned),
        active_at: call.completion_time(2.0, 5.0, 10.0),
        removed_at: None,
        tags: tags_from_sdk(input.tags()),
    };
    let answer = to_sdk(&endpoint, call.now());
    call.region_state().dms.endpoints.insert(name, endpoint);
    Ok(CreateEndpointOutput::builder().endpoint(answer).build())
}

fn to_sdk(endpoint: &Endpoint, now: u64) -> aws_sdk_databasemigration::types::Endpoint {
    let settings = PostgreSqlSettings::builder()
        .database_name(&endpoint.database_name)
        .secrets_manager_secret_id(&endpoint.secret_id);
    aws_sdk_databasemigration::types::Endpoint::builder()
        .endpoint_identifier(&endpoint.identifier)
        .endpoint_arn(&endpoint.arn)
        .endpoint_type(ReplicationEndpointTypeValue::from(endpoint.direction.as_str()))
        .engine_name(&endpoint.engine)
        .ssl_mode(DmsSslModeValue::from(endpoint.ssl_mode.as_str()))
        .kms_key_id(endpoint.kms_key_id.clone().unwrap_or_else(|| default_key(&endpoint.arn)))
        .status(endpoint.status(now))
        .postgre_sql_settings(settings.secrets_manager_access_role_arn(&endpoint.access_role_arn).build())
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeEndpointsInput) -> Result<DescribeEndpointsOutput, Rejection> {
    let now = call.now();
    let mut found = Vec::new();
    for endpoint in call.region_state().dms.endpoints.values() {
        let field = |name: &str| match name {
            "endpoint-id" => Some(endpoint.identifier.clone()),
            "endpoint-arn" => Some(endpoint.arn.clone()),
            "endpoint-type" => Some(endpoint.direction.clone()),
            "engine-name" => Some(endpoint.engine.clone()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(endpoint, now));
        }
    }
    let found = not_found_if_empty(found, input.filters(), "endpoints")?;
    Ok(DescribeEndpointsOutput::builder().set_endpoints(Some(found)).build())
}

pub(super) fn find(call: &mut Call<'_>, arn: Option<&str>) -> Result<Endpoint, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().dms.endpoints.values().find(|endpoint| endpoint.arn == arn) {
        Some(endpoint) => Ok(endpoint.clone()),
        None => refuse("ResourceNotFoundFault", format!("Endpoint {arn} not found")),
    }
}

fn modify(call: &mut Call<'_>, input: &ModifyEndpointInput) -> Result<ModifyEndpointOutput, Rejection> {
    let mut endpoint = find(call, input.endpoint_arn())?;
    if endpoint.status(call.now()) != "active" {
        return refuse("InvalidResourceStateFault", format!("Endpoint {} is not active", endpoint.identifier));
    }
    if let Some(settings) = input.postgre_sql_settings() {
        (endpoint.secret_id, endpoint.access_role_arn, endpoint.database_name) = check(call, settings)?;
    }
    if let Some(mode) = input.ssl_mode() {
        mode.as_str().clone_into(&mut endpoint.ssl_mode);
    }
    let answer = to_sdk(&endpoint, call.now());
    call.region_state().dms.endpoints.insert(endpoint.identifier.clone(), endpoint);
    Ok(ModifyEndpointOutput::builder().endpoint(answer).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteEndpointInput) -> Result<DeleteEndpointOutput, Rejection> {
    let mut endpoint = find(call, input.endpoint_arn())?;
    // "All tasks associated with the endpoint must be deleted before you can delete the endpoint" (DeleteEndpoint).
    let uses = |arn: &String| *arn == endpoint.arn;
    if call
        .region_state()
        .dms
        .tasks
        .values()
        .any(|task| uses(&task.source_endpoint_arn) || uses(&task.target_endpoint_arn))
    {
        return refuse(
            "InvalidResourceStateFault",
            format!("Endpoint {} is part of one or more replication tasks", endpoint.identifier),
        );
    }
    endpoint.removed_at = Some(call.completion_time(1.0, 4.0, 10.0));
    let answer = to_sdk(&endpoint, call.now());
    call.region_state().dms.endpoints.insert(endpoint.identifier.clone(), endpoint);
    Ok(DeleteEndpointOutput::builder().endpoint(answer).build())
}
