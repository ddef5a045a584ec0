//! Generated rows for any schema: values by type, within the constraints that the catalog names.

mod condition;
mod fill;
mod instant;
mod keys;
mod order;
mod partitions;
mod pattern;
mod rows;
mod samples;
mod text;
mod tokens;
mod unique;
mod values;

pub use fill::{Fill, FilledTable, fill};
pub(crate) use order::ordered;
pub(crate) use rows::{Purpose, Rows};
pub(crate) use samples::{bytes, document, instant, long_text, short_text, uuid, wall_clock, words};
