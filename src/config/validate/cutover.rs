//! Validates `[cutover]`.

use infra_base::side::Side;

use super::validator::Validator;
use crate::model::{Config, MigrationType};

impl Validator<'_> {
    /// Validates the steps, the pauses and the commands.
    pub(super) fn cutover(&mut self, config: &Config) {
        let cutover = &config.cutover;
        self.strategy(config);
        for (index, pair) in cutover.steps.windows(2).enumerate() {
            if pair[0] >= pair[1] {
                let at = (index + 1).to_string();
                let message = format!("the step {} follows the step {}", pair[1], pair[0]);
                self.report(&["cutover", "steps", &at], message, "each step must be greater than the previous one");
            }
        }
        if let Some(last) = cutover.steps.last().filter(|last| **last != 100) {
            let at = (cutover.steps.len() - 1).to_string();
            self.report(
                &["cutover", "steps", &at],
                format!("the last step is {last}, so the cutover would never complete"),
                "the last step must be 100",
            );
        }
        let percents = cutover.percents();
        let list = percents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for (index, pause) in cutover.pause_at.iter().enumerate() {
            let at = index.to_string();
            if !percents.contains(pause) {
                self.report(
                    &["cutover", "pause_at", &at],
                    format!("there is no step {pause} to pause at"),
                    format!("the steps are {list}"),
                );
            } else if cutover.pause_at[..index].contains(pause) {
                self.report(
                    &["cutover", "pause_at", &at],
                    format!("the step {pause} is listed twice"),
                    "remove one of them",
                );
            }
        }
        let stop = "specify the program and its arguments, for example [\"./stop-writes\", \"--now\"]";
        self.command("cutover", "quiesce_command", &cutover.quiesce_command, stop);
        self.command("cutover", "release_command", &cutover.release_command, stop);
        self.passed_variables("cutover", &cutover.pass_environment);
        if cutover.quiesce_command.is_empty() && !cutover.release_command.is_empty() {
            let message = "there is a `release_command`, but no `quiesce_command` that it could revert";
            self.report(&["cutover", "release_command"], message, "configure both commands, or neither");
        }
    }

    /// Refuses a migration in which both databases would accept writes, or changes would be lost.
    fn strategy(&mut self, config: &Config) {
        let Some(strategy) = config.strategy().filter(|strategy| strategy.has_switchover()) else { return };
        let target = config.environment(Side::Target.as_str());
        if target.is_some_and(|target| target.replication.migration_type == MigrationType::FullLoad) {
            let message = format!(
                "`{}` moves the writes of the service to the target, but `full-load` replicates no changes: they would \
                 be lost",
                strategy.as_str()
            );
            let help = "use `full-load-and-cdc`; for a service that does not write, set `cutover.strategy` to \
                        `read-only`";
            self.report(&["replication", "migration_type"], message, help);
        }
    }
}
