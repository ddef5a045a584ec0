//! The state in numbers, the lock, and the types of the last records.

use std::collections::BTreeMap;

use infra_config::BackendKind;
use infra_core::state::{Found, Holder, State, StateError, salvage};
use infra_workflow::{Error, Workspace};
use serde_json::{Value, json};

use super::check::{Check, Status};
use super::redact::harmless;
use crate::cli::commands::status::status_name;

/// So many of the last records are described.
const RECORDS: usize = 200;

/// What could be read.
#[derive(Default)]
pub(super) struct Reading {
    checks: Vec<Check>,
    state: Option<State>,
    journal: Vec<u8>,
    is_damaged: bool,
}

/// Reads the state without changing it. One in a bucket is read only `online`.
pub(super) async fn read(workspace: &Workspace, online: bool) -> Reading {
    if workspace.config.state.backend == BackendKind::S3 && !workspace.sandbox && !online {
        let skipped = |name| Check::new(name, Status::Skipped, "in a bucket: `--online` reads it");
        return Reading { checks: vec![skipped("state"), skipped("lock")], ..Reading::default() };
    }
    match try_read(workspace).await {
        Ok(reading) => reading,
        Err(error) => {
            let detail = match &error {
                Error::State(StateError::Newer { .. }) => "it was written by a later version",
                Error::State(_) => "it cannot be read",
                _ => "the bucket cannot be reached",
            };
            let checks = vec![Check::new("state", Status::Problem, detail).shown_only(error.to_string())];
            Reading { checks, ..Reading::default() }
        }
    }
}

async fn try_read(workspace: &Workspace) -> Result<Reading, Error> {
    let backend = workspace.backend(None).await?;
    let mut store = backend.store();
    let salvage = salvage(store.as_mut()).await?;
    // One that is damaged is described by the check.
    let journal = store.journal().await.ok().flatten().unwrap_or_default();
    let state = match &salvage.damage {
        Some(error) => Check::new("state", Status::Problem, "it is damaged; docs/state-format.md describes repairs")
            .shown_only(error.to_string()),
        None if !salvage.state.has_begun() => Check::new("state", Status::Ok, "there is none yet"),
        None => {
            let (all, ready) = (salvage.state.resources.len(), ready(&salvage.state));
            let status = if all == ready { Status::Ok } else { Status::Note };
            Check::new("state", status, format!("{all} resources, {} of them unfinished", all - ready))
        }
    };
    let lock = match backend.holder().await {
        Ok(Found::Free) => Check::new("lock", Status::Ok, "free"),
        Ok(Found::Dead(_)) => {
            Check::new("lock", Status::Ok, "left by a run that has ended; the next one takes it over")
        }
        Ok(Found::Held(holder)) => {
            let private = holder.as_ref().map_or_else(|| "unknown".to_owned(), Holder::describe);
            Check::new("lock", Status::Note, "a run holds it").shown_only(private)
        }
        Err(error) => Check::new("lock", Status::Problem, format!("it cannot be read ({})", error.kind())),
    };
    let is_damaged = salvage.damage.is_some();
    Ok(Reading { checks: vec![state, lock], state: Some(salvage.state), journal, is_damaged })
}

fn ready(state: &State) -> usize {
    state.resources.values().filter(|entry| status_name(entry.status) == "ready").count()
}

impl Reading {
    /// Returns the results.
    pub(super) fn checks(&self) -> Vec<Check> {
        match self.checks.is_empty() {
            true => vec![Check::new("state", Status::Skipped, "the configuration says where it is")],
            false => self.checks.clone(),
        }
    }

    /// Returns the start of the last run.
    pub(super) fn last_run(&self) -> Option<&str> {
        Some(self.state.as_ref()?.last_run.as_ref()?.at.as_str())
    }

    /// Returns the state in numbers, if it was read.
    pub(super) fn summary(&self) -> Option<Value> {
        let state = self.state.as_ref()?;
        let mut resources: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for entry in state.resources.values() {
            let kind = if infra_kinds::KINDS.get(&entry.kind).is_some() { entry.kind.as_str() } else { "unknown" };
            *resources.entry(kind).or_default().entry(status_name(entry.status)).or_default() += 1;
        }
        let word = |text: &str| harmless(&text.replace(' ', "_"));
        let last_run = state.last_run.as_ref().map(|run| {
            json!({ "command": word(&run.command), "at": harmless(&run.at),
                "outcome": run.outcome.as_deref().and_then(word) })
        });
        Some(json!({
            "format": state.format,
            "records": state.seq,
            "is_damaged": self.is_damaged,
            "resources": resources,
            "last_run": last_run,
            "has_cutover": state.migration.cutover.is_some(),
            "has_switchover": state.migration.switchover.is_some(),
            "unfinished_shift": state.migration.shift.is_some(),
            "unfinished_operations": state.migration.operations.len(),
            "replications": state.migration.replications.len(),
        }))
    }

    /// Returns the types of the last records. A line that is no record is one, too.
    pub(super) fn journal(&self) -> Value {
        let text = String::from_utf8_lossy(&self.journal);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(RECORDS)..].iter().map(|line| describe(line)).collect()
    }
}

/// Returns the words of a record that this program or AWS has chosen.
fn describe(line: &str) -> Value {
    let parsed = line.split_once(' ').and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
    let Some(record) = parsed else { return json!({ "unreadable_bytes": line.len() }) };
    let word = |key: &str| {
        let found = record.get(key).and_then(Value::as_str).and_then(harmless)?;
        Some((key.to_owned(), Value::String(found)))
    };
    let words = ["record", "kind", "op", "call", "fate", "code", "region", "at"].into_iter().filter_map(word);
    let seq = record.get("seq").filter(|seq| seq.is_u64()).map(|seq| ("seq".to_owned(), seq.clone()));
    Value::Object(seq.into_iter().chain(words).collect())
}
