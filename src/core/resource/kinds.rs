//! The set of kinds of a program. The program passes it in, so the core knows none of them.

use std::fmt;
use std::ops::Deref;

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

/// All kinds of a program.
#[derive(Clone, Copy)]
pub struct Kinds {
    all: &'static [&'static dyn Kind],
}

impl Kinds {
    /// Creates a set of kinds.
    pub const fn new(all: &'static [&'static dyn Kind]) -> Self {
        Self { all }
    }

    /// Returns an empty set, for uses that need only names.
    pub const fn none() -> Self {
        Self::new(&[])
    }

    /// Returns the kind whose resources have such an ARN ([`KindSchema::arns`]). Where several kinds have the same
    /// ones, any of them can read the resource.
    pub fn of_arn(self, arn: &Arn) -> Option<KindRef> {
        self.iter().find(|kind| kind.schema().arns.iter().any(|prefix| arn.id_after(prefix).is_some()))
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
