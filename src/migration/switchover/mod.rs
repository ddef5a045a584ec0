//! The switchover on AWS: the database of the other side becomes the primary, behind closed fences.
//!
//! The order of the rows, the reactions to failures and the recovery from kills are those of [`infra_switchover`]. This
//! module does to AWS and to the databases what its rows say ([`AwsOperations`]), and keeps the progress in the journal
//! ([`SwitchoverRecord`]).

mod after;
mod carrier;
mod comparison;
mod cut_off;
mod databases;
mod driver;
mod known_slots;
mod measure;
mod opening;
mod operations;
mod record;
mod settings;
mod view;

pub use after::Removed;
pub use carrier::Carrier;
pub use databases::{DatabaseAccess, Databases, open_writable, try_connect};
pub use driver::{SwitchoverError, drive};
pub use measure::expected;
pub use opening::{Readiness, close_target, open_target};
pub use operations::AwsOperations;
pub use record::{After, SwitchoverRecord, primary};
pub use settings::SwitchoverSettings;
