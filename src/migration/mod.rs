//! The migration itself, as far as it is pure: no clock, no file, no call. What drives it brings what AWS says and does what it is told.
//!
//! `docs/cutover.md` tells what it promises.

pub mod gate;
pub mod record;
pub mod schedule;
mod split;

pub use split::Split;
