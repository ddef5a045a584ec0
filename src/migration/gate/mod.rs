//! Gates: what is measured, and the verdict on it.

mod judge;
mod parts;
mod reading;
mod series;
mod verdict;
mod watch;

pub use judge::{Moment, judge};
pub use reading::{Alarm, Point, Reading, Requests, Series, Table, TableState, Targets};
pub use verdict::{Judgement, Verdict};
pub use watch::{Required, Rule, Sight, Streak, Watch};

pub use crate::resources::cloudwatch::alarm_state::AlarmState;

pub use crate::config::{Bound, Check, Custom, Gate, Limit, Metric, Query, Side, Statistic};
