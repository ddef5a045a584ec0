//! The stacks that tests of whole systems use: both layouts, in one region and in two.

use std::path::Path;

use migrate_infra::address::Address;
use migrate_infra::config::{Config, Overrides, load};
use migrate_infra::graph::Graph;

use crate::lab::Lab;

/// The region of the target in stacks of two regions.
pub const FAR: &str = "eu-west-1";
/// What puts the target into a region of its own.
pub const TWO_REGIONS: &str = "environments.target.region=eu-west-1";
/// The default layout.
pub const PAIRED: &str = "config/migration.toml";
/// The layout in which each environment holds everything.
pub const SELF_CONTAINED: &str = "config/self-contained.toml";

/// Reads a configuration with overrides.
pub fn config(file: &str, sets: &[&str]) -> Config {
    let overrides = Overrides { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Overrides::default() };
    load(Some(Path::new(file)), &overrides).expect("the configuration is right")
}

/// Builds the graph of a configuration with overrides.
pub fn graph(file: &str, sets: &[&str]) -> Graph {
    migrate_infra::stack::build(&config(file, sets)).expect("the configuration makes a graph")
}

/// The source of the default layout by itself: small enough to be killed often, and with everything that a roll-back has to do with.
pub fn source(sets: &[&str]) -> Graph {
    graph(PAIRED, sets).part(|address| address.environment() == "source", |_| None).expect("it stands by itself")
}

/// Parts of a stack that link its environments, or refer to what does.
const LINKS: &[&str] = &["link", "replication", "storage-replication", "dns", "monitoring"];

/// Brings the environments up without their links. Returns that world, and the chosen parts as a graph of their own upon it.
pub async fn links(file: &str, sets: &[&str], chosen: &[&str]) -> (Lab, Graph) {
    let graph = graph(file, sets);
    let part = |address: &Address| chosen.contains(&address.part());
    let ground = graph.part(|address| !part(address) && !LINKS.contains(&address.part()), |_| None);
    let mut lab = Lab::default();
    lab.up(&ground.expect("the environments need nothing of their links")).await.must_succeed();
    let state = lab.state();
    let part = graph.part(part, |output| state.attrs(&output.of)?.get(&output.name).cloned()).expect("the ground is there");
    (Lab { world: lab.world, ..Lab::default() }, part)
}
