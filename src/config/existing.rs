//! A configuration of what exists, for a stack whose file is missing or broken.

use std::collections::BTreeMap;

use infra_base::address::Region;
use serde_json::json;

use crate::diagnostic::ConfigError;
use crate::model::{Config, RawConfig};
use crate::provenance::Provenance;
use crate::resolve::resolve;

/// Returns a configuration that names the stack and the regions of its environments, and nothing else: no resources, no
/// protection, no commands, no accounts. It only serves to delete what the state contains.
///
/// # Errors
/// The name of an environment cannot be part of a configuration.
pub fn of_existing(name: &str, suffix: &str, environments: &BTreeMap<String, Region>) -> Result<Config, ConfigError> {
    let mut value = serde_json::to_value(RawConfig::default()).unwrap_or_default();
    value["stack"] = json!({ "name": name, "suffix": suffix });
    value["tags"] = json!({});
    value["routing"]["enabled"] = json!(false);
    let environment = |region: &Region| json!({ "region": region.0, "databases": [], "buckets": [] });
    value["environments"] =
        environments.iter().map(|(name, region)| (name.clone(), environment(region))).collect::<serde_json::Value>();
    let (config, diagnostics) =
        resolve(&value, &Provenance::without_file()).map_err(|mistake| ConfigError::Mistakes(vec![mistake]))?;
    match diagnostics.is_empty() {
        true => Ok(Config { is_from_state: true, ..config }),
        false => Err(ConfigError::Mistakes(diagnostics)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_without_a_file_is_its_name_and_its_regions() {
        let environments = BTreeMap::from([
            ("source".to_owned(), Region::from("eu-west-1")),
            ("target".to_owned(), Region::from("us-east-1")),
        ]);
        let config = of_existing("shop", "prod", &environments).unwrap();
        assert!(config.is_from_state);
        assert_eq!(config.stack.id(), "shop/prod");
        let regions: Vec<&str> = config.environments.iter().map(|one| one.region.as_str()).collect();
        assert_eq!(regions, ["eu-west-1", "us-east-1"]);
        assert!(config.routing.is_none() && config.resources.is_empty() && config.moved.is_empty());
        assert!(config.environments.iter().all(|one| one.databases.is_empty() && !one.protect));
        for name in ["source", "target", "other"] {
            let one = BTreeMap::from([(name.to_owned(), Region::from("us-east-1"))]);
            assert_eq!(of_existing("shop", "prod", &one).unwrap().environments.len(), 1);
        }
    }
}
