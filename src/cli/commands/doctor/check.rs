//! One check and its result.

use serde_json::{Value, json};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// All is well.
    Ok,
    /// Something to know.
    Note,
    /// Commands will fail.
    Problem,
    /// Not checked.
    Skipped,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// A check.
#[derive(Clone, Debug)]
pub(super) struct Check {
    name: &'static str,
    status: Status,
    /// What was found. It is stored, so it has no text of others.
    detail: String,
    /// What only the user sees: it can name what is theirs.
    private: Option<String>,
}

impl Check {
    /// Returns a result. `detail` is stored in the bundle.
    pub(super) fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), private: None }
    }

    /// Adds what is shown, and not stored.
    pub(super) fn shown_only(self, text: impl Into<String>) -> Self {
        Self { private: Some(text.into()), ..self }
    }

    /// Returns what the bundle has of it.
    pub(super) fn stored(&self) -> Value {
        json!({ "check": self.name, "status": self.status.as_str(), "detail": self.detail })
    }

    /// Returns what the user gets as JSON.
    pub(super) fn json(&self) -> Value {
        json!({ "check": self.name, "status": self.status.as_str(), "detail": self.text() })
    }

    fn text(&self) -> String {
        match &self.private {
            Some(private) => format!("{}: {private}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// Returns the lines of a table.
pub(super) fn table(checks: &[Check]) -> Vec<String> {
    let row = |name: &str, status: &str, detail: &str| format!("{name:13}  {status:7}  {detail}");
    let rows = checks.iter().map(|check| row(check.name, check.status.as_str(), &check.text()));
    std::iter::once(row("check", "result", "detail")).chain(rows).collect()
}
