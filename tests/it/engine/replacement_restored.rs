//! Resources that are replaced or removed from the configuration: how they are deleted, and how they are restored when
//! the change is reverted.

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{PlanOptions, plan_rollback, plan_with};
use migrate_infra::resources::KINDS;

use crate::harness::backend::Backend;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{PAIRED, graph, source};
use crate::harness::workspace::Workspace;

const INSTANCE: &str = "source/database-source/instance";

#[tokio::test(start_paused = true)]
async fn a_replaced_database_gets_the_configured_final_snapshot() {
    let mut fixture = Fixture::default();
    fixture.up(&source(&[])).await.must_succeed();
    fixture.replaced = INSTANCE.to_owned();
    fixture.up(&source(&["database.username=other", "database.final_snapshot=true"])).await.must_succeed();
    assert!(
        fixture.world.inventory().iter().any(|id| id.contains(" db snapshot ")),
        "{:#?}",
        fixture.world.inventory()
    );
}

/// Regression: after a kill between the retirement of the old resource and the creation of the new one, the same
/// command restored the old one and reported that there was nothing to do.
#[tokio::test(start_paused = true)]
async fn the_same_command_completes_an_interrupted_replacement() {
    let graph = source(&[]);
    let instance = Address::new(INSTANCE);
    for (address, id) in
        [(&instance, "resource_id"), (&Address::new("source/network/public-1-routes"), "route_table_id")]
    {
        let mut initial = Fixture::default();
        initial.up(&graph).await.must_succeed();
        initial.advance_a_day();
        let before = initial.attrs(address.as_str())[id].clone();
        assert!(before.is_string(), "{address} has no {id}");
        initial.replaced = address.to_string();
        let mut between = 0;
        let mut matrix = Matrix::complete(1, 1);
        while let Some((point, crash_points)) = matrix.arm() {
            let Some(mut fixture) = initial.killed(&graph, RunKind::Up, crash_points).await else { continue };
            let state = fixture.state();
            if state.get(&address.retired(0)).is_none() || state.get(address).is_some() {
                continue;
            }
            between += 1;
            fixture.up(&graph).await.must_succeed();
            assert_ne!(fixture.attrs(address.as_str())[id], before, "{address} killed at {point}");
        }
        assert!(between > 0, "{address}");
    }
}

/// The old service was deleted first, and the new one was not created.
#[tokio::test(start_paused = true)]
async fn a_rollback_reports_what_a_delete_first_replacement_destroyed() {
    let (before, after) = (source(&[]), source(&["service.port=9090"]));
    let mut initial = Fixture::default();
    initial.up(&before).await.must_succeed();
    initial.advance_a_day();
    let service = Address::new("source/service/service");
    let mut between = 0;
    let mut matrix = Matrix::complete(1, 7);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(&after, RunKind::Up, crash_points).await else { continue };
        let state = fixture.state();
        if state.get(&service.retired(0)).is_some() || state.get(&service).is_some() {
            continue;
        }
        between += 1;
        let rollback = plan_rollback(KINDS, &state, &[], &|_| true);
        let lost: Vec<&Address> = rollback.lost.iter().map(|(address, _)| address).collect();
        assert!(lost.contains(&&service), "killed at {point}: {lost:?}");
        if between % 2 == 1 {
            fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await.must_succeed();
            fixture.up(&before).await.must_succeed();
            assert!(fixture.state().attrs(&service).is_some());
        }
    }
    assert!(between > 0);
}

/// Regression: the replacement existed already, or was begun, and a third resource was created.
#[tokio::test(start_paused = true)]
async fn reverting_a_started_replacement_restores_the_original() {
    for (file_sets, address, id) in [
        (&["environments.source.vpc_cidr=10.7.0.0/16"], "source/network/vpc", "vpc_id"),
        (&["routing.zone_name=renamed.internal"], "routing/dns/zone", "zone_id"),
    ] {
        let parts = |graph: Graph| {
            graph.part(|address| address.environment() == "source" || file_sets[0].starts_with("routing"), |_| None)
        };
        let (before, after) =
            (parts(graph(PAIRED, &[])).expect("whole"), parts(graph(PAIRED, file_sets)).expect("whole"));
        let address = Address::new(address);
        let mut initial = Fixture::default();
        initial.up(&before).await.must_succeed();
        initial.advance_a_day();
        let (first, count) = (initial.attrs(address.as_str())[id].clone(), initial.stable_inventory().len());
        assert!(first.is_string(), "{address} has no {id}");
        let mut both = 0;
        let mut matrix = Matrix::complete(1, 31);
        while let Some((point, crash_points)) = matrix.arm() {
            let Some(mut fixture) = initial.killed(&after, RunKind::Up, crash_points).await else { continue };
            let state = fixture.state();
            if state.get(&address.retired(0)).is_none_or(|old| old.open.is_some()) || state.get(&address).is_none() {
                continue;
            }
            both += 1;
            // The revert is interrupted, too, and resumes.
            fixture.run(&before, RunKind::Up, CrashPoints::crashing_at(1 + point % 31)).await;
            fixture.up(&before).await.must_succeed();
            fixture.advance_a_day();
            assert_eq!(fixture.attrs(address.as_str())[id], first, "{address} killed at {point}");
            assert_eq!(
                fixture.stable_inventory().len(),
                count,
                "{address} killed at {point}: {:#?}",
                fixture.world.inventory()
            );
            let plan = fixture.plan(&before, &fixture.state());
            assert!(!plan.changes_something(), "{address} killed at {point}");
        }
        assert!(both > 1, "{address}: {both}");
    }
}

/// The target replicates from the database of the source, which the configuration no longer contains.
#[tokio::test(start_paused = true)]
async fn an_up_of_one_environment_keeps_what_another_one_uses() {
    let graph = graph(PAIRED, &[]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    let stays =
        |address: &Address| address.environment() == "source" && ["network", "security"].contains(&address.part());
    let without = graph.part(stays, |_| None).expect("it needs nothing else");
    let options = PlanOptions::of(KINDS, &|environment: &str| environment == "source");
    let plan = plan_with(&without, &fixture.state(), &options).expect("nothing is missing");
    let uses: Vec<String> = plan.external_users.uses.iter().map(|(used, user)| format!("{user} uses {used}")).collect();
    assert!(
        uses.iter().any(|uses| uses.starts_with("target/replication/") && uses.contains("source/database-source/")),
        "{uses:?}"
    );
    let everything =
        plan_with(&without, &fixture.state(), &PlanOptions::of(KINDS, &|_| true)).expect("nothing is missing");
    assert!(everything.external_users.uses.is_empty(), "{:?}", everything.external_users);
}

#[test]
fn deletion_protection_of_a_replaced_resource_can_be_turned_off() {
    let workspace = Workspace::new();
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox -y"));
    Backend::Sandbox.succeed(&workspace, "up --env source -y --set database.deletion_protection=true");
    let replace = format!("up --env source --set database.username=other --replace {INSTANCE}");
    let refused = transcript(&format!("{replace} --set database.deletion_protection=true"));
    assert!(
        refused.contains("[exit 3]")
            && refused.contains("deletion_protection = false")
            && refused.contains("nothing was changed"),
        "{refused}"
    );
    let replaced = transcript(&format!("{replace} --set database.deletion_protection=false"));
    assert!(replaced.contains("[exit 0]"), "{replaced}");
}

#[test]
fn the_hint_for_a_removed_protected_database_works() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source -y --set database.deletion_protection=true");
    let file = workspace.path().join("config/migration.toml");
    let whole = std::fs::read_to_string(&file).expect("the configuration");
    let (before, rest) = whole.split_once("[environments.target.replicates.database]").expect("it is replicated");
    let (_, after) = rest.split_once("to = \"target\"").expect("to the target");
    std::fs::write(&file, format!("{before}{after}")).expect("the configuration");
    workspace.edit("databases = [\"source\"]", "databases = []");
    let without = std::fs::read_to_string(&file).expect("the configuration");
    for command in ["up --env source", "down"] {
        let refused = workspace.transcript(&format!("{command} --sandbox -y"));
        assert!(
            refused.contains("[exit 3]")
                && refused.contains("restore it in the configuration")
                && refused.contains("nothing was changed"),
            "{refused}"
        );
    }
    // The hint works.
    std::fs::write(&file, whole).expect("the configuration");
    Backend::Sandbox.succeed(&workspace, "up --env source -y");
    std::fs::write(&file, without).expect("the configuration");
    Backend::Sandbox.succeed(&workspace, "up --env source -y --delete source/*");
    assert!(!Backend::Sandbox.succeed(&workspace, "state list").contains(&Address::new(INSTANCE).to_string()));
}

#[test]
fn a_rollback_applies_the_configured_deletion_protection() {
    let workspace = Workspace::new();
    // Another stack has the name of a log group, so that the first `up` of this one fails.
    Backend::Sandbox.succeed(&workspace, "up --env source -y --target source/service/logs --set stack.name=other");
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox -y"));
    let failed = transcript("up --env source --skip-preflight --set database.deletion_protection=true");
    assert!(failed.contains("[exit 1]"), "{failed}");
    let stuck = transcript("rollback --set database.deletion_protection=true");
    assert!(stuck.contains("[exit 5]") && stuck.contains("deletion_protection = false"), "{stuck}");
    let undone = transcript("rollback --set database.deletion_protection=false");
    assert!(undone.contains("[exit 0]"), "{undone}");
}
