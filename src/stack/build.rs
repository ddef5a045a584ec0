//! Puts the parts of every environment, the links between them and the routing together to one graph.

use std::collections::BTreeMap;

use super::environment::{self, Environment};
use super::{link, monitoring, replication, routing, storage_replication};
use crate::address::{Address, Region};
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

impl<'a> Builder<'a> {
    fn new(graph: &'a mut Graph, config: &'a Config, environment: &'a EnvironmentConfig) -> Self {
        let names = Names::new(&environment.name, &config.stack.suffix);
        let tags = tags(config, &names);
        Self { graph, config: environment, names, tags }
    }

    /// Adds a resource of this environment.
    pub(super) fn add<R: Resource>(&mut self, part: &str, name: &str, spec: &R) -> Handle<R> {
        self.add_in(&self.config.region.clone(), part, name, spec)
    }

    /// Adds a resource of this environment that lives in another region: the other end of a link.
    pub(super) fn add_in<R: Resource>(&mut self, region: &Region, part: &str, name: &str, spec: &R) -> Handle<R> {
        let address = Address::of(&self.config.name, part, name);
        self.graph.add(address, region, &self.tags, spec)
    }
}

/// The tags of an environment.
pub(super) fn tags(config: &Config, names: &Names) -> BTreeMap<String, String> {
    let mut tags = config.tags.clone();
    tags.insert("Environment".to_owned(), names.environment_tag());
    tags
}

/// Builds the graph of everything that the configuration describes.
///
/// # Errors
/// When the parts do not fit together, which is a fault of this program, not of the configuration.
pub fn build(config: &Config) -> Result<Graph, GraphError> {
    let mut graph = Graph::default();
    let mut built: BTreeMap<&str, Environment> = BTreeMap::new();
    for environment in &config.environments {
        let made = environment::add(&mut Builder::new(&mut graph, config, environment));
        built.insert(&environment.name, made);
    }
    for environment in &config.environments {
        let mut builder = Builder::new(&mut graph, config, environment);
        let own = &built[environment.name.as_str()];
        let mut replicating = None;
        if let Some((link, from)) = environment.replicates.database.as_ref().and_then(|link| Some((link, built.get(link.from_environment.as_str())?)))
        {
            let ways = link::add(&mut builder, own, from);
            replicating = replication::add(&mut builder, own, from, link, ways);
        }
        if let Some((link, from)) = environment.replicates.bucket.as_ref().and_then(|link| Some((link, built.get(link.from_environment.as_str())?))) {
            storage_replication::add(&mut builder, own, from, link);
        }
        monitoring::add(&mut builder, &own.databases, &own.service, replicating.as_ref());
    }
    if let (Some(routing), Some(target)) = (&config.routing, built.get("target")) {
        routing::add(&mut graph, config, routing, built.get("source"), target);
    }
    graph.finish()
}
