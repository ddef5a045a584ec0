//! Records.

use aws_sdk_route53::operation::change_resource_record_sets::{
    ChangeResourceRecordSetsError, ChangeResourceRecordSetsInput, ChangeResourceRecordSetsOutput,
};
use aws_sdk_route53::operation::list_resource_record_sets::{
    ListResourceRecordSetsError, ListResourceRecordSetsInput, ListResourceRecordSetsOutput,
};
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ResourceRecord, ResourceRecordSet, RrType};

use super::changes::new_change;
use super::names::{absolute, no_zone};
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::route53::{Alias, HostedZone, Record};

/// "The maximum number of resource records sets […] is 300" (ListResourceRecordSets, MaxItems).
const PAGE: usize = 300;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "route53",
        "ChangeResourceRecordSets",
        &["hosted_zone_id", "change_batch"],
        ChangeResourceRecordSetsError::generic,
        change,
    );
    let fields = &["hosted_zone_id", "start_record_name", "start_record_type", "start_record_identifier"];
    registry.on("route53", "ListResourceRecordSets", fields, ListResourceRecordSetsError::generic, list);
}

/// Returns the NS and SOA records, which every zone has.
pub(super) fn apex_records(zone: &HostedZone) -> [Record; 2] {
    let record = |kind: &str, ttl: i64, values: Vec<String>| Record {
        name: zone.name.clone(),
        kind: kind.to_owned(),
        set_identifier: None,
        weight: None,
        ttl: Some(ttl),
        values,
        alias: None,
        health_check_id: None,
    };
    let soa = format!(
        "{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
        zone.name_servers.first().map_or("", String::as_str)
    );
    [record("NS", 172_800, zone.name_servers.clone()), record("SOA", 900, vec![soa])]
}

fn to_sdk(record: &Record) -> Result<ResourceRecordSet, Rejection> {
    let alias = record.alias.as_ref().map(|alias| {
        let described = AliasTarget::builder().dns_name(&alias.dns_name).hosted_zone_id(&alias.hosted_zone_id);
        built(described.evaluate_target_health(alias.evaluate_target_health).build())
    });
    let values = record
        .values
        .iter()
        .map(|value| built(ResourceRecord::builder().value(value).build()))
        .collect::<Result<Vec<_>, _>>()?;
    let described = ResourceRecordSet::builder().name(&record.name).r#type(RrType::from(record.kind.as_str()));
    let described =
        described.set_set_identifier(record.set_identifier.clone()).set_weight(record.weight).set_ttl(record.ttl);
    let described =
        described.set_resource_records((!values.is_empty()).then_some(values)).set_alias_target(alias.transpose()?);
    built(described.set_health_check_id(record.health_check_id.clone()).build())
}

/// "ListResourceRecordSets sorts results first by DNS name with the labels reversed", then by type and identifier.
fn key(record: &Record) -> (Vec<String>, String, String) {
    (reversed(&record.name), record.kind.clone(), record.set_identifier.clone().unwrap_or_default())
}

fn reversed(name: &str) -> Vec<String> {
    absolute(name).trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}

fn list(call: &mut Call<'_>, input: &ListResourceRecordSetsInput) -> Result<ListResourceRecordSetsOutput, Rejection> {
    let id = input.hosted_zone_id().unwrap_or_default();
    let Some(zone) = call.world.route53.zones.get(id) else { return no_zone(id) };
    // "You must specify a value for name whenever you specify a value for type"; the same applies to identifier and
    // type.
    let (name, kind, set) = (input.start_record_name(), input.start_record_type(), input.start_record_identifier());
    if (kind.is_some() && name.is_none()) || (set.is_some() && kind.is_none()) {
        return refuse("InvalidInput", "The type requires a name, and the identifier requires a type");
    }
    let from = (
        name.map(reversed).unwrap_or_default(),
        kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        set.unwrap_or_default().to_owned(),
    );
    let mut records: Vec<Record> =
        zone.records.iter().cloned().chain(apex_records(zone)).filter(|record| key(record) >= from).collect();
    records.sort_by_key(key);
    let next = records.get(PAGE).cloned();
    let described = records.iter().take(PAGE).map(to_sdk).collect::<Result<Vec<_>, _>>()?;
    let answer = ListResourceRecordSetsOutput::builder()
        .set_resource_record_sets(Some(described))
        .is_truncated(next.is_some())
        .max_items(300);
    let answer = answer.set_next_record_name(next.as_ref().map(|record| record.name.clone()));
    let answer = answer.set_next_record_type(next.as_ref().map(|record| RrType::from(record.kind.as_str())));
    built(answer.set_next_record_identifier(next.and_then(|record| record.set_identifier)).build())
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidChangeBatch", format!("[{}]", why.into()))
}

fn read(call: &Call<'_>, zone: &HostedZone, record: &ResourceRecordSet) -> Result<Record, Rejection> {
    let name = absolute(record.name());
    if name != zone.name && !name.ends_with(&format!(".{}", zone.name)) {
        return invalid(format!("RRSet with DNS name {name} is not permitted in zone {}", zone.name));
    }
    let unknown = record.region().is_some()
        || record.geo_location().is_some()
        || record.failover().is_some()
        || record.multi_value_answer().is_some();
    if unknown {
        return refuse("SandboxUnknownMember", "the sandbox models simple and weighted records only");
    }
    // "Weight: Valid Range: Minimum value of 0. Maximum value of 255", "You must specify a SetIdentifier".
    if record.weight().is_some_and(|weight| !(0..=255).contains(&weight)) {
        return refuse("InvalidInput", "Weight must be from 0 to 255");
    }
    if record.weight().is_some() != record.set_identifier().is_some() {
        return invalid(format!("A weighted record requires SetIdentifier and Weight: {name}"));
    }
    let alias = record.alias_target();
    if [!record.resource_records().is_empty(), record.ttl().is_some()].contains(&alias.is_some()) {
        return refuse(
            "InvalidInput",
            "Invalid request: exactly one of AliasTarget and TTL with ResourceRecords is required",
        );
    }
    if let Some(alias) = alias {
        // "Tried to create an alias that targets …, type A in zone …, but the alias target name does not lie within the
        // target zone": the name and the hosted zone must be those of the same load balancer.
        let balancers = call.world.regions.values().flat_map(|region| region.elbv2.load_balancers.values());
        let plain = |name: &str| absolute(name.strip_prefix("dualstack.").unwrap_or(name));
        let fits = balancers
            .into_iter()
            .any(|one| plain(&one.dns_name) == plain(alias.dns_name()) && one.hosted_zone_id == alias.hosted_zone_id());
        if !fits {
            return invalid(format!(
                "Tried to create an alias that targets {}, type A in zone {}, but the alias target name does not lie \
                 within the target zone",
                alias.dns_name(),
                alias.hosted_zone_id()
            ));
        }
    }
    if let Some(check) = record.health_check_id()
        && !call.world.route53.health_checks.contains_key(check)
    {
        return refuse("NoSuchHealthCheck", format!("A health check with id {check} does not exist."));
    }
    Ok(from_sdk(record))
}

fn from_sdk(record: &ResourceRecordSet) -> Record {
    Record {
        name: absolute(record.name()),
        kind: record.r#type().as_str().to_owned(),
        set_identifier: record.set_identifier().map(str::to_owned),
        weight: record.weight(),
        ttl: record.ttl(),
        values: record.resource_records().iter().map(|value| value.value().to_owned()).collect(),
        alias: record.alias_target().map(|alias| Alias {
            dns_name: absolute(alias.dns_name()),
            hosted_zone_id: alias.hosted_zone_id().to_owned(),
            evaluate_target_health: alias.evaluate_target_health(),
        }),
        health_check_id: record.health_check_id().map(str::to_owned),
    }
}

fn change(
    call: &mut Call<'_>,
    input: &ChangeResourceRecordSetsInput,
) -> Result<ChangeResourceRecordSetsOutput, Rejection> {
    let id = input.hosted_zone_id().unwrap_or_default();
    let Some(mut zone) = call.world.route53.zones.get(id).cloned() else { return no_zone(id) };
    let changes: &[Change] = input.change_batch().map(aws_sdk_route53::types::ChangeBatch::changes).unwrap_or_default();
    if changes.is_empty() {
        return refuse("InvalidInput", "A change batch requires at least one change");
    }
    // The batch is atomic: "Route 53 validates the changes in the request and then either makes all or none of the
    // changes".
    for change in changes {
        let Some(record) = change.resource_record_set() else {
            return refuse("InvalidInput", "A change requires a record");
        };
        apply(call, &mut zone, change.action(), record)?;
    }
    call.world.route53.zones.insert(id.to_owned(), zone);
    let change = new_change(call)?;
    Ok(ChangeResourceRecordSetsOutput::builder().change_info(change).build())
}

fn apply(
    call: &Call<'_>,
    zone: &mut HostedZone,
    action: &ChangeAction,
    record: &ResourceRecordSet,
) -> Result<(), Rejection> {
    if *action == ChangeAction::Delete {
        let wanted = from_sdk(record);
        let description = format!(
            "resource record set [name='{}', type='{}', set-identifier='{}']",
            wanted.name,
            wanted.kind,
            wanted.set_identifier.as_deref().unwrap_or_default()
        );
        let Some(at) = zone.records.iter().position(|other| key(other) == key(&wanted)) else {
            return invalid(format!("Tried to delete {description} but it was not found"));
        };
        if zone.records[at] != wanted {
            return invalid(format!(
                "Tried to delete {description} but the values provided do not match the current values"
            ));
        }
        zone.records.remove(at);
        return Ok(());
    }
    let wanted = read(call, zone, record)?;
    let existing = zone.records.iter().position(|other| key(other) == key(&wanted));
    match (existing, action) {
        (Some(_), ChangeAction::Create) => {
            return invalid(format!(
                "Tried to create resource record set [name='{}', type='{}'] but it already exists",
                wanted.name, wanted.kind
            ));
        }
        (Some(at), _) => {
            zone.records.remove(at);
        }
        (None, _) => {}
    }
    // "RRSet with DNS name …, type A, SetIdentifier … cannot be created because a non multivalue answer rrset exists
    // with the same name and type": simple and weighted records cannot be combined.
    let mixes = |other: &Record| {
        other.name == wanted.name && other.kind == wanted.kind && other.weight.is_some() != wanted.weight.is_some()
    };
    // "RRSet of type CNAME with DNS name … is not permitted as it conflicts with other records with the same DNS name
    // in zone …" (RFC 1034, section 3.6.2).
    let excludes = |other: &Record| other.name == wanted.name && (other.kind == "CNAME") != (wanted.kind == "CNAME");
    if zone.records.iter().any(excludes) {
        return invalid(format!(
            "RRSet of type CNAME with DNS name {} is not permitted as it conflicts with other records with the same \
             DNS name in zone {}",
            wanted.name, zone.name
        ));
    }
    if zone.records.iter().any(mixes) {
        return invalid(format!(
            "RRSet with DNS name {}, type {} conflicts with one of another routing policy",
            wanted.name, wanted.kind
        ));
    }
    zone.records.push(wanted);
    zone.records.sort_by_key(key);
    Ok(())
}
