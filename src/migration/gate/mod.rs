//! Gates: what is measured, and the verdict on it. Except for [`probe`], which measures, everything here is pure.

mod checks;
mod context;
mod evaluate;
mod evaluation;
mod minutes;
pub mod probe;
mod probes;
mod proportion;
mod reading;
mod requests;
mod series;
mod share;
mod side_health;
mod targets;
mod threshold;
mod tracker;
mod verdict;

pub use context::EvalContext;
pub use evaluate::evaluate;
pub use probes::probes_per_minute;
pub use reading::{Alarm, Point, Reading, Requests, Series, Table, TableState, Targets};
pub use side_health::{SideHealth, side_health};
pub use tracker::{BlindLimits, GateRule, GateStatus, GateTracker, Required, Streak};
pub use verdict::{Judgement, Verdict};

pub use infra_kinds::cloudwatch::alarm_state::AlarmState;

pub use infra_config::{Bound, Check, CustomCheck, Gate, Limit, Metric, Query, RateLimit, Side, Statistic};
