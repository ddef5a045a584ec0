//! The stacks of the tests: both layouts, in one region and in two.

use std::path::Path;

use migrate_infra::address::Address;
use migrate_infra::config::{Config, Overrides, load};
use migrate_infra::graph::Graph;
use migrate_infra::resource::{Handle, RefersTo};
use migrate_infra::resources::iam::Role;
use migrate_infra::resources::s3::{Bucket, BucketPolicyStatement};
use migrate_infra::resources::secretsmanager::{Secret, SecretPolicy};

use crate::harness::sandbox_run::Fixture;

/// The region of the target in stacks of two regions.
pub const FAR: &str = "eu-west-1";
/// The override that moves the target to its own region.
pub const TWO_REGIONS: &str = "environments.target.region=eu-west-1";
/// The default layout.
pub const PAIRED: &str = "config/migration.toml";
/// The layout in which each environment contains everything.
pub const SELF_CONTAINED: &str = "config/self-contained.toml";

/// Reads a configuration with overrides.
pub fn config(file: &str, sets: &[&str]) -> Config {
    let overrides = Overrides { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Overrides::default() };
    load(Some(Path::new(file)), &overrides).expect("the configuration is right")
}

/// Builds the graph of a configuration with overrides.
pub fn graph(file: &str, sets: &[&str]) -> Graph {
    migrate_infra::stack::build(&config(file, sets)).expect("the configuration results in a graph")
}

/// Builds a graph with a resource of every kind: a stack in two regions, and what only a stack in two accounts has.
pub fn every_kind() -> Graph {
    let mut graph = graph(PAIRED, &[TWO_REGIONS]);
    let tags = graph.get(&Address::new("source/network/vpc")).expect("a VPC").tags.clone();
    let secret = Handle::<Secret>::to(Address::new("source/database-source/secret"));
    let policy =
        SecretPolicy { secret: secret.arn(), account: "444455556666".into(), readers: vec!["role/reader".to_owned()] };
    graph.add(Address::new("source/sharing/secret-policy"), &"us-east-1".into(), &tags, &policy);
    let bucket = Handle::<Bucket>::to(Address::new("source/storage-source/bucket"));
    let role = Handle::<Role>::to(Address::new("target/storage-replication/role"));
    let statement = BucketPolicyStatement {
        bucket: bucket.ready_name(),
        sid: "Replication".to_owned(),
        account: "444455556666".into(),
        role: role.arn(),
        bucket_actions: vec!["s3:ListBucket".to_owned()],
        object_actions: vec!["s3:ReplicateObject".to_owned()],
    };
    graph.add(Address::new("source/sharing/statement"), &"us-east-1".into(), &tags, &statement);
    graph.finish().expect("a graph")
}

/// Builds the graph of the source environment alone: small enough to be killed often, and with everything that a
/// rollback handles.
pub fn source(sets: &[&str]) -> Graph {
    graph(PAIRED, sets).part(|address| address.environment() == "source", |_| None).expect("it has no dependencies")
}

/// The parts of a stack that link its environments, or that reference these links.
const LINKS: &[&str] = &["link", "link-service", "replication", "storage-replication", "dns", "monitoring"];

/// Creates the environments without their links. Returns a fixture with that world, and a graph of the chosen parts
/// that depends on it.
pub async fn links(file: &str, sets: &[&str], chosen: &[&str]) -> (Fixture, Graph) {
    let graph = graph(file, sets);
    let part = |address: &Address| chosen.contains(&address.part());
    let initial = graph.part(|address| !part(address) && !LINKS.contains(&address.part()), |_| None);
    let mut fixture = Fixture::default();
    fixture.up(&initial.expect("the environments do not depend on their links")).await.must_succeed();
    let state = fixture.state();
    let part =
        graph.part(part, |output| state.attrs(&output.of)?.get(&output.name).cloned()).expect("the environments exist");
    (Fixture { world: fixture.world, ..Fixture::default() }, part)
}
