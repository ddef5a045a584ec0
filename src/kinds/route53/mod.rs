//! Amazon Route 53: DNS, for the whole account.

mod alarm_health_check;
mod calculated_health_check;
pub mod change;
mod checks;
pub mod forced_unhealthy;
mod health_check;
mod hosted_zone;
mod propagation;
mod request;
mod retry;
pub mod simple;
mod tagging;
mod weighted_record;
pub mod weights;
pub mod zone;

pub use alarm_health_check::AlarmHealthCheck;
pub use calculated_health_check::CalculatedHealthCheck;
pub use health_check::{HealthCheck, HealthCheckProtocol};
pub use hosted_zone::HostedZone;
pub use propagation::wait_in_sync;
pub use weighted_record::WeightedRecord;
