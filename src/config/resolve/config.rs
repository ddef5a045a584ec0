//! Resolves the file to a [`Config`].

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::gates::gates;
use crate::diagnostic::ConfigDiagnostic;
use crate::model::{
    Config, Credentials, EnvironmentConfig, RawConfig, RawEnvironment, RawLink, ReplicationLink, ReplicationLinks,
    Routing,
};
use crate::provenance::{Part, Provenance};

/// Returns the configuration, and the mistakes that were found while resolving it.
///
/// # Errors
/// The value does not have the structure of the configuration.
pub(crate) fn resolve(
    value: &Value,
    provenance: &Provenance,
) -> Result<(Config, Vec<ConfigDiagnostic>), ConfigDiagnostic> {
    let raw = RawConfig::deserialize(value)
        .map_err(|error| provenance.diagnostic(&[], error.to_string(), None, Part::Value))?;
    let mut diagnostics = Vec::new();
    let mut environments = Vec::new();
    for (name, environment) in &raw.environments {
        let path = |key: &str| vec!["environments".to_owned(), name.clone(), key.to_owned()];
        let Ok(vpc_cidr) = environment.vpc_cidr.parse() else {
            let message = format!("`{}` is not an IPv4 address range", environment.vpc_cidr);
            diagnostics.push(provenance.diagnostic(
                &path("vpc_cidr"),
                message,
                Some("for example 10.0.0.0/16".to_owned()),
                Part::Value,
            ));
            continue;
        };
        environments.push(EnvironmentConfig {
            name: name.clone(),
            region: environment.region.as_str().into(),
            credentials: Credentials {
                profile: environment.profile.clone(),
                assume_role: environment.assume_role.clone(),
            },
            vpc_cidr,
            protect: environment.protect,
            databases: environment.databases.clone(),
            buckets: environment.buckets.clone(),
            replicates: links(name, environment),
            encryption: section(value, name, "encryption", provenance)?,
            iam: section(value, name, "iam", provenance)?,
            network: section(value, name, "network", provenance)?,
            database: section(value, name, "database", provenance)?,
            secrets: section(value, name, "secrets", provenance)?,
            storage: section(value, name, "storage", provenance)?,
            service: section(value, name, "service", provenance)?,
            replication: section(value, name, "replication", provenance)?,
            monitoring: section(value, name, "monitoring", provenance)?,
        });
    }
    // With only one environment, there is nothing to route between. If the file contains `[routing]`, the validation
    // reports the missing environment.
    let both = ["source", "target"].iter().all(|name| raw.environments.contains_key(*name));
    let written = provenance.has(&["routing".to_owned()]);
    let routing = (raw.routing.enabled && (both || written)).then(|| as_route_53_has_it(raw.routing));
    let gates = gates(&raw.gates, &environments, provenance, &mut diagnostics);
    let RawConfig { stack, tags, databases, cutover, policy, state, drift, notify, moved, accounts, resources, .. } =
        raw;
    let config = Config {
        stack,
        tags,
        environments,
        routing,
        databases,
        cutover,
        gates,
        policy,
        state,
        drift,
        notify,
        moved,
        accounts,
        resources,
        is_from_state: false,
    };
    Ok((config, diagnostics))
}

/// "Route 53 treats the names as lower case", and "treats www.example.com (without a trailing dot) and
/// www.example.com. (with a trailing dot) as identical" ("DNS domain name format"). What it would change is no drift.
fn as_route_53_has_it(routing: Routing) -> Routing {
    let zone_name = routing.zone_name.strip_suffix('.').unwrap_or(&routing.zone_name).to_ascii_lowercase();
    Routing { zone_name, record: routing.record.to_ascii_lowercase(), ..routing }
}

/// Returns the replications of an environment. A source without an environment is in the same environment.
fn links(name: &str, environment: &RawEnvironment) -> ReplicationLinks {
    let link = |raw: &RawLink| {
        let (from_environment, from) = raw.from.split_once('/').unwrap_or((name, &raw.from));
        ReplicationLink { from_environment: from_environment.to_owned(), from: from.to_owned(), to: raw.to.clone() }
    };
    let replicates = environment.replicates.clone().unwrap_or_default();
    ReplicationLinks { database: replicates.database.as_ref().map(link), bucket: replicates.bucket.as_ref().map(link) }
}

/// Returns the section of an environment: the global keys, overridden by the keys of the environment.
fn section<T: DeserializeOwned + Default>(
    value: &Value,
    environment: &str,
    name: &str,
    provenance: &Provenance,
) -> Result<T, ConfigDiagnostic> {
    let mut merged = value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let own = value.pointer(&format!("/environments/{environment}/{name}")).and_then(Value::as_object);
    merged.extend(own.cloned().unwrap_or_default());
    T::deserialize(Value::Object(merged))
        .map_err(|error| provenance.diagnostic(&[name.to_owned()], error.to_string(), None, Part::Value))
}
