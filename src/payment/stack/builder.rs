//! Adds the resources of one environment to the graph.

use std::collections::BTreeMap;

use infra_base::address::{Address, Region};
use infra_config::naming::Names;
use infra_config::{Config, EnvironmentConfig};
use infra_core::graph::Graph;
use infra_core::resource::{Handle, Resource};

/// Adds the resources of one environment to the graph.
pub(super) struct Builder<'a> {
    graph: &'a mut Graph,
    pub(super) config: &'a EnvironmentConfig,
    pub(super) names: Names,
    tags: BTreeMap<String, String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: &'a mut Graph, config: &'a Config, environment: &'a EnvironmentConfig) -> Self {
        let names = Names::new(&environment.name, &config.stack.suffix);
        let tags = tags(config, &names);
        Self { graph, config: environment, names, tags }
    }

    /// Adds a resource to this environment, in the region of the environment.
    pub(super) fn add<R: Resource>(&mut self, part: &str, name: &str, spec: &R) -> Handle<R> {
        self.add_in(&self.config.region.clone(), part, name, spec)
    }

    /// Adds a resource of this environment in another region, for example the far end of a peering.
    pub(super) fn add_in<R: Resource>(&mut self, region: &Region, part: &str, name: &str, spec: &R) -> Handle<R> {
        let address = Address::of(&self.config.name, part, name);
        self.graph.add(address, region, &self.tags, spec)
    }
}

/// Returns the tags of an environment's resources.
pub(super) fn tags(config: &Config, names: &Names) -> BTreeMap<String, String> {
    let mut tags = config.tags.clone();
    tags.insert("Environment".to_owned(), names.environment_tag());
    tags
}
