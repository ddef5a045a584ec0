//! Gates of whole cutovers: which side is unhealthy, how much traffic arrives, and what a rollback does when AWS fails.

use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::cutover::{Input, Outcome, VerdictChange};
use migrate_infra::migration::gate::Verdict;
use migrate_infra::migration::topology::Topology;
use migrate_infra::migration::{fence, scale_in};
use migrate_infra::resources::autoscaling::scale_in::ScaleIn;
use migrate_infra::resources::elbv2::fence_position::FencePosition;
use migrate_infra::sandbox::Faults;
use tokio::sync::mpsc;

use crate::cutover::emergency::answers;
use crate::cutover::traffic::weights;
use crate::cutover::whole_cutover::{driven, quick, replicating, run, saved, scripted};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;

/// The text of the events of a script, from the moment at which the target has 40 %.
fn at_40(effects: &str) -> String {
    format!("[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\n{effects}\n")
}

fn held(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Held { why } => why,
        other => panic!("{other:?}"),
    }
}

fn rolled_back(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::RolledBack { why } => why,
        other => panic!("{other:?}"),
    }
}

/// Returns whether scale-in is suspended, by service: the target has two.
fn suspended(fixture: &Fixture) -> Vec<bool> {
    let targets = fixture.world.regions.values().flat_map(|region| region.autoscaling.targets.values());
    targets.map(|target| target.suspended.scale_in).collect()
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_source_keeps_the_traffic_where_it_is() {
    for effects in ["unhealthy_targets = { source = 2 }", "error_percent = { source = 20 }"] {
        let mut fixture = replicating().await;
        scripted(&mut fixture, &at_40(effects));
        let outcome = run(&mut fixture, &quick(&["cutover.bake_seconds=600"])).await;
        assert!(held(&outcome).contains("the source is not healthy, so no traffic is sent to it"), "{outcome:?}");
        assert_eq!(weights(&fixture), (60, 40));
        assert_eq!(suspended(&fixture), [true; 3], "the cutover can be resumed");
    }
}

/// The target is slow, and the source does not work, but no gate measures that: the rollback looks itself.
#[tokio::test(start_paused = true)]
async fn a_rollback_looks_whether_the_source_is_healthy_now() {
    let off = ["healthy-targets", "error-rate", "alarms"].map(|gate| format!("gates.{gate}.enabled=false"));
    let [targets, errors, alarms] = &off;
    let config = quick(&["cutover.bake_seconds=600", targets, errors, alarms]);
    for (source, end) in [("", (100, 0)), ("\nunhealthy_targets = { source = 2 }", (60, 40))] {
        let mut fixture = replicating().await;
        scripted(&mut fixture, &at_40(&format!("latency_seconds = {{ target = 3 }}{source}")));
        let outcome = run(&mut fixture, &config).await;
        assert_eq!(weights(&fixture), end, "{outcome:?}");
        match end {
            (100, 0) => assert!(rolled_back(&outcome).contains("latency"), "{outcome:?}"),
            _ => assert!(held(&outcome).contains("source: no target is healthy"), "{outcome:?}"),
        }
    }
}

/// The fence of the source is closed, so clients would get 503 there.
#[tokio::test(start_paused = true)]
async fn no_rollback_leads_to_a_closed_fence() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, &at_40("error_percent = { target = 20 }"));
    let config = quick(&["cutover.bake_seconds=600"]);
    let act = async |context: Context| {
        let source =
            context.journal.read(|state| Topology::of(state).service(Side::Source).cloned()).expect("a service");
        let closing = async {
            while context.journal.read(|state| state.migration.live) != Some(40) {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            let fence = source.fence.clone().expect("a fence");
            fence::set_position(&context, &source, &fence, FencePosition::Closed).await.expect("it closes")
        };
        let cutover = driven(context.clone(), &config, (None, None), mpsc::unbounded_channel().1);
        tokio::join!(cutover, closing).0
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    let outcome = done.expect("it was not killed").expect("it can be written down");
    assert!(held(&outcome).contains("source: its fence is closed"), "{outcome:?}");
    assert_eq!(weights(&fixture), (60, 40));
    let blamed = |one: &VerdictChange| {
        one.gate == "error-rate" && one.text.starts_with("source") && one.verdict == Verdict::Fail
    };
    assert!(!saved(&fixture).report.verdicts.iter().any(blamed), "503 of a fence is no error");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_clearly_worse_than_the_source_fails_below_the_limit() {
    let sets = ["cutover.bake_seconds=600", "gates.error-rate.below=10"];
    for (effects, fails) in
        [("error_percent = { target = 4 }", true), ("error_percent = { source = 4, target = 4 }", false)]
    {
        let mut fixture = replicating().await;
        scripted(&mut fixture, &at_40(effects));
        let outcome = run(&mut fixture, &quick(&sets)).await;
        match fails {
            true => assert!(rolled_back(&outcome).contains("percentage points more"), "{outcome:?}"),
            false => assert_eq!(outcome, Outcome::Completed),
        }
    }
}

/// The latency of 99 % of the requests, as counts of slow requests.
#[tokio::test(start_paused = true)]
async fn slow_requests_are_counted() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, &at_40("latency_seconds = { target = 3 }"));
    let outcome = run(&mut fixture, &quick(&["cutover.bake_seconds=600"])).await;
    assert!(rolled_back(&outcome).contains("take more than 2 s"), "{outcome:?}");
}

/// Nobody resolves the zone: only health checkers reach the load balancers. No step is taken.
#[tokio::test(start_paused = true)]
async fn a_zone_that_nobody_resolves_is_detected_before_the_first_step() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, "requests_per_minute = 0\n");
    let sets = ["gates.error-rate.enabled=false", "gates.latency.enabled=false"];
    let outcome = run(&mut fixture, &quick(&sets)).await;
    assert!(held(&outcome).contains("do clients resolve this zone?"), "{outcome:?}");
    assert_eq!((weights(&fixture), saved(&fixture).report.changes.len()), ((100, 0), 0));
}

/// With few requests, the default gates wait, and ask.
#[tokio::test(start_paused = true)]
async fn too_few_requests_are_no_pass() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, "requests_per_minute = 40\n");
    let config = quick(&["gates.error-rate.min_requests=90", "gates.traffic-share.min_requests=90"]);
    let outcome = run(&mut fixture, &config).await;
    assert!(held(&outcome).contains("requests"), "{outcome:?}");
    assert_eq!(weights(&fixture), (60, 40), "enough for the first step, and too few at the target: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_table_counts_while_the_target_has_traffic() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, &at_40("table_errors = [\"public.payments\"]"));
    let outcome = run(&mut fixture, &quick(&["cutover.bake_seconds=600"])).await;
    assert!(rolled_back(&outcome).contains("DMS has suspended it"), "{outcome:?}");
    assert_eq!(weights(&fixture), (100, 0));
}

/// Route 53's control plane fails for half an hour: the switch takes the target out, and the weights follow later.
#[tokio::test(start_paused = true)]
async fn a_rollback_uses_the_emergency_switch_and_never_gives_up() {
    let mut fixture = replicating().await;
    let script = format!(
        "{}{}",
        at_40("error_percent = { target = 20 }\nfor_seconds = 3600"),
        at_40("calls_fail = { \"route53:ChangeResourceRecordSets\" = \"ServiceUnavailable\" }\nfor_seconds = 1800"),
    );
    scripted(&mut fixture, &script);
    let outcome = run(&mut fixture, &quick(&["cutover.bake_seconds=600"])).await;
    assert!(rolled_back(&outcome).contains("error-rate"), "{outcome:?}");
    assert_eq!((weights(&fixture), answers(&fixture)), ((100, 0), vec!["source".to_owned()]));
    let saved = saved(&fixture);
    assert!(saved.progress.taken_out);
    let notes: Vec<&str> = saved.report.notes.iter().map(|note| note.text.as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("the emergency switch has taken the target out")), "{notes:#?}");
    assert!(notes.iter().filter(|note| note.contains("is tried again")).count() > 3, "{notes:#?}");
    assert_eq!(suspended(&fixture), [false; 3]);
}

#[tokio::test(start_paused = true)]
async fn scale_in_is_suspended_until_the_cutover_ends() {
    let mut fixture = replicating().await;
    assert_eq!(suspended(&fixture), [false; 3]);
    let config = quick(&["cutover.pause_at=[40]"]);
    assert!(matches!(run(&mut fixture, &config).await, Outcome::Held { .. }));
    assert_eq!(suspended(&fixture), [true; 3]);
    let findings = crate::kinds::every_input::look(&fixture).await.drift;
    assert!(findings.is_empty(), "{findings:?}");
    let act = async |context: Context| {
        let approved = Some((crate::cutover::traffic::split(40), "anna".into()));
        driven(context, &config, (approved, None), mpsc::unbounded_channel().1).await
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    assert!(matches!(done, Some(Ok(Outcome::Completed))), "{done:?}");
    assert_eq!(suspended(&fixture), [false; 3]);
    let mut fixture = replicating().await;
    assert!(matches!(run(&mut fixture, &config).await, Outcome::Held { .. }));
    let act = async |context: Context| {
        let wanted = Some(Input::RollbackRequested("anna".into()));
        driven(context, &config, (None, wanted), mpsc::unbounded_channel().1).await
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    assert!(matches!(done, Some(Ok(Outcome::RolledBack { .. }))), "{done:?}");
    assert_eq!((suspended(&fixture), weights(&fixture)), (vec![false; 3], (100, 0)));
}

#[tokio::test(start_paused = true)]
async fn the_next_command_completes_a_suspension_that_was_killed() {
    let initial = replicating().await;
    let set = async |context: Context, to: ScaleIn| {
        let service =
            context.journal.read(|state| Topology::of(state).service(Side::Target).cloned()).expect("a service");
        scale_in::set_position(&context, &service, to).await.is_ok()
    };
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        let act = async |context: Context| set(context, ScaleIn::Suspended).await;
        fixture.with_context(crash_points.clone(), Faults::default(), act).await;
        for (to, count) in [(ScaleIn::Suspended, 2), (ScaleIn::Allowed, 0)] {
            let act = async |context: Context| set(context, to).await;
            let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
            let found = suspended(&fixture).into_iter().filter(|is_suspended| *is_suspended).count();
            assert_eq!((done, found), (Some(true), count), "killed at {point}");
            assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
        }
    }
    assert!(matrix.points() > 2, "{}", matrix.points());
}
