//! Whole cutovers in the sandbox: to the end, back when a gate fails, killed at every point, and as a user sees them.

use std::time::Duration;

use migrate_infra::config::Config;
use migrate_infra::engine::Context;
use migrate_infra::fuse::Fuse;
use migrate_infra::migration::drive::{Drive, Hooks, Person};
use migrate_infra::migration::record::{Record as Report, Who};
use migrate_infra::migration::replicate;
use migrate_infra::migration::saved::Saved;
use migrate_infra::migration::scene::Scene;
use migrate_infra::migration::schedule::{Input, Outcome, Progress, Schedule};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::script::Script;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::Place;
use crate::lab::Lab;
use crate::lane::Lane;
use crate::stacks::{PAIRED, config};
use crate::traffic::{routed, weights};

/// Both environments, and the replication at work.
async fn replicating() -> Lab {
    let mut lab = routed().await;
    replicate_in(&mut lab).await;
    lab
}

async fn replicate_in(lab: &mut Lab) {
    let (done, _) = lab
        .act(Fuse::default(), Faults::default(), async |context: Context| {
            let scene = context.journal.read(Scene::of);
            replicate::start(&context, &scene.replications[0], false, true).await
        })
        .await;
    let started = done.expect("it was not killed").expect("it starts");
    assert_eq!((started.standing.status.as_str(), started.standing.full_load_percent), ("running", 100));
}

/// A cutover in few steps.
fn quick(sets: &[&str]) -> Config {
    config(PAIRED, &[&["cutover.steps=[40,100]", "cutover.bake_seconds=60"], sets].concat())
}

/// Carries out a cutover, or goes on with one; a person says what is in `asked`.
async fn cut_over(context: Context, config: &Config, asked: Vec<Input>) -> Outcome {
    let schedule = Schedule::of(config).expect("there is routing");
    let state = context.journal.read(Clone::clone);
    let before = Saved::of(&state);
    let first = Saved::first(before.as_ref());
    let begun = || {
        let who = Who { user: "me".into(), host: "here".into() };
        let report = Report::new("cutover-1", "test", who, "2026-01-01T00:00:00Z", schedule.clone());
        Saved { began: context.cloud.unix_now(), progress: Progress::new(), report }
    };
    let mut saved = before.filter(|_| first != Input::Started).unwrap_or_else(begun);
    let scene = Scene::of(&state);
    let drive = Drive {
        context,
        region: "us-east-1".into(),
        place: scene.place.clone().expect("there is routing"),
        schedule,
        gates: config.gates.clone(),
        scene,
        hooks: Hooks {
            quiesce: config.cutover.quiesce_command.clone(),
            release: config.cutover.release_command.clone(),
            timeout: Duration::from_secs(10),
        },
        person: Person::Nobody,
        approved: None,
    };
    let (inputs, answers) = mpsc::unbounded_channel();
    for input in asked {
        inputs.send(input).expect("it listens");
    }
    drive.run(&mut saved, first, answers).await.expect("it can be written down")
}

async fn run(lab: &mut Lab, config: &Config) -> Outcome {
    let (done, _) = lab.act(Fuse::default(), Faults::default(), async |context| cut_over(context, config, Vec::new()).await).await;
    done.expect("it was not killed")
}

fn scripted(lab: &mut Lab, script: &str) {
    lab.world.play(Script::parse(script, "script.toml").expect("it is right"));
}

fn saved(lab: &Lab) -> Saved {
    Saved::of(&lab.state()).expect("a cutover")
}

#[tokio::test(start_paused = true)]
async fn all_traffic_is_shifted_when_the_gates_hold() {
    let mut lab = replicating().await;
    assert_eq!(run(&mut lab, &quick(&[])).await, Outcome::Completed);
    assert_eq!(weights(&lab), (0, 100));
    let saved = saved(&lab);
    let changes: Vec<_> = saved.report.changes.iter().map(|change| (change.from.percent(), change.to.percent())).collect();
    assert_eq!(changes, [(0, 40), (40, 100)]);
    assert!(saved.report.to_markdown().contains("completed"));
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_grows_half_way_brings_all_traffic_back() {
    let mut lab = replicating().await;
    let script = "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n";
    scripted(&mut lab, script);
    let config = quick(&["cutover.bake_seconds=600"]);
    let outcome = run(&mut lab, &config).await;
    let Outcome::RolledBack { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("replication-lag") && why.contains("300"), "{why}");
    assert_eq!(weights(&lab), (100, 0));
    let page = saved(&lab).report.to_markdown();
    assert!(page.contains("rolled back") && page.contains("replication-lag"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn no_data_is_never_a_pass() {
    let mut lab = replicating().await;
    scripted(&mut lab, "[[events]]\nat_seconds = 0\nmetrics_missing = [\"AWS/DMS:*\"]\n");
    let outcome = run(&mut lab, &quick(&[])).await;
    assert!(matches!(&outcome, Outcome::RolledBack { why } if why.contains("replication-lag")), "{outcome:?}");
    assert_eq!(weights(&lab), (100, 0));
    assert!(saved(&lab).report.changes.is_empty(), "no step was made");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_there_it_ends_and_goes_on_later() {
    let mut lab = replicating().await;
    let config = quick(&["cutover.pause_at=[40]"]);
    let outcome = run(&mut lab, &config).await;
    assert!(matches!(&outcome, Outcome::Held { why } if why.contains("approve")), "{outcome:?}");
    assert_eq!(weights(&lab), (60, 40));
    let (done, _) =
        lab.act(Fuse::default(), Faults::default(), async |context| cut_over(context, &config, vec![Input::Approved("me".into())]).await).await;
    assert_eq!(done, Some(Outcome::Completed));
    assert_eq!(saved(&lab).report.approvals.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn commands_are_run_around_the_last_step() {
    let mut lab = replicating().await;
    let sets = ["cutover.quiesce_command=[\"true\"]", "cutover.release_command=[\"true\"]"];
    assert_eq!(run(&mut lab, &quick(&sets)).await, Outcome::Completed);
    let hooks: Vec<_> = saved(&lab).report.hooks.iter().map(|hook| (hook.name.clone(), hook.exit_code)).collect();
    assert_eq!(hooks, [("quiesce".to_owned(), Some(0))]);
    let mut lab = replicating().await;
    let sets = ["cutover.quiesce_command=[\"false\"]", "cutover.release_command=[\"true\"]"];
    let outcome = run(&mut lab, &quick(&sets)).await;
    assert!(matches!(&outcome, Outcome::RolledBack { why } if why.contains("quiesce")), "{outcome:?}");
    let hooks: Vec<_> = saved(&lab).report.hooks.iter().map(|hook| (hook.name.clone(), hook.exit_code)).collect();
    assert_eq!((hooks, weights(&lab)), (vec![("quiesce".to_owned(), Some(1)), ("release".to_owned(), Some(0))], (100, 0)));
}

/// Killed at any point, the same command goes on to the end; or back, when the configuration says so.
#[tokio::test(start_paused = true)]
async fn a_cutover_that_was_killed_goes_on_or_back() {
    let ground = replicating().await;
    for (on_resume, end) in [("cutover.on_resume=\"continue\"", (0, 100)), ("cutover.on_resume=\"rollback\"", (100, 0))] {
        let config = quick(&[on_resume]);
        let mut points = 0;
        for point in (1..).step_by(7) {
            let mut lab = ground.fork();
            let fuse = Fuse::blowing_at(point);
            lab.act(fuse.clone(), Faults::default(), async |context| cut_over(context, &config, Vec::new()).await).await;
            let (source, target) = weights(&lab);
            assert_eq!(source + target, 100, "killed at {point}");
            if !fuse.is_dead() {
                break;
            }
            points += 1;
            let begun = lab.state().migration.cutover.is_some();
            let ended = begun && saved(&lab).progress.outcome().is_some();
            let outcome = run(&mut lab, &config).await;
            // One that had not begun, or had ended, begins anew, and nothing is in its way.
            let end = if begun && !ended { end } else { (0, 100) };
            assert_eq!(weights(&lab), end, "killed at {point}: {outcome:?}");
        }
        assert!(points > 5, "{points}");
        crate::points::killed_at(points);
    }
}

/// Starting and stopping the replication, killed at any point.
#[tokio::test(start_paused = true)]
async fn a_replication_that_was_being_started_or_stopped_is_brought_to_an_end() {
    let ground = routed().await;
    let mut running = ground.fork();
    replicate_in(&mut running).await;
    let mut points = 0;
    for point in 1.. {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.act(fuse.clone(), Faults::default(), async |context: Context| {
            let scene = context.journal.read(Scene::of);
            replicate::start(&context, &scene.replications[0], false, true).await.is_ok()
        })
        .await;
        if !fuse.is_dead() {
            break;
        }
        points += 1;
        replicate_in(&mut lab).await;
        assert!(lab.state().migration.operations.is_empty(), "killed at {point}");
    }
    for point in 1.. {
        let mut lab = running.fork();
        let stop = async |context: Context| {
            let scene = context.journal.read(Scene::of);
            replicate::stop(&context, &scene.replications[0]).await.is_ok()
        };
        let fuse = Fuse::blowing_at(point);
        lab.act(fuse.clone(), Faults::default(), stop).await;
        if !fuse.is_dead() {
            break;
        }
        points += 1;
        let (done, _) = lab.act(Fuse::default(), Faults::default(), stop).await;
        assert_eq!(done, Some(true), "killed at {point}");
        assert!(lab.state().migration.operations.is_empty(), "killed at {point}");
        // It goes on from there.
        replicate_in(&mut lab).await;
    }
    assert!(points > 10, "{points}");
    crate::points::killed_at(points);
}

#[test]
fn a_whole_migration_as_a_user_sees_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up -y");
    let none = place.told("cutover --sandbox -y");
    assert!(none.contains("[exit 8]") && none.contains("replication"), "nothing replicates yet: {none}");
    let started = run("replication start -y");
    assert!(started.contains("it was started") && started.contains("full load 100 %"), "{started}");
    assert!(run("replication start -y").contains("it ran already"));
    let status = run("replication status");
    assert!(status.contains("public.payments") && status.contains("lag: source"), "{status}");
    let pending = place.told("replication validate --sandbox");
    assert!(pending.contains("[exit 1]") && pending.contains("it is not proved that everything has arrived"), "{pending}");
    let validated = run("replication validate --wait");
    assert!(validated.contains("public.payments: Validated") && validated.contains("no comparison of its own"), "{validated}");
    let dry = run("cutover --dry-run");
    assert!(dry.contains("replication-lag") && dry.contains("steps: 10, 20"), "{dry}");
    let done = run("cutover -y --set cutover.step_percent=50 --set cutover.bake_seconds=60");
    assert!(done.contains("done: all traffic goes to the target"), "{done}");
    let records: Vec<_> = std::fs::read_dir(place.state().join("cutovers")).expect("records").map(|file| file.expect("a file").path()).collect();
    assert!(records.iter().any(|path| path.extension().is_some_and(|ending| ending == "md")), "{records:?}");
    let runbook = run("runbook");
    assert!(runbook.contains("all traffic goes to the target") && runbook.contains("payment-migration/dev-001"), "{runbook}");
    assert!(run("traffic show").contains("100 % of the traffic"));
    run("traffic rollback -y");
    // The lag grows at 40 %.
    let script = "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n";
    std::fs::write(place.path().join("lag.toml"), script).expect("a file");
    let back = place.told("cutover -y --sandbox --sandbox-script lag.toml --record records");
    assert!(back.contains("[exit 8]") && back.contains("replication-lag") && back.contains("all traffic goes to the source"), "{back}");
    let json = std::fs::read_dir(place.path().join("records")).expect("records").map(|file| file.expect("a file").path());
    let json = json.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).expect("a record");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(json).expect("a record")).expect("it is JSON");
    assert!(
        record["result"].to_string().contains("rolled_back") && record["changes"].as_array().is_some_and(|changes| changes.len() == 5),
        "{record}"
    );
    assert!(run("traffic show").contains("0 % of the traffic"));
    assert!(run("replication stop -y").contains("stopped"));
    run("down -y");
}
