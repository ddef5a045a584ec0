//! Validates a whole configuration.

use super::validator::Validator;
use crate::diagnostic::ConfigDiagnostic;
use crate::model::Config;
use crate::provenance::Provenance;

/// Returns all mistakes in a configuration that conforms to the schema.
pub(crate) fn validate(config: &Config, provenance: &Provenance) -> Vec<ConfigDiagnostic> {
    let mut validator = Validator::new(provenance);
    validator.stack(config);
    for environment in &config.environments {
        validator.environment(environment, &config.stack.suffix);
        validator.iam(environment);
        validator.network(environment);
        validator.database(environment);
        validator.service(environment);
        validator.replication(environment);
        validator.storage(environment);
    }
    for environment in &config.environments {
        validator.links(config, environment);
    }
    validator.credentials(config);
    validator.routing(config);
    validator.policy(config);
    validator.state(config);
    validator.drift(config);
    validator.moved(config);
    validator.notify(config);
    validator.cutover(config);
    validator.database_access(config);
    validator.gates(config);
    validator.into_diagnostics()
}
