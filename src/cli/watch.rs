//! `watch`: traffic, lag, both environments and every gate, as they are, until somebody has seen enough.

use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use super::args::Globals;
use super::failure::{CliError, Exit};
use super::report::{CutoverReporter, Keys};
use super::session;
use super::{look, traffic};
use crate::events::{Event, Events};
use crate::migration::Split;
use crate::migration::gate::{Judgement, Verdict};
use crate::migration::measure::{Measure, healthy, told};
use crate::migration::scene::Scene;
use crate::migration::schedule::{Input, Schedule};
use crate::migration::shift::address;
use crate::migration::traffic::view;

/// Shows traffic, replication lag, the health of both environments and every gate. Nothing is changed.
///
/// For the day or two after a cutover, and to see whether the gates would hold before one. On a terminal it is a board, which `q` ends;
/// without one it writes a line whenever something is new.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra watch\n  migrate-infra watch --once --output json")]
pub struct WatchArgs {
    /// Look once, and exit with 1 when a gate does not pass.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(globals: &Globals, args: &WatchArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let Some(schedule) = Schedule::of(&config) else {
        return Err(
            CliError::new(Exit::Usage, "there is no routing in this configuration, so there is no traffic to watch").remains("nothing was changed")
        );
    };
    let state = session::peek(globals, &config).await?;
    let scene = Scene::of(&state);
    let place = traffic::place_of(globals, &scene)?;
    let region = traffic::region(&state, &config);
    let cloud = session::connect(globals, &config).await?;
    let clock = cloud.clock();
    let began = cloud.unix_now();
    let looker = look::looker(globals, &config, cloud);
    let reporter = CutoverReporter::start(globals, &schedule, Keys::Watch);
    let events = reporter.events();
    let (inputs, mut asked) = mpsc::unbounded_channel();
    reporter.keys(inputs.clone());
    loop {
        let now = looker.cloud.unix_now();
        let reader = looker.reader(&address(), &region);
        let live = match view(&reader, &place).await {
            Ok(live) => live.nearest(),
            Err(error) => {
                reporter.finish();
                let why = crate::resource::describe(&error);
                return Err(CliError::new(Exit::Failed, "the records can not be read").because_text(&why).remains("nothing was changed"));
            }
        };
        let measure = Measure { looker: &looker, scene: &scene, now };
        let (judgements, health) = measure.judge(&config.gates, &schedule, live).await;
        tell(&events, &schedule, live, u64::try_from(now - began).unwrap_or_default(), &judgements);
        health.iter().map(healthy).for_each(|event| events.send(event));
        if args.once {
            reporter.finish();
            return verdict(&judgements);
        }
        let over = clock.sleep(Duration::from_secs(schedule.gate_interval_seconds.max(1)));
        tokio::select! {
            () = over => {}
            () = ended(&mut asked) => break,
            _ = session::wish_to_stop() => break,
        }
    }
    reporter.finish();
    drop(inputs);
    Ok(0)
}

/// Whether every gate that is judged passes.
fn verdict(judgements: &[Judgement]) -> Result<u8, CliError> {
    let open: Vec<&Judgement> = judgements.iter().filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::NotJudged)).collect();
    let what = match open.len() {
        0 => return Ok(0),
        1 => "a gate does not pass".to_owned(),
        some => format!("{some} gates do not pass"),
    };
    let mut error = CliError::new(Exit::Failed, what).remains("nothing was changed");
    error.causes = open.iter().map(|one| format!("{}: {}: {}", one.gate, one.verdict.as_str(), one.text)).collect();
    Err(error)
}

/// Returns when somebody has seen enough. Other keys mean nothing here.
async fn ended(asked: &mut mpsc::UnboundedReceiver<Input>) {
    while let Some(input) = asked.recv().await {
        if matches!(input, Input::AbortAsked(_)) {
            return;
        }
    }
}

fn tell(events: &Events, schedule: &Schedule, live: Split, seconds: u64, judgements: &[Judgement]) {
    let percent = live.percent();
    let (step, steps) = (schedule.steps.done(live), schedule.steps.as_slice().len());
    events.send(Event::Cutover { phase: "watching", live: percent, intended: percent, seconds, until: None, step, steps, why: None });
    judgements.iter().map(told).for_each(|event| events.send(event));
}
