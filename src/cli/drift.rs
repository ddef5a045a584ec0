//! `drift`: what was changed outside of this tool.

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat, Targets};
use super::failure::{CliError, Exit};
use super::look::{Looked, Unseen, look, looker};
use super::report::values::changed;
use super::run::line;
use super::{foreign, ignoring, moves, plan, session};
use crate::address::Address;
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
    ignoring::check(&config, &crate::stack::build(&config)?, &state)?;
    let of_chosen = |address: &&Address| chosen.includes(address.environment());
    plan::check_patterns("--target", &chosen.targets, &state.resources.keys().filter(of_chosen).collect::<Vec<_>>())?;
    if state.resources.is_empty() {
        super::down::say(globals, "nothing of this stack exists");
        return Ok(0);
    }
    let looker = looker(globals, &config, session::connect(globals, &config).await?);
    let wanted = |address: &Address| chosen.includes(address.environment()) && (chosen.targets.is_empty() || chosen.targets(address));
    let looked = look(&config, &looker, &state, wanted, Unseen::Refuse("`--env` and `--target` choose what can be looked at")).await?;
    match globals.output {
        OutputFormat::Json => line(&print(&looked)),
        OutputFormat::Text => show(globals, &looked, &again(globals, "up", &chosen)),
    }
    Ok(if drift(&looked).next().is_none() { 0 } else { Exit::Changes as u8 })
}

/// What is drift: all but what others may change.
fn drift(looked: &Looked) -> impl Iterator<Item = (&Address, &Finding)> {
    looked.findings.iter().filter(|(_, finding)| finding.is_drift())
}

fn print(looked: &Looked) -> String {
    let drift = drift(looked).map(|(address, finding)| {
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

fn show(globals: &Globals, looked: &Looked, up: &str) {
    for (address, finding) in drift(looked) {
        match finding {
            Finding::Gone => line(&format!("  - {address}  {finding}")),
            Finding::Differs { changes, .. } | Finding::Left { changes } | Finding::Another { changes } => {
                let mark = if matches!(finding, Finding::Another { .. }) { '±' } else { '~' };
                line(&format!("  {mark} {address}"));
                for change in changes {
                    line(&format!("      {}", changed(change)));
                }
            }
            Finding::Foreign { .. } | Finding::Unsettled { .. } | Finding::Stuck { .. } => line(&format!("  ! {address}  {finding}")),
        }
    }
    for (address, field, reason) in &looked.ignored {
        line(&format!("ignored: {address} `{field}` ({reason})"));
    }
    let Looked { resources, reads, .. } = looked;
    let some = drift(looked).count();
    if some == 0 {
        return line(&format!("no drift: {resources} resources are as they were left ({reads} calls)"));
    }
    line(&format!("drift: {some} of {resources} resources are not as they were left ({reads} calls)"));
    let for_a_person: Vec<_> = drift(looked).filter(|(_, finding)| finding.is_for_a_person()).collect();
    if for_a_person.is_empty() {
        return line(&format!("`{up}` puts them right"));
    }
    line(&format!("`{up}` can not put {} of them right: a person has to, before it is run", for_a_person.len()));
    for (address, finding) in for_a_person {
        if let Finding::Foreign { id, .. } = finding {
            line(&format!("  {address}: {}", foreign::way_out(globals, address, id, true)));
        }
    }
}
