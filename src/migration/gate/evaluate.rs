//! Evaluates a gate.

use super::checks::{Differences, alarms, tables};
use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::reading::Reading;
use super::requests::requests;
use super::series::series;
use super::share::{ShareLimit, share};
use super::targets::{capacity, health};
use super::verdict::{Judgement, Verdict};
use infra_config::{Check, Gate, Side};

/// Evaluates a gate for what was measured.
///
/// *Guarantees*: each data point in the window must be within the limit. Too few points are *no data*, and a value that
/// is not a number is an *error*. Neither is ever a pass. A point counts if its period is over and overlaps the window.
/// A late newest point is tolerated, because the window has room for one point more than the minimum. Requests are
/// pooled instead. A verdict names the environments that do not hold what the gate requires.
pub fn evaluate(gate: &Gate, reading: &Reading, context: &EvalContext) -> Judgement {
    let evaluation = match reading {
        Reading::Broken(why) => Evaluation::new(Verdict::Fail, why.clone()),
        Reading::Unknown(why) => Evaluation::new(Verdict::Error, why.clone()),
        reading => check(gate, reading, context),
    };
    let value = evaluation.value.filter(|value| value.is_finite());
    Judgement {
        gate: gate.name.clone(),
        verdict: evaluation.verdict,
        value,
        text: evaluation.text,
        unhealthy: evaluation.unhealthy,
        at: context.now,
    }
}

fn check(gate: &Gate, reading: &Reading, context: &EvalContext) -> Evaluation {
    let unit = gate.check.unit();
    match (&gate.check, reading) {
        (Check::ReplicationLag(limit) | Check::DatabaseCpu(limit), Reading::Series(all)) => {
            series(limit, unit, all, context)
        }
        (Check::Latency { seconds, share }, Reading::Requests(all)) => {
            requests(share, &format!(" take more than {seconds} s"), all, context)
        }
        (Check::ErrorRate(limit), Reading::Requests(all)) => requests(limit, " fail", all, context),
        (Check::TrafficShare { tolerance_percent, min_requests, window_seconds }, Reading::Requests(all)) => {
            let (tolerance_percent, min_requests, window_seconds) =
                (*tolerance_percent, *min_requests, *window_seconds);
            share(ShareLimit { tolerance_percent, min_requests, window_seconds }, all, context)
        }
        (Check::HealthyTargets, Reading::Targets(all)) => health(all, context),
        (Check::Capacity, Reading::Targets(all)) => capacity(all, context),
        (Check::Validation { with_traffic, ignored_tables }, Reading::Tables(all)) => {
            let are_expected = !with_traffic && context.has_traffic(Side::Target);
            let differences = if are_expected { Differences::AreExpected } else { Differences::Count };
            tables(all, ignored_tables, differences)
        }
        (Check::Alarms, Reading::Alarms(all)) => alarms(all),
        (Check::Custom(custom), Reading::Series(all)) => match custom.needs_traffic {
            Some(side) if !context.has_traffic(side) => {
                Evaluation::new(Verdict::NotJudged, format!("the {side} has no traffic"))
            }
            side => series(&custom.limit, unit, all, context).of(side),
        },
        _ => Evaluation::new(Verdict::Error, "the measurement does not belong to this gate"),
    }
}
