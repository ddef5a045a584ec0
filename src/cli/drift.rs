//! `drift`: what was changed outside of this tool.

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat, Targets};
use super::failure::{CliError, Exit};
use super::look::{Looked, Unseen, look, looker};
use super::report::values::changed;
use super::run::line;
use super::{moves, plan, session};
use crate::plan::Finding;

/// Compares everything in AWS with what this tool left, without changing anything.
///
/// It exits with 4 when something was changed or deleted outside; `up` puts that right. What may be changed by others is listed in the
/// configuration, `[drift]`, each with a reason.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra drift --env source\n  migrate-infra drift --output json | jq '.drift[].address'")]
pub struct DriftArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
}

pub(super) async fn run(globals: &Globals, args: &DriftArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let chosen = args.targets.of(&args.chosen);
    let state = moves::renamed(&config, &session::peek(globals, &config).await?);
    session::check_chosen(&chosen, &session::environments(&config, &state))?;
    plan::check_patterns("--target", &chosen.targets, &state.resources.keys().collect::<Vec<_>>())?;
    if state.resources.is_empty() {
        super::down::say(globals, "nothing of this stack exists");
        return Ok(0);
    }
    let looker = looker(globals, &config, session::connect(globals, &config).await?);
    let wanted = |address: &crate::address::Address| chosen.includes(address.environment()) && (chosen.targets.is_empty() || chosen.targets(address));
    let looked = look(&config, &looker, &state, wanted, Unseen::Refuse("`--env` and `--target` choose what can be looked at")).await?;
    match globals.output {
        OutputFormat::Json => line(&print(&looked)),
        OutputFormat::Text => show(&looked, &again(globals, "up", &chosen)),
    }
    Ok(if looked.findings.is_empty() { 0 } else { Exit::Changes as u8 })
}

fn print(looked: &Looked) -> String {
    let drift = looked.findings.iter().map(|(address, finding)| {
        let mut entry = json!({ "address": address });
        if let (Some(entry), Ok(serde_json::Value::Object(finding))) = (entry.as_object_mut(), serde_json::to_value(finding)) {
            entry.extend(finding);
        }
        entry
    });
    let ignored = looked.ignored.iter().map(|(address, field, reason)| json!({ "address": address, "field": field, "reason": reason }));
    let (drift, ignored): (Vec<_>, Vec<_>) = (drift.collect(), ignored.collect());
    json!({ "resources": looked.resources, "reads": looked.reads, "drift": drift, "ignored": ignored }).to_string()
}

fn show(looked: &Looked, up: &str) {
    for (address, finding) in &looked.findings {
        match finding {
            Finding::Gone => line(&format!("  - {address}  it is gone from AWS")),
            Finding::Foreign { id, owner } => line(&format!("  ! {address}  `{id}` belongs to {owner}")),
            Finding::Unsettled { what } => line(&format!("  ! {address}  {what}")),
            Finding::Differs { changes, .. } => {
                line(&format!("  ~ {address}"));
                for change in changes {
                    line(&format!("      {}", changed(change)));
                }
            }
        }
    }
    for (address, field, reason) in &looked.ignored {
        line(&format!("ignored: {address} `{field}` ({reason})"));
    }
    let Looked { resources, reads, .. } = looked;
    match looked.findings.len() {
        0 => line(&format!("no drift: {resources} resources are as they were left ({reads} calls)")),
        some => {
            line(&format!("drift: {some} of {resources} resources are not as they were left ({reads} calls)"));
            line(&format!("`{up}` puts them right"));
        }
    }
}
