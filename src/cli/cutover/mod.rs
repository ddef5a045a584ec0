//! `cutover`: the gated sequence that sends all traffic to the target, step by step, and back when something fails.

mod by_hand;
mod end;
mod show;
mod start;

use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc;

pub(super) use self::by_hand::rolled_back_by_hand;
use self::end::{end, write};
use self::show::{show, told};
use self::start::{approved, ask_elsewhere, begin, first, moved_on, question, schedule};
use super::again::again;
use super::args::{Chosen, Globals};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::{CutoverReporter, Keys};
use super::request::{Letterbox, Request};
use super::run::say;
use super::session::{self, Session};
use super::traffic;
use crate::config::Config;
use crate::events::Event;
use crate::migration::drive::{Drive, Person};
use crate::migration::hook::Hooks;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::Input;
use crate::state::whoever;

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
    if scene.is_without_source() {
        return Err(traffic::without_source(&place.name));
    }
    let request = args.request();
    let before = Saved::of(&state);
    if let Some(request) = request
        && ask_elsewhere(globals, &config, request, before.as_ref()).await?
    {
        return Ok(0);
    }
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
            if let Some(before) = before.as_ref().filter(|before| !is_kept(before))
                && let Err(error) = write(&usual, &before.report)
            {
                let text = format!("the record of the cutover before could not be written: {error}");
                context.events.send(Event::Notice { address: None, text });
            }
            begin(&config, context, &schedule, before.as_ref())
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
        hooks: Hooks::of(&config.cutover, &session::directory(globals, &config)),
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

/// Aborts on Ctrl-C, and ends the process on a second one, which is safe: how far it is is written down.
fn abort_on_ctrl_c(inputs: mpsc::UnboundedSender<Input>) {
    tokio::spawn(async move {
        let why = match session::wish_to_stop().await {
            // Who ended the process is not known; whose it is, is.
            "SIGTERM" => format!("SIGTERM, sent to the process of {}", whoever()),
            key => format!("{key} by {}", whoever()),
        };
        let _ = inputs.send(Input::AbortAsked(why));
        say("\naborting as `cutover.on_abort` says; Ctrl-C again ends the process at once, and the same command goes on from there");
        session::wish_to_stop().await;
        super::report::give_back_terminal();
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}
