//! An environment moves to another region, and back.

use migrate_infra::plan::plan_rollback;
use migrate_infra::resources::KINDS;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph};

/// The override that moves the source to another region.
const SOURCE_AWAY: &str = "environments.source.region=eu-west-1";

/// Applies a configuration completely, and checks that nothing is left to do.
async fn moved(fixture: &mut Fixture, sets: &[&str]) {
    let graph = graph(PAIRED, sets);
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    let plan = Fixture { drift: Some(crate::kinds::every_input::look(fixture).await.drift), ..fixture.fork() }
        .plan(&graph, &fixture.state());
    let left: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.action.verb() != "none")
        .map(|step| (&step.address, &step.reason))
        .collect();
    assert!(left.is_empty(), "{sets:?}: a second plan is not empty: {left:?}");
    assert!(
        fixture.state().resources.keys().all(|address| address.retired_from().is_none()),
        "{sets:?}: a retired resource is left"
    );
    let needs = fixture.state().resources.values().flat_map(|entry| entry.needs.clone()).collect::<Vec<_>>();
    assert!(
        needs.iter().all(|need| fixture.state().get(&need.on).is_some()),
        "{sets:?}: a dependency no longer exists"
    );
}

/// Regression: the role of the replication trusted DMS in the previous region, and was not changed. The dashboard was
/// deleted with the old one, which has the same name in every region.
#[tokio::test(start_paused = true)]
async fn the_target_moves_to_another_region_and_back() {
    let mut fixture = Fixture::default();
    for sets in [&[][..], &[TWO_REGIONS], &[]] {
        moved(&mut fixture, sets).await;
    }
}

/// Regression: the replica of the new secret and the old secret have the same name, and the old one was deleted last;
/// on the way back it is the other way round.
#[tokio::test(start_paused = true)]
async fn the_source_moves_to_another_region_and_back() {
    let mut fixture = Fixture::default();
    for sets in [&[][..], &[SOURCE_AWAY], &[]] {
        moved(&mut fixture, sets).await;
    }
}

/// Regression: a resource that could not be undone stayed next to the old one, and a rollback reported success.
#[tokio::test(start_paused = true)]
async fn a_rollback_of_an_incomplete_move_reports_what_exists_twice() {
    let mut initial = Fixture::default();
    initial.up(&graph(PAIRED, &[])).await.must_succeed();
    initial.advance_a_day();
    let away = graph(PAIRED, &[TWO_REGIONS]);
    let mut reported = 0;
    let mut matrix = Matrix::complete(100, 61);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(fixture) = initial.killed(&away, crate::harness::sandbox_run::RunKind::Up, crash_points).await else {
            continue;
        };
        let rollback = plan_rollback(KINDS, &fixture.state(), &[], &|_| true);
        let beside = rollback.lost.iter().filter(|(_, why)| why.contains("the old one remains"));
        reported += beside.clone().count();
        for (address, why) in beside {
            let both = fixture.state().resources.keys().any(|old| old.retired_from().as_ref() == Some(address))
                && fixture.state().get(address).is_some();
            assert!(both, "killed at {point}: {address}: {why}");
        }
        assert!(
            rollback.kept.iter().all(|(address, _)| !fixture.state().undo.retired.values().any(|base| base == address)),
            "killed at {point}"
        );
    }
    assert!(reported > 0);
}
