//! `runbook`: the whole procedure with this stack's own ids and commands, and how far it is.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::again::again;
use super::args::{Chosen, Globals};
use super::failure::{CliError, Exit};
use super::run::line;
use super::traffic::emergency;
use super::{look, session, traffic, whole};
use crate::config::{Config, Side};
use crate::engine::Looker;
use crate::migration::Split;
use crate::migration::emergency::Position;
use crate::migration::gate::TableState;
use crate::migration::measure::validated;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::{Outcome, Schedule};
use crate::migration::shift;
use crate::resource::{Result, describe};
use crate::resources::dms::running;
use crate::resources::elbv2::health::targets;
use crate::stack::Switch;
use crate::state::{State, Status};

/// Writes the runbook of the migration as Markdown: every phase with its commands, this stack's ids, and whether it is done.
///
/// Replication, validation and the health of both services are looked at. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra runbook --out runbook.md")]
pub struct RunbookArgs {
    /// Make no call: what the state does not know is not said to be done.
    #[arg(long)]
    offline: bool,
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(globals: &Globals, args: &RunbookArgs) -> std::result::Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let scene = Scene::of(&state);
    let looked = match args.offline || !state.has_begun() {
        true => Looked::default(),
        false => {
            let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
            Looked::at(globals, &config, &state, &looker, &scene).await
        }
    };
    let text = Runbook { globals, config: &config, state: &state, scene, looked }.write();
    match &args.out {
        None => line(text.trim_end()),
        Some(path) => whole::write(path, &text)
            .map_err(|error| CliError::new(Exit::Failed, format!("{} can not be written", path.display())).because_io(&error))?,
    }
    Ok(0)
}

/// Whether all traffic has moved, and where it goes.
fn moved(live: Split, is_out: bool) -> (bool, String) {
    match (live == Split::TARGET, is_out) {
        (_, true) => (false, "the target is taken out by the emergency switch".to_owned()),
        (true, false) => (true, "all traffic goes to the target".to_owned()),
        (false, false) => (false, format!("{live} of the traffic goes to the target")),
    }
}

struct Runbook<'a> {
    globals: &'a Globals,
    config: &'a Config,
    state: &'a State,
    scene: Scene,
    looked: Looked,
}

/// How far it is with what the state does not know: what is said of each phase, and whether it is done. Nothing when it was not looked at.
#[derive(Default)]
struct Looked {
    replication: Option<(bool, String)>,
    validation: Option<(bool, String)>,
    service: Option<(bool, String)>,
    traffic: Option<(bool, String)>,
}

impl Looked {
    async fn at(globals: &Globals, config: &Config, state: &State, looker: &Looker, scene: &Scene) -> Self {
        let (replication, validation, service, traffic, is_out) = futures::join!(
            Self::replication(looker, scene),
            Self::validation(looker, scene),
            Self::service(looker, scene),
            traffic::live(globals, config, state, looker),
            emergency::is_out(looker, config)
        );
        let told = |found: Result<Option<(bool, String)>>| found.unwrap_or_else(|error| Some((false, format!("not known: {}", describe(&error)))));
        let traffic = match traffic {
            Ok(live) => live.map(|live| moved(live, is_out)),
            Err(error) => Some((false, format!("not known: {}", error.what))),
        };
        Self { replication: told(replication), validation: told(validation), service: told(service), traffic }
    }

    async fn replication(looker: &Looker, scene: &Scene) -> Result<Option<(bool, String)>> {
        let (mut done, mut told) = (true, Vec::new());
        for one in &scene.replications {
            let standing = running::standing(&looker.reader(&one.address, &one.region), &one.task).await?.unwrap_or_default();
            done &= !one.is_idle(&standing) && standing.full_load_percent == 100;
            let status = if standing.status.is_empty() { "gone" } else { &standing.status };
            told.push(format!("`{}` is `{status}`, full load {} %", one.task_id, standing.full_load_percent));
        }
        Ok((!told.is_empty()).then(|| (done, told.join("; "))))
    }

    async fn validation(looker: &Looker, scene: &Scene) -> Result<Option<(bool, String)>> {
        let mut states = Vec::new();
        for one in &scene.replications {
            let cx = looker.reader(&one.address, &one.region);
            let (tables, standing) = futures::try_join!(running::tables(&cx, &one.task), running::standing(&cx, &one.task))?;
            let standing = standing.unwrap_or_default();
            if one.is_idle(&standing) {
                return Ok(Some((false, format!("`{}` is `{}`, and carries no changes over", one.task_id, standing.status))));
            }
            states.extend(tables.iter().map(|table| validated(&table.validation)));
        }
        let same = states.iter().filter(|state| **state == TableState::Same).count();
        let done = !states.is_empty() && same == states.len();
        Ok((!scene.replications.is_empty()).then(|| (done, format!("DMS found {same} of {} tables to be the same", states.len()))))
    }

    async fn service(looker: &Looker, scene: &Scene) -> Result<Option<(bool, String)>> {
        let (mut done, mut told) = (scene.services.len() == 2 || scene.is_without_source(), Vec::new());
        for one in &scene.services {
            let health = targets(&looker.reader(&shift::address(), &one.region), &one.target_group).await?;
            done &= health.healthy > 0 && health.unhealthy.is_empty();
            told.push(format!("{}: {} healthy, {} not", one.side, health.healthy, health.unhealthy.len()));
        }
        Ok((!told.is_empty()).then(|| (done, told.join("; "))))
    }
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
        phase(text, 1, "Set up both environments", done.map(|how| (true, how)).as_ref(), &commands);
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
        phase(text, 2, "Replicate the databases", self.looked.replication.as_ref(), &commands);
        for replication in &self.scene.replications {
            let _ = writeln!(text, "- task `{}` on `{}`", replication.task, replication.instance_id);
        }
        text.push('\n');
    }

    fn validate(&self, text: &mut String) {
        let commands = [(self.command("replication validate"), "Compare both databases. It exits with 0 when nothing differs")];
        phase(text, 3, "Validate", self.looked.validation.as_ref(), &commands);
        text.push_str(
            "DMS carries over no sequences and no secondary indexes: make the indexes that it names, and set the sequences in the last step.\n\n",
        );
    }

    fn service(&self, text: &mut String) {
        let commands = [(self.command("traffic show"), "Healthy targets in both environments"), (self.command("watch --once"), "Every gate passes")];
        phase(text, 4, "Check the service", self.looked.service.as_ref(), &commands);
    }

    fn shift(&self, text: &mut String) {
        let saved = Saved::of(self.state);
        let outcome = saved.as_ref().and_then(|saved| saved.progress.outcome());
        // Without a look, where this tool has sent the traffic last.
        let sent = self.state.migration.live.and_then(Split::new).map(|live| moved(live, false));
        let known = self.looked.traffic.clone().or(sent);
        let commands = [
            (self.command("cutover --dry-run"), "See the steps and the gates as they are now"),
            (self.command("cutover"), "Shift the traffic; killed at any moment, the same command goes on"),
            (self.command("cutover --abort"), "End it from elsewhere"),
            (self.command("traffic rollback"), "Send all traffic back to the source, from any state"),
        ];
        phase(text, 5, "Shift the traffic", known.as_ref(), &commands);
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
        let done = (gone && !self.state.resources.is_empty()).then(|| (true, "nothing of it exists".to_owned()));
        let mut sections = vec!["`[environments.source]`".to_owned()];
        for other in self.config.environments.iter().filter(|other| other.name != "source") {
            let links = [("database", &other.replicates.database), ("bucket", &other.replicates.bucket)];
            let from_source = links.into_iter().filter(|(_, link)| link.as_ref().is_some_and(|link| link.from_environment == "source"));
            sections.extend(from_source.map(|(what, _)| format!("`[environments.{}.replicates.{what}]`", other.name)));
        }
        let sections = sections.join(", ");
        let consent = Chosen { delete: vec!["source/*".into(), "*/replication/logs".into()], ..Chosen::default() };
        let [plan, up] = ["plan", "up"].map(|verb| again(self.globals, verb, &consent));
        let empty = "Let what is in its bucket go, if it may: set `storage.empty_on_down = true` and run";
        let take_out = format!("Take {sections} and all sections inside of them out of the configuration, and keep `[routing]`. See what goes");
        let commands = [
            (self.command("replication stop"), "Stop the replication, once nobody may have to go back"),
            (self.command("up"), empty),
            (plan, take_out.as_str()),
            (up, "Let go of the source and delete it. It is refused while traffic goes there"),
        ];
        phase(text, 7, "Take the source down", done.as_ref(), &commands);
    }

    /// "Do not rely on the Route 53 control plane in your recovery path" (AWS Fault Isolation Boundaries, appendix B): its data plane, health
    /// checks and answers, goes on when the control plane in us-east-1 does not.
    fn emergency(&self, text: &mut String) {
        text.push_str("## Emergency: Route 53's control plane does not answer\n\n");
        text.push_str("`traffic rollback` changes records, which needs the control plane of Route 53 in us-east-1. Without it, the answers still follow the\nhealth checks: ");
        text.push_str("when the target's record is unhealthy, Route 53 answers with the source's, also when that has the weight 0\n(\"How Amazon Route 53 chooses records when health checking is configured\").\n\n");
        match Switch::of(self.config) {
            _ if self.scene.is_without_source() => text.push_str("The source has been taken down: there is nothing to go back to.\n\n"),
            Some(switch) => self.switch(text, &switch),
            None => self.close(text),
        }
        for (side, id) in &self.scene.health_checks {
            let _ = writeln!(text, "- health check of the {side}: `{id}`");
        }
    }

    /// The switch that was made for it.
    fn switch(&self, text: &mut String, switch: &Switch) {
        if self.scene.switch.is_none() {
            text.push_str("The switch for it does not exist yet: `up` makes it.\n\n");
        }
        let _ = writeln!(
            text,
            "The target's record has a health check that follows the alarm `{}` in {} as well. One value of its metric takes the target out, within\none to three minutes, and needs neither Route 53's control plane nor the state:\n",
            switch.alarm, switch.region
        );
        let _ = writeln!(text, "```\n{}\n```\n", self.command("traffic emergency"));
        let _ = writeln!(text, "The same without this program:\n\n```\n{}\n```\n", emergency::command(switch, Position::Out));
        let _ = writeln!(
            text,
            "It works only while the source is healthy: when both records are unhealthy, Route 53 takes both for healthy. When records can be changed\nagain, run `{}`, and then `{}`.\n",
            self.command("traffic rollback"),
            self.command("traffic emergency --release")
        );
    }

    /// Without a switch: nobody reaches the target's load balancer any more.
    fn close(&self, text: &mut String) {
        let target = self.scene.service(Side::Target);
        let group = self.state.get(&crate::address::Address::of("target", "security", "alb"));
        let id = group.and_then(|entry| entry.attrs.as_ref()?.get("group_id")?.as_str().map(str::to_owned));
        let (Some(service), Some(id)) = (target, id) else {
            text.push_str("The target does not exist yet.\n");
            return;
        };
        text.push_str("This stack has no emergency switch (`routing.emergency_switch = false`). Close the target's load balancer to the world instead; the\nhealth check fails after about 90 seconds, and clients go to the source:\n\n");
        let port = if self.config.environment("target").is_some_and(|one| !one.service.certificate_arn.is_empty()) { 443 } else { 80 };
        let _ = writeln!(
            text,
            "```\naws ec2 revoke-security-group-ingress --region {} --group-id {id} --protocol tcp --port {port} --cidr 0.0.0.0/0\n```\n",
            service.region
        );
        let up = again(self.globals, "up", &Chosen { targets: vec!["target/security/*".into()], ..Chosen::default() });
        let _ = writeln!(text, "When Route 53 answers again, run `{}`, and then `{up}`, which opens it again.\n", self.command("traffic rollback"));
    }
}

/// Writes the heading of a phase, whether it is done and what is known of it, and its commands.
fn phase(text: &mut String, number: usize, title: &str, known: Option<&(bool, String)>, commands: &[(String, &str)]) {
    let mark = if known.is_some_and(|(done, _)| *done) { "x" } else { " " };
    let how = known.map(|(_, how)| format!(" ({how})")).unwrap_or_default();
    let _ = writeln!(text, "## {number}. {title}\n\n- [{mark}] done{how}\n");
    for (command, what) in commands {
        let _ = writeln!(text, "{what}:\n\n```\n{command}\n```\n");
    }
}
