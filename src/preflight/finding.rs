//! What a check has found.

use infra_base::address::Location;
use serde::Serialize;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is in the way.
    Pass,
    /// It could not be checked.
    Unchecked,
    /// The run can succeed, but something deserves attention.
    Warn,
    /// The run would fail.
    Fail,
}

impl Verdict {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unchecked => "not checked",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What one check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked, in one or two words.
    pub check: &'static str,
    /// The account and the region, or the account alone.
    pub place: String,
    /// The result.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// Returns a finding without a remedy.
    pub fn new(check: &'static str, place: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { check, place: place.into(), verdict, detail: detail.into(), remedy: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Returns a location as a place.
pub fn place(location: &Location) -> String {
    match &location.account {
        Some(account) => format!("{account} {}", location.region),
        None => location.region.to_string(),
    }
}
