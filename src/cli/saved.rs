//! A plan in a file: `plan --out FILE` writes it, `up FILE` carries out exactly that.
//!
//! A plan follows from the configuration, the state, what was chosen and what a look at AWS found. The file holds the last two, and
//! enough of the others to tell whether they are still the same; then the plan is the same.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::args::{Chosen, Globals};
use super::failure::{CliError, Exit};
use super::plan::some;
use super::whole;
use crate::address::{Address, Lineage};
use crate::plan::{Finding, Findings, Plan};
use crate::state::State;

/// The form of the file.
const FORMAT: u32 = 1;

/// A saved plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The form of the file.
    format: u32,
    /// The version of the tool that planned.
    version: String,
    /// The stack.
    stack: String,
    /// The history that it was planned for, and where that was.
    lineage: Lineage,
    seq: u64,
    /// What was chosen.
    #[serde(flatten)]
    chosen: Chosen,
    /// What a look at AWS found; nothing when there was none.
    findings: Option<Findings>,
    /// What tells two plans apart.
    digest: String,
    /// The plan as `plan --output json` shows it.
    plan: serde_json::Value,
}

impl Saved {
    /// Takes down a plan.
    pub(super) fn of(plan: &Plan, state: &State, stack: String, chosen: &Chosen, findings: Option<&Findings>) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            stack,
            lineage: state.lineage.clone(),
            seq: state.seq,
            chosen: chosen.clone(),
            findings: findings.cloned(),
            digest: plan.digest(),
            plan: serde_json::to_value(plan).unwrap_or_default(),
        }
    }

    /// Writes the file: all of it, or nothing.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = |error: std::io::Error| CliError::new(Exit::Failed, format!("{} can not be written", path.display())).because_io(&error);
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        whole::write(path, &text).map_err(failed)
    }

    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let usage = |what: String| CliError::new(Exit::Usage, what).remains("nothing was changed");
        let text = std::fs::read_to_string(path).map_err(|error| usage(format!("{} can not be read", path.display())).because_io(&error))?;
        let saved: Self = serde_json::from_str(&text).map_err(|error| {
            let hint = "`migrate-infra plan --out FILE` writes one";
            usage(format!("{} is not a saved plan", path.display())).because_text(&error.to_string()).hint(hint)
        })?;
        if saved.format != FORMAT {
            return Err(usage(format!("{} has the form {}, which this version does not know", path.display(), saved.format))
                .hint("plan again with this version"));
        }
        Ok(saved)
    }

    /// What was chosen.
    pub(super) fn chosen(&self) -> Chosen {
        self.chosen.clone()
    }

    /// What a look at AWS found.
    pub(super) fn findings(&self) -> Option<&Findings> {
        self.findings.as_ref()
    }

    /// Refuses when the state has moved on since.
    pub(super) fn fits(&self, globals: &Globals, state: &State, stack: &str) -> Result<(), CliError> {
        let moved = match () {
            () if self.stack != stack => format!("the plan is of the stack `{}`, and this is `{stack}`", self.stack),
            // Of what has not begun, the first command begins the history.
            () if self.lineage.as_str().is_empty() && state.resources.is_empty() && state.last_run.is_none() => return Ok(()),
            () if self.lineage.as_str().is_empty() => "the state has moved on since: there was nothing then".to_owned(),
            () if self.lineage != state.lineage => "the plan is of another state".to_owned(),
            () if self.seq != state.seq => format!("the state has moved on since: it was at record {}, and is at {}", self.seq, state.seq),
            () => return Ok(()),
        };
        Err(self.outdated(globals, &moved))
    }

    /// Refuses when the plan would be another one by now, or is not the one that the file shows to whoever reviews it.
    pub(super) fn is_same(&self, globals: &Globals, plan: &Plan) -> Result<(), CliError> {
        if self.digest != plan.digest() {
            return Err(self.outdated(globals, "the configuration has changed since, and the plan would be another one"));
        }
        if serde_json::to_value(plan).ok().as_ref() != Some(&self.plan) {
            let version = match self.version == env!("CARGO_PKG_VERSION") {
                true => "it was edited",
                false => "another version of this tool wrote it, or it was edited",
            };
            return Err(self.outdated(globals, &format!("the file shows another plan than the one that would be carried out: {version}")));
        }
        Ok(())
    }

    /// Refuses when what exists is not what the plan was made of. One from configuration and state alone was made of what the state says.
    pub(super) fn is_of(&self, globals: &Globals, found: &Findings) -> Result<(), CliError> {
        let nothing = Findings::new();
        let then = self.findings.as_ref().unwrap_or(&nothing);
        let addresses: BTreeSet<&Address> = then.keys().chain(found.keys()).collect();
        let differing: Vec<String> = addresses
            .into_iter()
            .filter(|address| {
                let both = [then.get(*address), found.get(*address)];
                both[0] != both[1] && both.into_iter().flatten().any(Finding::is_drift)
            })
            .map(|address| match found.get(address) {
                Some(finding) => format!("{address}: {finding}"),
                None => format!("{address}: it is as it was left, and was not then"),
            })
            .collect();
        if differing.is_empty() {
            return Ok(());
        }
        let mut error = self.outdated(globals, "what exists has changed since");
        error.causes.extend(some(&differing));
        Err(error)
    }

    /// Refuses when by what was found just now something else would be done: what others may change is no drift, and may still be in the way.
    pub(super) fn does_the_same(&self, globals: &Globals, planned: &Plan, now: &Plan) -> Result<(), CliError> {
        let actions = |plan: &Plan| plan.steps.iter().map(|step| step.action.clone()).collect::<Vec<_>>();
        match actions(planned) == actions(now) {
            true => Ok(()),
            false => Err(self.outdated(globals, "what exists has changed since, and the plan would be another one")),
        }
    }

    fn outdated(&self, globals: &Globals, why: &str) -> CliError {
        let again = super::again::again(globals, "plan", &self.chosen);
        CliError::new(Exit::Refused, "the saved plan is out of date")
            .because_text(why)
            .remains("nothing was changed")
            .hint(format!("plan again: `{again} --out FILE`"))
    }
}
