//! `preflight`: what would fail `up`, before anything is changed.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::{EnvironmentArgs, TargetArgs};
use crate::cli::ui::{findings_table, stdout};
use infra_workflow::planning::plan_refreshed;
use infra_workflow::preflight::{Finding, Verdict, check};

/// Check what would fail `up`: permissions, quotas, names, offerings.
///
/// That is: missing permissions, quotas that are used up, names that are taken, zones and instance classes that are not
/// offered, overlapping networks, credentials that expire.
///
/// It only reads, in each account and region of the plan, and takes seconds. `up` does the same before its first
/// change, and refuses to start if a check fails.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra preflight --env source\n  \
                        migrate-infra preflight --output json | jq '.findings[] | select(.verdict != \"pass\")'\n\n\
                        Exit code 3: a check fails.")]
pub struct PreflightArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
}

pub(in crate::cli) async fn run(app: &App, args: &PreflightArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let selection = args.targets.narrow(args.environments.selection());
    let state = workspace.with_accounts(workspace.read_usable_state().await?).await?;
    let plan = plan_refreshed(workspace, &state, &selection)
        .await
        .map_err(|error| app.explain_unreadable(error, "plan --offline", &selection))?
        .plan;
    let reads = workspace.connect_read_only().await?;
    let findings = check(workspace, &reads, &state, &plan, &selection).await?;
    if app.options.is_json() {
        stdout(&json!({ "findings": findings }).to_string());
    } else {
        for line in findings_table(&findings) {
            stdout(&line);
        }
    }
    let fails = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if fails { Exit::Refused as u8 } else { 0 })
}

/// How many remedies a refusal shows. `preflight` shows all.
const SHOWN_REMEDIES: usize = 3;

/// Returns the refusal of a run whose checks fail.
pub(in crate::cli) fn refusal(findings: &[Finding]) -> Option<CliError> {
    let failed: Vec<&Finding> = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).collect();
    let texts: Vec<String> = failed.iter().map(|finding| format!("{}: {}", finding.check, finding.detail)).collect();
    let count = match failed.len() {
        0 => return None,
        1 => "a check fails".to_owned(),
        count => format!("{count} checks fail"),
    };
    let error = CliError::new(Exit::Refused, format!("{count} before the run: it would not reach its end"))
        .because_all(texts)
        .nothing_changed();
    let error = failed
        .iter()
        .filter_map(|finding| finding.remedy.as_ref())
        .take(SHOWN_REMEDIES)
        .fold(error, |error, remedy| if error.hints.contains(remedy) { error } else { error.hint(remedy.clone()) });
    Some(error.hint("`preflight` shows all checks; `--skip-preflight` starts nevertheless"))
}
