//! The tables of a database as the system catalogs describe them: what rows of them must look like.

mod kind;
mod read;
mod table;

pub(crate) use kind::{Kind, Shape};
pub(crate) use read::read;
pub(crate) use table::{ForeignKey, Table, TableId};
