//! Adds the resources of one environment to the graph.

use std::collections::BTreeMap;

use super::facts::MigrationFacts;
use super::trust::Trust;
use infra_base::address::{AccountId, Address, Location};
use infra_config::naming::Names;
use infra_config::{Config, EnvironmentConfig};
use infra_core::graph::Graph;
use infra_core::resource::{Handle, Resource};
use infra_kinds::iam::Role;

/// Adds the resources of one environment to the graph.
pub(super) struct Builder<'a> {
    graph: &'a mut Graph,
    pub(super) config: &'a EnvironmentConfig,
    pub(super) location: Location,
    pub(super) names: Names,
    facts: &'a MigrationFacts,
    tags: BTreeMap<String, String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        graph: &'a mut Graph,
        config: &'a Config,
        facts: &'a MigrationFacts,
        environment: &'a EnvironmentConfig,
    ) -> Self {
        let names = Names::new(&environment.name, &config.stack.suffix);
        let tags = tags(config, &names);
        let location = facts.location(&environment.name, &environment.region);
        Self { graph, config: environment, location, names, facts, tags }
    }

    /// Returns the specification of a role that a service can assume.
    pub(super) fn role(&self, name: String, description: impl Into<String>, trust: Trust) -> Role {
        Role {
            name,
            description: description.into(),
            trust: vec![trust.principal],
            source_account_condition: trust.for_account,
            source_arns: trust.sources,
            path: self.config.iam.path.clone(),
            permissions_boundary: self.config.iam.boundary(),
        }
    }

    /// Returns the account of a location. `None`: it is not known yet, because no run has begun.
    pub(super) fn account_of(&self, location: &Location) -> Option<AccountId> {
        self.facts.account_of(location)
    }

    /// Adds a resource to this environment, in the region and account of the environment.
    pub(super) fn add<R: Resource>(&mut self, part: &str, name: &str, spec: &R) -> Handle<R> {
        self.add_in(&self.location.clone(), part, name, spec)
    }

    /// Adds a resource of this environment elsewhere, for example the far end of a peering.
    pub(super) fn add_in<R: Resource>(&mut self, location: &Location, part: &str, name: &str, spec: &R) -> Handle<R> {
        let address = Address::of(&self.config.name, part, name);
        self.graph.add_at(address, location, &self.tags, spec)
    }
}

/// Returns the tags of an environment's resources.
pub(super) fn tags(config: &Config, names: &Names) -> BTreeMap<String, String> {
    let mut tags = config.tags.clone();
    tags.insert("Environment".to_owned(), names.environment_tag());
    tags
}
