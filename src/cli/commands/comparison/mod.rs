//! What the commands that compare two databases share: limits, the run, and the output.

mod limits;
mod run;
mod show;

pub(super) use limits::LimitArgs;
pub(super) use run::{compare, endpoint};
pub(super) use show::show;
