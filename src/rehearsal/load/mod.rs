//! Loads the schema or the dump of a user, with PostgreSQL's own programs.

mod format;
mod programs;
mod restore;

pub use format::{DumpFormat, dump_format};
pub use programs::Programs;
pub use restore::{load_dump, load_dump_schema, load_schema};
