//! The outputs of a stack: ids, endpoints and URLs of existing resources.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::layout;
use infra_base::address::Address;
use infra_core::resource::Spec;
use infra_core::state::State;
use infra_kinds::cloudwatch::Dashboard;
use infra_kinds::dms::ReplicationTask;
use infra_kinds::ec2::Vpc;
use infra_kinds::ecs::Cluster;
use infra_kinds::elbv2::LoadBalancer;
use infra_kinds::rds::DbInstance;
use infra_kinds::route53::{HealthCheck, HostedZone, WeightedRecord};
use infra_kinds::s3::Bucket;
use infra_kinds::secretsmanager::Secret;

/// An output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The environment.
    pub environment: String,
    /// Its name, for example `vpc_id`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The resource that it belongs to.
    pub address: Address,
}

/// The kind, its attribute, and the name of the output.
const OUTPUTS: &[(&str, &str, &str)] = &[
    (Vpc::KIND, "vpc_id", "vpc_id"),
    (LoadBalancer::KIND, "dns_name", "load_balancer_dns_name"),
    (Cluster::KIND, "name", "cluster_name"),
    (DbInstance::KIND, "endpoint_address", "database_endpoint"),
    (Secret::KIND, "arn", "database_secret_arn"),
    (Bucket::KIND, "name", "bucket_name"),
    (Dashboard::KIND, "url", "dashboard_url"),
    (ReplicationTask::KIND, "arn", "replication_task_arn"),
    (WeightedRecord::KIND, "name", "domain_name"),
    (WeightedRecord::KIND, "zone_id", "hosted_zone_id"),
    (HostedZone::KIND, "name_servers", "name_servers"),
    (HealthCheck::KIND, "health_check_id", "health_check_id"),
];

/// Returns the outputs of all existing resources, ordered by environment.
pub fn outputs(state: &State) -> Vec<Output> {
    let mut found: BTreeMap<(&str, &str), Vec<(&Address, String)>> = BTreeMap::new();
    // The task of a fallback replication is not for commands.
    for (address, entry) in state.resources.iter().filter(|(address, _)| !layout::is_fallback_task(address)) {
        for (_, attribute, name) in OUTPUTS.iter().filter(|(kind, ..)| *kind == entry.kind) {
            let value = entry.attrs.as_ref().and_then(|attrs| text(attrs.get(*attribute)?));
            found.entry((address.environment(), name)).or_default().extend(value.map(|value| (address, value)));
        }
    }
    let named = |((environment, name), values): (&(&str, &str), &Vec<(&Address, String)>)| {
        // Equal values become one output.
        let same = values.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let distinct = if same { &values[..values.len().min(1)] } else { &values[..] };
        let output = |(address, value): &(&Address, String)| Output {
            environment: (*environment).to_owned(),
            name: if same { (*name).to_owned() } else { format!("{name}.{}", disambiguator(address, values)) },
            value: value.clone(),
            address: (*address).clone(),
        };
        distinct.iter().map(output).collect::<Vec<_>>()
    };
    found.iter().flat_map(named).collect()
}

/// Returns a value as text. The items of a list are separated by spaces.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

/// Returns what distinguishes an address from the others of its kind: its part, or its name if the parts are equal.
fn disambiguator<'a>(address: &'a Address, all: &[(&Address, String)]) -> &'a str {
    match all.iter().filter(|(other, _)| other.part() == address.part()).count() {
        1 => address.part(),
        _ => address.as_str().rsplit('/').next().unwrap_or_default(),
    }
}
