//! Resource kinds: the trait, its type-erased form, and the set of kinds.

mod context;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod handle;
mod kind;
mod kinds;
mod list_cache;
mod schema;
pub mod spec_from_observed;

pub use context::{Identity, IntentLog, StepContext};
pub use error::{Blocker, Error, Result, describe, ignore_codes};
pub use handle::{PlainHandle, RefersTo};
pub use kind::{Erased, Kind, Observed, Parent, Resource};
pub use kinds::{KindRef, Kinds};
pub use list_cache::ListCache;
pub(crate) use schema::SHORTLY_DOUBTED_SECONDS;
pub use schema::{Attrs, Comparison, Handle, KindSchema, Repeat, Spec, Tagger, Untagged, union, union_len};
