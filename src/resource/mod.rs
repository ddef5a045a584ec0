//! What a resource kind is: the one trait, its type-erased form, and the registry.

mod context;
mod error;
mod handle;
mod kind;
mod listing;
mod registry;
pub mod told;

pub use context::{Announce, Cx, Identity};
pub use error::{Blocker, Error, Result, describe, settled};
pub use handle::Handle;
pub use kind::{About, Erased, Kind, Observed, Resource};
pub use listing::Listing;
pub use registry::{about, kind, kinds};
