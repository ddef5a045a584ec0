//! What happens in a run, as one stream. The terminal, the JSON lines and the tests all read the same events.
//!
//! The JSON form is a contract, described in `docs/events.md`: fields are added, never renamed or removed.

use std::sync::Arc;

use serde::Serialize;

use crate::address::Address;
use crate::aws::AwsError;
use crate::plan::Outside;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// The command.
        command: &'static str,
        /// The stack, `{name}/{suffix}`.
        stack: String,
        /// Where the calls go.
        endpoint: String,
        /// How many steps there are.
        steps: usize,
        /// Expected length in AWS seconds.
        expected_seconds: u64,
    },
    /// A step begins.
    StepStarted {
        /// Of which resource.
        address: Address,
        /// What is done.
        action: &'static str,
    },
    /// A step waits for AWS.
    StepWaiting {
        /// Of which resource.
        address: Address,
        /// What for.
        what: String,
        /// The status that it is in.
        status: String,
    },
    /// AWS has accepted a resource; its id is known.
    StepCreated {
        /// Of which resource.
        address: Address,
        /// Its AWS id or name.
        id: String,
    },
    /// A step is done.
    StepDone {
        /// Of which resource.
        address: Address,
        /// What was done: `create`, `update`, `none` or `delete`.
        action: &'static str,
        /// Its AWS id or name.
        id: String,
        /// AWS seconds that it took.
        seconds: f64,
        /// What was done outside of this tool and is put right.
        #[serde(skip_serializing_if = "Option::is_none")]
        put_right: Option<Outside>,
    },
    /// A step failed.
    StepFailed {
        /// Of which resource.
        address: Address,
        /// What was tried.
        action: &'static str,
        /// Its AWS id or name, when known.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        error: String,
        /// The AWS error, when it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        aws: Option<AwsError>,
    },
    /// A step was not tried because one that it needs did not succeed.
    StepBlocked {
        /// Of which resource.
        address: Address,
        /// The one that failed.
        by: Address,
    },
    /// A call was made. Text output shows it with `-v`.
    Call {
        /// For which resource.
        address: Address,
        /// `service:Operation`
        call: &'static str,
        /// Wall milliseconds.
        millis: u64,
        /// AWS's error code.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// AWS's request id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// A cutover is at this point.
    Cutover {
        /// What it does.
        phase: &'static str,
        /// The share of the target in the traffic, in percent.
        live: u8,
        /// The share that it is on the way to.
        intended: u8,
        /// AWS seconds since it began.
        seconds: u64,
        /// When this phase is over by itself, in AWS seconds since it began.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        /// How many steps are done.
        step: usize,
        /// How many steps there are.
        steps: usize,
        /// Why it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A gate was judged.
    Judged {
        /// Its name.
        gate: String,
        /// `pass`, `fail`, `no data`, `error` or `not judged`.
        verdict: &'static str,
        /// The value that decided.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        /// What was measured, in words.
        text: String,
    },
    /// The targets of an environment's load balancer were counted.
    Health {
        /// `source` or `target`.
        environment: &'static str,
        /// How many are healthy.
        healthy: u32,
        /// How many tasks are wanted.
        desired: u32,
    },
    /// Traffic is divided in another way, as was read back.
    TrafficShifted {
        /// The share of the target before, in percent.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u8>,
        /// The share of the target.
        to: u8,
        /// Whether anything had to be changed for it.
        changed: bool,
    },
    /// A command of the user's own has ended.
    HookEnded {
        /// Which one: `quiesce` or `release`.
        name: &'static str,
        /// Its exit code, when it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// How long it ran.
        seconds: u64,
    },
    /// A replication is at this point.
    Replication {
        /// The task.
        address: Address,
        /// Its status, as DMS writes it.
        status: String,
        /// How much of the full load is done, in percent.
        full_load_percent: i32,
        /// Tables: loaded, loading, queued, with errors.
        tables: [i32; 4],
    },
    /// Something the user should know.
    Notice {
        /// About which resource.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<Address>,
        /// In words.
        text: String,
    },
    /// A run ends.
    RunFinished {
        /// `done`, `failed` or `stopped`.
        outcome: &'static str,
        /// How many steps changed something.
        changed: usize,
        /// How many of them put right what was done outside of this tool.
        put_right: usize,
        /// How many steps failed.
        failed: usize,
        /// How many steps were not done.
        remaining: usize,
        /// AWS seconds that the run took.
        seconds: f64,
        /// Calls that read.
        reads: u64,
        /// Calls that changed something.
        mutations: u64,
    },
}

/// Where events go.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends every event to `listener`, in order, from whichever task it happens in.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Sends events nowhere.
    pub fn nowhere() -> Self {
        Self::to(|_| {})
    }

    /// Tells the listener.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}
