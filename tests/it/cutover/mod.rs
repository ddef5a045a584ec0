//! Tests of the cutover: state machine, gates, traffic and whole migrations.

pub mod emergency;
pub mod fences;
pub mod gates;
pub mod killed_cutover;
pub mod load;
pub mod migration_commands;
pub mod sides;
pub mod state_machine;
pub mod state_machine_driver;
pub mod state_machine_random;
pub mod state_machine_scenarios;
pub mod switchover;
pub mod traffic;
pub mod whole_cutover;
