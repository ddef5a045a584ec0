//! The set of kinds of a program. The program passes it in, so the core knows none of them.

use std::fmt;
use std::ops::Deref;

use futures::future::BoxFuture;
use infra_aws::Clients;
use infra_base::address::Arn;
use serde::{Serialize, Serializer};

use super::kind::{Erased, Kind, Resource};
use super::schema::KindSchema;

/// A kind. It is serialized as its name.
#[derive(Clone, Copy)]
pub struct KindRef(&'static dyn Kind);

impl KindRef {
    /// Returns the kind of a specification.
    pub fn of<R: Resource>() -> Self {
        Self(&Erased::<R>::NEW)
    }

    /// Returns the kind itself.
    pub fn get(self) -> &'static dyn Kind {
        self.0
    }
}

impl Deref for KindRef {
    type Target = dyn Kind;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl fmt::Debug for KindRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl fmt::Display for KindRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

impl Serialize for KindRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl PartialEq for KindRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl PartialEq<str> for KindRef {
    fn eq(&self, other: &str) -> bool {
        self.0.name() == other
    }
}

impl PartialEq<&str> for KindRef {
    fn eq(&self, other: &&str) -> bool {
        self.0.name() == *other
    }
}

/// Returns whether a resource that AWS still lists by its tags is deleted, or is being deleted as expected.
pub type IsTombstone = for<'a> fn(&'a Clients, &'a Arn) -> BoxFuture<'a, bool>;

/// All kinds of a program.
#[derive(Clone, Copy)]
pub struct Kinds {
    all: &'static [&'static dyn Kind],
    is_tombstone: IsTombstone,
}

impl Kinds {
    /// Creates a set of kinds. AWS lists some resources for a while after their deletion; `is_tombstone` detects them.
    pub const fn new(all: &'static [&'static dyn Kind], is_tombstone: IsTombstone) -> Self {
        Self { all, is_tombstone }
    }

    /// Returns an empty set, for uses that need only names.
    pub const fn none() -> Self {
        Self::new(&[], |_, _| Box::pin(std::future::ready(false)))
    }

    /// Returns whether a resource that AWS still lists is deleted, or is being deleted.
    pub async fn is_tombstone(self, clients: &Clients, arn: &Arn) -> bool {
        (self.is_tombstone)(clients, arn).await
    }

    /// Returns the kind with this name; nothing if this version does not have it.
    pub fn get(self, name: &str) -> Option<KindRef> {
        self.iter().find(|kind| *kind == *name)
    }

    /// Returns the schema of the kind with this name; an empty schema if this version does not have it.
    pub fn schema(self, name: &str) -> &'static KindSchema {
        self.get(name).map_or(&KindSchema::PLAIN, |kind| kind.get().schema())
    }

    /// Returns all kinds.
    pub fn iter(self) -> impl Iterator<Item = KindRef> {
        self.all.iter().map(|kind| KindRef(*kind))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
