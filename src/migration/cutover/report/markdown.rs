//! The report as a Markdown page.

use super::model::CutoverReport;
use crate::cutover::state_machine::Outcome;

impl CutoverReport {
    /// Returns a page for a change ticket, with the outcome and the reason first.
    pub fn to_markdown(&self) -> String {
        let outcome = self.result.as_ref().map_or("under way", |result| result.as_str());
        let mut text = format!("# Cutover {}: {outcome}\n\n", cell(self.id.as_str()));
        if let Some(why) = self.result.as_ref().and_then(|result| result.why()) {
            text.push_str(&format!("**Reason:** {}\n\n", cell(why)));
        }
        if let Some(Outcome::RollbackStuck { error, .. } | Outcome::NotReleased { error, .. }) = &self.result {
            text.push_str(&format!("**Error:** {}\n\n", cell(error)));
        }
        let at = self.changes.last().map_or("0 %".to_owned(), |change| change.to.to_string());
        text.push_str(&format!(
            "- Stack: {}\n- By: {} on {}\n",
            cell(&self.stack),
            cell(&self.who.user),
            cell(&self.who.host)
        ));
        text.push_str(&format!(
            "- Started: {}\n- Ended: {}\n",
            self.started,
            self.ended.as_deref().unwrap_or("not yet")
        ));
        text.push_str(&format!("- Traffic to the target now: {at}\n- migrate-infra {}\n", self.version));
        let changes = self
            .changes
            .iter()
            .map(|one| vec![one.at.clone(), one.from.to_string(), one.to.to_string(), one.why.clone()]);
        table(&mut text, "Steps", &["time", "from", "to", "why"], changes);
        let values = self.values.iter().map(|one| {
            let limit = self.plan.gates.iter().find(|rule| rule.gate == one.gate).map(|rule| rule.must.clone());
            let passed = format!("{} of {}", one.passed, one.judged);
            vec![
                one.live.to_string(),
                one.gate.clone(),
                limit.unwrap_or_default(),
                passed,
                number(one.min),
                number(one.max),
                number(one.last),
            ]
        });
        table(&mut text, "Gates", &["traffic", "gate", "limit", "passed", "min", "max", "last"], values);
        let verdicts = self.verdicts.iter().map(|one| {
            vec![one.at.clone(), one.live.to_string(), one.gate.clone(), one.verdict.to_string(), one.text.clone()]
        });
        table(&mut text, "Verdicts", &["time", "traffic", "gate", "verdict", "why"], verdicts);
        let approvals = self.approvals.iter().map(|one| vec![one.at.clone(), one.live.to_string(), one.who.clone()]);
        table(&mut text, "Approvals", &["time", "traffic", "by"], approvals);
        let hooks = self.hooks.iter().map(|one| {
            let code = one.exit_code.map_or("none".to_owned(), |code| code.to_string());
            vec![one.at.clone(), one.name.clone(), code, format!("{} s", one.seconds)]
        });
        table(&mut text, "Commands", &["time", "command", "exit code", "duration"], hooks);
        table(
            &mut text,
            "Other events",
            &["time", "event"],
            self.notes.iter().map(|one| vec![one.at.clone(), one.text.clone()]),
        );
        text
    }
}

/// Adds a heading and a table, unless there are no rows.
fn table(text: &mut String, heading: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<String> = rows.map(|row| row.iter().map(|one| cell(one)).collect::<Vec<_>>().join(" | ")).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str(&format!("\n## {heading}\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len())));
    for row in rows {
        text.push_str(&format!("| {row} |\n"));
    }
}

/// Escapes text for a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned())
}
