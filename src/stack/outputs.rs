//! What a user wants to know of a stack that exists.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::address::Address;
use crate::state::State;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The environment.
    pub environment: String,
    /// What it is, for example `vpc_id`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The resource that it comes from.
    pub address: Address,
}

/// Kind, attribute, and the name of the output.
const OUTPUTS: &[(&str, &str, &str)] = &[
    ("ec2.vpc", "vpc_id", "vpc_id"),
    ("elbv2.load_balancer", "dns_name", "load_balancer_dns_name"),
    ("ecs.cluster", "name", "cluster_name"),
    ("rds.db_instance", "endpoint_address", "database_endpoint"),
    ("secretsmanager.secret", "arn", "database_secret_arn"),
    ("s3.bucket", "name", "bucket_name"),
    ("cloudwatch.dashboard", "url", "dashboard_url"),
    ("dms.replication_task", "arn", "replication_task_arn"),
    ("route53.weighted_record", "name", "domain_name"),
    ("route53.weighted_record", "zone_id", "hosted_zone_id"),
    ("route53.hosted_zone", "name_servers", "name_servers"),
    ("route53.health_check", "health_check_id", "health_check_id"),
];

/// Returns the outputs of everything that exists, by environment.
pub fn outputs(state: &State) -> Vec<Output> {
    let mut facts: BTreeMap<(&str, &str), Vec<(&Address, String)>> = BTreeMap::new();
    for (address, entry) in &state.resources {
        for (_, attribute, name) in OUTPUTS.iter().filter(|(kind, ..)| *kind == entry.kind) {
            let value = entry.attrs.as_ref().and_then(|attrs| text(attrs.get(*attribute)?));
            facts.entry((address.environment(), name)).or_default().extend(value.map(|value| (address, value)));
        }
    }
    let named = |((environment, name), found): (&(&str, &str), &Vec<(&Address, String)>)| {
        // What all of them say is said once.
        let same = found.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let shown = if same { &found[..found.len().min(1)] } else { &found[..] };
        let output = |(address, value): &(&Address, String)| Output {
            environment: (*environment).to_owned(),
            name: if same { (*name).to_owned() } else { format!("{name}.{}", distinction(address, found)) },
            value: value.clone(),
            address: (*address).clone(),
        };
        shown.iter().map(output).collect::<Vec<_>>()
    };
    facts.iter().flat_map(named).collect()
}

/// A value as text; the items of a list are separated by spaces.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

/// What tells an address from the others of its kind: its part, or, where that is the same, its name.
fn distinction<'a>(address: &'a Address, all: &[(&Address, String)]) -> &'a str {
    match all.iter().filter(|(other, _)| other.part() == address.part()).count() {
        1 => address.part(),
        _ => address.as_str().rsplit('/').next().unwrap_or_default(),
    }
}
