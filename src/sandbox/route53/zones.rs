//! Hosted zones, and the status of changes.

use aws_sdk_route53::operation::create_hosted_zone::{
    CreateHostedZoneError, CreateHostedZoneInput, CreateHostedZoneOutput,
};
use aws_sdk_route53::operation::delete_hosted_zone::{
    DeleteHostedZoneError, DeleteHostedZoneInput, DeleteHostedZoneOutput,
};
use aws_sdk_route53::operation::get_change::{GetChangeError, GetChangeInput, GetChangeOutput};
use aws_sdk_route53::operation::get_hosted_zone::{GetHostedZoneError, GetHostedZoneInput, GetHostedZoneOutput};
use aws_sdk_route53::operation::list_hosted_zones_by_name::{
    ListHostedZonesByNameError, ListHostedZonesByNameInput, ListHostedZonesByNameOutput,
};
use aws_sdk_route53::operation::update_hosted_zone_comment::{
    UpdateHostedZoneCommentError, UpdateHostedZoneCommentInput, UpdateHostedZoneCommentOutput,
};
use aws_sdk_route53::types::{DelegationSet, HostedZoneConfig, Vpc};

use super::changes::{change_info, new_change, new_id};
use super::names::{absolute, no_zone};
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::route53::HostedZone;
use crate::world::tags::Tags;

/// The page size of lists.
const PAGE: usize = 100;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "route53",
        "CreateHostedZone",
        &["name", "caller_reference", "hosted_zone_config"],
        CreateHostedZoneError::generic,
        create,
    );
    registry.on("route53", "GetHostedZone", &["id"], GetHostedZoneError::generic, get);
    registry.on(
        "route53",
        "ListHostedZonesByName",
        &["dns_name", "hosted_zone_id"],
        ListHostedZonesByNameError::generic,
        list,
    );
    registry.on(
        "route53",
        "UpdateHostedZoneComment",
        &["id", "comment"],
        UpdateHostedZoneCommentError::generic,
        comment,
    );
    registry.on("route53", "DeleteHostedZone", &["id"], DeleteHostedZoneError::generic, delete);
    registry.on("route53", "GetChange", &["id"], GetChangeError::generic, get_change);
}

fn to_sdk(zone: &HostedZone) -> Result<aws_sdk_route53::types::HostedZone, Rejection> {
    let described =
        aws_sdk_route53::types::HostedZone::builder().id(format!("/hostedzone/{}", zone.id)).name(&zone.name);
    let config =
        HostedZoneConfig::builder().set_comment(zone.comment.clone()).private_zone(!zone.vpcs.is_empty()).build();
    // The zone's own NS and SOA records are counted.
    let count = i64::try_from(zone.records.len() + 2).unwrap_or(i64::MAX);
    built(described.caller_reference(&zone.caller_reference).config(config).resource_record_set_count(count).build())
}

fn delegation(zone: &HostedZone) -> Result<DelegationSet, Rejection> {
    built(DelegationSet::builder().set_name_servers(Some(zone.name_servers.clone())).build())
}

fn create(call: &mut Call<'_>, input: &CreateHostedZoneInput) -> Result<CreateHostedZoneOutput, Rejection> {
    let (name, reference) = (absolute(input.name().unwrap_or_default()), input.caller_reference().unwrap_or_default());
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let plain = name.trim_end_matches('.');
    if plain.len() > 255 || !plain.contains('.') || !plain.split('.').all(label) {
        return refuse("InvalidDomainName", format!("{name} is not a valid domain name"));
    }
    // RFC 2606. The service's message is "example.com is reserved by AWS!".
    if ["example.com", "example.net", "example.org"]
        .iter()
        .any(|reserved| plain == *reserved || plain.ends_with(&format!(".{reserved}")))
    {
        return refuse("InvalidDomainName", format!("{name} is reserved by AWS!"));
    }
    if !(1..=128).contains(&reference.len()) {
        return refuse("InvalidInput", "CallerReference must have 1 to 128 characters");
    }
    // "A hosted zone has already been created with the specified CallerReference."
    if call.world.route53.zones.values().any(|zone| zone.caller_reference == reference) {
        return refuse(
            "HostedZoneAlreadyExists",
            format!("A hosted zone has already been created with the specified caller reference {reference}"),
        );
    }
    let id = new_id(call, 'Z');
    let zone = HostedZone {
        id: id.clone(),
        name,
        caller_reference: reference.to_owned(),
        comment: input.hosted_zone_config().and_then(HostedZoneConfig::comment).map(str::to_owned),
        name_servers: ["com", "net", "org", "co.uk"]
            .iter()
            .enumerate()
            .map(|(at, tld)| format!("ns-{}.awsdns-{:02}.{tld}", 100 + at * 512, at * 7))
            .collect(),
        vpcs: Vec::new(),
        records: Vec::new(),
        tags: Tags::new(),
        owner: None,
    };
    let change = new_change(call)?;
    let answer = CreateHostedZoneOutput::builder()
        .hosted_zone(to_sdk(&zone)?)
        .delegation_set(delegation(&zone)?)
        .change_info(change);
    call.world.route53.zones.insert(id.clone(), zone);
    built(answer.location(format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}")).build())
}

fn get(call: &mut Call<'_>, input: &GetHostedZoneInput) -> Result<GetHostedZoneOutput, Rejection> {
    let id = input.id().unwrap_or_default();
    let Some(zone) = call.world.route53.zones.get(id) else { return no_zone(id) };
    let described = GetHostedZoneOutput::builder().hosted_zone(to_sdk(zone)?);
    // "VPCs: A complex type that contains information about the VPCs that are associated with the specified hosted
    // zone"; a private zone has no delegation set (GetHostedZone).
    if zone.vpcs.is_empty() {
        return Ok(described.delegation_set(delegation(zone)?).build());
    }
    let vpc = |(id, region): &(String, String)| Vpc::builder().vpc_id(id).vpc_region(region.as_str().into()).build();
    Ok(described.set_vpcs(Some(zone.vpcs.iter().map(vpc).collect())).build())
}

/// Sorted by name, with the labels reversed ("com.example.www"), then by id.
fn list(call: &mut Call<'_>, input: &ListHostedZonesByNameInput) -> Result<ListHostedZonesByNameOutput, Rejection> {
    let key = |name: &str| absolute(name).trim_end_matches('.').rsplit('.').map(str::to_owned).collect::<Vec<_>>();
    let from = (input.dns_name().map(key).unwrap_or_default(), input.hosted_zone_id().unwrap_or_default().to_owned());
    let mut zones: Vec<&HostedZone> =
        call.world.route53.zones.values().filter(|zone| (key(&zone.name), zone.id.clone()) >= from).collect();
    zones.sort_by_key(|zone| (key(&zone.name), zone.id.clone()));
    let next = zones.get(PAGE).map(|zone| (zone.name.clone(), zone.id.clone()));
    let described = zones.into_iter().take(PAGE).map(to_sdk).collect::<Result<Vec<_>, _>>()?;
    let answer = ListHostedZonesByNameOutput::builder()
        .set_hosted_zones(Some(described))
        .is_truncated(next.is_some())
        .max_items(100);
    let (name, id) = next.unzip();
    built(answer.set_next_dns_name(name).set_next_hosted_zone_id(id).build())
}

fn comment(
    call: &mut Call<'_>,
    input: &UpdateHostedZoneCommentInput,
) -> Result<UpdateHostedZoneCommentOutput, Rejection> {
    let id = input.id().unwrap_or_default();
    let Some(zone) = call.world.route53.zones.get_mut(id) else { return no_zone(id) };
    zone.comment = input.comment().map(str::to_owned);
    Ok(UpdateHostedZoneCommentOutput::builder().hosted_zone(to_sdk(zone)?).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteHostedZoneInput) -> Result<DeleteHostedZoneOutput, Rejection> {
    let id = input.id().unwrap_or_default();
    let Some(zone) = call.world.route53.zones.get(id) else { return no_zone(id) };
    // "You can delete a hosted zone only if it contains only the default SOA record and NS resource record sets."
    if !zone.records.is_empty() {
        return refuse(
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        );
    }
    call.world.route53.zones.remove(id);
    let change = new_change(call)?;
    Ok(DeleteHostedZoneOutput::builder().change_info(change).build())
}

fn get_change(call: &mut Call<'_>, input: &GetChangeInput) -> Result<GetChangeOutput, Rejection> {
    let id = input.id().unwrap_or_default();
    let Some(at) = call.world.route53.changes.get(id).copied() else {
        return refuse("NoSuchChange", format!("A change with the specified change ID does not exist: {id}"));
    };
    let change = change_info(call, id, at)?;
    Ok(GetChangeOutput::builder().change_info(change).build())
}
