//! The steps of a run.

use serde::Serialize;

use crate::record::Need;

/// A step: from when to when it worked on a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The resource.
    pub address: String,
    /// Its kind, if the plan is known.
    pub kind: String,
    /// What was done, or was to be done.
    pub action: String,
    /// By what its duration can be compared with others of the kind.
    pub operation: Option<String>,
    /// When everything that it needs was there. It may begin later, if too many steps run at the same time.
    pub possible: f64,
    /// When it began.
    pub start: f64,
    /// When AWS had accepted the resource.
    pub created: Option<f64>,
    /// When it was ready, or failed.
    pub finish: f64,
    /// How it ended.
    pub end: End,
    /// What it waited for.
    pub waits: Vec<Wait>,
    /// The calls that were repeated.
    pub retries: Vec<Retry>,
    /// What it needs.
    pub needs: Vec<Need>,
    /// The expected duration, in AWS seconds, if the plan is known.
    pub expected: Option<u64>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It is done.
    Done,
    /// It is done, and nothing was to do.
    Unchanged,
    /// It failed.
    Failed,
    /// It could not begin, because a step that it depends on failed.
    Blocked,
    /// It has not ended: the run was stopped or killed, or it still runs.
    Interrupted,
}

impl End {
    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Blocked => "not attempted",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A wait for AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// From when.
    pub from: f64,
    /// To when.
    pub to: f64,
    /// For what.
    pub what: String,
    /// The status meanwhile.
    pub status: String,
}

/// A call that AWS refused, and that was sent again as the next call of the step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// When it was refused.
    pub at: f64,
    /// `service:Operation`
    pub call: String,
    /// The error code.
    pub code: String,
}

impl Bar {
    /// Returns how long it took.
    pub fn seconds(&self) -> f64 {
        (self.finish - self.start).max(0.0)
    }

    /// Returns when it had reached a moment.
    pub(super) fn reached(&self, need: &Need) -> f64 {
        match need.at {
            crate::record::Moment::Created => self.created.unwrap_or(self.finish),
            crate::record::Moment::Ready => self.finish,
        }
    }
}
