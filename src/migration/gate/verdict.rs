//! What is thought of a gate at one moment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A verdict, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The gate says nothing at this moment: what it looks at has no traffic. It neither lets through nor stops.
    NotJudged,
    /// It holds.
    Pass,
    /// There are too few data to tell. Never a pass.
    NoData,
    /// It could not be asked. Never a pass.
    Error,
    /// It does not hold.
    Fail,
}

impl Verdict {
    /// Returns the verdict on several: fail before error before no data before pass. On nothing at all there is none.
    pub fn over(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::NotJudged)
    }

    /// The name in records and events.
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

/// The verdict on one gate, with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The name of the gate.
    pub gate: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The worst value that was seen, in the unit of the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why, as a fragment: `75 s, must be below 60 s`.
    pub text: String,
    /// When it was judged, in seconds since 1970.
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
