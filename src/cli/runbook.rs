//! `runbook`: the whole procedure with this stack's own ids and commands, and how far it is.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::again::again;
use super::args::{Chosen, Globals};
use super::failure::{CliError, Exit};
use super::run::line;
use super::session;
use crate::config::{Config, Side};
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::{Outcome, Schedule};
use crate::state::{State, Status};

/// Writes the runbook of the migration as Markdown: every phase with its commands, this stack's ids, and whether it is done.
///
/// It is made from the configuration and the state alone; nothing is called and nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra runbook --out runbook.md")]
pub struct RunbookArgs {
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(globals: &Globals, args: &RunbookArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let text = Runbook { globals, config: &config, state: &state, scene: Scene::of(&state) }.write();
    match &args.out {
        None => line(text.trim_end()),
        Some(path) => std::fs::write(path, text)
            .map_err(|error| CliError::new(Exit::Failed, format!("{} can not be written", path.display())).because_io(&error))?,
    }
    Ok(0)
}

struct Runbook<'a> {
    globals: &'a Globals,
    config: &'a Config,
    state: &'a State,
    scene: Scene,
}

impl Runbook<'_> {
    fn command(&self, verb: &str) -> String {
        again(self.globals, verb, &Chosen::default())
    }

    fn write(&self) -> String {
        let mut text = format!("# Migration of `{}`\n\n", self.config.stack.id());
        if self.state.has_begun() {
            let _ = writeln!(
                text,
                "Account {}. Commands are to be run where the state is, from the directory of the configuration.\n",
                self.state.account
            );
        }
        self.setup(&mut text);
        self.replicate(&mut text);
        self.validate(&mut text);
        self.service(&mut text);
        self.shift(&mut text);
        self.watch(&mut text);
        self.remove(&mut text);
        self.emergency(&mut text);
        text
    }

    fn setup(&self, text: &mut String) {
        let unfinished = self.state.resources.values().filter(|entry| entry.status != Status::Ready).count();
        let count = self.state.resources.len();
        let done = (count > 0 && unfinished == 0).then(|| format!("{count} resources exist"));
        let commands = [(self.command("plan"), "See what would be made"), (self.command("up"), "Make it; run it again after a failure")];
        phase(text, 1, "Set up both environments", done.as_deref(), &commands);
        if unfinished > 0 {
            let _ = writeln!(text, "{unfinished} of {count} resources are unfinished.\n");
        }
        for database in &self.scene.databases {
            let host = database.host.as_deref().unwrap_or("not known yet");
            let _ = writeln!(text, "- database `{}` at `{host}`", database.identifier);
        }
        for service in &self.scene.services {
            let _ = writeln!(text, "- {}: service `{}` in `{}`, behind `{}`", service.side, service.service, service.cluster, service.dns_name);
        }
        text.push('\n');
    }

    fn replicate(&self, text: &mut String) {
        let commands = [
            (self.command("replication start"), "Test both connections, start, and follow the full load"),
            (self.command("replication status"), "Lag, tables, the last failure, and what endangers it. Go on when the lag stays below 60 s"),
        ];
        phase(text, 2, "Replicate the databases", None, &commands);
        for replication in &self.scene.replications {
            let _ = writeln!(text, "- task `{}` on `{}`", replication.task, replication.instance_id);
        }
        text.push_str("\nWhether it runs is not part of the state: `replication status` tells.\n\n");
    }

    fn validate(&self, text: &mut String) {
        let commands = [(self.command("replication validate"), "Compare both databases. It exits with 0 when nothing differs")];
        phase(text, 3, "Validate", None, &commands);
        text.push_str(
            "DMS carries over no sequences and no secondary indexes: make the indexes that it names, and set the sequences in the last step.\n\n",
        );
    }

    fn service(&self, text: &mut String) {
        let commands = [(self.command("traffic show"), "Healthy targets in both environments"), (self.command("watch --once"), "Every gate passes")];
        phase(text, 4, "Check the service", None, &commands);
    }

    fn shift(&self, text: &mut String) {
        let saved = Saved::of(self.state);
        let outcome = saved.as_ref().and_then(|saved| saved.progress.outcome());
        let done = matches!(outcome, Some(Outcome::Completed)).then_some("all traffic goes to the target");
        let commands = [
            (self.command("cutover --dry-run"), "See the steps and the gates as they are now"),
            (self.command("cutover"), "Shift the traffic; killed at any moment, the same command goes on"),
            (self.command("cutover --abort"), "End it from elsewhere"),
            (self.command("traffic rollback"), "Send all traffic back to the source, from any state"),
        ];
        phase(text, 5, "Shift the traffic", done, &commands);
        if let Some(schedule) = Schedule::of(self.config) {
            let steps = schedule.steps.as_slice().iter().map(|split| format!("{split}")).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "Steps: {steps}, each watched for {} s. Gates:\n", schedule.bake_seconds);
            for rule in &schedule.gates {
                let _ = writeln!(text, "- `{}`: {}", rule.gate, rule.must);
            }
            text.push('\n');
        }
        if let Some(saved) = &saved {
            let how = outcome.map_or_else(|| saved.progress.phase.as_str().to_owned(), ToString::to_string);
            let why = outcome.and_then(Outcome::why).map(|why| format!(": {why}")).unwrap_or_default();
            let _ = writeln!(text, "`{}` of {}: {how} at {}{why}.\n", saved.report.id, saved.report.started, saved.progress.live);
        }
        if let Some(open) = &self.state.migration.shift {
            let _ = writeln!(text, "A shift to {} % was begun and not seen to be live.\n", open.to);
        }
    }

    fn watch(&self, text: &mut String) {
        let commands = [(self.command("watch"), "For 24 to 48 hours")];
        phase(text, 6, "Watch", None, &commands);
    }

    fn remove(&self, text: &mut String) {
        let gone = !self.state.resources.keys().any(|address| address.environment() == "source");
        let done = (gone && !self.state.resources.is_empty()).then_some("nothing of it exists");
        let commands = [
            (self.command("replication stop"), "Stop the replication"),
            (
                again(self.globals, "down", &Chosen { environments: vec!["source".into()], ..Chosen::default() }),
                "Delete the source, when nobody needs it any more",
            ),
        ];
        phase(text, 7, "Take the source down", done, &commands);
    }

    /// "Do not rely on the Route 53 control plane in your recovery path" (AWS Fault Isolation Boundaries, appendix B): its data plane, health
    /// checks and answers, goes on when the control plane in us-east-1 does not.
    fn emergency(&self, text: &mut String) {
        text.push_str("## Emergency: Route 53's control plane does not answer\n\n");
        text.push_str("`traffic rollback` changes records, which needs the control plane of Route 53 in us-east-1. Without it, the answers still follow the\nhealth checks: ");
        text.push_str("when the target's record is unhealthy, Route 53 answers with the source's, also when that has the weight 0\n(\"How Amazon Route 53 chooses records when health checking is configured\").\n\n");
        let target = self.scene.service(Side::Target);
        let group = self.state.get(&crate::address::Address::of("target", "security", "alb"));
        let id = group.and_then(|entry| entry.attrs.as_ref()?.get("group_id")?.as_str().map(str::to_owned));
        if let (Some(service), Some(id)) = (target, id) {
            let _ = writeln!(
                text,
                "Close the target's load balancer to the world; the health check fails after about 90 seconds, and clients go to the source:\n"
            );
            let port = if self.config.environment("target").is_some_and(|one| !one.service.certificate_arn.is_empty()) { 443 } else { 80 };
            let _ = writeln!(
                text,
                "```\naws ec2 revoke-security-group-ingress --region {} --group-id {id} --protocol tcp --port {port} --cidr 0.0.0.0/0\n```\n",
                service.region
            );
            let up = again(self.globals, "up", &Chosen { targets: vec!["target/security/*".into()], ..Chosen::default() });
            let _ =
                writeln!(text, "When Route 53 answers again, run `{}`, and then `{up}`, which opens it again.\n", self.command("traffic rollback"));
        } else {
            text.push_str("The target does not exist yet.\n");
        }
        for (side, id) in &self.scene.health_checks {
            let _ = writeln!(text, "- health check of the {side}: `{id}`");
        }
    }
}

/// Writes the heading of a phase, whether it is done, and its commands.
fn phase(text: &mut String, number: usize, title: &str, done: Option<&str>, commands: &[(String, &str)]) {
    let (mark, how) = match done {
        Some(how) => ("x", format!(" ({how})")),
        None => (" ", String::new()),
    };
    let _ = writeln!(text, "## {number}. {title}\n\n- [{mark}] done{how}\n");
    for (command, what) in commands {
        let _ = writeln!(text, "{what}:\n\n```\n{command}\n```\n");
    }
}
