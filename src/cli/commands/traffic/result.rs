//! The result of a shift, and what it sends.

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::ONE_WAY;
use crate::cli::ui::stdout;
use infra_core::resource::describe;
use infra_kinds::route53::change::Weighted;
use infra_migration::TrafficSplit;
use infra_migration::cutover::ShiftEffect;
use infra_migration::records::RecordSet;
use infra_migration::shift::{ShiftError, ShiftOutcome};

/// Returns a sentence about the current split.
pub(super) fn summary(records: &RecordSet) -> String {
    records.split().map_or_else(
        || "The weights are not a whole percentage.".to_owned(),
        |split| format!("{split} of the traffic goes to the target."),
    )
}

/// Returns the change batch in the format of Route 53.
pub(super) fn batch(records: &RecordSet, to: TrafficSplit) -> String {
    let change = |record: &Weighted| {
        let mut change = json!({
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": record.name,
                "Type": "A",
                "SetIdentifier": record.set_identifier,
                "Weight": record.weight,
                "AliasTarget": {
                    "DNSName": record.alias_dns_name,
                    "HostedZoneId": record.alias_zone_id,
                    "EvaluateTargetHealth": record.evaluate_target_health,
                },
            },
        });
        if let Some(check) = &record.health_check_id {
            change["ResourceRecordSet"]["HealthCheckId"] = json!(check);
        }
        change
    };
    let changes: Vec<Value> = records.with_split(to).iter().map(change).collect();
    serde_json::to_string_pretty(&json!({ "Changes": changes })).unwrap_or_default()
}

/// Summarises a shift.
pub(super) fn end(
    app: &App,
    result: Result<ShiftOutcome, ShiftError>,
    to: TrafficSplit,
    command: &str,
) -> Result<u8, CliError> {
    match result {
        Ok(outcome) => {
            succeeded(app, &outcome, to);
            Ok(0)
        }
        Err(error) => Err(failed(app, &error, to, command)),
    }
}

fn succeeded(app: &App, outcome: &ShiftOutcome, to: TrafficSplit) {
    if app.options.is_json() {
        let from = outcome.from.map(TrafficSplit::percent);
        let changed = outcome.changed;
        let event = json!({ "event": "traffic_shifted", "from": from, "to": to.percent(), "changed": changed });
        return stdout(&event.to_string());
    }
    let before = outcome.from.map(|from| format!(", before it was {from}")).unwrap_or_default();
    stdout(&match outcome.changed {
        true => format!("done: {to} of the traffic goes to the target{before}; the records were read back"),
        false => format!("nothing to do: {to} of the traffic goes to the target"),
    });
    let had_traffic = outcome.from.is_none_or(|from| from != TrafficSplit::SOURCE);
    if to == TrafficSplit::SOURCE && had_traffic {
        stdout(&format!("note: {ONE_WAY}"));
    }
}

fn failed(app: &App, failure: &ShiftError, to: TrafficSplit, command: &str) -> CliError {
    let what = if to == TrafficSplit::SOURCE {
        "traffic was not sent back to the source".to_owned()
    } else {
        format!("traffic was not shifted to {to}")
    };
    let unchanged = match failure.effect {
        ShiftEffect::Unknown => "the change may have been made; `traffic show` shows the current weights",
        ShiftEffect::Overridden(_) => "traffic goes where the other change has sent it",
        ShiftEffect::None => "traffic goes where it went before",
    };
    let error = CliError::new(Exit::of(&failure.error), what)
        .because_text(describe(&failure.error))
        .unchanged(unchanged)
        .hint(format!("run `{}` again", app.command(command)));
    match to == TrafficSplit::SOURCE {
        true => error.hint(format!(
            "if Route 53's control plane is down, `{}` takes the target out without it",
            app.command("traffic emergency")
        )),
        false => error,
    }
}
