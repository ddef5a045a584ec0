//! An environment moves to another region, and back.

use migrate_infra::plan::plan_rollback;

use crate::lab::Lab;
use crate::stacks::{PAIRED, TWO_REGIONS, graph};

/// What puts the source into a region of its own.
const SOURCE_AWAY: &str = "environments.source.region=eu-west-1";

/// Brings everything to this configuration, to the end, and looks that nothing is left to do.
async fn moved(lab: &mut Lab, sets: &[&str]) {
    let graph = graph(PAIRED, sets);
    lab.up(&graph).await.must_succeed();
    lab.rest();
    let plan = Lab { findings: Some(crate::fields::look(lab).await.findings), ..lab.fork() }.plan(&graph, &lab.state());
    let left: Vec<_> = plan.steps.iter().filter(|step| step.action.verb() != "none").map(|step| (&step.address, &step.reason)).collect();
    assert!(left.is_empty(), "{sets:?}: a second plan is not empty: {left:?}");
    assert!(lab.state().resources.keys().all(|address| address.made_way().is_none()), "{sets:?}: something old is left");
    let needs = lab.state().resources.values().flat_map(|entry| entry.needs.clone()).collect::<Vec<_>>();
    assert!(needs.iter().all(|need| lab.state().get(&need.on).is_some()), "{sets:?}: something needs what is gone");
}

/// The role of the replication trusted DMS in the region that was left, and nothing of it had changed. The dashboard went with the old one, which has
/// its name in every region.
#[tokio::test(start_paused = true)]
async fn moving_the_target_to_another_region_never_ended() {
    let mut lab = Lab::default();
    for sets in [&[][..], &[TWO_REGIONS], &[]] {
        moved(&mut lab, sets).await;
    }
}

/// The replica of the new secret and the old secret have one name, and the old one was to go last; on the way back it is the other way round.
#[tokio::test(start_paused = true)]
async fn moving_the_source_to_another_region_never_ended() {
    let mut lab = Lab::default();
    for sets in [&[][..], &[SOURCE_AWAY], &[]] {
        moved(&mut lab, sets).await;
    }
}

/// What could not go back stayed beside the old one, and a rollback said that all was as it was.
#[tokio::test(start_paused = true)]
async fn a_rollback_of_half_a_move_called_what_stays_twice_as_it_was() {
    let mut ground = Lab::default();
    ground.up(&graph(PAIRED, &[])).await.must_succeed();
    ground.rest();
    let away = graph(PAIRED, &[TWO_REGIONS]);
    let mut told = 0;
    for point in (100..).step_by(61) {
        let Some(lab) = ground.killed(&away, crate::lab::Way::Up, point).await else { break };
        let rollback = plan_rollback(&lab.state(), &[], &|_| true);
        let beside = rollback.lost.iter().filter(|(_, why)| why.contains("beside it"));
        told += beside.clone().count();
        for (address, why) in beside {
            let both = lab.state().resources.keys().any(|old| old.made_way().as_ref() == Some(address)) && lab.state().get(address).is_some();
            assert!(both, "killed at {point}: {address}: {why}");
        }
        assert!(rollback.kept.iter().all(|(address, _)| !lab.state().undo.set_aside.values().any(|base| base == address)), "killed at {point}");
    }
    assert!(told > 0);
}
