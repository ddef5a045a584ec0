//! Evaluates a gate.

use super::checks::{alarms, requests, tables, targets};
use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::reading::Reading;
use super::series::{series, with_traffic};
use super::verdict::{Judgement, Verdict};
use infra_config::{Check, Gate, Side};

/// Evaluates a gate for what was measured.
///
/// *Guarantees*: each data point in the window must be within the limit. Too few points are *no data*, and a value that
/// is not a number is an *error*. Neither is ever a pass. A point counts if its period overlaps the window. A late
/// newest point is tolerated, because the window has room for one point more than the minimum.
pub fn evaluate(gate: &Gate, reading: &Reading, context: &EvalContext) -> Judgement {
    let evaluation = match reading {
        Reading::Broken(why) => Evaluation::new(Verdict::Fail, why.clone()),
        Reading::Unknown(why) => Evaluation::new(Verdict::Error, why.clone()),
        reading => check(gate, reading, context),
    };
    let value = evaluation.value.filter(|value| value.is_finite());
    Judgement { gate: gate.name.clone(), verdict: evaluation.verdict, value, text: evaluation.text, at: context.now }
}

fn check(gate: &Gate, reading: &Reading, context: &EvalContext) -> Evaluation {
    let unit = gate.check.unit();
    match (&gate.check, reading) {
        (Check::ReplicationLag(limit) | Check::DatabaseCpu(limit), Reading::Series(all)) => {
            series(limit, unit, all, context, false)
        }
        (Check::Latency(limit), Reading::Series(all)) => match with_traffic(all, context) {
            Ok(all) => series(limit, unit, &all, context, false),
            Err(missing) => missing,
        },
        (Check::ErrorRate(limit), Reading::Requests(all)) => requests(limit, all, context),
        (Check::HealthyTargets, Reading::Targets(all)) => targets(all, context),
        (Check::Validation { with_traffic: false, .. }, _) if context.has_traffic(Side::Target) => Evaluation::new(
            Verdict::NotJudged,
            "the target has traffic, and DMS reports rows that are written there as differences",
        ),
        (Check::Validation { ignored_tables, .. }, Reading::Tables(all)) => tables(all, ignored_tables),
        (Check::Alarms, Reading::Alarms(all)) => alarms(all),
        (Check::Custom(custom), Reading::Series(all)) => match custom.needs_traffic {
            Some(side) if !context.has_traffic(side) => {
                Evaluation::new(Verdict::NotJudged, format!("the {side} has no traffic"))
            }
            _ => series(&custom.limit, unit, all, context, custom.query.adds_up()),
        },
        _ => Evaluation::new(Verdict::Error, "the measurement does not belong to this gate"),
    }
}
