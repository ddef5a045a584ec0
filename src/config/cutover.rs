//! How traffic is shifted from the source to the target: the section `[cutover]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Config;
use super::validate::Validator;

/// What happens to the traffic when something fails, or when the cutover is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// All of it goes back to the source.
    Rollback,
    /// It stays where it is, and a person decides.
    Hold,
}

/// What a cutover that was killed does when it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnResume {
    /// It looks where the traffic is, judges the gates, and goes on from there.
    Continue,
    /// All traffic goes back to the source.
    Rollback,
}

/// The shift of traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cutover {
    /// How much traffic moves with each step, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub step_percent: u8,
    /// The steps themselves instead, in percent of the target: `[1, 5, 25, 50, 100]`.
    #[schemars(inner(range(min = 1, max = 100)))]
    pub steps: Vec<u8>,
    /// Seconds for which the gates must hold after each step, also after the last one.
    #[schemars(range(min = 0, max = 604_800))]
    pub bake_seconds: u32,
    /// Seconds between two looks at the gates.
    #[schemars(range(min = 1, max = 3600))]
    pub gate_interval_seconds: u32,
    /// Seconds for which a gate may be without data, or without an answer. No step is made meanwhile; after that it counts as a failure.
    #[schemars(range(min = 0, max = 86400))]
    pub no_data_seconds: u32,
    /// Whether there must be gates. Without any, traffic is shifted blindly.
    pub gates_required: bool,
    /// `rollback` or `hold` when something fails: a gate, a shift, a command, the wait for the replication.
    pub on_failure: Otherwise,
    /// `continue` or `rollback` when a cutover that was killed is started again.
    pub on_resume: OnResume,
    /// `rollback` or `hold` when the cutover is aborted, by a key or by Ctrl-C.
    pub on_abort: Otherwise,
    /// Steps after which a person must approve before it goes on: `[10, 50]`.
    #[schemars(inner(range(min = 1, max = 100)))]
    pub pause_at: Vec<u8>,
    /// Command that stops writes to the source, run before the last step: program and arguments, not a shell line. It may run twice when the
    /// cutover is killed in between.
    pub quiesce_command: Vec<String>,
    /// Command that allows writes to the source again, run when traffic goes back to the source after the quiesce command.
    pub release_command: Vec<String>,
    /// Most seconds that either command may take.
    #[schemars(range(min = 1, max = 86400))]
    pub quiesce_timeout_seconds: u32,
    /// Most seconds to wait, before the last step, until the replication lag is zero; 0 means that it does not wait. Without a quiesce command
    /// a lag of zero says only that the target had caught up for a moment.
    #[schemars(range(min = 0, max = 86400))]
    pub lag_zero_timeout_seconds: u32,
}

impl Default for Cutover {
    fn default() -> Self {
        Self {
            step_percent: 10,
            steps: Vec::new(),
            bake_seconds: 300,
            gate_interval_seconds: 30,
            no_data_seconds: 180,
            gates_required: true,
            on_failure: Otherwise::Rollback,
            on_resume: OnResume::Continue,
            on_abort: Otherwise::Rollback,
            pause_at: Vec::new(),
            quiesce_command: Vec::new(),
            release_command: Vec::new(),
            quiesce_timeout_seconds: 120,
            lag_zero_timeout_seconds: 600,
        }
    }
}

impl Cutover {
    /// Returns the percents of the target, step by step: `steps`, or multiples of `step_percent`, and 100 in the end.
    pub fn percents(&self) -> Vec<u8> {
        if !self.steps.is_empty() {
            return self.steps.clone();
        }
        let each = self.step_percent.max(1);
        (1..100_u8).filter(|percent| percent.is_multiple_of(each)).chain([100]).collect()
    }
}

impl Validator<'_> {
    /// Checks the steps, the pauses and the commands.
    pub(super) fn cutover(&mut self, config: &Config) {
        let cutover = &config.cutover;
        for (index, pair) in cutover.steps.windows(2).enumerate() {
            if pair[0] >= pair[1] {
                let at = (index + 1).to_string();
                let message = format!("the step {} comes after {}", pair[1], pair[0]);
                self.report(&["cutover", "steps", &at], message, "each step has more traffic than the one before");
            }
        }
        if let Some(last) = cutover.steps.last().filter(|last| **last != 100) {
            let at = (cutover.steps.len() - 1).to_string();
            self.report(&["cutover", "steps", &at], format!("the last step is {last}, so the cutover would never end"), "the last step is 100");
        }
        let percents = cutover.percents();
        let list = percents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for (index, pause) in cutover.pause_at.iter().enumerate() {
            let at = index.to_string();
            if !percents.contains(pause) {
                self.report(&["cutover", "pause_at", &at], format!("there is no step {pause} to pause at"), format!("the steps are {list}"));
            } else if cutover.pause_at[..index].contains(pause) {
                self.report(&["cutover", "pause_at", &at], format!("the step {pause} is listed twice"), "remove one");
            }
        }
        for (key, command) in [("quiesce_command", &cutover.quiesce_command), ("release_command", &cutover.release_command)] {
            for (index, _) in command.iter().enumerate().filter(|(_, word)| word.trim().is_empty()) {
                let at = index.to_string();
                let message = format!("word {} of `{key}` is empty", index + 1);
                self.report(&["cutover", key, &at], message, "the program and its arguments, for example [\"./stop-writes\", \"--now\"]");
            }
        }
        if cutover.quiesce_command.is_empty() && !cutover.release_command.is_empty() {
            let message = "there is a `release_command`, and no `quiesce_command` whose effect it would take back";
            self.report(&["cutover", "release_command"], message, "write both, or neither");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percents(step_percent: u8, steps: &[u8]) -> Vec<u8> {
        Cutover { step_percent, steps: steps.to_vec(), ..Cutover::default() }.percents()
    }

    #[test]
    fn the_steps_end_with_all_of_the_traffic() {
        assert_eq!(percents(10, &[]), [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(percents(30, &[]), [30, 60, 90, 100]);
        assert_eq!(percents(100, &[]), [100]);
        assert_eq!(percents(1, &[]).len(), 100);
        assert_eq!(percents(10, &[1, 5, 100]), [1, 5, 100]);
    }
}
