//! Base types that every part uses: addresses and ids, errors with their causes, the clock, crash points, files and
//! their locks, text for a terminal and for a shell, URLs of endpoints, the environment of programs, futures on the
//! heap, ownership tags, sides, metrics, and the parameters and words of PostgreSQL.
//!
//! *May depend on* no other crate of this workspace, and on no AWS SDK crate.
//! *Must never know* a resource kind, a file format or a command.

pub mod address;
pub mod causes;
pub mod child_environment;
pub mod clock;
pub mod crash_point;
pub mod endpoint_url;
pub mod file;
pub mod file_id;
pub mod locked_file;
pub mod metric;
pub mod on_heap;
pub mod own_file;
pub mod postgres_parameters;
pub mod postgres_words;
pub mod shell;
pub mod side;
pub mod tags;
pub mod terminal_text;
pub mod wildcard;
