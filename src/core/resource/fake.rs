//! A kind for the unit tests of this crate. It makes no calls.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::StepContext;
use super::error::Result;
use super::handle::PlainHandle;
use super::kind::{Erased, Observed, Resource};
use super::kinds::Kinds;
use super::schema::{Attrs, KindSchema, Spec, Untagged};
use crate::graph::Input;

/// The kinds of these tests.
pub const KINDS: Kinds = Kinds::new(&[&Erased::<Thing>::NEW]);
/// The name of the kind.
pub const KIND: &str = <Thing as Spec>::KIND;

/// A resource that refers to another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Thing {
    /// The other resource.
    pub vpc: Input<String>,
}

impl Spec for Thing {
    const KIND: &'static str = "fake.thing";
    const SCHEMA: KindSchema = KindSchema::PLAIN;
    const INPUTS: &'static [&'static str] = &["vpc"];
    type Attrs = serde_json::Value;
    type Handle = PlainHandle;
    type Tagger = Untagged;
}

impl Attrs for serde_json::Value {
    type Handle = PlainHandle;

    fn id(&self) -> String {
        String::new()
    }
}

#[async_trait]
impl Resource for Thing {
    async fn observe(&self, _cx: &StepContext, known: Option<&Self::Attrs>) -> Result<Observed<Self::Attrs>> {
        Ok(known.cloned().map_or(Observed::Absent, Observed::Ours))
    }

    async fn ensure(&self, _cx: &StepContext, seen: Option<Self::Attrs>) -> Result<Self::Attrs> {
        Ok(seen.unwrap_or_default())
    }

    async fn delete(&self, _cx: &StepContext, _attrs: &Self::Attrs) -> Result<()> {
        Ok(())
    }
}
