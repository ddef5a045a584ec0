//! Fences: one call closes an environment to clients, or opens it; nothing else changes them.

use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::fence::set_position;
use migrate_infra::migration::topology::{Service, Topology};
use migrate_infra::resources::elbv2::fence_position::FencePosition;
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::elbv2::Condition;

use crate::cutover::traffic::routed;
use crate::harness::backend::Backend;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture};
use crate::harness::stacks::{PAIRED, graph};
use crate::harness::workspace::{Workspace, edit_world};

fn source(fixture: &Fixture) -> Service {
    Topology::of(&fixture.state()).service(Side::Source).expect("a service").clone()
}

async fn moved(context: Context, to: FencePosition) -> bool {
    let service = context.journal.read(|state| Topology::of(state).service(Side::Source).cloned()).expect("a service");
    let fence = service.fence.clone().expect("a fence");
    set_position(&context, &service, &fence, to).await.is_ok()
}

/// Returns whether the fence of the source matches every path.
fn is_closed(fixture: &Fixture) -> bool {
    let fence = source(fixture).fence.expect("a fence");
    let rule = &fixture.world.regions["us-east-1"].elbv2.rules[&fence];
    rule.conditions == [Condition::PathPattern(vec!["*".to_owned()])]
}

#[tokio::test(start_paused = true)]
pub async fn up_and_drift_leave_a_closed_fence_closed() {
    let mut fixture = routed().await;
    assert!(!is_closed(&fixture));
    let (done, calls) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            moved(context, FencePosition::Closed).await
        })
        .await;
    assert_eq!((done, calls.mutations()), (Some(true), 1));
    assert!(is_closed(&fixture) && fixture.state().migration.operations.is_empty());
    let again = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            moved(context, FencePosition::Closed).await
        })
        .await;
    assert_eq!((again.0, again.1.mutations()), (Some(true), 0));
    let findings = crate::kinds::every_input::look(&fixture).await.drift;
    assert!(findings.is_empty(), "{findings:?}");
    fixture.up(&graph(PAIRED, &["tags.Team=other"])).await.must_succeed();
    assert!(is_closed(&fixture), "the tags of the rule changed, and nothing else");
    fixture.down().await.must_succeed();
    assert!(fixture.world.regions["us-east-1"].elbv2.rules.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_next_command_completes_a_fence_that_was_killed_or_had_no_answer() {
    let initial = routed().await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture
            .with_context(crash_points.clone(), Faults::default(), async |context| {
                moved(context, FencePosition::Closed).await
            })
            .await;
        for (to, closed) in [(FencePosition::Closed, true), (FencePosition::Open, false)] {
            let (done, _) = fixture
                .with_context(CrashPoints::default(), Faults::default(), async |context| moved(context, to).await)
                .await;
            assert_eq!((done, is_closed(&fixture)), (Some(true), closed), "killed at {point}");
            assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
        }
    }
    assert!(matrix.points() > 2, "{}", matrix.points());
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut fixture = initial.fork();
        let faults = Faults::at_call(1, fault.clone());
        let (done, _) = fixture
            .with_context(CrashPoints::default(), faults.clone(), async |context| {
                moved(context, FencePosition::Closed).await
            })
            .await;
        assert_eq!((done, is_closed(&fixture)), (Some(true), true), "{fault:?}");
        assert!(faults.was_injected() && fixture.state().migration.operations.is_empty());
    }
}

#[test]
fn the_fence_commands() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let before = workspace.transcript("traffic fence source --sandbox -y");
    assert!(before.contains("[exit 3]") && before.contains("no fence of the source"), "{before}");
    run("up -y");
    assert!(!run("traffic show").contains("fence"));
    let done = run("traffic fence source -y");
    assert!(done.contains("done: the fence of the source is closed") && done.contains("traffic unfence"), "{done}");
    assert!(run("traffic fence source -y").contains("nothing to do"));
    assert!(run("traffic show").contains("its fence is closed: clients get 503"));
    let json: serde_json::Value = serde_json::from_str(run("traffic show --output json").trim()).expect("it is JSON");
    assert_eq!(json["environments"]["source"]["fence"], "closed");
    assert_eq!(json["environments"]["target"]["fence"], "open");
    assert!(run("drift").contains("no drift") && run("plan").contains("there is nothing to do"));
    assert!(run("traffic unfence source -y").contains("done: the fence of the source is open"));
    // Conditions that the tool never sets are drift, and `up` opens the fence.
    edit_world(&workspace, |world| {
        let rules = world["regions"]["us-east-1"]["elbv2"]["rules"].as_object_mut().expect("rules");
        rules.values_mut().for_each(|rule| rule["conditions"] = serde_json::json!([{ "PathPattern": ["/pay"] }]));
    });
    assert!(run("traffic show").contains("its fence was changed outside of this tool"));
    let drift = workspace.transcript("drift --sandbox");
    assert!(drift.contains("source/service/fence") && drift.contains("[exit 4]"), "{drift}");
    run("up -y");
    assert!(run("drift").contains("no drift") && !run("traffic show").contains("fence"));
}
