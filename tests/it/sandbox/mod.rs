//! Tests of the sandbox itself, call by call: it must behave as AWS does.

pub mod alarms;
pub mod database_reboot;
pub mod database_refusals;
pub mod database_replication;
pub mod listener_rule_refusals;
pub mod listener_rules;
pub mod metrics;
pub mod network_refusals;
pub mod routing;
mod stored_world;
pub mod tag_search;
mod timing;
