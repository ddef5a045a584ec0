//! The verdict on one gate.

use super::parts::{Finding, alarms, requests, tables, targets};
use super::reading::Reading;
use super::series::{series, with_traffic};
use super::verdict::{Judgement, Verdict};
use crate::config::{Check, Gate, Side};
use crate::migration::Split;

/// When something is judged, and where the traffic is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Where traffic goes.
    pub live: Split,
    /// Where it will go with the next step; the same when there is none.
    pub next: Split,
}

impl Moment {
    /// Returns whether an environment has traffic.
    pub fn has_traffic(&self, side: Side) -> bool {
        self.live.weight(side) > 0
    }

    /// Returns whether an environment has traffic, or will have some with the next step.
    pub fn has_or_gets_traffic(&self, side: Side) -> bool {
        self.has_traffic(side) || self.next.weight(side) > 0
    }
}

/// Judges a gate by what was measured.
///
/// *Guarantees*: every data point of the window must hold. Too few points are no data, a number that is none is an error, and neither is ever a
/// pass. A point counts while the period that it covers reaches into the window; those before do not. That the newest one is
/// late does no harm, as the window has room for one more than there must be.
pub fn judge(gate: &Gate, reading: &Reading, moment: &Moment) -> Judgement {
    let finding = match reading {
        Reading::Broken(why) => Finding::new(Verdict::Fail, why.clone()),
        Reading::Unknown(why) => Finding::new(Verdict::Error, why.clone()),
        reading => of(gate, reading, moment),
    };
    let value = finding.value.filter(|value| value.is_finite());
    Judgement { gate: gate.name.clone(), verdict: finding.verdict, value, text: finding.text, at: moment.now }
}

fn of(gate: &Gate, reading: &Reading, moment: &Moment) -> Finding {
    let unit = gate.check.unit();
    match (&gate.check, reading) {
        (Check::ReplicationLag(limit) | Check::DatabaseCpu(limit), Reading::Series(all)) => series(limit, unit, all, moment, false),
        (Check::Latency(limit), Reading::Series(all)) => match with_traffic(all, moment) {
            Ok(all) => series(limit, unit, &all, moment, false),
            Err(missing) => missing,
        },
        (Check::ErrorRate(limit), Reading::Requests(all)) => requests(limit, all, moment),
        (Check::HealthyTargets, Reading::Targets(all)) => targets(all, moment),
        (Check::Validation { with_traffic: false, .. }, _) if moment.has_traffic(Side::Target) => {
            Finding::new(Verdict::NotJudged, "the target has traffic, and DMS takes what is written there for differences")
        }
        (Check::Validation { ignored_tables, .. }, Reading::Tables(all)) => tables(all, ignored_tables),
        (Check::Alarms, Reading::Alarms(all)) => alarms(all),
        (Check::Custom(custom), Reading::Series(all)) => match custom.needs_traffic {
            Some(side) if !moment.has_traffic(side) => Finding::new(Verdict::NotJudged, format!("the {side} has no traffic")),
            _ => series(&custom.limit, unit, all, moment, custom.query.adds_up()),
        },
        _ => Finding::new(Verdict::Error, "what was measured is not what this gate is about"),
    }
}
