//! The records that route traffic, and what must hold before they are changed.

use infra_aws::Cloud;
use infra_base::address::Location;
use infra_base::shell::quote;
use infra_config::{Config, Credentials, Side};
use infra_core::engine::ReadContext;
use infra_core::resource::{Error as ResourceError, describe};
use infra_core::state::State;
use infra_kinds::cloudwatch::alarm_state::AlarmState;
use infra_kinds::elbv2::health::{TargetHealth, targets};
use infra_kinds::route53::weights::zone_called;
use infra_kinds::route53::zone;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{PersistedCutover, Quiesce};
use infra_migration::emergency_switch::{Position, alarm_state, location as switch_location, switch_address};
use infra_migration::reach::{Dns, reach};
use infra_migration::records::{RecordName, RecordSet, read};
use infra_migration::shift::traffic_address;
use infra_migration::topology::{Service, Topology, routing_location};
use infra_payment::stack::{EmergencySwitch, ROUTING};

use crate::error::Error;
use crate::refusal::MigrationRefusal;
use crate::switchover_record::primary_of;
use crate::workspace::Workspace;

/// Returns where the records are, as the state has it: the account, and the region of Route 53's control plane. Without
/// records in the state, the credentials of the routing count.
pub fn location(state: &State, cloud: &Cloud, config: &Config) -> Location {
    routing_location(state).unwrap_or_else(|| cloud.location(ROUTING, &config.home_region()))
}

/// Returns the name that clients use, as the state has it. Only name servers of AWS itself can confirm a change.
///
/// # Errors
/// [`MigrationRefusal::NoRecords`].
pub fn record_name(workspace: &Workspace, topology: &Topology) -> Result<RecordName, MigrationRefusal> {
    let record_name = topology.record_name.clone().ok_or(MigrationRefusal::NoRecords)?;
    Ok(RecordName { asks_name_servers: workspace.is_aws, ..record_name })
}

/// Returns the current split of the traffic, to the nearest percent; nothing without routing.
///
/// # Errors
/// The records cannot be read.
pub async fn live_split(
    workspace: &Workspace,
    state: &State,
    context: &ReadContext,
) -> Result<Option<TrafficSplit>, MigrationRefusal> {
    let topology = Topology::of(state);
    if topology.record_name.is_none() {
        return Ok(None);
    }
    let name = record_name(workspace, &topology)?;
    Ok(Some(read_records(context, &location(state, &context.cloud, &workspace.config), &name).await?.nearest_split()))
}

/// Finds the records: those in the state, in the given zone, in the configured zone, or in the only zone with the
/// configured name.
///
/// # Errors
/// There are none, or Route 53 does not list its zones.
pub async fn find_records(
    workspace: &Workspace,
    context: &ReadContext,
    location: &Location,
    topology: &Topology,
    zone: Option<&str>,
) -> Result<RecordName, MigrationRefusal> {
    if topology.record_name.is_some() && zone.is_none() {
        return record_name(workspace, topology);
    }
    let Some(routing) = &workspace.config.routing else { return record_name(workspace, topology) };
    let name = routing.domain_name();
    let known = zone.map(str::to_owned).or_else(|| Some(routing.zone_id.clone()).filter(|id| !id.is_empty()));
    if let Some(zone) = known {
        return Ok(RecordName { zone, name, asks_name_servers: workspace.is_aws });
    }
    let found = zone_called(&context.reader(&traffic_address(), location), &routing.zone_name).await;
    match found.map_err(|error| unreadable(&error))? {
        Some(zone) => Ok(RecordName { zone, name, asks_name_servers: workspace.is_aws }),
        None => record_name(workspace, topology),
    }
}

/// Reads the records.
///
/// # Errors
/// [`MigrationRefusal::UnreadableRecords`].
pub async fn read_records(
    context: &ReadContext,
    location: &Location,
    name: &RecordName,
) -> Result<RecordSet, MigrationRefusal> {
    read(&context.reader(&traffic_address(), location), name).await.map_err(|error| unreadable(&error))
}

/// Returns why clients do not see the records of a name, or not all of them. Only AWS itself has name servers that
/// resolvers know.
pub async fn reach_warning(
    workspace: &Workspace,
    context: &ReadContext,
    location: &Location,
    name: &RecordName,
) -> Option<String> {
    let dns = workspace.is_aws.then(Dns::of_this_machine);
    match zone::describe(&context.reader(&traffic_address(), location), &name.zone).await {
        Ok(zone) => reach(&zone, &name.name, dns.as_ref()).await.warning(&zone, &name.name),
        Err(error) => Some(format!("it is unknown whether clients resolve {}: {}", name.name, describe(&error))),
    }
}

/// Reads the records of both environments, which a shift requires.
///
/// # Errors
/// They cannot be read, or the source was removed.
pub async fn read_both(
    context: &ReadContext,
    location: &Location,
    name: &RecordName,
) -> Result<RecordSet, MigrationRefusal> {
    let records = read_records(context, location, name).await?;
    if records.lacks_source() {
        return Err(MigrationRefusal::SourceRemoved { name: name.name.clone() });
    }
    Ok(records)
}

fn unreadable(error: &ResourceError) -> MigrationRefusal {
    MigrationRefusal::UnreadableRecords { reason: describe(error) }
}

/// Returns why environments that would receive more traffic cannot serve it.
pub async fn unhealthy(
    context: &ReadContext,
    topology: &Topology,
    from: Option<TrafficSplit>,
    to: TrafficSplit,
) -> Vec<String> {
    let mut reasons = Vec::new();
    for side in [Side::Source, Side::Target].into_iter().filter(|side| to.gains(*side, from)) {
        let Some(service) = topology.service(side) else {
            reasons.push(format!("the state contains no service in `{side}`"));
            continue;
        };
        match targets(&context.reader(&traffic_address(), &service.location), &service.target_group).await {
            Ok(health) if health.healthy > 0 => {}
            Ok(health) => reasons.push(format!("no target of `{side}` is healthy ({})", describe_health(&health))),
            Err(error) => reasons.push(format!("the health of `{side}` is unknown: {}", describe(&error))),
        }
    }
    reasons
}

/// Returns the health of an environment's targets as a list.
pub fn describe_health(health: &TargetHealth) -> String {
    let mut parts = vec![format!("{} healthy", health.healthy)];
    parts.extend((health.initial > 0).then(|| format!("{} starting", health.initial)));
    parts.extend(health.unhealthy.iter().cloned());
    parts.join(", ")
}

/// Returns whether the emergency switch has taken the target out, whose record follows it until a switchover. If
/// CloudWatch does not answer, nothing is refused because of it.
pub async fn is_target_taken_out(context: &ReadContext, config: &Config, state: &State) -> bool {
    let is_target_primary = primary_of(state).is_ok_and(|primary| primary == Side::Target);
    let Some(switch) = EmergencySwitch::of(config).filter(|_| !is_target_primary) else { return false };
    let reader = context.reader(&switch_address(), switch_location(context, &switch));
    matches!(alarm_state(&reader, &switch).await, Ok(Some(AlarmState::Alarm)))
}

/// Returns the emergency switch of the stack.
///
/// # Errors
/// [`MigrationRefusal::NoEmergencySwitch`].
pub fn emergency_switch(config: &Config) -> Result<EmergencySwitch, MigrationRefusal> {
    EmergencySwitch::of(config).ok_or(MigrationRefusal::NoEmergencySwitch)
}

/// What a shift is allowed to ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftRequest {
    /// The requested split.
    pub to: TrafficSplit,
    /// Whether to shift to an environment that cannot serve the traffic.
    pub force: bool,
}

/// Refuses a shift to an environment that does not answer or has no traffic, or during a cutover. `unhealthy` is the
/// result of [`unhealthy`].
///
/// # Errors
/// A [`MigrationRefusal`].
pub async fn check_shift(
    workspace: &Workspace,
    context: &ReadContext,
    state: &State,
    request: ShiftRequest,
    records: &RecordSet,
    unhealthy: &[String],
) -> Result<(), MigrationRefusal> {
    let ShiftRequest { to, force } = request;
    if let Some(reason) = unhealthy.first() {
        return Err(MigrationRefusal::Unhealthy { reason: reason.clone() });
    }
    if to != TrafficSplit::SOURCE && !force && is_target_taken_out(context, &workspace.config, state).await {
        return Err(MigrationRefusal::TargetTakenOut);
    }
    let cutover = PersistedCutover::of(state)?;
    if let Some(cutover) = cutover.as_ref().filter(|cutover| cutover.is_under_way()) {
        return Err(MigrationRefusal::CutoverInProgress { live: cutover.progress.live });
    }
    let is_quiesced = |cutover: &&PersistedCutover| cutover.progress.quiesce != Quiesce::NotRun;
    match cutover.as_ref().filter(is_quiesced) {
        Some(cutover) if !force && to.gains(Side::Source, records.split()) => {
            Err(MigrationRefusal::SourceQuiesced { cutover: cutover.report.id.to_string() })
        }
        _ => Ok(()),
    }
}

/// Returns the service of an environment and its fence, if it may be closed and opened now.
///
/// # Errors
/// There is no fence, or a cutover is in progress, unless `force` is set.
pub fn check_fence<'a>(
    state: &State,
    topology: &'a Topology,
    side: Side,
    force: bool,
) -> Result<(&'a Service, &'a str), MigrationRefusal> {
    let service = topology.service(side);
    let found = service.and_then(|service| Some((service, service.fence.as_deref()?)));
    let found = found.ok_or(MigrationRefusal::NoFence { side })?;
    match PersistedCutover::of(state)?.filter(|cutover| cutover.is_under_way() && !force) {
        Some(cutover) => Err(MigrationRefusal::CutoverInProgress { live: cutover.progress.live }),
        None => Ok(found),
    }
}

/// Whether the release command has to be run manually after a rollback that is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualRelease {
    /// It does not have to be run.
    NotRequired,
    /// It has to be run: a cutover has run the quiesce command.
    Required,
    /// It may have to be run: the state cannot be read, so it is unknown whether a cutover has run the quiesce command.
    Unknown,
}

/// Returns whether the release command has to be run manually. It runs by itself only where the state shows that the
/// source is quiesced.
pub fn manual_release(config: &Config, state: &State) -> ManualRelease {
    if config.cutover.quiesce_command.is_empty() && config.cutover.release_command.is_empty() {
        return ManualRelease::NotRequired;
    }
    match PersistedCutover::of(state) {
        Ok(Some(cutover)) if cutover.progress.quiesce == Quiesce::NotRun => ManualRelease::NotRequired,
        Ok(Some(_)) => ManualRelease::Required,
        Ok(None) if state.has_begun() => ManualRelease::NotRequired,
        Ok(None) | Err(_) => ManualRelease::Unknown,
    }
}

/// Reads the state for a command that must work without one. Returns an empty state and the error if it cannot be read.
pub async fn read_state_if_possible(workspace: &Workspace) -> (State, Option<Error>) {
    match workspace.read_state().await {
        Ok(state) => (state, None),
        Err(error) => (State::empty(), Some(error)),
    }
}

/// Returns what the emergency switch sends, as a command of the AWS CLI with the credentials of the routing: with those
/// of another account, it would succeed without an effect.
pub fn switch_command(config: &Config, switch: &EmergencySwitch, to: Position) -> String {
    let Credentials { profile, assume_role } = config.routing_credentials();
    let profile = if profile.is_empty() { String::new() } else { format!(" --profile {}", quote(&profile)) };
    let role = assume_role.map(|role| format!("  # with credentials of the role {}", role.role_arn));
    let dimensions: Vec<String> =
        switch.metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "aws cloudwatch put-metric-data{profile} --region {} --namespace {} --metric-name {} --dimensions {} \
         --value {}{}",
        quote(&switch.region.0),
        quote(&switch.metric.namespace),
        quote(&switch.metric.name),
        quote(&dimensions.join(",")),
        to.value(),
        role.unwrap_or_default()
    )
}
