//! The migration itself: the pure machine of the cutover with its gates, and the thin steps that carry out what it says.
//!
//! What is pure knows no clock, no file and no call: [`gate`], [`schedule`], [`record`]. `docs/cutover.md` tells what it promises.

pub mod compare;
pub mod dns;
pub mod drive;
pub mod emergency;
pub mod gate;
pub mod hook;
mod insist;
pub mod measure;
pub mod record;
pub mod replicate;
pub mod saved;
pub mod scene;
pub mod schedule;
pub mod shift;
mod split;
pub mod traffic;
pub mod watch;

pub use split::Split;
