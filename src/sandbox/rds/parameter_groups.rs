//! DB parameter groups.

use std::collections::BTreeMap;

use aws_sdk_rds::operation::create_db_parameter_group::{
    CreateDBParameterGroupError, CreateDbParameterGroupInput, CreateDbParameterGroupOutput,
};
use aws_sdk_rds::operation::delete_db_parameter_group::{
    DeleteDBParameterGroupError, DeleteDbParameterGroupInput, DeleteDbParameterGroupOutput,
};
use aws_sdk_rds::operation::describe_db_parameter_groups::{
    DescribeDBParameterGroupsError, DescribeDbParameterGroupsInput, DescribeDbParameterGroupsOutput,
};
use aws_sdk_rds::operation::describe_db_parameters::{
    DescribeDBParametersError, DescribeDbParametersInput, DescribeDbParametersOutput,
};
use aws_sdk_rds::operation::modify_db_parameter_group::{
    ModifyDBParameterGroupError, ModifyDbParameterGroupInput, ModifyDbParameterGroupOutput,
};
use aws_sdk_rds::operation::reset_db_parameter_group::{
    ResetDBParameterGroupError, ResetDbParameterGroupInput, ResetDbParameterGroupOutput,
};
use aws_sdk_rds::types::{ApplyMethod, DbParameterGroup, Parameter};

use infra_base::postgres_parameters::{Effect, Parameter as Known, Values, parameter as known};

use super::{tags, validation};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::rds::ParameterGroup;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["db_parameter_group_name", "db_parameter_group_family", "description", "tags"];
    registry.on("rds", "CreateDBParameterGroup", fields, CreateDBParameterGroupError::generic, create);
    registry.on(
        "rds",
        "DescribeDBParameterGroups",
        &["db_parameter_group_name"],
        DescribeDBParameterGroupsError::generic,
        describe,
    );
    registry.on(
        "rds",
        "DescribeDBParameters",
        &["db_parameter_group_name", "source"],
        DescribeDBParametersError::generic,
        parameters,
    );
    registry.on(
        "rds",
        "ModifyDBParameterGroup",
        &["db_parameter_group_name", "parameters"],
        ModifyDBParameterGroupError::generic,
        modify,
    );
    let fields = &["db_parameter_group_name", "parameters", "reset_all_parameters"];
    registry.on("rds", "ResetDBParameterGroup", fields, ResetDBParameterGroupError::generic, reset);
    registry.on(
        "rds",
        "DeleteDBParameterGroup",
        &["db_parameter_group_name"],
        DeleteDBParameterGroupError::generic,
        delete,
    );
}

fn create(call: &mut Call<'_>, input: &CreateDbParameterGroupInput) -> Result<CreateDbParameterGroupOutput, Rejection> {
    let name = input.db_parameter_group_name().unwrap_or_default().to_lowercase();
    validation::group_name(&name, "The parameter DBParameterGroupName is not a valid identifier.")?;
    let family = input.db_parameter_group_family().unwrap_or_default();
    if !family.strip_prefix("postgres").is_some_and(|major| validation::MAJORS.contains(&major)) {
        return refuse(
            "InvalidParameterValue",
            format!("ParameterGroupFamily {family} is not a valid parameter group family"),
        );
    }
    if call.region_state().rds.parameter_groups.contains_key(&name) {
        return refuse("DBParameterGroupAlreadyExists", format!("Parameter group {name} already exists"));
    }
    let group = ParameterGroup {
        arn: call.arn("rds", &format!("pg:{name}")),
        family: family.to_owned(),
        description: input.description().unwrap_or_default().to_owned(),
        parameters: [].into(),
        changed_at: call.now(),
        tags: tags::from_sdk(input.tags()),
        name: name.clone(),
    };
    let answer = to_sdk(&group);
    call.region_state().rds.parameter_groups.insert(name, group);
    Ok(CreateDbParameterGroupOutput::builder().db_parameter_group(answer).build())
}

fn to_sdk(group: &ParameterGroup) -> DbParameterGroup {
    DbParameterGroup::builder()
        .db_parameter_group_name(&group.name)
        .db_parameter_group_family(&group.family)
        .db_parameter_group_arn(&group.arn)
        .description(&group.description)
        .build()
}

fn find<'a>(call: &'a mut Call<'_>, name: &str) -> Result<&'a mut ParameterGroup, Rejection> {
    match call.region_state().rds.parameter_groups.get_mut(&name.to_lowercase()) {
        Some(group) => Ok(group),
        None => refuse("DBParameterGroupNotFound", format!("DBParameterGroup not found: {name}")),
    }
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeDbParameterGroupsInput,
) -> Result<DescribeDbParameterGroupsOutput, Rejection> {
    let groups = match input.db_parameter_group_name() {
        Some(name) => vec![to_sdk(find(call, name)?)],
        None => call.region_state().rds.parameter_groups.values().map(to_sdk).collect(),
    };
    Ok(DescribeDbParameterGroupsOutput::builder().set_db_parameter_groups(Some(groups)).build())
}

fn parameters(call: &mut Call<'_>, input: &DescribeDbParametersInput) -> Result<DescribeDbParametersOutput, Rejection> {
    if input.source() != Some("user") {
        return refuse("SandboxUnknownMember", "the sandbox models only parameters with the source `user`");
    }
    let group = find(call, input.db_parameter_group_name().unwrap_or_default())?;
    let described = group.parameters.iter().map(|(name, value)| {
        Parameter::builder()
            .parameter_name(name)
            .parameter_value(value)
            .source("user")
            .apply_method(ApplyMethod::PendingReboot)
            .build()
    });
    Ok(DescribeDbParametersOutput::builder().set_parameters(Some(described.collect())).build())
}

/// Checks the parameters of both Modify and Reset calls.
fn check(parameters: &[Parameter]) -> Result<(), Rejection> {
    if parameters.len() > 20 {
        return refuse(
            "InvalidParameterValue",
            "The number of parameters in a single request must not be more than 20.",
        );
    }
    for parameter in parameters {
        let name = parameter.parameter_name().unwrap_or_default();
        // Those of extensions have a dot. Which of them RDS has depends on its version.
        let Some(Known { effect, values }) = known(name).or(name.contains('.').then_some(Known::OF_EXTENSION)) else {
            return refuse("InvalidParameterValue", format!("Could not find parameter with name: {name}"));
        };
        // "You can use the immediate value with dynamic parameters only" (ModifyDBParameterGroup).
        if parameter.apply_method() != Some(&ApplyMethod::PendingReboot) && effect == Effect::Static {
            return refuse("InvalidParameterCombination", "cannot use immediate apply method for static parameter");
        }
        // `AllowedValues` in "DescribeDBParameters". A reset names no value.
        if let Some(value) = parameter.parameter_value().filter(|value| !values.allow(value)) {
            let allowed = allowed_values(values);
            let message = format!("Invalid parameter value: {value} for: {name} allowed values are: {allowed}");
            return refuse("InvalidParameterValue", message);
        }
    }
    Ok(())
}

/// Returns values as "DescribeDBParameters" shows them.
fn allowed_values(values: Values) -> String {
    match values {
        Values::Boolean => "0,1".to_owned(),
        Values::Integer(least, greatest) => format!("{least}-{greatest}"),
        Values::Real(least, greatest) => format!("{least}-{greatest}"),
        Values::Word(words) => words.to_owned(),
        Values::Any => String::new(),
    }
}

fn modify(call: &mut Call<'_>, input: &ModifyDbParameterGroupInput) -> Result<ModifyDbParameterGroupOutput, Rejection> {
    let group = find(call, input.db_parameter_group_name().unwrap_or_default())?;
    check(input.parameters())?;
    let before = group.parameters.clone();
    for parameter in input.parameters() {
        let value = parameter.parameter_value().unwrap_or_default();
        group.parameters.insert(parameter.parameter_name().unwrap_or_default().to_owned(), value.to_owned());
    }
    let name = group.name.clone();
    changed(call, &name, &before);
    Ok(ModifyDbParameterGroupOutput::builder().db_parameter_group_name(name).build())
}

fn reset(call: &mut Call<'_>, input: &ResetDbParameterGroupInput) -> Result<ResetDbParameterGroupOutput, Rejection> {
    let group = find(call, input.db_parameter_group_name().unwrap_or_default())?;
    let before = group.parameters.clone();
    if input.reset_all_parameters() == Some(true) {
        group.parameters.clear();
    }
    check(input.parameters())?;
    for parameter in input.parameters() {
        group.parameters.remove(parameter.parameter_name().unwrap_or_default());
    }
    let name = group.name.clone();
    changed(call, &name, &before);
    Ok(ResetDbParameterGroupOutput::builder().db_parameter_group_name(name).build())
}

/// "When you change a static parameter and save the DB parameter group, the parameter change takes effect after you
/// manually reboot the associated DB instances" ("Parameter groups for Amazon RDS").
fn changed(call: &mut Call<'_>, name: &str, before: &BTreeMap<String, String>) {
    let now = call.now();
    let rds = &mut call.region_state().rds;
    let Some(group) = rds.parameter_groups.get_mut(name) else { return };
    group.changed_at = now;
    let is_static = |name: &&String| known(name).is_some_and(|known| known.effect == Effect::Static);
    let mut named = group.parameters.keys().chain(before.keys()).filter(is_static);
    if named.any(|parameter| group.parameters.get(parameter) != before.get(parameter)) {
        for instance in rds.instances.values_mut().filter(|instance| instance.parameter_group == name) {
            instance.pending_reboot = true;
        }
    }
}

fn delete(call: &mut Call<'_>, input: &DeleteDbParameterGroupInput) -> Result<DeleteDbParameterGroupOutput, Rejection> {
    let name = find(call, input.db_parameter_group_name().unwrap_or_default())?.name.clone();
    let rds = &mut call.region_state().rds;
    // "The DBParameterGroup to be deleted can't be associated with any DB instances" (DeleteDBParameterGroup).
    if rds.instances.values().any(|instance| instance.parameter_group == name) {
        return refuse(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group.",
        );
    }
    rds.parameter_groups.remove(&name);
    Ok(DeleteDbParameterGroupOutput::builder().build())
}
