//! Base types that every part uses: addresses and ids, the clock, crash points, locked files, files of one user,
//! futures on the heap, ownership tags, sides, metrics, text for a terminal and for a shell, URLs of endpoints, and the
//! environment of programs.
//!
//! *May depend on* no other crate of this workspace, and on no AWS SDK crate.
//! *Must never know* a resource kind, a file format or a command.

pub mod address;
pub mod child_environment;
pub mod clock;
pub mod crash_point;
pub mod endpoint_url;
pub mod locked_file;
pub mod metric;
pub mod on_heap;
pub mod own_file;
pub mod shell;
pub mod side;
pub mod tags;
pub mod terminal_text;
