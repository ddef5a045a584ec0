//! Whether a fence is open or closed, and how that is changed.

use serde::{Deserialize, Serialize};

use super::rule_scope::{self, RuleScope, UnusedHost};
use infra_core::resource::{Result, StepContext};

pub(super) const OPEN_HOST: UnusedHost = "fence-is-open.invalid";

/// A position of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FencePosition {
    /// Requests pass.
    Open,
    /// Every request is answered with 503.
    Closed,
}

impl FencePosition {
    /// Returns the name of the position.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    pub(super) fn of(scope: RuleScope) -> Self {
        match scope {
            RuleScope::Nothing => Self::Open,
            RuleScope::Everything => Self::Closed,
        }
    }

    pub(super) fn scope(self) -> RuleScope {
        match self {
            Self::Open => RuleScope::Nothing,
            Self::Closed => RuleScope::Everything,
        }
    }
}

/// Returns the position of the fence with this ARN. `None` if there is no such rule, or something has changed its
/// conditions.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn position(cx: &StepContext, rule_arn: &str) -> Result<Option<FencePosition>> {
    Ok(rule_scope::read(cx, rule_arn, OPEN_HOST).await?.map(FencePosition::of))
}

/// Opens or closes the fence with this ARN. It can be repeated. The nodes of the load balancer follow within seconds,
/// not at once.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn set_position(cx: &StepContext, rule_arn: &str, to: FencePosition) -> Result<()> {
    rule_scope::set(cx, rule_arn, to.scope(), OPEN_HOST).await
}
