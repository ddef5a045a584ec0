//! Base types that every part uses: addresses and ids, errors with their causes, the clock, crash points, files, text for
//! terminals and shells, futures on the heap, ownership tags, sides, metrics, and the parameters and words of PostgreSQL.
//!
//! *May depend on* no other crate of this workspace, and on no AWS SDK crate.
//! *Must never know* a resource kind, a file format or a command.

pub mod address;
pub mod causes;
pub mod clock;
pub mod crash_point;
pub mod locked_file;
pub mod metric;
pub mod on_heap;
pub mod postgres_parameters;
pub mod postgres_words;
pub mod side;
pub mod tags;
