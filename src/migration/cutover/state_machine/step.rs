//! One step of the machine. The function is total: it handles each event in each phase.

use super::command::Command;
use super::event::{Event, Input};
use super::state::{Next, Phase, Progress, Trigger};
use super::transition::Transition;
use crate::cutover::config::CutoverPlan;

/// Handles an event. Returns the new progress and the commands for the driver.
pub fn step(plan: &CutoverPlan, progress: &Progress, event: &Event) -> (Progress, Vec<Command>) {
    let mut transition = Transition { plan, progress: progress.clone(), now: event.now };
    let commands = handle(&mut transition, &event.input);
    (transition.progress, commands)
}

fn handle(transition: &mut Transition<'_>, input: &Input) -> Vec<Command> {
    match input {
        Input::Started if transition.progress.phase == Phase::New => transition.observe(Next::Begin),
        Input::Started | Input::Resumed => transition.resume(),
        Input::Restarted => transition.restart(),
        Input::Observed(split) => transition.observed(*split),
        Input::ObserveFailed(why) => transition.observe_failed(why),
        Input::Judged(judgements) => transition.judged(judgements),
        Input::ShiftDone(to) => transition.shift_done(*to),
        Input::ShiftFailed(effect, why) => transition.shift_failed(*effect, why),
        Input::QuiesceDone => transition.quiesced(),
        Input::QuiesceFailed(why) if transition.progress.phase == Phase::Quiescing => {
            transition.fail(format!("the quiesce command failed: {why}"))
        }
        Input::LagZero => transition.drained(),
        Input::LagTimeout if matches!(transition.progress.phase, Phase::Draining { .. }) => transition.lag_timeout(),
        Input::QuiesceFailed(_) | Input::LagTimeout => Vec::new(),
        Input::Approved(who) => transition.approve(who),
        Input::Paused => transition.pause(),
        Input::Continued => transition.continue_now(),
        Input::AbortRequested(who) => transition.abort(who),
        Input::RollbackRequested(who) => transition.roll_back(Trigger::Requested, who.clone()),
        Input::NoOperator => transition.end_unattended(),
        Input::RollbackDone => transition.rollback_done(),
        Input::RollbackFailed(error) => transition.rollback_failed(error),
        Input::TargetTakenOut(error) => transition.target_taken_out(error),
        Input::RollbackRefused(why) => transition.rollback_refused(why),
        Input::Unmonitored(why) => transition.unmonitored(why),
        Input::Released => transition.released(),
        Input::ReleaseFailed(error) => transition.release_failed(error),
    }
}
