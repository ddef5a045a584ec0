//! The findings of `preflight` as a table.

use infra_workflow::preflight::{Finding, Verdict};

/// Returns the lines of a table: what fails comes first, what passes is one line each. Remedies follow their finding.
pub(in crate::cli) fn findings_table(findings: &[Finding]) -> Vec<String> {
    let width = |of: &dyn Fn(&Finding) -> usize| findings.iter().map(of).max().unwrap_or(0);
    let (checks, places) = (width(&|one| one.check.len()), width(&|one| one.place.len()));
    let mut lines = Vec::new();
    for finding in findings {
        let Finding { check, place, verdict, detail, remedy } = finding;
        let line = format!("{:<11}  {check:<checks$}  {place:<places$}  {detail}", verdict.name());
        lines.push(line.trim_end().to_owned());
        if let Some(remedy) = remedy {
            lines.push(format!("{:<11}  {remedy}", ""));
        }
    }
    lines.push(String::new());
    lines.push(summary(findings));
    lines
}

/// Returns how many checks have which result.
fn summary(findings: &[Finding]) -> String {
    let verdicts = [Verdict::Fail, Verdict::Warn, Verdict::Unchecked, Verdict::Pass];
    let counts: Vec<String> = verdicts
        .into_iter()
        .filter_map(|verdict| {
            let count = findings.iter().filter(|finding| finding.verdict == verdict).count();
            (count > 0).then(|| format!("{count} {}", verdict.name()))
        })
        .collect();
    counts.join(", ")
}
