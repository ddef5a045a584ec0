//! What is checked.

use std::time::SystemTime;

use infra_core::engine::ReadContext;
use infra_core::plan::Plan;
use infra_core::state::State;
use infra_permissions::Policy;

/// What is checked: a plan, before it is executed.
pub struct Subject<'a> {
    /// The clients, and what else reads need.
    pub reads: &'a ReadContext,
    /// The state.
    pub state: &'a State,
    /// The plan.
    pub plan: &'a Plan,
    /// What the run needs permissions for.
    pub policies: &'a [Policy],
    /// The name that clients use, if the configuration has one.
    pub served_name: Option<&'a str>,
    /// The current time, for what expires.
    pub now: SystemTime,
}
