//! The events of a run, as one stream. The terminal, the JSON lines and the tests read the same events.
//!
//! The JSON form is a contract, described in `docs/events.md`: fields can be added, but never renamed or removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::plan::OutOfBand;
use infra_aws::AwsError;
use infra_base::address::Address;

/// An event of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// The command.
        command: &'static str,
        /// The stack, `{name}/{suffix}`.
        stack: String,
        /// Where calls are sent.
        endpoint: String,
        /// The number of steps.
        steps: usize,
        /// Expected duration in AWS seconds.
        expected_seconds: u64,
        /// Between what that usually lies, in AWS seconds, if durations vary widely.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_range_seconds: Option<[u64; 2]>,
    },
    /// A step begins.
    StepStarted {
        /// The resource.
        address: Address,
        /// The action.
        action: &'static str,
    },
    /// A step waits for AWS.
    StepWaiting {
        /// The resource.
        address: Address,
        /// What it waits for.
        what: String,
        /// The current status.
        status: String,
    },
    /// AWS has accepted a resource, and its id is known.
    StepCreated {
        /// The resource.
        address: Address,
        /// Its AWS id or name.
        id: String,
    },
    /// A step is done.
    StepDone {
        /// The resource.
        address: Address,
        /// What was done: `create`, `update`, `none`, `delete` and so on.
        action: &'static str,
        /// Its AWS id or name.
        id: String,
        /// The duration in AWS seconds.
        seconds: f64,
        /// The change outside this tool that the step corrected.
        #[serde(rename = "put_right", skip_serializing_if = "Option::is_none")]
        corrected: Option<OutOfBand>,
    },
    /// A step failed.
    StepFailed {
        /// The resource.
        address: Address,
        /// The action.
        action: &'static str,
        /// Its AWS id or name, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The error.
        error: String,
        /// The AWS error, if AWS caused it.
        #[serde(skip_serializing_if = "Option::is_none")]
        aws: Option<AwsError>,
    },
    /// A step was not started, because a step that it depends on did not succeed.
    StepBlocked {
        /// The resource.
        address: Address,
        /// The step that failed.
        by: Address,
    },
    /// A call was sent. Text output shows it with `-v`.
    Call {
        /// The resource.
        address: Address,
        /// `service:Operation`
        call: &'static str,
        /// The duration in wall-clock milliseconds.
        millis: u64,
        /// The error code of AWS.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The request id of AWS.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The progress of a cutover.
    Cutover {
        /// Its phase.
        phase: &'static str,
        /// The target's current share of the traffic, in percent.
        live: u8,
        /// The share that it is shifting to.
        intended: u8,
        /// AWS seconds since its start.
        seconds: u64,
        /// When this phase ends by itself, in AWS seconds since the start of the cutover.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        /// The number of steps that are done.
        step: usize,
        /// The number of steps.
        steps: usize,
        /// The reason why it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The progress of a switchover.
    Switchover {
        /// The side whose database is the primary before.
        from: &'static str,
        /// The side whose database becomes the primary.
        to: &'static str,
        /// `doing`, `undoing`, `completed` or `undone`.
        phase: &'static str,
        /// The row that is done or undone.
        #[serde(skip_serializing_if = "Option::is_none")]
        row: Option<&'static str>,
        /// The number of this attempt, from 1.
        attempt: u32,
        /// The number of rows that are done.
        rows_done: usize,
        /// The number of rows.
        rows: usize,
        /// Seconds since the first row began.
        seconds: u64,
        /// The last reason why something did not continue as planned.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// How long a switchover will probably take. Nothing is closed yet.
    SwitchoverForecast {
        /// Seconds without service.
        closed_seconds: f64,
        /// What is left of the time budget.
        budget_left_seconds: u64,
        /// Seconds of each row.
        rows: BTreeMap<&'static str, f64>,
    },
    /// A gate was evaluated.
    Judged {
        /// Its name.
        gate: String,
        /// `pass`, `fail`, `no data`, `error` or `not judged`.
        verdict: &'static str,
        /// The value that determined the verdict.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        /// A description of the measurement.
        text: String,
    },
    /// The healthy targets of an environment's load balancer were counted.
    Health {
        /// `source` or `target`.
        environment: &'static str,
        /// The number of healthy targets.
        healthy: u32,
        /// The desired number of tasks.
        desired: u32,
    },
    /// The traffic split changed; the new weights were read back.
    TrafficShifted {
        /// The target's share before, in percent.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u8>,
        /// The target's share now.
        to: u8,
        /// Whether a change was necessary.
        changed: bool,
    },
    /// A user-defined command ended.
    HookEnded {
        /// Its name: `quiesce` or `release`.
        name: &'static str,
        /// Its exit code, if it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// Its duration.
        seconds: u64,
    },
    /// The progress of a replication.
    Replication {
        /// The task.
        address: Address,
        /// Its status, as reported by DMS.
        status: String,
        /// The progress of the full load, in percent.
        full_load_percent: i32,
        /// The numbers of tables that are loaded, loading, queued, and with errors.
        tables: [i32; 4],
    },
    /// A phase of the start of a replication has begun, or is done.
    ReplicationPhase {
        /// The task.
        address: Address,
        /// `schema`, `load`, `indexes` or `changes`.
        phase: &'static str,
        /// `begun` or `done`.
        state: &'static str,
        /// What was done.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A notice for the user.
    Notice {
        /// The resource.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<Address>,
        /// The text.
        text: String,
    },
    /// A run ends.
    RunFinished {
        /// `done`, `failed` or `stopped`.
        outcome: &'static str,
        /// The number of steps that changed something.
        changed: usize,
        /// How many of them corrected a change made outside this tool.
        #[serde(rename = "put_right")]
        corrected: usize,
        /// The number of steps that failed.
        failed: usize,
        /// The number of steps that were not done.
        remaining: usize,
        /// The duration in AWS seconds.
        seconds: f64,
        /// The number of read calls.
        reads: u64,
        /// The number of mutating calls.
        mutations: u64,
    },
}

/// Receives events.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends every event to `listener`, in order, from the task in which it occurs.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Drops all events.
    pub fn nowhere() -> Self {
        Self::to(|_| {})
    }

    /// Sends an event to the listener.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}
