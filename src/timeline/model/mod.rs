//! What happened in a run, and when. All times are AWS seconds since it began.

mod builder;
mod calls;
mod critical_path;
mod migration;
mod steps;
mod timeline;

use crate::event::Line;
use crate::record::RunRecord;

pub use calls::CallsOfService;
pub use migration::{Gate, Migration, Phase, Point, Row, Switchover, Verdict, Weight};
pub use steps::{Bar, End, Retry, Wait};
pub use timeline::{Failure, Timeline};

impl Timeline {
    /// Reads what happened out of the events of a run.
    pub fn of(run: RunRecord, lines: impl IntoIterator<Item = Line>) -> Self {
        builder::build(run, lines)
    }
}
