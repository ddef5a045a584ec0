//! Tests of whole environments, and of what connects them.

pub mod accounts;
pub mod cross_environment_links;
pub mod cross_environment_paths;
pub mod dependencies;
mod first_attempt;
pub mod guardduty;
mod least_privilege;
mod new_account;
mod preflight;
mod quotas;
pub mod region_move;
pub mod routing;
pub mod source;
pub mod source_removal;
pub mod taken_over_record;
pub mod whole_system;
mod zones;
