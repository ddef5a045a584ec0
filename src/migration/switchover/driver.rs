//! Runs a switchover to its end.

use infra_base::on_heap::on_heap;
use infra_switchover::machine::{Outcome, Progress, State};
use infra_switchover::{AbortSignal, Driver, Row, Stopped};

use super::operations::AwsOperations;
use super::record::{StateJournal, SwitchoverRecord};
use super::settings::SwitchoverSettings;
use infra_core::events::Event;

/// The switchover has stopped in the middle, because its progress cannot be recorded. The same command resumes it.
pub type SwitchoverError = Stopped;

/// Runs a switchover to its end, or resumes one that was killed. Returns the record of its end.
///
/// # Errors
/// The journal cannot be written any more, or another process has the state. Nothing was undone.
pub async fn drive(
    operations: &AwsOperations<'_>,
    settings: &SwitchoverSettings,
    record: SwitchoverRecord,
    abort: AbortSignal,
) -> Result<SwitchoverRecord, SwitchoverError> {
    let context = operations.context;
    let progress = record.progress.clone();
    let mut journal = StateJournal { context, record };
    let report = |progress: &Progress| context.events.send(event(progress));
    let driver = Driver { settings: settings.machine, operations, journal: &mut journal, report, abort };
    // The futures of all rows are large together.
    let progress = on_heap(|| driver.run(progress)).await?;
    operations.end_prepare().await;
    Ok(SwitchoverRecord { progress, ..journal.record })
}

fn event(progress: &Progress) -> Event {
    let (phase, row, attempt) = match &progress.state {
        State::New => ("doing", None, 0),
        State::Doing { row, attempt } => ("doing", Some(row.as_str()), *attempt),
        State::Undoing { undo, attempt } => ("undoing", Some(undo.row().as_str()), *attempt),
        State::Done { outcome: Outcome::Completed } => ("completed", None, 0),
        State::Done { outcome: Outcome::Undone } => ("undone", None, 0),
    };
    Event::Switchover {
        from: progress.direction.from().as_str(),
        to: progress.direction.to().as_str(),
        phase,
        row,
        attempt,
        rows_done: progress.durations_ms.len(),
        rows: Row::ALL.len(),
        seconds: progress.since.since(progress.started_at).as_secs(),
        why: progress.reasons.last().map(|reason| reason.why.clone()),
    }
}
