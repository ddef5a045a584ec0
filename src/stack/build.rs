//! Puts the parts of every environment together to one graph.

use std::collections::BTreeMap;

use super::{database, monitoring, network, security, service, storage};
use crate::address::Address;
use crate::config::{Config, EnvironmentConfig};
use crate::graph::{Graph, GraphError};
use crate::naming::Names;
use crate::resource::{Handle, Resource};

/// Adds the resources of one environment to the graph.
pub(super) struct Builder<'a> {
    graph: &'a mut Graph,
    pub(super) config: &'a EnvironmentConfig,
    pub(super) names: Names,
    tags: BTreeMap<String, String>,
}

impl Builder<'_> {
    /// Adds a resource of this environment.
    pub(super) fn add<R: Resource>(&mut self, part: &str, name: &str, spec: &R) -> Handle<R> {
        let address = Address::of(&self.config.name, part, name);
        self.graph.add(address, &self.config.region, &self.tags, spec)
    }
}

/// Builds the graph of everything that the configuration describes.
///
/// # Errors
/// When the parts do not fit together, which is a fault of this program, not of the configuration.
pub fn build(config: &Config) -> Result<Graph, GraphError> {
    let mut graph = Graph::default();
    for environment in &config.environments {
        let names = Names::new(&environment.name, &config.stack.suffix);
        let mut tags = config.tags.clone();
        tags.insert("Environment".to_owned(), names.environment_tag());
        let mut builder = Builder { graph: &mut graph, config: environment, names, tags };
        let network = network::add(&mut builder);
        let groups = security::add(&mut builder, &network);
        let databases = database::add(&mut builder, &network, &groups);
        let buckets = storage::add(&mut builder);
        let service = service::add(&mut builder, &network, &groups, &databases, &buckets);
        monitoring::add(&mut builder, &databases, &service);
    }
    graph.finish()
}
