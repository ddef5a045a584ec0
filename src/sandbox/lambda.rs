//! AWS Lambda.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::operation::add_permission::{AddPermissionError, AddPermissionInput, AddPermissionOutput};
use aws_sdk_lambda::operation::create_function::{CreateFunctionError, CreateFunctionInput, CreateFunctionOutput};
use aws_sdk_lambda::operation::delete_function::{DeleteFunctionError, DeleteFunctionInput, DeleteFunctionOutput};
use aws_sdk_lambda::operation::get_function::{GetFunctionError, GetFunctionInput, GetFunctionOutput};
use aws_sdk_lambda::operation::get_policy::{GetPolicyError, GetPolicyInput, GetPolicyOutput};
use aws_sdk_lambda::operation::list_functions::{ListFunctionsError, ListFunctionsInput, ListFunctionsOutput};
use aws_sdk_lambda::operation::remove_permission::{
    RemovePermissionError, RemovePermissionInput, RemovePermissionOutput,
};
use aws_sdk_lambda::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_lambda::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};
use aws_sdk_lambda::operation::update_function_code::{
    UpdateFunctionCodeError, UpdateFunctionCodeInput, UpdateFunctionCodeOutput,
};
use aws_sdk_lambda::operation::update_function_configuration::{
    UpdateFunctionConfigurationError, UpdateFunctionConfigurationInput, UpdateFunctionConfigurationOutput,
};
use aws_sdk_lambda::types::{
    Architecture, Environment, EnvironmentResponse, FunctionConfiguration, LastUpdateStatus, Runtime, State,
};
use aws_smithy_types::base64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::ServiceCaller;
use super::world::lambda::Function;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "function_name",
        "description",
        "role",
        "runtime",
        "handler",
        "architectures",
        "code",
        "timeout",
        "memory_size",
        "environment",
        "tags",
    ];
    registry.on("lambda", "CreateFunction", fields, CreateFunctionError::generic, create);
    registry.on("lambda", "GetFunction", &["function_name"], GetFunctionError::generic, get);
    registry.on("lambda", "ListFunctions", &[], ListFunctionsError::generic, list);
    registry.on(
        "lambda",
        "UpdateFunctionCode",
        &["function_name", "zip_file", "architectures"],
        UpdateFunctionCodeError::generic,
        update_code,
    );
    let fields =
        &["function_name", "description", "role", "runtime", "handler", "timeout", "memory_size", "environment"];
    registry.on(
        "lambda",
        "UpdateFunctionConfiguration",
        fields,
        UpdateFunctionConfigurationError::generic,
        update_configuration,
    );
    registry.on("lambda", "DeleteFunction", &["function_name"], DeleteFunctionError::generic, delete);
    registry.on("lambda", "TagResource", &["resource", "tags"], TagResourceError::generic, tag);
    registry.on("lambda", "UntagResource", &["resource", "tag_keys"], UntagResourceError::generic, untag);
    let fields = &["function_name", "statement_id", "action", "principal", "source_arn", "source_account"];
    registry.on("lambda", "AddPermission", fields, AddPermissionError::generic, add_permission);
    registry.on("lambda", "GetPolicy", &["function_name"], GetPolicyError::generic, get_policy);
    registry.on(
        "lambda",
        "RemovePermission",
        &["function_name", "statement_id"],
        RemovePermissionError::generic,
        remove_permission,
    );
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidParameterValueException", message)
}

/// Constraints of `FunctionName`: letters, digits, hyphens, underscores, 64 characters.
fn check_name(name: &str) -> Result<(), Rejection> {
    let plain = name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_');
    match plain && (1..=64).contains(&name.len()) {
        true => Ok(()),
        false => {
            refuse("ValidationException", format!("Value '{name}' at 'functionName' failed to satisfy constraint"))
        }
    }
}

/// "The role defined for the function cannot be assumed by Lambda": the role does not exist, does not trust Lambda, or
/// is too new.
fn check_role(call: &mut Call<'_>, role: &str) -> Result<(), Rejection> {
    let account = call.account();
    // Nothing documents that Lambda sends the ARN of the function, or its account.
    let caller = ServiceCaller { principal: "lambda.amazonaws.com", account: &account, arn: None };
    match call.world.iam.can_assume(role, &caller, call.now()) {
        true => Ok(()),
        false => invalid("The role defined for the function cannot be assumed by Lambda."),
    }
}

fn check_settings(function: &Function) -> Result<(), Rejection> {
    // "Lambda runtimes": those with which functions can still be created, to the extent that this tool uses them.
    if !["python3.12", "python3.13"].contains(&function.runtime.as_str()) {
        return invalid(format!("Value {} at 'runtime' failed to satisfy constraint", function.runtime));
    }
    if !(1..=900).contains(&function.timeout) || !(128..=10_240).contains(&function.memory) {
        return invalid("'timeout' must be between 1 and 900 and 'memorySize' between 128 and 10240");
    }
    // "Lambda reserved environment variables" cannot be set.
    match function.environment.keys().find(|name| name.starts_with("AWS_") || name.starts_with("LAMBDA_")) {
        Some(name) => {
            invalid(format!("Lambda was unable to configure your environment variables because {name} is reserved."))
        }
        None => Ok(()),
    }
}

fn code(zip: &[u8]) -> Result<String, Rejection> {
    match zip.starts_with(b"PK\x03\x04") {
        true => Ok(base64::encode(Sha256::digest(zip))),
        false => invalid("Could not unzip uploaded file. Please check your file, then try to upload again."),
    }
}

fn variables(environment: Option<&Environment>) -> BTreeMap<String, String> {
    let variables: HashMap<String, String> =
        environment.and_then(|environment| environment.variables.clone()).unwrap_or_default();
    variables.into_iter().collect()
}

fn create(call: &mut Call<'_>, input: &CreateFunctionInput) -> Result<CreateFunctionOutput, Rejection> {
    let name = input.function_name().unwrap_or_default().to_owned();
    check_name(&name)?;
    let role = input.role().unwrap_or_default().to_owned();
    let zip = input.code().and_then(|code| code.zip_file()).map(std::convert::AsRef::as_ref).unwrap_or_default();
    let code_sha256 = code(zip)?;
    let architectures = input.architectures();
    let function = Function {
        arn: call.arn("lambda", &format!("function:{name}")),
        description: input.description().unwrap_or_default().to_owned(),
        runtime: input.runtime().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: input.handler().unwrap_or_default().to_owned(),
        architecture: architectures.first().map_or("x86_64", Architecture::as_str).to_owned(),
        code_sha256,
        // "The default is 3 seconds" and "The default value is 128 MB".
        timeout: input.timeout().unwrap_or(3),
        memory: input.memory_size().unwrap_or(128),
        environment: variables(input.environment()),
        active_at: call.completion_time(1.0, 2.0, 5.0),
        updated_at: call.now(),
        failure: None,
        policy: BTreeMap::new(),
        tags: input.tags().cloned().unwrap_or_default().into_iter().collect(),
        role,
        name: name.clone(),
    };
    check_settings(&function)?;
    if call.region_state().lambda.functions.contains_key(&name) {
        return refuse("ResourceConflictException", format!("Function already exist: {name}"));
    }
    check_role(call, &function.role)?;
    let described = to_sdk(&function, call.now());
    call.region_state().lambda.functions.insert(name, function);
    let answer = CreateFunctionOutput::builder()
        .set_function_name(described.function_name)
        .set_function_arn(described.function_arn);
    let answer = answer
        .set_description(described.description)
        .set_role(described.role)
        .set_code_sha256(described.code_sha256)
        .set_runtime(described.runtime);
    let answer = answer
        .set_handler(described.handler)
        .set_architectures(described.architectures)
        .set_timeout(described.timeout)
        .set_memory_size(described.memory_size);
    Ok(answer
        .set_environment(described.environment)
        .set_state(described.state)
        .set_last_update_status(described.last_update_status)
        .build())
}

fn to_sdk(function: &Function, now: u64) -> FunctionConfiguration {
    let state = match &function.failure {
        Some(_) => State::Failed,
        None if now < function.active_at => State::Pending,
        None => State::Active,
    };
    let update = if now < function.updated_at.max(function.active_at) {
        LastUpdateStatus::InProgress
    } else {
        LastUpdateStatus::Successful
    };
    let variables: HashMap<String, String> = function.environment.clone().into_iter().collect();
    let environment =
        (!variables.is_empty()).then(|| EnvironmentResponse::builder().set_variables(Some(variables)).build());
    FunctionConfiguration::builder()
        .function_name(&function.name)
        .function_arn(&function.arn)
        .description(&function.description)
        .role(&function.role)
        .runtime(Runtime::from(function.runtime.as_str()))
        .handler(&function.handler)
        .architectures(Architecture::from(function.architecture.as_str()))
        .code_sha256(&function.code_sha256)
        .timeout(function.timeout)
        .memory_size(function.memory)
        .set_environment(environment)
        .state(state)
        .set_state_reason(function.failure.clone())
        .last_update_status(update)
        .build()
}

fn find<'a>(call: &'a mut Call<'_>, name: &str) -> Result<&'a mut Function, Rejection> {
    match call.region_state().lambda.functions.get_mut(name) {
        Some(function) => Ok(function),
        None => refuse("ResourceNotFoundException", format!("Function not found: {name}")),
    }
}

/// "ResourceConflictException: The resource already exists, or another operation is in progress."
fn find_idle<'a>(call: &'a mut Call<'_>, name: &str) -> Result<&'a mut Function, Rejection> {
    let now = call.now();
    let function = find(call, name)?;
    if now < function.active_at {
        return refuse(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        );
    }
    if now < function.updated_at {
        return refuse(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource",
        );
    }
    Ok(function)
}

fn list(call: &mut Call<'_>, _input: &ListFunctionsInput) -> Result<ListFunctionsOutput, Rejection> {
    let now = call.now();
    let described = call.region_state().lambda.functions.values().map(|function| to_sdk(function, now)).collect();
    Ok(ListFunctionsOutput::builder().set_functions(Some(described)).build())
}

fn get(call: &mut Call<'_>, input: &GetFunctionInput) -> Result<GetFunctionOutput, Rejection> {
    let now = call.now();
    let function = find(call, input.function_name().unwrap_or_default())?;
    let tags: HashMap<String, String> = function.tags.clone().into_iter().collect();
    Ok(GetFunctionOutput::builder().configuration(to_sdk(function, now)).set_tags(Some(tags)).build())
}

fn update_code(call: &mut Call<'_>, input: &UpdateFunctionCodeInput) -> Result<UpdateFunctionCodeOutput, Rejection> {
    let done = call.completion_time(1.0, 2.0, 5.0);
    let function = find_idle(call, input.function_name().unwrap_or_default())?;
    function.code_sha256 = code(input.zip_file().map(std::convert::AsRef::as_ref).unwrap_or_default())?;
    // "The default value is x86_64" applies to creation only; an existing function keeps its architecture.
    if let [architecture] = input.architectures() {
        architecture.as_str().clone_into(&mut function.architecture);
    }
    function.updated_at = done;
    Ok(UpdateFunctionCodeOutput::builder().function_name(&function.name).build())
}

fn update_configuration(
    call: &mut Call<'_>,
    input: &UpdateFunctionConfigurationInput,
) -> Result<UpdateFunctionConfigurationOutput, Rejection> {
    let done = call.completion_time(1.0, 2.0, 5.0);
    let mut function = find_idle(call, input.function_name().unwrap_or_default())?.clone();
    if let Some(description) = input.description() {
        description.clone_into(&mut function.description);
    }
    if let Some(role) = input.role() {
        role.clone_into(&mut function.role);
    }
    if let Some(handler) = input.handler() {
        handler.clone_into(&mut function.handler);
    }
    function.timeout = input.timeout().unwrap_or(function.timeout);
    function.memory = input.memory_size().unwrap_or(function.memory);
    if let Some(runtime) = input.runtime() {
        runtime.as_str().clone_into(&mut function.runtime);
    }
    if input.environment().is_some() {
        function.environment = variables(input.environment());
    }
    check_settings(&function)?;
    check_role(call, &function.role)?;
    function.updated_at = done;
    let name = function.name.clone();
    call.region_state().lambda.functions.insert(name.clone(), function);
    Ok(UpdateFunctionConfigurationOutput::builder().function_name(name).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteFunctionInput) -> Result<DeleteFunctionOutput, Rejection> {
    let name = input.function_name().unwrap_or_default();
    find(call, name)?;
    call.region_state().lambda.functions.remove(name);
    Ok(DeleteFunctionOutput::builder().build())
}

fn find_by_arn<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Function, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().lambda.functions.values_mut().find(|function| function.arn == arn) {
        Some(function) => Ok(function),
        None => refuse("ResourceNotFoundException", format!("The resource you specified does not exist: {arn}")),
    }
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    find_by_arn(call, input.resource())?.tags.extend(input.tags().cloned().unwrap_or_default());
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    find_by_arn(call, input.resource())?.tags.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagResourceOutput::builder().build())
}

fn add_permission(call: &mut Call<'_>, input: &AddPermissionInput) -> Result<AddPermissionOutput, Rejection> {
    let function = find(call, input.function_name().unwrap_or_default())?;
    let sid = input.statement_id().unwrap_or_default();
    if sid.is_empty() || !sid.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_') {
        return refuse("ValidationException", format!("Value '{sid}' at 'statementId' failed to satisfy constraint"));
    }
    if function.policy.contains_key(sid) {
        return refuse("ResourceConflictException", format!("The statement id ({sid}) provided already exists."));
    }
    let principal = input.principal().unwrap_or_default();
    if !principal.ends_with(".amazonaws.com") {
        return invalid("The provided principal was invalid. Please check the principal and try again.");
    }
    let mut condition = serde_json::Map::new();
    if let Some(account) = input.source_account() {
        condition.insert("StringEquals".to_owned(), json!({ "AWS:SourceAccount": account }));
    }
    if let Some(arn) = input.source_arn() {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
    }
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "Service": principal },
        "Action": input.action(),
        "Resource": function.arn,
    });
    if !condition.is_empty() {
        statement["Condition"] = Value::Object(condition);
    }
    let text = statement.to_string();
    function.policy.insert(sid.to_owned(), statement);
    Ok(AddPermissionOutput::builder().statement(text).build())
}

fn get_policy(call: &mut Call<'_>, input: &GetPolicyInput) -> Result<GetPolicyOutput, Rejection> {
    let function = find(call, input.function_name().unwrap_or_default())?;
    if function.policy.is_empty() {
        return refuse("ResourceNotFoundException", "The resource you requested does not exist.");
    }
    let statements: Vec<&Value> = function.policy.values().collect();
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    Ok(GetPolicyOutput::builder().policy(policy.to_string()).build())
}

fn remove_permission(call: &mut Call<'_>, input: &RemovePermissionInput) -> Result<RemovePermissionOutput, Rejection> {
    let function = find(call, input.function_name().unwrap_or_default())?;
    match function.policy.remove(input.statement_id().unwrap_or_default()) {
        Some(_) => Ok(RemovePermissionOutput::builder().build()),
        None => refuse("ResourceNotFoundException", "No policy is associated with the given resource."),
    }
}
