//! What follows from a look at the gates, in each phase.

use super::command::Command;
use super::progress::{Phase, Then};
use super::step::Run;
use crate::migration::gate::{Judgement, Sight};

impl Run<'_> {
    pub(super) fn judged(&mut self, judgements: &[Judgement]) -> Vec<Command> {
        if matches!(self.progress.phase, Phase::New | Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_)) {
            return Vec::new();
        }
        let schedule = self.schedule;
        let sight = self.progress.watch.see(&schedule.gates, schedule.gates_required, judgements, self.now, schedule.no_data_seconds);
        // Where a person decides already, or it is about to end, a gate that fails changes nothing.
        let decided = match &self.progress.phase {
            Phase::Holding { .. } => true,
            Phase::Observing { then, .. } => matches!(then, Then::Hold { .. } | Then::End { .. } | Then::Release { .. }),
            _ => false,
        };
        let clear = match sight {
            Sight::Failed(why) if !decided => return self.fail(why),
            Sight::Clear => true,
            Sight::Failed(_) | Sight::Unsure(_) => false,
        };
        match self.progress.phase {
            Phase::Checking if clear => self.advance(),
            Phase::Baking { until } if clear && self.now >= until => {
                self.enter(Phase::Checking);
                self.advance()
            }
            Phase::Baking { until } if self.now < until => vec![self.wait(Some(until))],
            Phase::Checking => {
                // By the time that the gates pass the lag may have grown again.
                self.progress.drained = false;
                vec![self.wait(None)]
            }
            Phase::Draining { until } if self.now >= until => self.lags(),
            Phase::Draining { until } => vec![self.wait(Some(until))],
            Phase::Observing { blind_since: Some(_), .. } => vec![Command::Observe, self.wait(None)],
            _ => vec![self.wait(None)],
        }
    }
}
