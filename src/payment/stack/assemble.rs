//! Assembles the graph of a stack from its environments, the links between them and the routing.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::environment::{self, Environment};
use super::facts::MigrationFacts;
use super::parts::Parts;
use super::{fallback, link, link_service, monitoring, replication, routing, storage_replication};
use infra_config::{Config, Strategy};
use infra_core::graph::{Graph, GraphError};

/// The stack that a configuration describes.
#[derive(Clone, Debug)]
pub struct Stack {
    /// All resources, with their dependencies.
    pub graph: Graph,
    /// Typed handles to the resources that replication, traffic shifts and the cutover work with.
    pub parts: Parts,
}

/// Builds the graph of all resources that the configuration describes, and returns handles to its parts.
///
/// # Errors
/// When the parts do not fit together, which is a bug in this program and not in the configuration.
pub fn assemble(config: &Config) -> Result<Stack, GraphError> {
    let graph = build(config)?;
    let parts = Parts::find(graph.nodes().iter().map(|(address, node)| (address, node.kind.name())));
    Ok(Stack { graph, parts })
}

/// Builds the graph of all resources that the configuration describes, as it is before a migration.
///
/// # Errors
/// When the parts do not fit together, which is a bug in this program and not in the configuration.
pub fn build(config: &Config) -> Result<Graph, GraphError> {
    build_with(config, &MigrationFacts::default())
}

/// Builds the graph of all resources that the configuration describes, given what is known of the migration.
///
/// # Errors
/// When the parts do not fit together, which is a bug in this program and not in the configuration.
pub fn build_with(config: &Config, facts: &MigrationFacts) -> Result<Graph, GraphError> {
    let mut graph = Graph::default();
    let mut environments: BTreeMap<&str, Environment> = BTreeMap::new();
    for environment in &config.environments {
        let built = environment::add(&mut Builder::new(&mut graph, config, facts, environment));
        environments.insert(&environment.name, built);
    }
    for environment in &config.environments {
        let mut builder = Builder::new(&mut graph, config, facts, environment);
        let own = &environments[environment.name.as_str()];
        let mut replication = None;
        if let Some((link, from)) = environment
            .replicates
            .database
            .as_ref()
            .filter(|_| !facts.is_finished)
            .and_then(|link| Some((link, environments.get(link.from_environment.as_str())?)))
        {
            let with_link_service = config.strategy() == Some(Strategy::ComputeFirst) && own.config.name == "target";
            let ready = link::add(&mut builder, own, from, with_link_service);
            let known = facts.replication(&environment.name);
            replication = replication::add(&mut builder, own, from, link, known, ready.replication.clone());
            if let Some(replication) = &replication {
                fallback::add(&mut builder, &replication.base, &replication.target_endpoint, known.measured);
                if with_link_service {
                    link_service::add(&mut builder, own, from, &ready, &replication.base.source_secret());
                }
            }
        }
        if let Some((link, from)) = environment
            .replicates
            .bucket
            .as_ref()
            .and_then(|link| Some((link, environments.get(link.from_environment.as_str())?)))
        {
            storage_replication::add(&mut builder, own, from, link);
        }
        monitoring::add(&mut builder, &own.databases, &own.service, replication.as_ref());
    }
    if let (Some(routing), Some(target)) = (&config.routing, environments.get("target")) {
        routing::add(&mut graph, config, routing, facts, environments.get("source"), target);
    }
    graph.finish()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use infra_base::address::Address;
    use infra_config::{Overrides, Side, load};

    use super::*;

    /// The builders and the lookup of parts share one layout of addresses.
    #[test]
    fn every_part_of_a_stack_is_in_its_graph() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/migration.toml");
        let config = load(Some(&config), &Overrides::default()).expect("a configuration");
        let Stack { graph, parts } = assemble(&config).expect("a graph");
        assert_eq!((parts.routing.records.len(), parts.routing.health_checks.len()), (2, 2));
        assert_eq!((parts.services.len(), parts.databases.len(), parts.replications.len()), (2, 2, 1));
        let in_graph = |address: &Address| assert!(graph.get(address).is_some(), "{address}");
        for service in &parts.services {
            in_graph(service.cluster.address());
            in_graph(service.service.address());
            in_graph(service.load_balancer.address());
            in_graph(service.target_group.address());
            in_graph(service.fence.address());
            if service.side == Side::Target {
                in_graph(service.link.service.address());
                in_graph(service.link.target_group.address());
                in_graph(service.link.rule.address());
            }
        }
        for database in &parts.databases {
            in_graph(database.instance.address());
            in_graph(database.secret.address());
        }
        for replication in &parts.replications {
            in_graph(replication.task.address());
            in_graph(replication.instance.address());
            in_graph(replication.source_endpoint.address());
            in_graph(replication.target_endpoint.address());
            for fallback in [&replication.fallback_to_source, &replication.fallback_to_target] {
                in_graph(fallback.task.address());
                in_graph(fallback.source_endpoint.address());
                in_graph(fallback.target_endpoint.address());
            }
        }
        let switch = parts.routing.switch_alarm.expect("the emergency switch");
        in_graph(switch.address());
        assert!(!parts.alarms.iter().any(|alarm| alarm.address() == switch.address()));
    }
}
