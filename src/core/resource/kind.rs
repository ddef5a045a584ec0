//! The trait of all resource kinds, and its type-erased form for the registry and the engine.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::StepContext;
use super::error::{Error, Result};
use super::schema::{Attrs, KindSchema, Spec, Tagger};
use crate::graph::Input;
use infra_base::address::{Arn, Region};
use infra_base::tags::Owner;

/// The result of reading a resource: whether it exists, and whether this stack owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed<A> {
    /// It does not exist.
    Absent,
    /// It exists and has the ownership tags of this stack for this address.
    Ours(A),
    /// Another resource has its name, or its ownership tags name another owner.
    Foreign {
        /// The AWS id or name of that resource.
        id: String,
        /// Its owner, according to its tags.
        owner: Owner,
    },
}

impl<A> Observed<A> {
    /// Converts the attributes.
    pub fn map<B>(self, convert: impl FnOnce(A) -> B) -> Observed<B> {
        match self {
            Self::Absent => Observed::Absent,
            Self::Ours(attrs) => Observed::Ours(convert(attrs)),
            Self::Foreign { id, owner } => Observed::Foreign { id, owner },
        }
    }
}

/// A resource of which another one is a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its kind.
    pub kind: &'static str,
    /// The attribute that tells it apart.
    pub attribute: &'static str,
    /// The value of that attribute.
    pub value: String,
}

impl Parent {
    /// Returns the resource of a kind whose attribute has this value.
    pub fn new(kind: &'static str, attribute: &'static str, value: impl Into<String>) -> Self {
        Self { kind, attribute, value: value.into() }
    }

    /// Returns the only parent of a resource, of the kind `R`: the one that its attributes name, if it exists, or its
    /// input.
    ///
    /// # Errors
    /// The input is not resolved.
    pub fn only<R: Spec>(
        attribute: &'static str,
        known: Option<&impl fmt::Display>,
        input: &Input<impl fmt::Display>,
    ) -> Result<Vec<Self>> {
        let value = match known {
            Some(known) => known.to_string(),
            None => input.get()?.to_string(),
        };
        Ok(vec![Self::new(R::KIND, attribute, value)])
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}`", self.kind, self.value)
    }
}

/// A resource kind. The implementing type is the specification: all inputs, including references to outputs of other
/// resources.
///
/// # Guarantees of the engine
/// * Every [`Input`](crate::graph::Input) is resolved before a method is called.
/// * `observe` is called before `ensure`; `ensure` receives the result.
/// * After an attempt whose outcome is unknown, `observe` is called again, in this run or the next.
///
/// # Requirements for implementations
/// * Every mutating call uses [`StepContext::mutate`], every other call [`StepContext::read`].
/// * `observe` finds the resource by its identity (name, or ownership tags) if `known` is `None`.
/// * `ensure` makes no mutating call if nothing differs, and works from any starting point.
/// * `delete` works for a resource that no longer exists, is created only in part, or is still in use. It returns
///   when the resource no longer exists.
/// * Attributes contain no secrets.
#[async_trait]
pub trait Resource: Spec {
    /// Reads the resource without changing anything.
    ///
    /// `known` contains the attributes in the state, if there are any. They may be out of date: AWS is authoritative.
    async fn observe(&self, cx: &StepContext, known: Option<&Self::Attrs>) -> Result<Observed<Self::Attrs>>;

    /// Asks AWS whether a resource that does not exist yet can be created, without changing anything. The engine asks
    /// for all new resources before it creates the first one. References may be unresolved.
    async fn preflight(&self, _cx: &StepContext) -> Result<()> {
        Ok(())
    }

    /// Creates the resource, or updates the one in `seen` to match the specification. Returns as soon as the id is
    /// known.
    async fn ensure(&self, cx: &StepContext, seen: Option<Self::Attrs>) -> Result<Self::Attrs>;

    /// Waits until the resource is usable. Returns its attributes at that time.
    async fn ready(&self, _cx: &StepContext, attrs: Self::Attrs) -> Result<Self::Attrs> {
        Ok(attrs)
    }

    /// Deletes the resource, and waits until it no longer exists.
    async fn delete(&self, cx: &StepContext, attrs: &Self::Attrs) -> Result<()>;

    /// Returns whether the resource carries nothing, so that nobody would miss it. It is asked before a duplicate is
    /// deleted that a repeated creation has left ([`Repeat::Tags`](super::Repeat)).
    async fn is_unused(&self, _cx: &StepContext, _attrs: &Self::Attrs) -> Result<bool> {
        Ok(false)
    }

    /// Returns whether the resource with this ARN exists. The ARN is one of those that [`KindSchema::arns`] declares:
    /// AWS lists resources by their tags for a while after their deletion.
    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        Self::Tagger::exists(cx, arn.as_str()).await
    }

    /// Returns the ARN or id that the tagging calls of the service take.
    fn tag_target(&self, _cx: &StepContext, attrs: &Self::Attrs) -> String {
        attrs.tag_target()
    }

    /// Returns the resources of which a resource without tags can be a part, as its attributes have them, or its
    /// specification before it exists: one of them must be ours. Nothing for kinds with tags. The engine asks before it
    /// changes or deletes the resource.
    ///
    /// # Errors
    /// An input is not resolved.
    fn parents(&self, _attrs: Option<&Self::Attrs>) -> Result<Vec<Parent>> {
        Ok(Vec::new())
    }

    /// Sets the tags of the identity on a resource that exists, and removes those that the configuration no longer has.
    /// The engine calls it when a tag differs.
    async fn retag(&self, cx: &StepContext, attrs: &Self::Attrs) -> Result<()> {
        Self::Tagger::sync(cx, &self.tag_target(cx, attrs)).await
    }

    /// Returns why a resource with these attributes cannot be updated to match the specification, if AWS never allows
    /// the change; for example, storage cannot shrink. The plan calls it before any call to AWS, so references may be
    /// unresolved.
    fn validate_change(&self, _is: &Self::Attrs) -> Option<String> {
        None
    }

    /// Returns whether this operation, which the kind uses, applies to the specification. References may be unresolved.
    fn operation_applies(&self, _operation: &str) -> bool {
        true
    }

    /// Returns whether this operation, which the kind uses for creation, is necessary to create this specification.
    /// References may be unresolved.
    fn creation_calls(&self, _operation: &str) -> bool {
        true
    }

    /// Returns the specification as it must be created if the target environment has `target_percent` of the traffic,
    /// and the resource's own share, if it carries traffic. Nothing for kinds that do not depend on the traffic.
    fn with_target_share(&self, _target_percent: u8) -> Option<(Self, Option<u8>)> {
        None
    }

    /// Returns names that are unique beyond the kind and the region: while this resource exists, no other resource with
    /// one of them can be created. The plan calls it, so references may be unresolved. [`KindSchema::unique`] declares
    /// what is unique within kind and region.
    fn global_names(&self, _region: &Region) -> Vec<String> {
        Vec::new()
    }

    /// Returns the attributes of a resource of which only the id is known, so that it can be read. Nothing for kinds
    /// that are found by the name in their specification.
    fn from_id(_id: &str) -> Option<Self::Attrs> {
        None
    }

    /// Returns inputs as they follow from the attributes, in the form of a specification: for kinds whose attributes
    /// store an input in another form. Omits inputs with the same name and form, and values that no specification can
    /// express.
    fn inputs_from_attrs(_attrs: &Self::Attrs) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// A resource kind with erased types: specifications and attributes are JSON.
#[async_trait]
pub trait Kind: Send + Sync {
    /// Returns the name of the kind.
    fn name(&self) -> &'static str;
    /// Returns the schema of the kind.
    fn schema(&self) -> &'static KindSchema;
    /// Returns the names of its inputs.
    fn inputs(&self) -> &'static [&'static str];
    /// See [`Spec::DELETION_INPUTS`].
    fn deletion_inputs(&self) -> &'static [&'static str];
    /// See [`Spec::DELETION_SETTINGS`].
    fn deletion_settings(&self) -> &'static [&'static str];
    /// See [`Resource::observe`].
    async fn observe(&self, cx: &StepContext, spec: &Value, known: Option<&Value>) -> Result<Observed<Value>>;
    /// See [`Resource::preflight`].
    async fn preflight(&self, cx: &StepContext, spec: &Value) -> Result<()>;
    /// See [`Resource::ensure`].
    async fn ensure(&self, cx: &StepContext, spec: &Value, seen: Option<Value>) -> Result<Value>;
    /// See [`Resource::ready`].
    async fn ready(&self, cx: &StepContext, spec: &Value, attrs: Value) -> Result<Value>;
    /// See [`Resource::delete`].
    async fn delete(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<()>;
    /// See [`Resource::exists`].
    async fn exists(&self, cx: &StepContext, arn: &Arn) -> Result<bool>;
    /// See [`Resource::is_unused`].
    async fn is_unused(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<bool>;
    /// See [`Resource::parents`].
    fn parents(&self, spec: &Value, attrs: Option<&Value>) -> Result<Vec<Parent>>;
    /// See [`Resource::retag`].
    async fn retag(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<()>;
    /// See [`Resource::validate_change`].
    fn validate_change(&self, spec: &Value, is: &Value) -> Option<String>;
    /// See [`Resource::operation_applies`].
    fn operation_applies(&self, spec: &Value, operation: &str) -> bool;
    /// See [`Resource::creation_calls`].
    fn creation_calls(&self, spec: &Value, operation: &str) -> bool;
    /// See [`Resource::global_names`].
    fn global_names(&self, spec: &Value, region: &Region) -> Vec<String>;
    /// See [`Resource::with_target_share`].
    fn with_target_share(&self, spec: &Value, target_percent: u8) -> Option<(Value, Option<u8>)>;
    /// See [`Resource::from_id`].
    fn attrs_from_id(&self, id: &str) -> Option<Value>;
    /// See [`Resource::inputs_from_attrs`].
    fn inputs_from_attrs(&self, attrs: &Value) -> Vec<(&'static str, Value)>;
    /// Returns the attributes in the form of this version, including fields that an earlier version did not store.
    fn upgrade_attrs(&self, attrs: &Value) -> Value;
    /// Returns whether the kind can parse the specification.
    fn parses(&self, spec: &Value) -> bool;
    /// See [`Attrs::id`]. Returns `?` for attributes that do not belong to this kind.
    fn id(&self, attrs: &Value) -> String;

    /// Returns whether an input is used at deletion only.
    fn only_at_deletion(&self, input: &str) -> bool {
        self.deletion_inputs().contains(&input) && !self.deletion_settings().contains(&input)
    }

    /// Returns the typical time until created, and from there until ready.
    fn timing(&self) -> crate::graph::Timing {
        let schema = self.schema();
        crate::graph::Timing {
            created: Duration::from_secs(schema.create_seconds.into()),
            ready: Duration::from_secs(schema.ready_seconds.into()),
        }
    }
}

/// Erases the types of a [`Resource`].
pub struct Erased<R>(PhantomData<fn() -> R>);

impl<R> Erased<R> {
    /// The erased kind.
    pub const NEW: Self = Self(PhantomData);
}

fn parse<T: DeserializeOwned>(kind: &'static str, what: &'static str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|source| Error::Decode { kind, what, source })
}

fn print<T: Serialize>(kind: &'static str, what: &'static str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|source| Error::Decode { kind, what, source })
}

#[async_trait]
impl<R: Resource> Kind for Erased<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn schema(&self) -> &'static KindSchema {
        &R::SCHEMA
    }

    fn inputs(&self) -> &'static [&'static str] {
        R::INPUTS
    }

    fn deletion_inputs(&self) -> &'static [&'static str] {
        R::DELETION_INPUTS
    }

    fn deletion_settings(&self) -> &'static [&'static str] {
        R::DELETION_SETTINGS
    }

    async fn observe(&self, cx: &StepContext, spec: &Value, known: Option<&Value>) -> Result<Observed<Value>> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        let known: Option<R::Attrs> = known.map(|attrs| parse(R::KIND, "attributes", attrs)).transpose()?;
        Ok(match spec.observe(cx, known.as_ref()).await? {
            Observed::Absent => Observed::Absent,
            Observed::Ours(attrs) => Observed::Ours(print(R::KIND, "attributes", &attrs)?),
            Observed::Foreign { id, owner } => Observed::Foreign { id, owner },
        })
    }

    async fn preflight(&self, cx: &StepContext, spec: &Value) -> Result<()> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.preflight(cx).await
    }

    async fn ensure(&self, cx: &StepContext, spec: &Value, seen: Option<Value>) -> Result<Value> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        let seen = seen.map(|attrs| parse(R::KIND, "attributes", &attrs)).transpose()?;
        print(R::KIND, "attributes", &spec.ensure(cx, seen).await?)
    }

    async fn ready(&self, cx: &StepContext, spec: &Value, attrs: Value) -> Result<Value> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        print(R::KIND, "attributes", &spec.ready(cx, parse(R::KIND, "attributes", &attrs)?).await?)
    }

    async fn delete(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<()> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.delete(cx, &parse(R::KIND, "attributes", attrs)?).await
    }

    async fn exists(&self, cx: &StepContext, arn: &Arn) -> Result<bool> {
        R::exists(cx, arn).await
    }

    async fn is_unused(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<bool> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.is_unused(cx, &parse(R::KIND, "attributes", attrs)?).await
    }

    fn parents(&self, spec: &Value, attrs: Option<&Value>) -> Result<Vec<Parent>> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        let attrs: Option<R::Attrs> = attrs.map(|attrs| parse(R::KIND, "attributes", attrs)).transpose()?;
        spec.parents(attrs.as_ref())
    }

    async fn retag(&self, cx: &StepContext, spec: &Value, attrs: &Value) -> Result<()> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.retag(cx, &parse(R::KIND, "attributes", attrs)?).await
    }

    fn validate_change(&self, spec: &Value, is: &Value) -> Option<String> {
        // An invalid specification fails during execution, with a better message.
        R::deserialize(spec).ok()?.validate_change(&R::Attrs::deserialize(is).ok()?)
    }

    fn operation_applies(&self, spec: &Value, operation: &str) -> bool {
        R::deserialize(spec).map_or(true, |spec| spec.operation_applies(operation))
    }

    fn creation_calls(&self, spec: &Value, operation: &str) -> bool {
        R::deserialize(spec).map_or(true, |spec| spec.creation_calls(operation))
    }

    fn global_names(&self, spec: &Value, region: &Region) -> Vec<String> {
        R::deserialize(spec).map(|spec| spec.global_names(region)).unwrap_or_default()
    }

    fn with_target_share(&self, spec: &Value, target_percent: u8) -> Option<(Value, Option<u8>)> {
        let (spec, share) = R::deserialize(spec).ok()?.with_target_share(target_percent)?;
        Some((print(R::KIND, "specification", &spec).ok()?, share))
    }

    fn attrs_from_id(&self, id: &str) -> Option<Value> {
        print(R::KIND, "attributes", &R::from_id(id)?).ok()
    }

    fn inputs_from_attrs(&self, attrs: &Value) -> Vec<(&'static str, Value)> {
        R::Attrs::deserialize(attrs).map(|attrs| R::inputs_from_attrs(&attrs)).unwrap_or_default()
    }

    fn upgrade_attrs(&self, attrs: &Value) -> Value {
        let read = R::Attrs::deserialize(attrs).ok();
        read.and_then(|attrs| serde_json::to_value(attrs).ok()).unwrap_or_else(|| attrs.clone())
    }

    fn parses(&self, spec: &Value) -> bool {
        R::deserialize(spec).is_ok()
    }

    fn id(&self, attrs: &Value) -> String {
        R::Attrs::deserialize(attrs).map_or_else(|_| "?".to_owned(), |attrs| attrs.id())
    }
}
