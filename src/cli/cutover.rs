//! `cutover`: the gated sequence that sends all traffic to the target, step by step, and back when something fails.

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::sync::mpsc;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::{CutoverReporter, Keys, duration};
use super::request::{Letterbox, Request};
use super::run::{line, say};
use super::session::{self, Session};
use super::{down, traffic, whole};
use crate::config::Config;
use crate::engine::Context;
use crate::events::Event;
use crate::migration::Split;
use crate::migration::drive::{Drive, Person};
use crate::migration::hook::{Hook, Hooks, ended};
use crate::migration::measure::Measure;
use crate::migration::record::{Record as Report, Who};
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::{Input, Outcome, Progress, Schedule};
use crate::state::{Found, State};

/// Shifts traffic from the source to the target, step by step, behind gates.
///
/// Before, during and after each step all gates of `[gates]` are judged. When one fails, traffic goes back to the source by itself, or
/// stays where it is, as `[cutover]` says; no data is never a pass. It can be killed at any moment: the same command goes on from there. What
/// happened is written to a record for the change ticket, as JSON and as a page.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra cutover --dry-run\n  migrate-infra cutover -y --pause-at 50\n  migrate-infra cutover --approve\n  migrate-infra cutover --abort"
)]
pub struct CutoverArgs {
    /// Wait for a person after this step, besides those of the configuration; can be repeated.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    pause_at: Vec<u8>,
    /// Approve that it goes on from the step at which it waits.
    #[arg(long, group = "request")]
    approve: bool,
    /// Let the cutover that runs elsewhere pause before its next step.
    #[arg(long, group = "request")]
    pause: bool,
    /// Let the cutover that was paused or failed, and runs elsewhere, go on.
    #[arg(long = "continue", group = "request")]
    go_on: bool,
    /// End it; `cutover.on_abort` says what happens to the traffic.
    #[arg(long, group = "request")]
    abort: bool,
    /// End it and send all traffic to the source.
    #[arg(long, group = "request")]
    rollback: bool,
    /// Without a terminal: wait for `cutover --approve` and its like from elsewhere, instead of ending where a person has to decide.
    #[arg(long)]
    wait: bool,
    /// Show what would be done, and the gates as they are now.
    #[arg(long, conflicts_with = "request")]
    dry_run: bool,
    /// Directory for the record [default: `cutovers` in the directory of the state].
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

impl CutoverArgs {
    fn request(&self) -> Option<Request> {
        let all = [
            (self.approve, Request::Approve),
            (self.pause, Request::Pause),
            (self.go_on, Request::Continue),
            (self.abort, Request::Abort),
            (self.rollback, Request::Rollback),
        ];
        all.into_iter().find(|(asked, _)| *asked).map(|(_, request)| request)
    }
}

pub(super) async fn run(globals: &Globals, args: &CutoverArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let mut schedule = schedule(&config, args)?;
    let state = session::peek(globals, &config).await?;
    let scene = Scene::of(&state);
    let place = traffic::place_of(globals, &scene)?;
    let request = args.request();
    if let Some(request) = request
        && ask_elsewhere(globals, &config, request).await?
    {
        return Ok(0);
    }
    let before = Saved::of(&state);
    if let Some(saved) = before.as_ref().filter(|saved| saved.can_go_on()) {
        schedule.keep_pauses(&saved.report.schedule);
    }
    if args.dry_run {
        return show(globals, &config, &schedule, &scene, &state).await;
    }
    let first = first(globals, request, before.as_ref())?;
    let approved = approved(globals, args, &schedule, before.as_ref())?;
    if !args.yes && !matches!(request, Some(Request::Abort | Request::Rollback)) {
        say(&told(&schedule, before.as_ref()));
    }
    confirm(question(request), args.yes)?;
    let directory = args.record.clone().unwrap_or_else(|| records(globals, &config));
    let reporter = CutoverReporter::start(globals, &schedule, Keys::Cutover);
    let keys = !args.wait && reporter.has_keys();
    let session = Session::open(globals, &config, "cutover", reporter.events()).await?;
    // What was looked at before the lock may have moved on.
    let state = session.context.journal.read(Clone::clone);
    let unchanged = if Saved::of(&state) == before { Ok(()) } else { Err(moved_on(globals)) };
    let (session, ()) = session.or_close(unchanged).await?;
    let context = &session.context;
    let mut saved = match (before, &first) {
        (Some(saved), input) if *input != Input::Started => saved,
        (before, _) => {
            // One that was killed before its record was a file is kept, too.
            let usual = records(globals, &config);
            let is_kept = |saved: &Saved| [&directory, &usual].iter().any(|place| place.join(format!("{}.json", saved.report.id)).exists());
            if let Some(before) = before.filter(|before| !is_kept(before))
                && let Err(error) = write(&usual, &before.report)
            {
                let text = format!("the record of the cutover before could not be written: {error}");
                context.events.send(Event::Notice { address: None, text });
            }
            begin(&config, context, &schedule)
        }
    };
    saved.report.schedule = schedule.clone();
    let drive = Drive {
        context: context.clone(),
        region: traffic::region(&state, &config),
        place,
        schedule,
        gates: config.gates.clone(),
        scene,
        hooks: Hooks::of(&config.cutover),
        person: if keys || args.wait { Person::There } else { Person::Nobody },
        approved,
    };
    let (inputs, asked) = mpsc::unbounded_channel();
    reporter.keys(inputs.clone());
    abort_on_ctrl_c(inputs.clone());
    Letterbox::of(&session::place(globals, &config, Some(&context.cloud)).await?).listen(inputs);
    let outcome = drive.run(&mut saved, first, asked).await;
    reporter.finish();
    drop(drive);
    session.close().await;
    let written = write(&directory, &saved.report);
    match outcome {
        Ok(outcome) => end(globals, &outcome, &saved, &written),
        Err(error) => Err(CliError::from(error)
            .remains(format!("{} of the traffic goes to the target, and nobody judges the gates", saved.progress.live))
            .hint(format!("`{}` goes on once the state can be written", again(globals, "cutover", &Chosen::default())))
            .hint(format!("`{}` sends all traffic back to the source", again(globals, "traffic rollback", &Chosen::default())))),
    }
}

/// The directory for the records, unless told.
fn records(globals: &Globals, config: &Config) -> PathBuf {
    session::directory(globals, config).join("cutovers")
}

/// The step that is approved with this command, and by whom. Nothing is approved before somebody could have seen it.
fn approved(globals: &Globals, args: &CutoverArgs, schedule: &Schedule, before: Option<&Saved>) -> Result<Option<(Split, String)>, CliError> {
    let Some(saved) = before.filter(|_| args.approve) else { return Ok(None) };
    match saved.progress.waits_at(schedule) {
        Some(step) => Ok(Some((step, who()))),
        None => Err(CliError::new(Exit::Refused, format!("no step waits for an approval: it is at {}", saved.progress.live))
            .remains("nothing was changed")
            .hint(format!("`{}` goes on with it", again(globals, "cutover", &Chosen::default())))),
    }
}

fn schedule(config: &Config, args: &CutoverArgs) -> Result<Schedule, CliError> {
    let Some(mut schedule) = Schedule::of(config) else {
        return Err(CliError::new(Exit::Usage, "there is no routing in this configuration, so there is no traffic to shift")
            .remains("nothing was changed")
            .hint("write `[routing]`, `enabled = true`"));
    };
    for percent in &args.pause_at {
        let known = Split::new(*percent).filter(|split| schedule.steps.as_slice().contains(split));
        let Some(split) = known else {
            let steps = schedule.steps.as_slice().iter().map(|split| split.percent().to_string()).collect::<Vec<_>>().join(", ");
            return Err(CliError::new(Exit::Usage, format!("`--pause-at {percent}` is no step"))
                .remains("nothing was changed")
                .hint(format!("the steps are {steps}")));
        };
        schedule.pause_at.push(split);
    }
    Ok(schedule)
}

/// Sends a request to a cutover that runs elsewhere, if one does.
async fn ask_elsewhere(globals: &Globals, config: &Config, request: Request) -> Result<bool, CliError> {
    let place = session::place(globals, config, None).await?;
    let Ok(Found::Held(holder)) = place.holder().await else { return Ok(false) };
    let runs = holder.as_ref().is_none_or(|holder| holder.command == "cutover");
    if !runs {
        return Ok(false);
    }
    let sent = Letterbox::of(&place).send(request, &who(), holder.as_ref()).await;
    sent.map_err(|error| error.hint(format!("`{}` needs nobody's help", again(globals, "traffic rollback", &Chosen::default()))))?;
    down::say(globals, &format!("the cutover that is running was asked to {}", request.words()));
    Ok(true)
}

/// What the machine is told first.
fn first(globals: &Globals, request: Option<Request>, before: Option<&Saved>) -> Result<Input, CliError> {
    let open = before.filter(|saved| saved.can_go_on());
    let first = match request {
        None => Some(Saved::first(before)),
        Some(Request::Approve | Request::Continue) => open.map(|_| Saved::first(before)),
        Some(Request::Abort) => open.map(|saved| saved.asked(Input::AbortAsked(who()))),
        // Also after it is complete: the source may have to be released.
        Some(Request::Rollback) => before.filter(|saved| !saved.is_back()).map(|saved| saved.asked(Input::RollbackAsked(who()))),
        Some(Request::Pause) => None,
    };
    first.ok_or_else(|| {
        CliError::new(Exit::Refused, "there is no cutover under way")
            .remains("nothing was changed")
            .hint(format!("`{}` begins one", again(globals, "cutover", &Chosen::default())))
    })
}

fn question(request: Option<Request>) -> &'static str {
    match request {
        Some(Request::Abort) => "\nAbort the cutover?",
        Some(Request::Rollback) => "\nSend all traffic back to the source?",
        _ => "\nBegin?",
    }
}

fn moved_on(globals: &Globals) -> CliError {
    CliError::new(Exit::Refused, "somebody else has gone on with the cutover in the meantime")
        .remains("nothing was changed")
        .hint(format!("look with `{}`", again(globals, "traffic show", &Chosen::default())))
}

fn begin(config: &Config, context: &Context, schedule: &Schedule) -> Saved {
    let started = crate::clock::timestamp();
    let holder = crate::state::Holder::myself("cutover", None);
    let id = format!("cutover-{}", session::stamp());
    let who = Who { user: holder.user, host: holder.host };
    let report = Report::new(&id, &config.stack.id(), who, &started, schedule.clone());
    Saved { began: context.cloud.unix_now(), progress: Progress::new(), report }
}

/// Whoever runs this command.
fn who() -> String {
    let holder = crate::state::Holder::myself("cutover", None);
    format!("{}@{}", holder.user, holder.host)
}

/// Aborts on Ctrl-C, and ends the process on a second one, which is safe: how far it is is written down.
fn abort_on_ctrl_c(inputs: mpsc::UnboundedSender<Input>) {
    tokio::spawn(async move {
        let why = match session::wish_to_stop().await {
            // Who ended the process is not known; whose it is, is.
            "SIGTERM" => format!("SIGTERM, sent to the process of {}", who()),
            key => format!("{key} by {}", who()),
        };
        let _ = inputs.send(Input::AbortAsked(why));
        say("\naborting as `cutover.on_abort` says; Ctrl-C again ends the process at once, and the same command goes on from there");
        session::wish_to_stop().await;
        super::report::give_back_terminal();
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}

fn told(schedule: &Schedule, before: Option<&Saved>) -> String {
    let steps = schedule.steps.as_slice().iter().map(|split| split.percent().to_string()).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "steps: {steps} % of the traffic to the target, each watched for {}; about {} in all\n",
        duration(schedule.bake_seconds),
        duration(schedule.expected_seconds())
    );
    let gates = schedule.gates.iter().map(|rule| format!("  {}: {}\n", rule.gate, rule.must)).collect::<String>();
    text += &format!("gates, every {}:\n{gates}", duration(schedule.gate_interval_seconds));
    if !schedule.pause_at.is_empty() {
        let pauses = schedule.pause_at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        text += &format!("a person has to approve after: {pauses}\n");
    }
    if let Some(saved) = before.filter(|saved| saved.can_go_on()) {
        text += &format!("it goes on from {}, where it was {}\n", saved.progress.live, saved.progress.phase.as_str());
    }
    text
}

/// Shows the schedule and the gates as they are just now.
async fn show(globals: &Globals, config: &Config, schedule: &Schedule, scene: &Scene, state: &State) -> Result<u8, CliError> {
    let cloud = session::connect(globals, config).await?;
    let now = cloud.unix_now();
    let looker = super::look::looker(globals, config, cloud);
    let live = state.migration.live.and_then(Split::new).unwrap_or(Split::SOURCE);
    let (judgements, _) = Measure { looker: &looker, scene, now }.judge(&config.gates, schedule, live).await;
    if globals.output == OutputFormat::Json {
        line(&serde_json::json!({ "schedule": schedule, "gates": judgements }).to_string());
        return Ok(0);
    }
    line(told(schedule, Saved::of(state).as_ref()).trim_end());
    line("now:");
    for one in &judgements {
        line(&format!("  {:<8}  {}: {}", one.verdict.as_str(), one.gate, one.text));
    }
    Ok(0)
}

/// Writes the record as JSON and as a page; returns the names of both.
fn write(directory: &Path, report: &Report) -> std::io::Result<[PathBuf; 2]> {
    std::fs::create_dir_all(directory)?;
    let json = report.to_json().map_err(std::io::Error::other)?;
    let files = [("json", json), ("md", report.to_markdown())];
    let mut written = Vec::new();
    for (ending, text) in files {
        let path = directory.join(format!("{}.{ending}", report.id));
        whole::write(&path, &text)?;
        written.push(path);
    }
    let [json, page] = [written.remove(0), written.remove(0)];
    Ok([json, page])
}

fn end(globals: &Globals, outcome: &Outcome, saved: &Saved, written: &std::io::Result<[PathBuf; 2]>) -> Result<u8, CliError> {
    let record = match written {
        Ok([json, page]) => format!("the record is in {} and {}", page.display(), json.display()),
        Err(error) => format!("the record could not be written: {error}; it is in the state"),
    };
    let next = |verb: &str| again(globals, verb, &Chosen::default());
    let live = saved.progress.live;
    let because = |error: CliError| match outcome.why() {
        Some(why) => error.because_text(why),
        None => error,
    };
    match outcome {
        Outcome::Completed => {
            down::say(globals, &format!("done: all traffic goes to the target, and the gates held to the end; {record}"));
            if globals.output == OutputFormat::Text {
                super::report::go_on([
                    (next("watch"), "watch it for a day or two"),
                    (next("traffic rollback"), "send all traffic back to the source"),
                    (next("runbook"), "its last phase takes the source down when it is not needed any more"),
                ]);
            }
            Ok(0)
        }
        Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. } => {
            let what = format!("{outcome}: all traffic goes to the source");
            Err(because(CliError::new(Exit::RolledBack, what)).remains(record).hint(format!("`{}` begins anew", next("cutover"))))
        }
        Outcome::Held { .. } | Outcome::Aborted { .. } => {
            let error = because(CliError::new(Exit::Held, format!("{outcome}: {live} of the traffic goes to the target"))).remains(record);
            let approve = saved.report.schedule.pause_at.contains(&live).then(|| format!("`{}` approves it", next("cutover --approve")));
            let error = match approve {
                Some(hint) => error.hint(hint),
                None => error.hint(format!("`{}` goes on from there", next("cutover"))),
            };
            Err(error.hint(format!("`{}` sends all traffic back to the source", next("traffic rollback"))))
        }
        Outcome::NotReleased { error, .. } => Err(because(not_released(globals)).because_text(error).remains(record)),
        Outcome::RollbackStuck { error, .. } => {
            Err(because(CliError::new(Exit::Stuck, "traffic is not back on the source")).because_text(error).remains(record).hint(format!(
                "`{}` tries again; if Route 53's control plane is down, `{}` takes the target out without it",
                next("traffic rollback"),
                next("traffic emergency")
            )))
        }
    }
}

/// A cutover ends, or is undone, with a roll-back that was made by hand: the source is released, and the record says so.
pub(super) async fn rolled_back_by_hand(globals: &Globals, config: &Config, context: &Context) -> Result<(), CliError> {
    let Some(mut saved) = context.journal.read(Saved::of).filter(|saved| !saved.is_back()) else { return Ok(()) };
    let schedule = saved.report.schedule.clone();
    let seconds = |saved: &Saved| u64::try_from(context.cloud.unix_now() - saved.began).unwrap_or_default();
    let now = seconds(&saved);
    for input in [Input::RollbackAsked(format!("`traffic rollback` by {}", who())), Input::RollbackDone] {
        saved.take(&schedule, now, input);
    }
    context.journal.write(vec![saved.record()?]).await?;
    let hooks = Hooks::of(&config.cutover);
    while saved.progress.outcome().is_none() {
        let ran = hooks.run(Hook::Release, &context.events, Split::SOURCE).await;
        let now = seconds(&saved);
        let at = saved.at(now);
        let input = ended(&mut saved.report, &at, Hook::Release, ran);
        saved.take(&schedule, now, input);
        context.journal.write(vec![saved.record()?]).await?;
    }
    if let Err(error) = write(&records(globals, config), &saved.report) {
        let text = format!("the record of the cutover could not be written: {error}; it is in the state");
        context.events.send(Event::Notice { address: None, text });
    }
    match saved.progress.outcome() {
        Some(Outcome::NotReleased { error, .. }) => Err(not_released(globals).because_text(error)),
        _ => Ok(()),
    }
}

fn not_released(globals: &Globals) -> CliError {
    CliError::new(Exit::Stuck, "all traffic goes to the source, and its release command failed: the source may refuse writes")
        .hint(format!("`{}` runs it again", again(globals, "cutover", &Chosen::default())))
        .hint("or run it by hand")
}
