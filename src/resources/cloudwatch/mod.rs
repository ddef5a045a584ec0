//! Amazon CloudWatch.

mod alarm;
mod dashboard;
mod tagging;
mod widgets;

pub use alarm::{Alarm, AlarmAttrs, AlarmMetric, AlarmSettings};
pub use dashboard::{Dashboard, DashboardAttrs};
pub use widgets::{Dimension, Metric, Widget};
