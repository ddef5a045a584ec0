//! How the machine handles the verdicts of the gates in each phase.

use super::command::Command;
use super::state::{Next, Phase};
use super::transition::Transition;
use crate::gate::{GateStatus, Judgement};

impl Transition<'_> {
    pub(super) fn judged(&mut self, judgements: &[Judgement]) -> Vec<Command> {
        if matches!(
            self.progress.phase,
            Phase::New | Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_)
        ) {
            return Vec::new();
        }
        let plan = self.plan;
        let status =
            self.progress.gates.update(&plan.gates, plan.gates_required, judgements, self.now, plan.no_data_seconds);
        // A failed gate changes nothing while an operator decides or when the cutover is about to end.
        let is_decided = match &self.progress.phase {
            Phase::Holding { .. } => true,
            Phase::Observing { next, .. } => {
                matches!(next, Next::Hold { .. } | Next::End { .. } | Next::Release { .. })
            }
            _ => false,
        };
        let passing = match status {
            GateStatus::Failed(why) if !is_decided => return self.fail(why),
            GateStatus::Passing => true,
            GateStatus::Failed(_) | GateStatus::Inconclusive(_) => false,
        };
        match self.progress.phase {
            Phase::Checking if passing => self.advance(),
            Phase::Baking { until } if passing && self.now >= until => {
                self.enter(Phase::Checking);
                self.advance()
            }
            Phase::Baking { until } if self.now < until => vec![self.wait(Some(until))],
            Phase::Checking => {
                // The lag may have grown again by the time the gates pass.
                self.progress.drained = false;
                vec![self.wait(None)]
            }
            Phase::Draining { until } if self.now >= until => self.lag_timeout(),
            Phase::Draining { until } => vec![self.wait(Some(until))],
            Phase::Observing { blind_since: Some(_), .. } => vec![Command::Observe, self.wait(None)],
            _ => vec![self.wait(None)],
        }
    }
}
