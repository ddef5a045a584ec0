//! The verdict on a gate.

use std::fmt;

use infra_config::Side;
use serde::{Deserialize, Serialize};

/// A verdict. The order is from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The gate does not apply, because its subject has no traffic. It neither allows nor prevents a step.
    NotJudged,
    /// The gate holds.
    Pass,
    /// There is too little data. Never a pass.
    NoData,
    /// The measurement failed. Never a pass.
    Error,
    /// The gate does not hold.
    Fail,
}

impl Verdict {
    /// Returns the overall verdict: *fail* before *error* before *no data* before *pass*.
    pub fn over(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::NotJudged)
    }

    /// Returns the name in reports and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJudged => "not judged",
            Self::Pass => "pass",
            Self::NoData => "no data",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The verdict on a gate, with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The name of the gate.
    pub gate: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The worst value, in the unit of the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The reason, as a fragment: `75 s, must be below 60 s`.
    pub text: String,
    /// The environments that do not hold what the gate requires. None if the verdict belongs to neither of them, like
    /// that on the replication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unhealthy: Vec<Side>,
    /// The time of the evaluation, in seconds since 1970.
    pub at: i64,
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Error, Fail, NoData, NotJudged, Pass};
    use super::*;

    #[test]
    fn the_worst_verdict_counts() {
        let table: [(&[Verdict], Verdict); 7] = [
            (&[], NotJudged),
            (&[NotJudged, NotJudged], NotJudged),
            (&[Pass, NotJudged, Pass], Pass),
            (&[Pass, NoData, Pass], NoData),
            (&[NoData, Error, Pass], Error),
            (&[Error, Fail, NoData, Pass], Fail),
            (&[Fail], Fail),
        ];
        for (verdicts, over) in table {
            assert_eq!(Verdict::over(verdicts.iter().copied()), over, "{verdicts:?}");
        }
    }
}
