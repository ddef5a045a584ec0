//! `drift`: what was changed outside of this tool.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::Exit;
use crate::cli::explain::Failure;
use crate::cli::options::{EnvironmentArgs, OutputFormat, TargetArgs};
use crate::cli::suggest::ownership_resolution;
use crate::cli::ui::{describe_change, stdout};
use infra_core::engine::TagReads;
use infra_core::plan::Drift;
use infra_workflow::drift::check;
use infra_workflow::refresh::{IgnoredChange, OnUnreadable, Refreshed, refresh};
use infra_workflow::refusal::PlanRefusal;
use infra_workflow::{Selection, apply_in_memory};

/// Compare what exists with what was last applied, without changing anything.
///
/// It exits with 4 if something was changed or deleted outside of this tool; `up` corrects that. The section `[drift]`
/// of the configuration lists what others are allowed to change, each with a reason.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra drift --env source\n  \
                        migrate-infra drift --output json | jq '.drift[].address'")]
pub struct DriftArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
}

pub(in crate::cli) async fn run(app: &App, args: &DriftArgs) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let selection = args.targets.narrow(args.environments.selection());
    let state = apply_in_memory(config, &app.workspace.read_usable_state().await?);
    check(config, &state, &selection)?;
    if state.resources.is_empty() {
        app.info("nothing of this stack exists");
        return Ok(0);
    }
    let context = app.workspace.connect_read_only().await?;
    let wanted = |address: &infra_base::address::Address| {
        selection.includes(address.environment()) && (selection.targets.is_empty() || selection.targets(address))
    };
    let refreshed =
        refresh(config, &context, &state, wanted, OnUnreadable::Refuse, TagReads::Each).await.map_err(|refusal| {
            let is_unreadable = matches!(refusal, PlanRefusal::Unreadable(_));
            let error = app.explain(refusal);
            if is_unreadable { error.hint("`--env` and `--target` select resources that can be read") } else { error }
        })?;
    match app.options.output {
        OutputFormat::Json => stdout(&json(&refreshed)),
        OutputFormat::Text => show(app, &refreshed, &selection),
    }
    Ok(if refreshed.actual_drift().next().is_none() { 0 } else { Exit::Changes as u8 })
}

fn json(refreshed: &Refreshed) -> String {
    let drift = refreshed.actual_drift().map(|(address, drift)| {
        let mut entry = json!({ "address": address });
        if let (Some(entry), Ok(serde_json::Value::Object(drift))) =
            (entry.as_object_mut(), serde_json::to_value(drift))
        {
            entry.extend(drift);
        }
        entry
    });
    let ignored = refreshed.ignored.iter().map(
        |IgnoredChange { address, field, reason }| json!({ "address": address, "field": field, "reason": reason }),
    );
    let (drift, ignored): (Vec<_>, Vec<_>) = (drift.collect(), ignored.collect());
    json!({ "resources": refreshed.resources, "reads": refreshed.reads, "drift": drift, "ignored": ignored })
        .to_string()
}

fn show(app: &App, refreshed: &Refreshed, selection: &Selection) {
    for (address, drift) in refreshed.actual_drift() {
        match drift {
            Drift::Gone => stdout(&format!("  - {address}  {drift}")),
            Drift::Differs { changes, .. } | Drift::Ignored { changes } | Drift::RequiresReplacement { changes } => {
                let symbol = if matches!(drift, Drift::RequiresReplacement { .. }) { '±' } else { '~' };
                stdout(&format!("  {symbol} {address}"));
                for change in changes {
                    stdout(&format!("      {}", describe_change(change)));
                }
            }
            Drift::Foreign { .. } | Drift::Transitional { .. } | Drift::Manual { .. } => {
                stdout(&format!("  ! {address}  {drift}"));
            }
        }
    }
    for IgnoredChange { address, field, reason } in &refreshed.ignored {
        stdout(&format!("ignored: {address} `{field}` ({reason})"));
    }
    let Refreshed { resources, reads, .. } = refreshed;
    let drifted = refreshed.actual_drift().count();
    if drifted == 0 {
        return stdout(&format!("no drift: {resources} resources are as last applied ({reads} calls)"));
    }
    stdout(&format!("drift: {drifted} of {resources} resources differ from what was last applied ({reads} calls)"));
    let up = app.rerun_command("up", selection);
    let manual: Vec<_> = refreshed.actual_drift().filter(|(_, drift)| drift.requires_manual_action()).collect();
    if manual.is_empty() {
        return stdout(&format!("`{up}` corrects this"));
    }
    stdout(&format!("manual action is required for {} of them before `{up}`", manual.len()));
    for (address, drift) in manual {
        if let Drift::Foreign { id, .. } = drift {
            stdout(&format!("  {address}: {}", ownership_resolution(&app.options, address, id, true)));
        }
    }
}
