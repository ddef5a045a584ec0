//! What is told of a shift, before and after it.

use serde_json::{Value, json};

use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals, OutputFormat};
use crate::cli::down;
use crate::cli::failure::{CliError, Exit};
use crate::cli::run::line;
use crate::migration::Split;
use crate::migration::schedule::Effect;
use crate::migration::shift::{Failed, Shifted};
use crate::migration::traffic::Live;
use crate::resource::describe;

pub(super) fn now(live: &Live) -> String {
    live.split().map_or_else(|| "The weights are no whole percent.".to_owned(), |split| format!("{split} of the traffic goes to the target."))
}

/// What nobody should have to find out afterwards ("AWS DMS", ongoing replication: from the source endpoint to the target endpoint).
pub(in crate::cli) const ONE_WAY: &str =
    "replication goes one way: what was written through the target while it had traffic is in the target's database alone";

/// The change batch as Route 53 takes it.
pub(super) fn batch(live: &Live, to: Split) -> String {
    let change = |record: &crate::resources::route53::change::Weighted| {
        json!({
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
                "HealthCheckId": record.health_check_id,
            },
        })
    };
    let changes: Vec<Value> = live.with(to).iter().map(change).collect();
    serde_json::to_string_pretty(&json!({ "Changes": changes })).unwrap_or_default()
}

/// Sums up.
pub(super) fn end(globals: &Globals, done: Result<Shifted, Failed>, to: Split, command: &str) -> Result<u8, CliError> {
    let next = again(globals, command, &Chosen::default());
    match done {
        Ok(shifted) => {
            let from = shifted.from.map(Split::percent);
            if globals.output == OutputFormat::Json {
                line(&json!({ "event": "traffic_shifted", "from": from, "to": to.percent(), "changed": shifted.changed }).to_string());
            }
            let was = shifted.from.map(|from| format!(", before it was {from}")).unwrap_or_default();
            down::say(
                globals,
                &match shifted.changed {
                    true => format!("done: {to} of the traffic goes to the target{was}; the records were read back"),
                    false => format!("nothing to do: {to} of the traffic goes to the target"),
                },
            );
            let had_traffic = shifted.from.is_none_or(|from| from != Split::SOURCE);
            if to == Split::SOURCE && had_traffic {
                down::say(globals, &format!("note: {ONE_WAY}"));
            }
            Ok(0)
        }
        Err(failed) => {
            let what = if to == Split::SOURCE { "traffic was not brought back".to_owned() } else { format!("traffic was not shifted to {to}") };
            let error = CliError::new(Exit::of(&failed.error), what).because_text(&describe(&failed.error));
            let remains = match failed.effect {
                Effect::Unknown => "the change may have been made all the same: `traffic show` tells",
                Effect::Overridden(_) => "traffic goes where the other change has sent it",
                Effect::None => "traffic goes where it went before",
            };
            let error = error.remains(remains).hint(format!("run `{next}` again"));
            Err(match to == Split::SOURCE {
                true => error.hint(format!(
                    "if Route 53's control plane is down, `{}` takes the target out without it",
                    again(globals, "traffic emergency", &Chosen::default())
                )),
                false => error,
            })
        }
    }
}
