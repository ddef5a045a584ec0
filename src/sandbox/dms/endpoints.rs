//! Endpoints. Only those that read their credentials from Secrets Manager are modelled.

use std::collections::BTreeMap;

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
use aws_sdk_databasemigration::types::{
    DmsSslModeValue, PluginNameValue, PostgreSqlSettings, ReplicationEndpointTypeValue,
};

use super::certificates;
use super::conversion::tags_from_sdk;
use super::filters::{matches_filters, not_found_if_empty};
use super::validation::identifier;
use crate::kms::default_key;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::{Endpoint, EndpointSettings, NUMERIC_AS_STRING, Task, TaskState, VARCHAR_SIZE};
use crate::world::secretsmanager::Secret;
use crate::world::{AccountRegion, ServiceCaller};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "endpoint_identifier",
        "endpoint_type",
        "engine_name",
        "ssl_mode",
        "certificate_arn",
        "postgre_sql_settings",
        "extra_connection_attributes",
        "kms_key_id",
        "tags",
    ];
    registry.on("dms", "CreateEndpoint", fields, CreateEndpointError::generic, create);
    registry.on("dms", "DescribeEndpoints", &["filters"], DescribeEndpointsError::generic, describe);
    let fields = &[
        "endpoint_arn",
        "engine_name",
        "ssl_mode",
        "certificate_arn",
        "postgre_sql_settings",
        "extra_connection_attributes",
        "exact_settings",
    ];
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
    let is_meant = |one: &&Secret| (one.arn == secret || one.name == secret) && one.deleted_at.is_none();
    let owner = AccountRegion::of_arn(secret).filter(|owner| owner.account != call.account());
    let found = match &owner {
        None => call.region_state().secretsmanager.secrets.values().find(is_meant),
        // "The secret of another account is specified by its full ARN."
        Some(owner) if owner.region != *call.region => None,
        Some(owner) => {
            let there = call.world.regions.get(&owner.key());
            there.and_then(|there| there.secretsmanager.secrets.values().find(is_meant))
        }
    };
    match found {
        None => {
            return refuse("ResourceNotFoundFault", format!("The secret {secret} does not exist in {}", call.region));
        }
        Some(found) if owner.is_some() && !found.may_be_read_by(role) => {
            return refuse("AccessDeniedFault", format!("The IAM Role {role} is not allowed to read {secret}."));
        }
        Some(_) => {}
    }
    let principal = format!("dms.{}.amazonaws.com", call.region);
    let (account, arn) = (call.account(), call.arn("dms", "endpoint:NEW"));
    let caller = ServiceCaller { principal: &principal, account: &account, arn: Some(&arn) };
    let may_read = call.world.iam.roles.values().find(|one| one.arn == role).is_some_and(|role| {
        let policies: Vec<String> = role.inline_policies.values().map(ToString::to_string).collect();
        policies.iter().any(|policy| policy.contains("secretsmanager:GetSecretValue") && policy.contains(secret))
    });
    if !may_read || !call.world.iam.can_assume(role, &caller, call.now()) {
        return refuse("AccessDeniedFault", format!("The IAM Role {role} is not configured properly."));
    }
    Ok((secret.to_owned(), role.to_owned(), settings.database_name().unwrap_or_default().to_owned()))
}

/// Returns the settings that change what a task does. The sandbox refuses those that it does not model.
fn endpoint_settings(settings: &PostgreSqlSettings) -> Result<EndpointSettings, Rejection> {
    let unsupported = [
        ("TrimSpaceInChar", settings.trim_space_in_char().is_some()),
        ("MapBooleanAsBoolean", settings.map_boolean_as_boolean().is_some()),
        ("MapJsonbAsClob", settings.map_jsonb_as_clob().is_some()),
        ("MapLongVarcharAs", settings.map_long_varchar_as().is_some()),
        ("DatabaseMode", settings.database_mode().is_some()),
        ("BabelfishDatabaseName", settings.babelfish_database_name().is_some()),
        ("AuthenticationMethod", settings.authentication_method().is_some()),
    ];
    if let Some((name, _)) = unsupported.into_iter().find(|(_, given)| *given) {
        return refuse("SandboxUnknownMember", format!("the sandbox does not model {name} of PostgreSQL endpoints"));
    }
    // The sandbox reads a slot as `test_decoding` writes it ("PluginName: Specifies the plugin to use to create a
    // replication slot", PostgreSQLSettings).
    if settings.plugin_name().is_some_and(|plugin| *plugin != PluginNameValue::TestDecoding) {
        return refuse("SandboxUnknownMember", "the sandbox models the plug-in test_decoding only");
    }
    let text = |value: Option<&str>| value.map(str::to_owned);
    Ok(EndpointSettings {
        slot_name: text(settings.slot_name()),
        plugin_name: text(settings.plugin_name().map(PluginNameValue::as_str)),
        capture_ddls: settings.capture_ddls(),
        ddl_artifacts_schema: text(settings.ddl_artifacts_schema()),
        heartbeat_enable: settings.heartbeat_enable(),
        heartbeat_schema: text(settings.heartbeat_schema()),
        heartbeat_frequency: settings.heartbeat_frequency(),
        fail_tasks_on_lob_truncation: settings.fail_tasks_on_lob_truncation(),
        execute_timeout: settings.execute_timeout(),
        after_connect_script: text(settings.after_connect_script()),
        max_file_size: settings.max_file_size(),
    })
}

/// Returns extra connection attributes. The sandbox refuses those that it does not model.
fn attributes(text: Option<&str>) -> Result<BTreeMap<String, String>, Rejection> {
    let mut attributes = BTreeMap::new();
    for one in text.unwrap_or_default().split(';').filter(|one| !one.is_empty()) {
        let Some((name, value)) = one.split_once('=') else {
            return refuse("InvalidParameterValueException", format!("{one} is not a pair of a name and a value"));
        };
        if ![NUMERIC_AS_STRING, VARCHAR_SIZE].contains(&name) {
            return refuse("SandboxUnknownMember", format!("the sandbox does not model the attribute {name}"));
        }
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(attributes)
}

fn create(call: &mut Call<'_>, input: &CreateEndpointInput) -> Result<CreateEndpointOutput, Rejection> {
    let name = identifier(input.endpoint_identifier(), 63)?;
    if input.engine_name() != Some("postgres") {
        return refuse("SandboxUnknownMember", "the sandbox models PostgreSQL endpoints only");
    }
    if call.region_state().dms.endpoints.contains_key(&name) {
        return refuse("ResourceAlreadyExistsFault", format!("Endpoint {name} already exists"));
    }
    let used = call.region_state().dms.endpoints.len();
    quotas::check(call, "replication_endpoints", used)?;
    let Some(settings) = input.postgre_sql_settings() else {
        return refuse("InvalidParameterCombinationException", "Settings are required");
    };
    let (secret_id, access_role_arn, database_name) = check(call, settings)?;
    let ssl_mode = input.ssl_mode().map_or("none", DmsSslModeValue::as_str).to_owned();
    certificates::check(call, &ssl_mode, input.certificate_arn())?;
    let arn_id = call.world.random_hex()[..26].to_uppercase();
    let endpoint = Endpoint {
        arn: call.arn("dms", &format!("endpoint:{arn_id}")),
        identifier: name.clone(),
        direction: input.endpoint_type().map(|one| one.as_str().to_owned()).unwrap_or_default(),
        engine: "postgres".to_owned(),
        database_name,
        secret_id,
        access_role_arn,
        ssl_mode,
        certificate_arn: input.certificate_arn().map(str::to_owned),
        settings: endpoint_settings(settings)?,
        attributes: attributes(input.extra_connection_attributes())?,
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
    let own = &endpoint.settings;
    let settings = PostgreSqlSettings::builder()
        .database_name(&endpoint.database_name)
        .set_slot_name(own.slot_name.clone())
        .set_plugin_name(own.plugin_name.as_deref().map(PluginNameValue::from))
        .set_capture_ddls(own.capture_ddls)
        .set_ddl_artifacts_schema(own.ddl_artifacts_schema.clone())
        .set_heartbeat_enable(own.heartbeat_enable)
        .set_heartbeat_schema(own.heartbeat_schema.clone())
        .set_heartbeat_frequency(own.heartbeat_frequency)
        .set_fail_tasks_on_lob_truncation(own.fail_tasks_on_lob_truncation)
        .set_execute_timeout(own.execute_timeout)
        .set_after_connect_script(own.after_connect_script.clone())
        .set_max_file_size(own.max_file_size)
        .secrets_manager_secret_id(&endpoint.secret_id);
    aws_sdk_databasemigration::types::Endpoint::builder()
        .endpoint_identifier(&endpoint.identifier)
        .endpoint_arn(&endpoint.arn)
        .endpoint_type(ReplicationEndpointTypeValue::from(endpoint.direction.as_str()))
        .engine_name(&endpoint.engine)
        .ssl_mode(DmsSslModeValue::from(endpoint.ssl_mode.as_str()))
        .set_certificate_arn(endpoint.certificate_arn.clone())
        .kms_key_id(endpoint.kms_key_id.clone().unwrap_or_else(|| default_key(&endpoint.arn)))
        .set_extra_connection_attributes((!endpoint.attributes.is_empty()).then(|| {
            let pairs = endpoint.attributes.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(";")
        }))
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
    // "the task needs to be paused before the changes can be applied" (hashicorp/terraform-provider-aws, issue 27661).
    let tasks = &call.region_state().dms.tasks;
    let uses = |task: &&Task| [&task.source_endpoint_arn, &task.target_endpoint_arn].contains(&&endpoint.arn);
    if let Some(task) = tasks.values().filter(uses).find(|task| is_at_work(task)) {
        return refuse(
            "InvalidResourceStateFault",
            format!("The replication task {} that uses this endpoint is currently {}", task.identifier, task.status()),
        );
    }
    if let Some(settings) = input.postgre_sql_settings() {
        (endpoint.secret_id, endpoint.access_role_arn, endpoint.database_name) = check(call, settings)?;
        let new = endpoint_settings(settings)?;
        endpoint.settings = if input.exact_settings() == Some(true) { new } else { merged(&endpoint.settings, new) };
    }
    if let Some(text) = input.extra_connection_attributes() {
        endpoint.attributes = attributes(Some(text))?;
    }
    if let Some(mode) = input.ssl_mode() {
        mode.as_str().clone_into(&mut endpoint.ssl_mode);
    }
    if let Some(arn) = input.certificate_arn() {
        // hashicorp/terraform-provider-aws sends an empty text for an endpoint that no longer has one.
        endpoint.certificate_arn = Some(arn.to_owned()).filter(|arn| !arn.is_empty());
    }
    certificates::check(call, &endpoint.ssl_mode, endpoint.certificate_arn.as_deref())?;
    let answer = to_sdk(&endpoint, call.now());
    call.region_state().dms.endpoints.insert(endpoint.identifier.clone(), endpoint);
    Ok(ModifyEndpointOutput::builder().endpoint(answer).build())
}

fn is_at_work(task: &Task) -> bool {
    matches!(task.state, TaskState::Starting | TaskState::Running | TaskState::Stopping)
}

/// Settings that a modification does not name stay ("ExactSettings: […] If you add this attribute to the call […] DMS
/// replaces all existing endpoint settings", ModifyEndpoint; without it they are merged).
fn merged(before: &EndpointSettings, new: EndpointSettings) -> EndpointSettings {
    let before = before.clone();
    EndpointSettings {
        slot_name: new.slot_name.or(before.slot_name),
        plugin_name: new.plugin_name.or(before.plugin_name),
        capture_ddls: new.capture_ddls.or(before.capture_ddls),
        ddl_artifacts_schema: new.ddl_artifacts_schema.or(before.ddl_artifacts_schema),
        heartbeat_enable: new.heartbeat_enable.or(before.heartbeat_enable),
        heartbeat_schema: new.heartbeat_schema.or(before.heartbeat_schema),
        heartbeat_frequency: new.heartbeat_frequency.or(before.heartbeat_frequency),
        fail_tasks_on_lob_truncation: new.fail_tasks_on_lob_truncation.or(before.fail_tasks_on_lob_truncation),
        execute_timeout: new.execute_timeout.or(before.execute_timeout),
        after_connect_script: new.after_connect_script.or(before.after_connect_script),
        max_file_size: new.max_file_size.or(before.max_file_size),
    }
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
