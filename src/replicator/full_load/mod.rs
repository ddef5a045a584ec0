//! The full load: each table is read at its own time and written in parts.

mod copy;
mod create;
mod lobs;
mod table;

pub use table::{Loader, Outcome};
