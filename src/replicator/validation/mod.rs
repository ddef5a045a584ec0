//! Data validation as DMS does it: rows are compared by their keys, and nothing else.
//!
//! "AWS DMS compares the source and target records, and reports any mismatches. In addition, for a CDC-enabled task,
//! AWS DMS compares the incremental changes and reports any mismatches" ("AWS DMS data validation"). Sequences,
//! defaults, indexes, constraints, triggers and tables without a key are not seen.

mod compare;
mod plan;
mod records;
mod worker;

pub use worker::{Clocks, Event, Validator};
