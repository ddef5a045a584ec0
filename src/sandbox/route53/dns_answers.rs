//! TestDNSAnswer: the responses that resolvers receive.

use aws_sdk_route53::operation::test_dns_answer::{TestDNSAnswerError, TestDnsAnswerInput, TestDnsAnswerOutput};
use aws_sdk_route53::types::RrType;
use sha2::{Digest, Sha256};

use super::names::{absolute, no_zone};
use super::records;
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::route53::Record;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "hosted_zone_id",
        "record_name",
        "record_type",
        "resolver_ip",
        "edns0_client_subnet_ip",
        "edns0_client_subnet_mask",
    ];
    registry.on("route53", "TestDNSAnswer", fields, TestDNSAnswerError::generic, test_dns_answer);
}

/// Returns the response of one name server. The choice among weighted records depends on the resolver and the time, so
/// many resolvers together receive responses in proportion to the weights.
fn test_dns_answer(call: &mut Call<'_>, input: &TestDnsAnswerInput) -> Result<TestDnsAnswerOutput, Rejection> {
    let id = input.hosted_zone_id().unwrap_or_default();
    let world = &*call.world;
    let Some(zone) = world.route53.zones.get(id) else { return no_zone(id) };
    let (name, kind) =
        (absolute(input.record_name().unwrap_or_default()), input.record_type().map_or("A", RrType::as_str));
    if name != zone.name && !name.ends_with(&format!(".{}", zone.name)) {
        return refuse("InvalidInput", format!("The name {name} is not in the zone {}", zone.name));
    }
    for address in [input.resolver_ip(), input.edns0_client_subnet_ip()].into_iter().flatten() {
        if address.parse::<std::net::IpAddr>().is_err() {
            return refuse("InvalidInput", format!("Invalid IP address: {address}"));
        }
    }
    // "The range of values for this parameter is between 0 and 32 bits" (IPv4), and it requires an address.
    if let Some(mask) = input.edns0_client_subnet_mask()
        && (input.edns0_client_subnet_ip().is_none() || !mask.parse::<u8>().is_ok_and(|bits| bits <= 128))
    {
        return refuse("InvalidInput", "EDNS0ClientSubnetMask is not valid");
    }
    let resolver = [input.resolver_ip(), input.edns0_client_subnet_ip()].map(Option::unwrap_or_default);
    let timeline = world.timeline();
    let answers = world.dns_answers(&timeline, zone, &name, kind, world.now);
    let chosen = pick_weighted(&answers, &format!("{name}/{kind}/{resolver:?}/{}", world.now)).cloned();
    let apex = records::apex_records(zone);
    let chosen = chosen.or_else(|| apex.iter().find(|record| record.name == name && record.kind == kind).cloned());
    // A name that has not reached the name servers does not exist.
    let is_known = |record: &Record| !world.dns_answers(&timeline, zone, &name, &record.kind, world.now).is_empty();
    let exists = name == zone.name || zone.records.iter().filter(|record| record.name == name).any(is_known);
    let answer = TestDnsAnswerOutput::builder().nameserver(zone.name_servers.first().map_or("", String::as_str));
    let answer = answer.record_name(name.trim_end_matches('.')).record_type(RrType::from(kind)).protocol("UDP");
    let record_data = chosen.map(|record| record_data(&record)).unwrap_or_default();
    // RFC 2308: a name that exists without a record of that type is NOERROR without data.
    built(answer.response_code(if exists { "NOERROR" } else { "NXDOMAIN" }).set_record_data(Some(record_data)).build())
}

/// Picks a record by weight; the same `resolver` always gets the same one.
fn pick_weighted<'a>(answers: &[(&'a Record, i64)], resolver: &str) -> Option<&'a Record> {
    let total: u64 = answers.iter().filter_map(|(_, weight)| u64::try_from(*weight).ok()).sum();
    let draw = Sha256::digest(resolver).iter().take(7).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut rest = draw % total.max(1);
    answers.iter().find_map(|(record, weight)| {
        let weight = u64::try_from(*weight).unwrap_or_default();
        let hit = rest < weight;
        rest = rest.saturating_sub(weight);
        hit.then_some(*record)
    })
}

/// An alias is resolved to the addresses of its load balancer.
fn record_data(record: &Record) -> Vec<String> {
    match &record.alias {
        Some(alias) => addresses(&alias.dns_name),
        None => record.values.clone(),
    }
}

/// Returns the addresses of a load balancer: always the same two, from a documentation range (RFC 5737).
fn addresses(dns_name: &str) -> Vec<String> {
    let name = crate::world::traffic::normalized_dns_name(dns_name).to_ascii_lowercase();
    Sha256::digest(name)
        .iter()
        .take(2)
        .enumerate()
        .map(|(at, byte)| format!("203.0.113.{}", u16::from(byte / 2) + 128 * u16::from(at > 0)))
        .collect()
}
