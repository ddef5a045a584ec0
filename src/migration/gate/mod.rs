//! Gates: what is measured, and the verdict on it. Except for [`probe`], which measures, everything here is pure.

mod checks;
mod context;
mod evaluate;
mod evaluation;
pub mod probe;
mod reading;
mod series;
mod threshold;
mod tracker;
mod verdict;

pub use context::EvalContext;
pub use evaluate::evaluate;
pub use reading::{Alarm, Point, Reading, Requests, Series, Table, TableState, Targets};
pub use tracker::{GateRule, GateStatus, GateTracker, Required, Streak};
pub use verdict::{Judgement, Verdict};

pub use infra_kinds::cloudwatch::alarm_state::AlarmState;

pub use infra_config::{Bound, Check, CustomCheck, Gate, Limit, Metric, Query, Side, Statistic};
