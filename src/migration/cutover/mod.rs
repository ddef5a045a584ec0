//! The cutover: shifts traffic step by step from the source to the target while gates hold.

mod config;
mod driver;
mod hook;
mod persisted;
mod report;
mod state_machine;

pub use config::{CutoverPlan, Steps};
pub use driver::{Driver, Operator};
pub use hook::{Hook, HookResult, Hooks, record_hook};
pub use persisted::PersistedCutover;
pub use report::{ApprovalRecord, CutoverReport, GateValues, HookRun, Initiator, Note, TrafficChange, VerdictChange};
pub use state_machine::{
    Approval, Command, Condition, Event, Input, Next, Outcome, Phase, Progress, Question, Quiesce, ShiftEffect,
    SwitchUse, Trigger, step,
};
