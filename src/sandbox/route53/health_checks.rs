//! Health checks. They check the load balancers of the model, custom metrics, and other health checks.

use aws_sdk_route53::operation::create_health_check::{
    CreateHealthCheckError, CreateHealthCheckInput, CreateHealthCheckOutput,
};
use aws_sdk_route53::operation::delete_health_check::{
    DeleteHealthCheckError, DeleteHealthCheckInput, DeleteHealthCheckOutput,
};
use aws_sdk_route53::operation::get_health_check::{GetHealthCheckError, GetHealthCheckInput, GetHealthCheckOutput};
use aws_sdk_route53::operation::get_health_check_status::{
    GetHealthCheckStatusError, GetHealthCheckStatusInput, GetHealthCheckStatusOutput,
};
use aws_sdk_route53::operation::list_health_checks::{
    ListHealthChecksError, ListHealthChecksInput, ListHealthChecksOutput,
};
use aws_sdk_route53::operation::update_health_check::{
    UpdateHealthCheckError, UpdateHealthCheckInput, UpdateHealthCheckOutput,
};
use aws_sdk_route53::types::{self as sdk, HealthCheckObservation, HealthCheckRegion, HealthCheckType, StatusReport};
use aws_smithy_types::DateTime;

use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::AccountRegion;
use crate::world::World;
use crate::world::route53::{AlarmIdentifier, HealthCheck, HealthCheckConfig};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "route53",
        "CreateHealthCheck",
        &["caller_reference", "health_check_config"],
        CreateHealthCheckError::generic,
        create,
    );
    registry.on("route53", "GetHealthCheck", &["health_check_id"], GetHealthCheckError::generic, get);
    registry.on("route53", "ListHealthChecks", &["marker"], ListHealthChecksError::generic, list);
    registry.on("route53", "GetHealthCheckStatus", &["health_check_id"], GetHealthCheckStatusError::generic, status);
    let fields = &[
        "health_check_id",
        "health_check_version",
        "fully_qualified_domain_name",
        "port",
        "resource_path",
        "failure_threshold",
        "inverted",
        "disabled",
        "child_health_checks",
        "health_threshold",
        "alarm_identifier",
        "insufficient_data_health_status",
    ];
    registry.on("route53", "UpdateHealthCheck", fields, UpdateHealthCheckError::generic, update);
    registry.on("route53", "DeleteHealthCheck", &["health_check_id"], DeleteHealthCheckError::generic, delete);
}

fn no_check<T>(id: &str) -> Result<T, Rejection> {
    refuse("NoSuchHealthCheck", format!("A health check with id {id} does not exist."))
}

fn to_sdk(check: &HealthCheck) -> Result<sdk::HealthCheck, Rejection> {
    let stored = &check.config;
    let config = sdk::HealthCheckConfig::builder().r#type(HealthCheckType::from(stored.kind.as_str()));
    let config = config.inverted(stored.inverted).disabled(stored.disabled);
    let config = match stored.kind.as_str() {
        "CALCULATED" => {
            config.set_child_health_checks(Some(stored.children.clone())).health_threshold(stored.health_threshold)
        }
        "CLOUDWATCH_METRIC" => {
            let alarm = stored.alarm.as_ref().map(|alarm| {
                let region = sdk::CloudWatchRegion::from(AccountRegion::of_key(&alarm.region).region.as_str());
                built(sdk::AlarmIdentifier::builder().name(&alarm.name).region(region).build())
            });
            config
                .set_alarm_identifier(alarm.transpose()?)
                .set_insufficient_data_health_status(stored.insufficient_data.as_deref().map(Into::into))
        }
        _ => config
            .fully_qualified_domain_name(&stored.fqdn)
            .port(stored.port)
            .resource_path(&stored.path)
            .request_interval(stored.interval)
            .failure_threshold(stored.failure_threshold)
            .measure_latency(false)
            .enable_sni(stored.kind == "HTTPS"),
    };
    let described = sdk::HealthCheck::builder().id(&check.id).caller_reference(&check.caller_reference);
    built(described.health_check_config(built(config.build())?).health_check_version(check.version).build())
}

/// Checks the constraints of "HealthCheckConfig" for each type.
fn check(world: &World, config: &HealthCheckConfig) -> Result<(), Rejection> {
    match config.kind.as_str() {
        "CALCULATED" => check_children(world, config),
        "CLOUDWATCH_METRIC" => check_alarm(world, config),
        _ => {
            let fits = (1..=65535).contains(&config.port)
                && [10, 30].contains(&config.interval)
                && (1..=10).contains(&config.failure_threshold)
                && config.path.starts_with('/')
                && config.path.len() <= 255
                && (1..=255).contains(&config.fqdn.len());
            if fits { Ok(()) } else { refuse("InvalidInput", "Invalid parameter in HealthCheckConfig") }
        }
    }
}

/// "ChildHealthChecks": at most 255; "HealthThreshold": 0 to 256.
fn check_children(world: &World, config: &HealthCheckConfig) -> Result<(), Rejection> {
    if !(1..=255).contains(&config.children.len()) || !(0..=256).contains(&config.health_threshold) {
        return refuse(
            "InvalidInput",
            "A calculated health check requires 1 to 255 children and a threshold of 0 to 256",
        );
    }
    for id in &config.children {
        match world.route53.health_checks.get(id) {
            None => return refuse("InvalidInput", format!("The child health check {id} does not exist")),
            Some(child) if child.config.kind == "CALCULATED" => {
                return refuse(
                    "SandboxUnknownMember",
                    "the sandbox does not model calculated health checks of calculated ones",
                );
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// "Standard-resolution metrics"; "extended statistics aren't supported"; no "M out of N" (AlarmIdentifier).
fn check_alarm(world: &World, config: &HealthCheckConfig) -> Result<(), Rejection> {
    let Some(wanted) = &config.alarm else { return refuse("InvalidInput", "AlarmIdentifier is required") };
    if !["Healthy", "Unhealthy", "LastKnownStatus"]
        .contains(&config.insufficient_data.as_deref().unwrap_or("LastKnownStatus"))
    {
        return refuse("InvalidInput", "InsufficientDataHealthStatus is not valid");
    }
    let alarm = world.regions.get(&wanted.region).and_then(|region| region.cloudwatch.alarms.get(&wanted.name));
    let Some(alarm) = alarm else {
        return refuse("InvalidInput", format!("The alarm {} does not exist in {}", wanted.name, wanted.region));
    };
    if alarm.statistic.is_none()
        || alarm.period < 60
        || alarm.datapoints_to_alarm.is_some_and(|points| points != alarm.evaluation_periods)
    {
        return refuse("InvalidInput", format!("The alarm {} cannot be monitored by a health check", wanted.name));
    }
    if alarm.statistic.as_deref() != Some("Maximum") || alarm.namespace.starts_with("AWS/") {
        return refuse(
            "SandboxUnknownMember",
            "the sandbox models only health checks on the maximum of custom metrics",
        );
    }
    Ok(())
}

/// The alarm is in the account of the health check (`AlarmIdentifier`).
fn identifier(world: &World, alarm: &sdk::AlarmIdentifier) -> AlarmIdentifier {
    AlarmIdentifier { region: world.key(alarm.region().as_str()), name: alarm.name().to_owned() }
}

fn create(call: &mut Call<'_>, input: &CreateHealthCheckInput) -> Result<CreateHealthCheckOutput, Rejection> {
    let reference = input.caller_reference().unwrap_or_default();
    let Some(wanted) = input.health_check_config() else {
        return refuse("InvalidInput", "A configuration is required");
    };
    if !["HTTP", "HTTPS", "CALCULATED", "CLOUDWATCH_METRIC"].contains(&wanted.r#type().as_str()) {
        return refuse(
            "SandboxUnknownMember",
            "the sandbox models only HTTP, HTTPS, calculated and alarm health checks",
        );
    }
    let config = HealthCheckConfig {
        kind: wanted.r#type().as_str().to_owned(),
        fqdn: wanted.fully_qualified_domain_name().unwrap_or_default().to_owned(),
        port: wanted.port().unwrap_or_default(),
        path: wanted.resource_path().unwrap_or_default().to_owned(),
        interval: wanted.request_interval().unwrap_or(30),
        failure_threshold: wanted.failure_threshold().unwrap_or(3),
        inverted: wanted.inverted().unwrap_or_default(),
        disabled: wanted.disabled().unwrap_or_default(),
        children: wanted.child_health_checks().to_vec(),
        health_threshold: wanted.health_threshold().unwrap_or_default(),
        alarm: wanted.alarm_identifier().map(|alarm| identifier(call.world, alarm)),
        insufficient_data: wanted.insufficient_data_health_status().map(|status| status.as_str().to_owned()),
    };
    check(call.world, &config)?;
    if !(1..=64).contains(&reference.len()) {
        return refuse("InvalidInput", "CallerReference must have 1 to 64 characters");
    }
    // "If you send a CreateHealthCheck request with the same CallerReference and settings as a previous request, and if
    // the health check doesn't exist, Amazon Route 53 creates the health check. If the health check exists, Route 53
    // returns the settings for the existing health check. If you send [it] with the same CallerReference as a deleted
    // health check, regardless of the settings, Route 53 returns a HealthCheckAlreadyExists error."
    if let Some(existing) = call.world.route53.health_checks.values().find(|check| check.caller_reference == reference)
        && existing.config == config
    {
        let location = format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{}", existing.id);
        return built(CreateHealthCheckOutput::builder().health_check(to_sdk(existing)?).location(location).build());
    }
    if call.world.route53.used_references.contains(reference) {
        return refuse(
            "HealthCheckAlreadyExists",
            format!("A health check with caller reference {reference} was created before"),
        );
    }
    let id = call.world.new_request_id();
    let created = HealthCheck {
        id: id.clone(),
        caller_reference: reference.to_owned(),
        config,
        version: 1,
        tags: Tags::new(),
        owner: None,
    };
    let answer = CreateHealthCheckOutput::builder().health_check(to_sdk(&created)?);
    call.world.route53.used_references.insert(reference.to_owned());
    call.world.route53.health_checks.insert(id.clone(), created);
    built(answer.location(format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{id}")).build())
}

fn get(call: &mut Call<'_>, input: &GetHealthCheckInput) -> Result<GetHealthCheckOutput, Rejection> {
    let id = input.health_check_id().unwrap_or_default();
    let Some(check) = call.world.route53.health_checks.get(id) else { return no_check(id) };
    Ok(GetHealthCheckOutput::builder().health_check(to_sdk(check)?).build())
}

fn list(call: &mut Call<'_>, input: &ListHealthChecksInput) -> Result<ListHealthChecksOutput, Rejection> {
    const PAGE: usize = 100;
    let from = input.marker().unwrap_or_default();
    let mut rest = call.world.route53.health_checks.values().filter(|check| check.id.as_str() >= from);
    let described = rest.by_ref().take(PAGE).map(to_sdk).collect::<Result<Vec<_>, _>>()?;
    let next = rest.next().map(|check| check.id.clone());
    let answer = ListHealthChecksOutput::builder().set_health_checks(Some(described)).marker(from).max_items(100);
    built(answer.is_truncated(next.is_some()).set_next_marker(next).build())
}

fn update(call: &mut Call<'_>, input: &UpdateHealthCheckInput) -> Result<UpdateHealthCheckOutput, Rejection> {
    let id = input.health_check_id().unwrap_or_default();
    let Some(existing) = call.world.route53.health_checks.get(id) else { return no_check(id) };
    // "If the value of HealthCheckVersion in the health check is greater, […] Route 53 does not update the health
    // check, and it returns a HealthCheckVersionMismatch error" (UpdateHealthCheck).
    if input.health_check_version().is_some_and(|version| version != existing.version) {
        return refuse("HealthCheckVersionMismatch", format!("The health check {id} has version {}", existing.version));
    }
    let mut config = existing.config.clone();
    config.inverted = input.inverted().unwrap_or(config.inverted);
    config.disabled = input.disabled().unwrap_or(config.disabled);
    config.fqdn = input.fully_qualified_domain_name().map_or(config.fqdn, str::to_owned);
    config.port = input.port().unwrap_or(config.port);
    config.path = input.resource_path().map_or(config.path, str::to_owned);
    config.failure_threshold = input.failure_threshold().unwrap_or(config.failure_threshold);
    if !input.child_health_checks().is_empty() {
        config.children = input.child_health_checks().to_vec();
    }
    config.health_threshold = input.health_threshold().unwrap_or(config.health_threshold);
    config.alarm = input.alarm_identifier().map(|alarm| identifier(call.world, alarm)).or(config.alarm);
    config.insufficient_data =
        input.insufficient_data_health_status().map(|status| status.as_str().to_owned()).or(config.insufficient_data);
    check(call.world, &config)?;
    let changed = HealthCheck { config, version: existing.version + 1, ..existing.clone() };
    let answer = UpdateHealthCheckOutput::builder().health_check(to_sdk(&changed)?).build();
    call.world.route53.health_checks.insert(id.to_owned(), changed);
    Ok(answer)
}

/// Returns the last observations of three of Route 53's health checkers, whether or not the check is inverted. A
/// disabled check has no observations: "Route 53 stops performing health checks" (UpdateHealthCheck).
fn status(call: &mut Call<'_>, input: &GetHealthCheckStatusInput) -> Result<GetHealthCheckStatusOutput, Rejection> {
    let id = input.health_check_id().unwrap_or_default();
    let world = &*call.world;
    let Some(check) = world.route53.health_checks.get(id) else { return no_check(id) };
    // "You can use GetHealthCheckStatus only for health checks that check an endpoint": a calculated one has no
    // checkers (GetHealthCheckStatus).
    if !["HTTP", "HTTPS"].contains(&check.config.kind.as_str()) {
        return refuse("InvalidInput", format!("The health check {id} has no status of its own"));
    }
    let passes = world.is_target_healthy(&world.timeline(), &check.config.fqdn, world.now);
    let status_text =
        if passes { "Success: HTTP Status Code 200, OK" } else { "Failure: HTTP Status Code 503, Service Unavailable" };
    let checkers = [
        (HealthCheckRegion::UsEast1, "15.177.2.1"),
        (HealthCheckRegion::UsWest2, "15.177.14.1"),
        (HealthCheckRegion::EuWest1, "15.177.10.1"),
    ];
    let observation = |(region, address): (HealthCheckRegion, &str)| {
        let checked = DateTime::from_millis(i64::try_from(world.now).unwrap_or(i64::MAX));
        let report = StatusReport::builder().status(status_text).checked_time(checked).build();
        HealthCheckObservation::builder().region(region).ip_address(address).status_report(report).build()
    };
    let observations = if check.config.disabled { Vec::new() } else { checkers.map(observation).into() };
    built(GetHealthCheckStatusOutput::builder().set_health_check_observations(Some(observations)).build())
}

/// "You can delete a health check that records still refer to; how Route 53 then answers is not defined"
/// (DeleteHealthCheck warns of this and allows it).
fn delete(call: &mut Call<'_>, input: &DeleteHealthCheckInput) -> Result<DeleteHealthCheckOutput, Rejection> {
    let id = input.health_check_id().unwrap_or_default();
    match call.world.route53.health_checks.remove(id) {
        Some(_) => Ok(DeleteHealthCheckOutput::builder().build()),
        None => no_check(id),
    }
}
