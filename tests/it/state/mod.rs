//! Tests of the state: journal, backends, locks, and the loss of any of them.

pub mod backends;
pub mod full_disk;
pub mod journal;
pub mod lost_state;
pub mod previous_version;
pub mod private_files;
pub mod shared_state;
pub mod untrusted;
