//! Records the run of this process. A process runs one command, so there is one recorder.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use infra_base::clock::{Clock, timestamp};
use infra_base::file_id::FileId;
use infra_core::events::Event;
use infra_core::graph::Moment as GraphMoment;
use infra_core::plan::{Plan, Step};
use infra_timeline::{EndpointKind, FORMAT, Moment, Need, PlannedRun, PlannedStep, RunRecord};

use super::trace::Trace;
use super::writer::Writer;

/// The recorder of this process.
static RECORDER: Mutex<Recorder> = Mutex::new(Recorder { command: None, place: None, pending: Vec::new(), run: None });

/// How many events before the begin of a run are kept.
const MOST_PENDING: usize = 10_000;

/// Where a run is stored, and how its time passes.
pub(in crate::cli) struct Place {
    /// The local directory of the stack.
    pub(in crate::cli) directory: PathBuf,
    /// The stack, `{name}/{suffix}`.
    pub(in crate::cli) stack: String,
    /// Where calls are sent.
    pub(in crate::cli) endpoint: EndpointKind,
    /// The clock of the run.
    pub(in crate::cli) clock: Clock,
}

struct Recorder {
    /// The command, if its runs are stored.
    command: Option<&'static str>,
    place: Option<Place>,
    /// Lines of the time before the run: notices and reads. A command that is refused then leaves nothing.
    pending: Vec<String>,
    /// The run, from its first other event on.
    run: Option<Run>,
}

struct Run {
    record: RunRecord,
    clock: Clock,
    /// Nothing if the thread could not be started.
    writer: std::io::Result<Writer>,
    trace: Trace,
}

/// An event with its time.
#[derive(Serialize)]
struct Line<'a, T> {
    at_seconds: f64,
    #[serde(flatten)]
    event: &'a T,
}

/// Begins to record, if the runs of the command are stored.
pub(in crate::cli) fn prepare(command: Option<&'static str>) {
    with(|recorder| recorder.command = command);
}

/// Sets where the run is stored.
pub(in crate::cli) fn place(place: Place) {
    with(|recorder| recorder.place = Some(place));
}

/// Records an event.
pub(in crate::cli) fn event(event: &Event) {
    let is_before = matches!(event, Event::Notice { .. } | Event::Call { .. });
    with(|recorder| {
        match is_before {
            true => recorder.before(event),
            false => recorder.line(event),
        }
        if let Some(run) = &mut recorder.run {
            run.trace.event(event, run.clock.now());
        }
    });
}

/// Records an event that the command line writes itself.
pub(in crate::cli) fn value(event: &Value) {
    with(|recorder| recorder.line(event));
}

/// Records what the run is about to do.
pub(in crate::cli) fn plan(plan: &Plan) {
    let planned = planned(plan);
    with(|recorder| {
        let Some(run) = recorder.run() else { return };
        run.record.environments = plan.environments.iter().cloned().collect();
        run.record.plan = Some(planned);
        if let Ok(writer) = &run.writer {
            writer.record(&run.record);
        }
    });
}

/// Ends the record of the run. Returns why it is incomplete, if it is.
pub(in crate::cli) fn finish(exit_code: u8, error: Option<String>) -> Option<String> {
    let run = with(|recorder| {
        recorder.command = None;
        recorder.run.take()
    });
    let Run { mut record, writer, trace, clock } = run?;
    let untraced = trace.end(clock.now(), exit_code, error.as_deref());
    record.ended = Some(timestamp());
    record.exit_code = Some(exit_code);
    record.error = error;
    let outcome = match exit_code {
        0 => "done",
        130 => "stopped",
        _ => "failed",
    };
    record.outcome = Some(outcome.to_owned());
    let written = writer.and_then(|writer| {
        writer.record(&record);
        writer.finish()
    });
    written.err().map(|error| format!("the record of this run is incomplete: {error}")).or(untraced)
}

fn with<T>(act: impl FnOnce(&mut Recorder) -> T) -> T {
    act(&mut RECORDER.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Recorder {
    /// Records an event that begins no run.
    fn before<T: Serialize>(&mut self, event: &T) {
        match (&self.run, self.command, &self.place) {
            (Some(_), ..) => self.line(event),
            (None, Some(_), Some(place)) if self.pending.len() < MOST_PENDING => {
                self.pending.extend(line(&place.clock, event));
            }
            _ => {}
        }
    }

    fn line<T: Serialize>(&mut self, event: &T) {
        let Some(run) = self.run() else { return };
        let seconds = run.clock.now().as_secs_f64();
        run.record.seconds = Some(run.record.seconds.unwrap_or_default().max(seconds));
        if let (Ok(writer), Some(line)) = (&run.writer, line(&run.clock, event)) {
            writer.line(line);
        }
    }

    /// Returns the run, which begins with its first event.
    fn run(&mut self) -> Option<&mut Run> {
        if self.run.is_none() {
            let (command, place) = (self.command?, self.place.take()?);
            let record = RunRecord {
                format: FORMAT,
                id: FileId::of_time("run", Timestamp::now()).as_str().to_owned(),
                command: command.to_owned(),
                stack: place.stack,
                endpoint: place.endpoint,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started: timestamp(),
                ..RunRecord::default()
            };
            let writer = Writer::start(place.directory, record.clone());
            let pending = std::mem::take(&mut self.pending);
            if let Ok(writer) = &writer {
                for line in pending {
                    writer.line(line);
                }
            }
            let trace = Trace::begin(&record, place.clock.now());
            self.run = Some(Run { record, clock: place.clock, writer, trace });
        }
        self.run.as_mut()
    }
}

/// Returns an event with the time of a clock.
fn line<T: Serialize>(clock: &Clock, event: &T) -> Option<String> {
    // Milliseconds are enough, and shorter.
    let at_seconds = (clock.now().as_secs_f64() * 1000.0).round() / 1000.0;
    serde_json::to_string(&Line { at_seconds, event }).ok()
}

fn planned(plan: &Plan) -> PlannedRun {
    PlannedRun {
        expected_seconds: plan.expected_seconds,
        expected_range_seconds: plan.expected_range_seconds,
        steps: plan.steps.iter().map(planned_step).collect(),
    }
}

fn planned_step(step: &Step) -> PlannedStep {
    let need = |need: &infra_core::graph::Need| Need {
        on: need.on.to_string(),
        at: match need.at {
            GraphMoment::Created => Moment::Created,
            GraphMoment::Ready => Moment::Ready,
        },
    };
    PlannedStep {
        address: step.address.to_string(),
        kind: step.kind.clone(),
        action: step.action.verb().to_owned(),
        operation: step.action.operation(),
        expected_seconds: (step.timing.created + step.timing.ready).as_secs(),
        needs: step.needs.iter().map(need).collect(),
    }
}
