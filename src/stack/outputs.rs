//! What a user wants to know of a stack that exists.

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

/// Kind, attribute, and the name of the output. Where an environment can hold several of a kind, the last segment of the
/// address tells them apart.
const OUTPUTS: &[(&str, &str, &str)] = &[
    ("ec2.vpc", "vpc_id", "vpc_id"),
    ("elbv2.load_balancer", "dns_name", "load_balancer_dns_name"),
    ("ecs.cluster", "name", "cluster_name"),
    ("rds.db_instance", "endpoint_address", "database_endpoint"),
    ("secretsmanager.secret", "arn", "database_secret_arn"),
    ("s3.bucket", "name", "bucket_name"),
    ("cloudwatch.dashboard", "url", "dashboard_url"),
];

/// Returns the outputs of everything that exists, by environment.
pub fn outputs(state: &State) -> Vec<Output> {
    let mut found = Vec::new();
    for (address, entry) in &state.resources {
        for (_, attribute, name) in OUTPUTS.iter().filter(|(kind, ..)| *kind == entry.kind) {
            let value = entry.attrs.as_ref().and_then(|attrs| attrs.get(*attribute));
            let Some(value) = value.and_then(Value::as_str) else { continue };
            let several =
                state.resources.iter().filter(|(other, one)| one.kind == entry.kind && other.environment() == address.environment()).count() > 1;
            let name = if several { format!("{name}.{}", address.part()) } else { (*name).to_owned() };
            found.push(Output { environment: address.environment().to_owned(), name, value: value.to_owned(), address: address.clone() });
        }
    }
    found.sort_by(|one, other| (&one.environment, &one.name).cmp(&(&other.environment, &other.name)));
    found
}
