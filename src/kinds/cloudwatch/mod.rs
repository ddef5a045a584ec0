//! Amazon CloudWatch.

mod alarm;
pub mod alarm_state;
mod dashboard;
pub mod metric;
mod tagging;
mod widgets;

pub use alarm::{Alarm, AlarmAttrs, AlarmMetric, AlarmSettings};
pub use dashboard::{Dashboard, DashboardAttrs};
pub use widgets::{Dimension, Metric, Widget};
