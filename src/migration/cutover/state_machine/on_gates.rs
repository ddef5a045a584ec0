//! How the machine handles the verdicts of the gates in each phase.

use super::command::Command;
use super::state::{Next, Phase};
use super::transition::Transition;
use crate::gate::{BlindLimits, GateStatus, Judgement};

impl Transition<'_> {
    pub(super) fn judged(&mut self, judgements: &[Judgement]) -> Vec<Command> {
        if matches!(
            self.progress.phase,
            Phase::New | Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_)
        ) {
            return Vec::new();
        }
        let plan = self.plan;
        // Metrics of the current split exist only some time after it went live. Until then, nothing is missing. That
        // also applies to the beginning, because traffic may have returned just before.
        let data_expected_at = self.progress.live_since.saturating_add(plan.data_delay_seconds);
        let limits = BlindLimits { seconds: plan.no_data_seconds, not_before: data_expected_at };
        let status = self.progress.gates.update(&plan.gates, plan.gates_required, judgements, self.now, limits);
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
            GateStatus::SourceFailed(why) if !is_decided => {
                return self.stay(format!("{why}; the source is not healthy, so no traffic is sent to it"));
            }
            GateStatus::Blind(why) if !is_decided => return self.stay(why),
            GateStatus::Passing => true,
            GateStatus::Failed(_)
            | GateStatus::SourceFailed(_)
            | GateStatus::Blind(_)
            | GateStatus::Inconclusive(_) => false,
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
