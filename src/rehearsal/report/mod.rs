//! The report of a rehearsal: for a terminal, for programs, and for a change ticket.

mod chart;
mod escape;
mod forms;
mod histogram;
mod html;
mod model;
mod summary;
mod text;

pub use histogram::Latency;
pub use model::{Conclusion, GateVerdict, Lag, Phase, REPORT_VERSION, Report};
pub use summary::{Bucket, Gaps, SideCount, Summary, WriteSpan};
