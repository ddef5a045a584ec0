//! The verdict of a validation. A difference outweighs what is unknown.

use super::comparison::Compared;
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::stderr;
use infra_compare::Verdict;
use infra_kinds::dms::task_status::Table;
use infra_migration::gate::TableState;
use infra_migration::gate::probe::table_state;
use infra_migration::topology::Replication;

/// The result for one replication.
pub(super) struct Validated {
    pub(super) replication: Replication,
    /// The results of DMS.
    pub(super) dms: Vec<Table>,
    /// The status of a task that does not run although changes may be pending.
    pub(super) idle: Option<String>,
    /// The result of the comparison by this tool.
    pub(super) comparison: Compared,
}

/// Returns an error if there are differences, or if it is not proven that there are none.
pub(super) fn exit_code(app: &App, all: &[Validated]) -> Result<u8, CliError> {
    let mut findings = Findings::default();
    for one in all {
        findings.add_dms(one);
        findings.add_comparison(one);
    }
    let status = app.command("replication status");
    if !findings.differences.is_empty() {
        return Err(CliError::new(Exit::Changes, "the databases differ")
            .because_all(findings.differences)
            .nothing_changed()
            .hint(format!("`{status}` shows lag and errors; pending changes count as missing")));
    }
    if !findings.unknown.is_empty() {
        return Err(CliError::new(Exit::Failed, "it is not proven that all data has arrived")
            .because_all(findings.unknown)
            .nothing_changed()
            .hint(format!("`{status}` shows the progress")));
    }
    app.info("all data has arrived: no difference was found");
    if all.iter().any(|one| matches!(one.comparison, Compared::No(_))) {
        stderr("note: only the results of DMS were read; sequences and indexes were not compared");
    }
    Ok(0)
}

#[derive(Default)]
struct Findings {
    differences: Vec<String>,
    unknown: Vec<String>,
}

impl Findings {
    fn add_dms(&mut self, one: &Validated) {
        let comparison = match &one.comparison {
            Compared::Yes(comparison, _) => Some(comparison.as_ref()),
            Compared::No(_) => None,
        };
        for table in &one.dms {
            let compared = comparison.map(|comparison| {
                comparison.tables.iter().find(|other| format!("{}.{}", other.schema, other.table) == table.name)
            });
            match (table_state(&table.validation), compared) {
                (TableState::Different, _) => self.differences.push(format!("{}: {}", table.name, table.validation)),
                (_, Some(None)) => self
                    .unknown
                    .push(format!("{}: DMS replicates it, and the compared databases do not contain it", table.name)),
                // This tool has compared what DMS could not compare.
                (TableState::Pending | TableState::NotCompared | TableState::Failed, Some(Some(compared)))
                    if matches!(compared.verdict, Verdict::Equal | Verdict::Empty) => {}
                (TableState::Pending | TableState::NotCompared | TableState::Failed, _) => {
                    self.unknown.push(format!("{}: {}", table.name, table.validation));
                }
                (TableState::Same, _) => {}
            }
        }
        // The results of a task that has stopped do not cover later changes.
        if let Some(status) = &one.idle
            && !comparison.is_some_and(|comparison| comparison.verdict == Verdict::Equal)
        {
            self.unknown
                .push(format!("{}: the task is `{status}`, and does not replicate changes", one.replication.address));
        }
    }

    fn add_comparison(&mut self, one: &Validated) {
        let address = &one.replication.address;
        let comparison = match &one.comparison {
            Compared::Yes(comparison, _) => comparison,
            Compared::No(reason) if one.dms.is_empty() => {
                return self.unknown.push(format!("{address}: nothing was compared: {reason}"));
            }
            Compared::No(_) => return,
        };
        match comparison.verdict {
            Verdict::Different => self.differences.push(format!("{address}: this tool found differences")),
            Verdict::Incomplete => self.unknown.push(format!("{address}: not everything could be compared")),
            Verdict::Empty => self.unknown.push(format!("{address}: both databases are empty, which proves nothing")),
            Verdict::Equal => {}
        }
    }
}
