//! The text of the runbook.

use std::fmt::Write as _;

use super::emergency;
use super::progress::{Phase, Progress};
use crate::cli::app::App;
use infra_config::{Config, Strategy};
use infra_core::state::{State, Status};
use infra_migration::TrafficSplit;
use infra_migration::cutover::{CutoverPlan, Outcome, PersistedCutover};
use infra_migration::switchover::expected;
use infra_migration::topology::Topology;
use infra_workflow::Selection;

/// Everything that the runbook contains.
pub(super) struct Runbook<'a> {
    pub(super) app: &'a App,
    pub(super) config: &'a Config,
    pub(super) state: &'a State,
    pub(super) topology: Topology,
    pub(super) progress: Progress,
}

impl Runbook<'_> {
    fn command(&self, command: &str) -> String {
        self.app.command(command)
    }

    /// Returns the runbook as Markdown.
    pub(super) fn write(&self) -> String {
        let mut text = format!("# Migration of `{}`\n\n", self.config.stack.id());
        if self.state.has_begun() {
            let _ = writeln!(
                text,
                "Account {}. Run the commands where the state is, in the directory of the configuration.\n",
                self.state.account
            );
        }
        self.set_up(&mut text);
        self.replicate(&mut text);
        self.validate(&mut text);
        self.check_service(&mut text);
        self.shift(&mut text);
        self.watch(&mut text);
        self.remove_source(&mut text);
        emergency::write(&mut text, self.app, self.state, &self.topology);
        text
    }

    fn set_up(&self, text: &mut String) {
        let unfinished = self.state.resources.values().filter(|entry| entry.status != Status::Ready).count();
        let count = self.state.resources.len();
        let done = (count > 0 && unfinished == 0).then(|| Phase::new(true, format!("{count} resources exist")));
        let commands = [
            (self.command("plan"), "See what would be created"),
            (self.command("up"), "Create it; run it again after a failure"),
        ];
        phase(text, 1, "Set up both environments", done.as_ref(), &commands);
        if unfinished > 0 {
            let _ = writeln!(text, "{unfinished} of {count} resources are unfinished.\n");
        }
        for database in &self.topology.databases {
            let host = database.host.as_deref().unwrap_or("not known yet");
            let _ = writeln!(text, "- database `{}` at `{host}`", database.identifier);
        }
        for service in &self.topology.services {
            let _ = writeln!(
                text,
                "- {}: service `{}` in `{}`, behind `{}`",
                service.side, service.service, service.cluster, service.dns_name
            );
        }
        text.push('\n');
    }

    fn replicate(&self, text: &mut String) {
        let commands = [
            (self.command("replication start"), "Test both connections, start, and follow the full load"),
            (
                self.command("replication status"),
                "Lag, tables, the last failure and the risks. Continue when the lag stays below 60 s",
            ),
        ];
        phase(text, 2, "Replicate the databases", self.progress.replication.as_ref(), &commands);
        for replication in &self.topology.replications {
            let _ = writeln!(text, "- task `{}` on `{}`", replication.task, replication.instance_id);
        }
        text.push('\n');
    }

    fn validate(&self, text: &mut String) {
        let commands =
            [(self.command("replication validate"), "Compare both databases. It exits with 0 if nothing differs")];
        phase(text, 3, "Validate", self.progress.validation.as_ref(), &commands);
        text.push_str(
            "DMS replicates neither sequences nor secondary indexes: create the indexes that it lists, and set the\n\
             sequences in the last step.\n\n",
        );
    }

    fn check_service(&self, text: &mut String) {
        let commands = [
            (self.command("traffic show"), "Healthy targets in both environments"),
            (self.command("watch --once"), "Every gate passes"),
        ];
        phase(text, 4, "Check the service", self.progress.service.as_ref(), &commands);
    }

    fn shift(&self, text: &mut String) {
        // The command has refused a cutover that cannot be read.
        let cutover = PersistedCutover::of(self.state).ok().flatten();
        let outcome = cutover.as_ref().and_then(|cutover| cutover.progress.outcome());
        // If the records were not read, the split that this tool has set last.
        let last_set = self.state.migration.live.and_then(TrafficSplit::new);
        let known = self.progress.traffic.clone().or(last_set.map(|live| Phase::of_traffic(live, false)));
        let commands = [
            (self.command("cutover --dry-run"), "See the steps and the current verdicts of the gates"),
            (
                self.command("cutover"),
                "Shift the traffic, then move the data; if it is killed, the same command resumes",
            ),
            (self.command("cutover --abort"), "End it from another terminal"),
            (self.command("traffic rollback"), "Before the switchover: send all traffic back to the source"),
            (self.command("cutover --rollback"), "After the switchover: move data and traffic back, without a loss"),
        ];
        phase(text, 5, "Shift the traffic", known.as_ref(), &commands);
        if let Some(plan) = CutoverPlan::of(self.config) {
            let steps = plan.steps.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "Steps: {steps}, each observed for {} s. Gates:\n", plan.bake_seconds);
            for rule in &plan.gates {
                let _ = writeln!(text, "- `{}`: {}", rule.gate, rule.must);
            }
            text.push('\n');
        }
        if self.config.strategy().is_some_and(Strategy::has_switchover) {
            self.forecast(text);
        }
        if let Some(cutover) = &cutover {
            let phase = outcome.map_or_else(|| cutover.progress.phase.as_str().to_owned(), ToString::to_string);
            let reason = outcome.and_then(Outcome::why).map(|why| format!(": {why}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "`{}` of {}: {phase} at {}{reason}.\n",
                cutover.report.id, cutover.report.started, cutover.progress.live
            );
        }
        if let Some(open) = &self.state.migration.shift {
            let _ = writeln!(text, "A shift to {} % was started, and its end was not observed.\n", open.to);
        }
    }

    fn forecast(&self, text: &mut String) {
        let forecast = expected(self.state, self.config);
        let rows = forecast.longest().into_iter().map(|(row, time)| format!("{row} {} s", time.as_secs()));
        let _ = writeln!(
            text,
            "In the switchover, clients get 503 for about {} s (longest: {}). It is measured again before it begins,\n\
             and refused if it does not fit into its budget of {} s.\n",
            forecast.without_writes().as_secs(),
            rows.collect::<Vec<_>>().join(", "),
            self.config.cutover.switchover_timeout_seconds
        );
    }

    fn watch(&self, text: &mut String) {
        let commands = [(self.command("watch"), "For 24 to 48 hours")];
        phase(text, 6, "Watch", None, &commands);
    }

    fn remove_source(&self, text: &mut String) {
        let exists = self.state.resources.keys().any(|address| address.environment() == "source");
        let done = (!exists && !self.state.resources.is_empty()).then(|| Phase::new(true, "nothing of it exists"));
        let mut sections = vec!["`[environments.source]`".to_owned()];
        for other in self.config.environments.iter().filter(|other| other.name != "source") {
            let links = [("database", &other.replicates.database), ("bucket", &other.replicates.bucket)];
            let from_source = links
                .into_iter()
                .filter(|(_, link)| link.as_ref().is_some_and(|link| link.from_environment == "source"));
            sections.extend(from_source.map(|(what, _)| format!("`[environments.{}.replicates.{what}]`", other.name)));
        }
        let sections = sections.join(", ");
        let consent =
            Selection { delete: vec!["source/*".into(), "*/replication/logs".into()], ..Selection::default() };
        let [plan, up] = ["plan", "up"].map(|command| self.app.rerun_command(command, &consent));
        let remove_sections = format!(
            "Remove {sections} and all their subsections from the configuration, and keep `[routing]`. \
             See what would be deleted"
        );
        let commands = [
            (self.command("replication stop"), "Stop the replication, once no rollback can be required"),
            (
                self.command("up"),
                "If the objects in its bucket can be deleted, set `storage.empty_on_down = true` and run",
            ),
            (plan, remove_sections.as_str()),
            (up, "Delete the source. This is refused while it receives traffic"),
        ];
        phase(text, 7, "Remove the source", done.as_ref(), &commands);
    }
}

/// Writes a phase: its heading, its progress, and its commands.
fn phase(text: &mut String, number: usize, title: &str, known: Option<&Phase>, commands: &[(String, &str)]) {
    let mark = if known.is_some_and(|phase| phase.done) { "x" } else { " " };
    let progress = known.map(|phase| format!(" ({})", phase.text)).unwrap_or_default();
    let _ = writeln!(text, "## {number}. {title}\n\n- [{mark}] done{progress}\n");
    for (command, what) in commands {
        let _ = writeln!(text, "{what}:\n\n```\n{command}\n```\n");
    }
}
