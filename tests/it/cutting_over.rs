//! Whole cutovers in the sandbox: to the end, back when a gate fails, killed at every point, and as a user sees them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use migrate_infra::config::Config;
use migrate_infra::engine::Context;
use migrate_infra::events::{Event, Events};
use migrate_infra::fuse::Fuse;
use migrate_infra::migration::Split;
use migrate_infra::migration::drive::{Drive, Person};
use migrate_infra::migration::gate::Verdict;
use migrate_infra::migration::hook::Hooks;
use migrate_infra::migration::record::{Record as Report, Who};
use migrate_infra::migration::replicate;
use migrate_infra::migration::saved::Saved;
use migrate_infra::migration::scene::Scene;
use migrate_infra::migration::schedule::{Input, Outcome, Phase, Progress, Quiesce, Schedule};
use migrate_infra::migration::shift::{Send, bring_back};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::script::Script;
use migrate_infra::state::{Journal, JournalError, MemoryStore};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::Place;
use crate::full_disk::Filling;
use crate::lab::{AFTER, BEFORE, Lab};
use crate::lane::Lane;
use crate::stacks::{PAIRED, config};
use crate::traffic::{routed, split, weights};

/// The replication as one starts it first: into a target that nobody uses.
const START: replicate::Wish = replicate::Wish { reload: false, may_load: true, follow: true };

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
            replicate::start(&context, &scene.replications[0], START).await
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
    let (inputs, answers) = mpsc::unbounded_channel();
    for input in asked {
        inputs.send(input).expect("it listens");
    }
    listening(context, config, answers).await.expect("it can be written down")
}

/// The same, for somebody who says something meanwhile.
async fn listening(context: Context, config: &Config, answers: mpsc::UnboundedReceiver<Input>) -> Result<Outcome, JournalError> {
    driven(context, config, (None, None), answers).await
}

/// The same, with an approval, and with what a person asks for first.
async fn driven(
    context: Context,
    config: &Config,
    (approved, wanted): (Option<(Split, String)>, Option<Input>),
    answers: mpsc::UnboundedReceiver<Input>,
) -> Result<Outcome, JournalError> {
    let schedule = Schedule::of(config).expect("there is routing");
    let state = context.journal.read(Clone::clone);
    let before = Saved::of(&state);
    let first = match (&before, wanted) {
        (Some(saved), Some(wanted)) => saved.asked(wanted),
        _ => Saved::first(before.as_ref()),
    };
    let begun = || {
        let who = Who { user: "me".into(), host: "here".into() };
        let report = Report::new("cutover-1", "test", who, "2026-01-01T00:00:00Z", schedule.clone());
        Saved { began: context.cloud.unix_now(), progress: Progress::after(before.as_ref().map(|before| &before.progress)), report }
    };
    let mut saved = before.clone().filter(|_| first != Input::Started).unwrap_or_else(begun);
    let scene = Scene::of(&state);
    let directory = tempfile::tempdir().expect("a directory");
    let drive = Drive {
        context,
        region: "us-east-1".into(),
        place: scene.place.clone().expect("there is routing"),
        schedule,
        gates: config.gates.clone(),
        scene,
        hooks: Hooks { timeout: Duration::from_secs(10), ..Hooks::of(&config.cutover, directory.path()) },
        person: Person::Nobody,
        approved,
    };
    drive.run(&mut saved, first, answers).await
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
pub async fn all_traffic_is_shifted_when_the_gates_hold() {
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
    let report = saved(&lab).report;
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_second();
    let failed = report.verdicts.iter().find(|one| one.gate == "replication-lag" && one.verdict == Verdict::Fail).expect("it has failed");
    let back = report.changes.last().expect("a change");
    let (seconds, interval) = (at(&back.at) - at(&failed.at), i64::from(config.cutover.gate_interval_seconds));
    assert!(back.to == Split::SOURCE && (0..=interval).contains(&seconds), "{seconds} s of {interval} s, all of it seen to be live");
    let page = report.to_markdown();
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

/// Somebody brings all traffic back while the first step is on its way: the cutover does not send it there again.
#[tokio::test(start_paused = true)]
async fn a_roll_back_by_hand_during_a_step_is_not_undone() {
    let mut lab = replicating().await;
    let config = quick(&[]);
    let both = async |context: Context| {
        let place = context.journal.read(|state| Scene::of(state).place).expect("there is routing");
        let by_hand = async {
            let is_sent = || context.journal.read(|state| state.migration.shift.as_ref().is_some_and(|open| open.change.is_some()));
            while !is_sent() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            bring_back(&context.looker(), &"us-east-1".into(), &place, Send::WhenNeeded).await.expect("it succeeds")
        };
        tokio::join!(cut_over(context.clone(), &config, Vec::new()), by_hand).0
    };
    let (outcome, meter) = lab.act(Fuse::default(), Faults::default(), both).await;
    let outcome = outcome.expect("it was not killed");
    assert!(matches!(&outcome, Outcome::RolledBack { why } if why.contains("something else")), "{outcome:?}");
    assert_eq!((weights(&lab), meter.by_call().get("route53:ChangeResourceRecordSets")), ((100, 0), Some(&2)), "one there, and one back by hand");
}

/// Somebody rolls back while the quiesce command runs: the weights are set before that ends, and the source is released after it.
#[tokio::test(start_paused = true)]
async fn traffic_comes_back_while_the_quiesce_command_still_runs() {
    let mut lab = replicating().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&seen);
    lab.listener = Some(Events::to(move |event| match event {
        Event::Call { call: "route53:ChangeResourceRecordSets", .. } => to.lock().unwrap().push("shifted"),
        Event::HookEnded { name, .. } => to.lock().unwrap().push(name),
        _ => {}
    }));
    let config = quick(&["cutover.quiesce_command=[\"sleep\", \"2\"]", "cutover.release_command=[\"true\"]"]);
    let act = async |context: Context| {
        let (inputs, answers) = mpsc::unbounded_channel();
        let journal = context.journal.clone();
        // A thread, because no other time passes while a command runs.
        std::thread::spawn(move || {
            let quiesces = || journal.read(Saved::of).is_some_and(|saved| saved.progress.phase == Phase::Quiescing);
            while !inputs.is_closed() && !quiesces() {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(200));
            let _ = inputs.send(Input::RollbackAsked("anna".into()));
        });
        listening(context, &config, answers).await.expect("it can be written down")
    };
    let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
    assert_eq!((done, weights(&lab)), (Some(Outcome::RolledBack { why: "anna".into() }), (100, 0)));
    assert_eq!(*seen.lock().unwrap(), ["shifted", "shifted", "quiesce", "release"]);
}

/// The journal can not be written any more while part of the traffic is on the target: it goes where `on_failure` says all the same.
#[tokio::test(start_paused = true)]
async fn traffic_comes_back_when_the_state_can_not_be_written() {
    for (on_failure, end) in [("rollback", (100, 0)), ("hold", (60, 40))] {
        let mut lab = replicating().await;
        scripted(&mut lab, "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n");
        let config = quick(&[&format!("cutover.on_failure=\"{on_failure}\""), "cutover.bake_seconds=600"]);
        let act = async |context: Context| {
            let store = Filling::new(MemoryStore::default(), usize::MAX);
            let room = store.room();
            let (journal, _writer) = Journal::start(context.journal.read(Clone::clone), Box::new(store));
            let context = Context { journal: journal.clone(), ..context };
            let breaking = async {
                while journal.read(|state| state.migration.live) != Some(40) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                room.store(0, Ordering::SeqCst);
            };
            let (_inputs, answers) = mpsc::unbounded_channel();
            tokio::join!(listening(context, &config, answers), breaking).0
        };
        let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
        let done = done.expect("it was not killed");
        assert_eq!(weights(&lab), end, "{done:?}");
        assert_eq!(matches!(done, Ok(Outcome::RolledBack { .. })), on_failure == "rollback", "{done:?}");
        assert_eq!(done.is_err(), on_failure == "hold", "{done:?}");
    }
}

/// The lock is lost while part of the traffic is on the target.
#[tokio::test(start_paused = true)]
async fn traffic_comes_back_when_the_lock_is_lost() {
    for (on_failure, end) in [("rollback", (100, 0)), ("hold", (60, 40))] {
        let mut lab = replicating().await;
        let config = quick(&[&format!("cutover.on_failure=\"{on_failure}\""), "cutover.bake_seconds=600"]);
        let act = async |context: Context| {
            let (journal, cancel) = (context.journal.clone(), context.cancel.clone());
            let losing = async {
                while journal.read(|state| state.migration.live) != Some(40) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                cancel.cancel();
            };
            tokio::join!(cut_over(context, &config, Vec::new()), losing).0
        };
        let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
        let done = done.expect("it was not killed");
        assert_eq!(weights(&lab), end, "{done:?}");
        assert_eq!(matches!(done, Outcome::RolledBack { .. }), on_failure == "rollback", "{done:?}");
    }
}

/// Whatever a person asks for after a kill, in whichever phase, it comes to an end.
async fn a_request_after_a_kill_ends(lab: &Lab, config: &Config, point: u64) {
    for wanted in [Input::RollbackAsked("anna".into()), Input::AbortAsked("anna".into())] {
        let mut lab = lab.fork();
        let is_over = saved(&lab).progress.outcome().is_some_and(|outcome| !outcome.can_go_on());
        if is_over {
            continue;
        }
        let asked = (None, Some(wanted.clone()));
        let act = async |context: Context| driven(context, config, asked, mpsc::unbounded_channel().1).await;
        let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
        assert_eq!(weights(&lab), (100, 0), "killed at {point}, then {wanted:?}: {done:?}");
    }
}

/// A name that was given with the command approves the step that was waiting, and no other; a question before it does not use it up.
#[tokio::test(start_paused = true)]
async fn an_approval_is_for_the_step_at_which_it_waited() {
    let mut lab = replicating().await;
    let config = config(PAIRED, &["cutover.steps=[20,40,100]", "cutover.bake_seconds=60", "cutover.pause_at=[20,40]"]);
    assert!(matches!(run(&mut lab, &config).await, Outcome::Held { .. }));
    assert_eq!(weights(&lab), (80, 20));
    let act = async |context: Context| driven(context, &config, (Some((split(20), "anna".into())), None), mpsc::unbounded_channel().1).await;
    let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
    assert!(matches!(done, Some(Ok(Outcome::Held { .. }))), "{done:?}");
    assert_eq!((weights(&lab), saved(&lab).report.approvals.len()), ((60, 40), 1));
}

/// Killed at any point, the same command goes on to the end; or back, when the configuration says so. In two halves, for two processors.
#[tokio::test(start_paused = true)]
async fn a_cutover_that_was_killed_goes_on_or_back_first_half() {
    killed_cutovers(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_cutover_that_was_killed_goes_on_or_back_second_half() {
    killed_cutovers(2).await;
}

async fn killed_cutovers(first: u64) {
    let ground = replicating().await;
    for (on_resume, end) in [("cutover.on_resume=\"continue\"", (0, 100)), ("cutover.on_resume=\"rollback\"", (100, 0))] {
        let config = quick(&[on_resume]);
        let mut points = 0;
        for point in (first..).step_by(2) {
            let mut lab = ground.fork();
            let fuse = Fuse::blowing_at(point);
            lab.act(fuse.clone(), Faults::default(), async |context| cut_over(context, &config, Vec::new()).await).await;
            let (source, target) = weights(&lab);
            assert_eq!(source + target, 100, "killed at {point}");
            if !fuse.is_dead() {
                break;
            }
            points += 1;
            if point % 5 == 1 && lab.state().migration.cutover.is_some() {
                a_request_after_a_kill_ends(&lab, &config, point).await;
            }
            let begun = lab.state().migration.cutover.is_some();
            let ended = begun && saved(&lab).progress.outcome().is_some();
            let outcome = run(&mut lab, &config).await;
            // One that had not begun, or had ended, begins anew, and nothing is in its way.
            let end = if begun && !ended { end } else { (0, 100) };
            assert_eq!(weights(&lab), end, "killed at {point}: {outcome:?}");
            assert_eq!(lab.state().migration.shift, None, "killed at {point}: a shift that nobody saw to be live");
        }
        assert!(points > 5, "{points}");
        crate::points::killed_at(points);
    }
}

/// Killed at any point around the last step, with commands there: in the end the source takes writes when traffic is there.
#[tokio::test(start_paused = true)]
async fn a_cutover_that_was_killed_around_its_commands_releases_the_source() {
    let ground = replicating().await;
    let sets = ["cutover.steps=[100]", "cutover.bake_seconds=60", "cutover.quiesce_command=[\"true\"]", "cutover.release_command=[\"true\"]"];
    let config = config(PAIRED, &sets);
    for fails in [false, true] {
        let mut points = 0;
        for point in 1.. {
            let mut lab = ground.fork();
            if fails {
                scripted(&mut lab, "[[events]]\ntraffic_percent = 100\nenvironment = \"target\"\nlag_seconds = 300\n");
            }
            let fuse = Fuse::blowing_at(point);
            lab.act(fuse.clone(), Faults::default(), async |context| cut_over(context, &config, Vec::new()).await).await;
            if !fuse.is_dead() {
                break;
            }
            points += 1;
            let outcome = run(&mut lab, &config).await;
            let end = if fails { (100, 0) } else { (0, 100) };
            assert_eq!(weights(&lab), end, "killed at {point}: {outcome:?}");
            if !fails {
                let act = async |context: Context| {
                    driven(context, &config, (None, Some(Input::RollbackAsked("anna".into()))), mpsc::unbounded_channel().1).await
                };
                let (done, _) = lab.act(Fuse::default(), Faults::default(), act).await;
                assert!(matches!(done, Some(Ok(Outcome::RolledBack { .. }))), "killed at {point}: {done:?}");
            }
            let saved = saved(&lab);
            assert_eq!((weights(&lab), saved.progress.quiesce), ((100, 0), Quiesce::NotRun), "killed at {point}");
            // One that begins anew after the end fails before it comes to the commands: the lag is still there.
            let last = saved.report.hooks.last().map(|hook| hook.name.as_str());
            assert!(last == Some("release") || (fails && last.is_none()), "killed at {point}: {last:?}");
        }
        assert!(points > 10, "{points}");
        crate::points::killed_at(points);
    }
}

/// Whoever shifts traffic to a source whose writes are stopped is told so, and the next cutover and a roll-back remember it.
#[test]
fn a_source_whose_writes_were_stopped_got_traffic_without_a_word() {
    let place = Place::new();
    let log = place.path().join("hooks");
    let script = place.path().join("hook.sh");
    std::fs::write(&script, format!("echo $1 >> {}\n", log.display())).expect("a file");
    let hook = |name: &str| format!("--set cutover.{name}_command=[\"sh\",\"{}\",\"{name}\"]", script.display());
    let sets = format!("{} {} --set cutover.steps=[100] --set cutover.bake_seconds=60", hook("quiesce"), hook("release"));
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, &format!("{arguments} {sets}"));
    let told = |arguments: &str| place.told(&format!("{arguments} --sandbox {sets}"));
    let hooks = || std::fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    run("up -y");
    run("replication start -y");
    run("replication validate --wait");
    run("cutover -y");
    let refused = told("traffic shift --to 50 -y");
    assert!(refused.contains("[exit 3]") && refused.contains("whose writes are stopped") && refused.contains("traffic rollback"), "{refused}");
    run("cutover -y");
    let back = run("traffic rollback -y");
    assert!(back.contains("replication goes one way"), "{back}");
    assert_eq!(hooks(), ["quiesce", "release"]);
    let zone = told("traffic show");
    let zone = zone.split_whitespace().find(|word| word.starts_with('Z')).expect("the zone");
    let unread = told(&format!("traffic rollback --zone-id {zone} -y"));
    assert!(unread.contains("[exit 0]") && unread.contains("run the release command by hand"), "{unread}");
}

#[tokio::test(start_paused = true)]
pub async fn a_replication_that_runs_is_stopped_and_resumed() {
    let mut lab = replicating().await;
    let stop = async |context: Context| {
        let scene = context.journal.read(Scene::of);
        replicate::stop(&context, &scene.replications[0]).await.expect("it stops")
    };
    let (stopped, _) = lab.act(Fuse::default(), Faults::default(), stop).await;
    assert_eq!(stopped, Some(true));
    replicate_in(&mut lab).await;
}

/// Every sort of answer that is lost, at every mutating call of starting, stopping and a whole cutover.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_changes_nothing_of_how_it_ends() {
    let (ground, running) = (routed().await, replicating().await);
    let config = quick(&[]);
    for fault in BEFORE.iter().chain(&AFTER) {
        for nth in 1.. {
            let faults = Faults::aimed(nth, fault.clone());
            let mut lab = ground.fork();
            let start = async |context: Context| {
                let scene = context.journal.read(Scene::of);
                replicate::start(&context, &scene.replications[0], START).await.is_ok()
            };
            let (started, _) = lab.act(Fuse::default(), faults.clone(), start).await;
            if !faults.has_struck() {
                break;
            }
            if started != Some(true) {
                replicate_in(&mut lab).await;
            }
            assert!(lab.state().migration.operations.is_empty(), "{fault:?} at {nth}");
        }
        for nth in 1.. {
            let faults = Faults::aimed(nth, fault.clone());
            let mut lab = running.fork();
            let act = async |context: Context| cut_over(context, &config, Vec::new()).await;
            let (outcome, _) = lab.act(Fuse::default(), faults.clone(), act).await;
            assert_eq!((outcome, weights(&lab)), (Some(Outcome::Completed), (0, 100)), "{fault:?} at {nth}");
            if !faults.has_struck() {
                assert!(nth > 1, "nothing was struck");
                break;
            }
        }
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
            replicate::start(&context, &scene.replications[0], START).await.is_ok()
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
    let up = run("up -y");
    assert!(up.contains("migrate-infra replication start"), "{up}");
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
    let ready = run("runbook");
    for phase in ["full load 100 %)", "DMS found 3 of 3 tables to be the same)", "source: 2 healthy, 0 not; target: 2 healthy, 0 not)"] {
        assert!(ready.lines().any(|line| line.starts_with("- [x] done (") && line.ends_with(phase)), "{phase}: {ready}");
    }
    assert!(!run("runbook --offline").contains("full load 100 %"));
    let quick = "--set cutover.step_percent=50 --set cutover.bake_seconds=60";
    let hooks = r#"--set cutover.quiesce_command=["true"] --set cutover.release_command=["true"]"#;
    let nothing = place.told("cutover --approve -y --sandbox");
    assert!(nothing.contains("[exit 3]") && nothing.contains("no cutover under way"), "{nothing}");
    let again = place.told("replication start --reload -y --sandbox");
    assert!(again.contains("[exit 3]") && again.contains("it runs, so nothing is loaded again"), "{again}");
    let held = place.told(&format!("cutover -y --sandbox --pause-at 50 {quick} {hooks}"));
    assert!(held.contains("[exit 9]") && held.contains("cutover --approve"), "{held}");
    assert!(run("status").contains("the cutover is held at 50 %"));
    // The target is in use: it keeps its tables and gets its changes, and only who approves goes on.
    for (command, why) in [("start --reload", "50 % of the traffic goes to the target"), ("stop", "which would get no changes any more")] {
        let refused = place.told(&format!("replication {command} -y --sandbox"));
        assert!(refused.contains("[exit 3]") && refused.contains(why), "{refused}");
    }
    let still = place.told(&format!("cutover -y --sandbox {quick} {hooks}"));
    assert!(still.contains("[exit 9]") && still.contains("cutover --approve"), "{still}");
    let done = run(&format!("cutover --approve -y {quick} {hooks}"));
    assert!(done.contains("done: all traffic goes to the target"), "{done}");
    // The one that was refused has a record too: the names tell which is the last.
    let records = std::fs::read_dir(place.state().join("cutovers")).expect("records").map(|file| file.expect("a file").path());
    let page = records.filter(|path| path.extension().is_some_and(|ending| ending == "md")).max().expect("a page");
    let runbook = run("runbook");
    assert!(runbook.contains("all traffic goes to the target") && runbook.contains("payment-migration/dev-001"), "{runbook}");
    assert!(run("traffic show").contains("100 % of the traffic"));
    // The source takes no writes any more: it is released, and the record knows of it.
    run(&format!("traffic rollback -y {hooks}"));
    assert!(run("runbook").contains("- [ ] done (0 % of the traffic goes to the target)"));
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains(": rolled back") && page.contains("| release | 0 |") && page.contains("Traffic to the target now: 0 %"), "{page}");
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
    let stale = place.told("replication validate --sandbox");
    assert!(stale.contains("[exit 1]") && stale.contains("carries no changes over"), "{stale}");
    run("down -y");
}

/// A cutover that waits for a person hears what another process asks, and says nothing to one that asks when nobody runs.
#[test]
fn a_cutover_that_waits_hears_what_is_asked_elsewhere() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up -y");
    run("replication start -y");
    run("replication validate --wait");
    for (request, ends) in [("--abort", 8), ("--approve", 0)] {
        let arguments = "cutover -y --wait --sandbox --set cutover.pause_at=[50] --set cutover.step_percent=50 --set cutover.bake_seconds=60";
        let mut child = place.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("may it go on?")), "it ended before it asked");
        let reading = std::thread::spawn(move || lines.count());
        let asked = place.told(&format!("cutover {request} --sandbox"));
        assert!(asked.contains("[exit 0]") && asked.contains("was asked to"), "{asked}");
        assert_eq!(child.wait().expect("it ends").code(), Some(ends), "{request}");
        reading.join().expect("it was read");
    }
    run("down -y");
}
