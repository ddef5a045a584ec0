//! The effective configuration in the form of its file: every key has its value, and every environment all of its
//! sections.

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Config, RawConfig};

/// Returns the configuration in the form of its file. Loading it again gives the same configuration.
///
/// # Errors
/// The value does not have the structure of the configuration.
pub(crate) fn effective(value: &Value, config: &Config) -> Result<Value, serde_json::Error> {
    let mut raw = RawConfig::deserialize(value)?;
    for environment in &config.environments {
        let Some(own) = raw.environments.get_mut(&environment.name) else { continue };
        own.encryption = Some(environment.encryption.clone());
        own.iam = Some(environment.iam.clone());
        own.network = Some(environment.network.clone());
        own.database = Some(environment.database.clone());
        own.secrets = Some(environment.secrets.clone());
        own.storage = Some(environment.storage.clone());
        own.service = Some(environment.service.clone());
        own.replication = Some(environment.replication.clone());
        own.monitoring = Some(environment.monitoring.clone());
    }
    // A routing that was not written has no effect with one environment; a written one would be refused.
    raw.routing.enabled = config.routing.is_some();
    let mut shown = serde_json::to_value(&raw)?;
    if let Some(sections) = shown.as_object_mut() {
        sections.entry("moved").or_insert_with(|| Value::Array(Vec::new()));
    }
    Ok(shown)
}
