//! The trait that every resource kind implements, and its erased form for the registry and the engine.

use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::Cx;
use super::error::{Error, Result};
use crate::address::Region;

/// What a kind declares about itself: used for ordering, for the time estimate, for the IAM policy and for the docs.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// One sentence: what it is.
    pub summary: &'static str,
    /// Typical time until AWS has accepted it, in seconds.
    pub create_seconds: u32,
    /// Typical time from there until it is usable, in seconds.
    pub ready_seconds: u32,
    /// Typical time until it is gone, in seconds.
    pub delete_seconds: u32,
    /// The API operations that it calls, as `service:Operation`; the same text is the IAM action unless AWS names it
    /// otherwise (see `aws::iam_action`).
    pub operations: &'static [&'static str],
    /// Those of them that make it.
    pub creates: &'static [&'static str],
    /// Those that change it in place; which ones depends on what differs.
    pub changes: &'static [&'static str],
    /// Those that delete it.
    pub deletes: &'static [&'static str],
    /// Inputs whose change needs a replacement: AWS cannot change them in place, unless they are in `taken_over`, too.
    pub immutable: &'static [&'static str],
    /// Immutable inputs that AWS could change in place, which would end at once what others still count on: so a new one takes over from the old
    /// one. What somebody has changed by hand is changed back in place.
    pub taken_over: &'static [&'static str],
    /// Whether it carries tags in AWS. What does not is told by its parent or its name.
    pub tagged: bool,
    /// What can stand in the way of deleting it, and whose it is.
    pub blocked_by: &'static str,
    /// Groups of inputs of which AWS takes no two alike: the name, mostly. When one of the groups stays as it is, the old one has to go before
    /// the new one can be made. Without any, both can exist side by side.
    pub unique: &'static [&'static [&'static str]],
    /// Inputs that name something without holding on to it: that can be deleted, and made anew, while this one stays.
    pub mentions: &'static [&'static str],
    /// Inputs that only say what it waits for. Nothing in AWS follows from their values.
    pub waits_for: &'static [&'static str],
    /// Inputs that can be changed, but only to things of the same VPC.
    pub within_vpc: &'static [&'static str],
    /// Inputs that count when it is made and never again.
    pub at_creation: &'static [&'static str],
    /// Inputs whose change interrupts something, and what.
    pub interrupts: &'static [(&'static str, &'static str)],
    /// What is interrupted when it is replaced.
    pub replaced: Option<&'static str>,
    /// Inputs whose change in place takes long, and how long, in seconds.
    pub change_seconds: &'static [(&'static str, u32)],
    /// Inputs whose change waits for the maintenance window, unless `apply_immediately` says otherwise.
    pub windowed: &'static [&'static str],
    /// The input that, turned on, has AWS make at once what waits for the maintenance window, and the attribute that says that something does.
    pub hastens: Option<(&'static str, &'static str)>,
    /// Operations that are called only when one of these inputs changes.
    pub called_for: &'static [(&'static str, &'static [&'static str])],
    /// Inputs of which AWS refuses some changes, and which; see [`Resource::impossible`].
    pub limits: &'static [(&'static str, &'static str)],
    /// Inputs that are maps with keys whose change takes effect only when what uses it restarts, and these keys.
    pub restarts: &'static [(&'static str, &'static [&'static str])],
    /// Outputs that are others after a change in place.
    pub renews: &'static [&'static str],
    /// Attributes that AWS makes up; they are no drift.
    pub computed: &'static [&'static str],
    /// Whether it belongs to no region.
    pub global: bool,
    /// Whether it holds what can not be made again: a replacement has to be asked for by address.
    pub holds_data: bool,
}

impl About {
    /// A kind of which nothing in particular is to be said.
    pub const PLAIN: Self = Self {
        summary: "",
        create_seconds: 0,
        ready_seconds: 0,
        delete_seconds: 0,
        operations: &[],
        creates: &[],
        changes: &[],
        deletes: &[],
        immutable: &[],
        taken_over: &[],
        tagged: false,
        blocked_by: "nothing",
        unique: &[],
        mentions: &[],
        waits_for: &[],
        within_vpc: &[],
        at_creation: &[],
        interrupts: &[],
        replaced: None,
        change_seconds: &[],
        windowed: &[],
        hastens: None,
        called_for: &[],
        limits: &[],
        restarts: &[],
        renews: &[],
        computed: &[],
        global: false,
        holds_data: false,
    };
}

/// The answer to the question "is it there, and is it ours?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed<A> {
    /// It does not exist.
    Absent,
    /// It exists and carries this stack's marks for this address.
    Ours(A),
    /// Something else has its name, or its marks belong to somebody else.
    Foreign {
        /// The AWS id or name of the thing found.
        id: String,
        /// Whose it is, as far as its tags tell.
        owner: String,
    },
}

/// A resource kind. The implementing type is the specification: all inputs, with references to other resources' outputs.
///
/// # Guarantees the engine gives
/// * Every [`Input`](crate::graph::Input) is resolved before a method is called.
/// * `observe` is called before `ensure`; `ensure` gets what `observe` found.
/// * After an attempt whose outcome is unknown, `observe` is called again, in this run or the next.
///
/// # What an implementation must keep
/// * Every mutating call goes through [`Cx::mutate`], every other one through [`Cx::read`].
/// * `observe` finds the thing by its identity (name, or ownership tags) when `known` is `None`.
/// * `ensure` makes no mutating call when nothing differs, and is right from any starting point.
/// * `delete` copes with a thing that is gone, half made, or still depended on; it returns when the thing is gone.
/// * Attributes hold no secret.
#[async_trait]
pub trait Resource: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The kind's name: the service and the thing, for example `ec2.nat_gateway`.
    const KIND: &'static str;
    /// What the kind declares about itself.
    const ABOUT: About;
    /// The inputs that say how it is deleted. For them the configuration counts as it is when `down` runs, not as it was when the
    /// resource was made.
    const DELETION_INPUTS: &'static [&'static str] = &[];
    /// What is known of one that exists; its fields are the outputs that others refer to.
    type Attrs: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + std::fmt::Debug + 'static;

    /// Looks for the resource without changing anything.
    ///
    /// `known` is what the state remembers, if it does. It may be out of date; the cloud is the truth.
    async fn observe(&self, cx: &Cx, known: Option<&Self::Attrs>) -> Result<Observed<Self::Attrs>>;

    /// Creates the resource, or brings the one that was seen to the specification. Returns as soon as the id is known.
    async fn ensure(&self, cx: &Cx, seen: Option<Self::Attrs>) -> Result<Self::Attrs>;

    /// Waits until the resource is usable and returns what is known then.
    async fn ready(&self, _cx: &Cx, attrs: Self::Attrs) -> Result<Self::Attrs> {
        Ok(attrs)
    }

    /// Deletes the resource and waits until it is gone.
    async fn delete(&self, cx: &Cx, attrs: &Self::Attrs) -> Result<()>;

    /// Brings the tags of one that exists to those of the identity, and takes off those that are no longer wanted ([`Cx::untag`]), but none of
    /// others. It is called when they have changed in the configuration.
    ///
    /// Nothing is done by default: right for kinds that have no tags, and for those whose `ensure` compares them.
    async fn retag(&self, _cx: &Cx, _attrs: &Self::Attrs) -> Result<()> {
        Ok(())
    }

    /// Returns why one that is like this can not be brought to the specification in place, when AWS refuses it whatever the way: its storage
    /// can not shrink. It is asked by the plan, before anything is called, so references may still be references.
    fn impossible(&self, _is: &Self::Attrs) -> Option<String> {
        None
    }

    /// Returns whether an operation that this kind calls is one for a specification like this. References may still be references.
    fn takes(&self, _operation: &str) -> bool {
        true
    }

    /// Returns whether an operation of those that make one of this kind is called to make one of this specification. References may still be references.
    fn makes(&self, _operation: &str) -> bool {
        true
    }

    /// Returns names that it takes for itself in more than its kind and region: as long as it is there, nothing can be made that takes one of them as
    /// well. It is asked by the plan, so references may still be references. What is unique within kind and region is told by [`About::unique`].
    fn claims(&self, _region: &Region) -> Vec<String> {
        Vec::new()
    }

    /// Returns as much as is known of a thing of which only the id is known, so that it can be looked for. Nothing for kinds that are found by
    /// the name in their specification.
    fn known_by(_id: &str) -> Option<Self::Attrs> {
        None
    }

    /// Returns the inputs that the attributes tell of, as a specification writes them: for kinds whose attributes keep an input in another form.
    /// An input of the same name and form need not be here, and what no specification can say is left out.
    fn as_inputs(_attrs: &Self::Attrs) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Returns the id by which a person finds the thing in AWS.
    fn id(attrs: &Self::Attrs) -> String;
}

/// A resource kind with its types erased: specifications and attributes are JSON.
#[async_trait]
pub trait Kind: Send + Sync {
    /// The kind's name.
    fn name(&self) -> &'static str;
    /// What the kind declares about itself.
    fn about(&self) -> &'static About;
    /// The names of its inputs.
    fn inputs(&self) -> &'static [&'static str];
    /// See [`Resource::DELETION_INPUTS`].
    fn deletion_inputs(&self) -> &'static [&'static str];
    /// See [`Resource::observe`].
    async fn observe(&self, cx: &Cx, spec: &Value, known: Option<&Value>) -> Result<Observed<Value>>;
    /// See [`Resource::ensure`].
    async fn ensure(&self, cx: &Cx, spec: &Value, seen: Option<Value>) -> Result<Value>;
    /// See [`Resource::ready`].
    async fn ready(&self, cx: &Cx, spec: &Value, attrs: Value) -> Result<Value>;
    /// See [`Resource::delete`].
    async fn delete(&self, cx: &Cx, spec: &Value, attrs: &Value) -> Result<()>;
    /// See [`Resource::retag`].
    async fn retag(&self, cx: &Cx, spec: &Value, attrs: &Value) -> Result<()>;
    /// See [`Resource::impossible`].
    fn impossible(&self, spec: &Value, is: &Value) -> Option<String>;
    /// See [`Resource::takes`].
    fn takes(&self, spec: &Value, operation: &str) -> bool;
    /// See [`Resource::makes`].
    fn makes(&self, spec: &Value, operation: &str) -> bool;
    /// See [`Resource::claims`].
    fn claims(&self, spec: &Value, region: &Region) -> Vec<String>;
    /// See [`Resource::known_by`].
    fn known_by(&self, id: &str) -> Option<Value>;
    /// See [`Resource::as_inputs`].
    fn as_inputs(&self, attrs: &Value) -> Vec<(&'static str, Value)>;
    /// Returns the attributes as this version writes them, with what an earlier one did not keep as it was then.
    fn whole(&self, attrs: &Value) -> Value;
    /// Returns whether this is a specification that the kind can read.
    fn reads(&self, spec: &Value) -> bool;
    /// See [`Resource::id`]. Returns `?` for attributes that do not belong to this kind.
    fn id(&self, attrs: &Value) -> String;

    /// Returns whether an input counts for a deletion only. Protection from deletion is a setting in AWS as well.
    fn only_at_deletion(&self, input: &str) -> bool {
        self.deletion_inputs().contains(&input) && input != "deletion_protection"
    }

    /// Typical times until created and from there until ready.
    fn timing(&self) -> crate::graph::Timing {
        let about = self.about();
        crate::graph::Timing { created: Duration::from_secs(about.create_seconds.into()), ready: Duration::from_secs(about.ready_seconds.into()) }
    }
}

/// Erases the types of a [`Resource`].
pub struct Erased<R>(PhantomData<fn() -> R>);

impl<R> Erased<R> {
    /// The erased kind.
    pub const NEW: Self = Self(PhantomData);
}

fn parse<T: DeserializeOwned>(kind: &'static str, what: &'static str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|source| Error::Shape { kind, what, source })
}

fn print<T: Serialize>(kind: &'static str, what: &'static str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|source| Error::Shape { kind, what, source })
}

#[async_trait]
impl<R: Resource> Kind for Erased<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn about(&self) -> &'static About {
        &R::ABOUT
    }

    fn inputs(&self) -> &'static [&'static str] {
        serde_aux::serde_introspection::serde_introspect::<R>()
    }

    fn deletion_inputs(&self) -> &'static [&'static str] {
        R::DELETION_INPUTS
    }

    async fn observe(&self, cx: &Cx, spec: &Value, known: Option<&Value>) -> Result<Observed<Value>> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        let known: Option<R::Attrs> = known.map(|attrs| parse(R::KIND, "attributes", attrs)).transpose()?;
        Ok(match spec.observe(cx, known.as_ref()).await? {
            Observed::Absent => Observed::Absent,
            Observed::Ours(attrs) => Observed::Ours(print(R::KIND, "attributes", &attrs)?),
            Observed::Foreign { id, owner } => Observed::Foreign { id, owner },
        })
    }

    async fn ensure(&self, cx: &Cx, spec: &Value, seen: Option<Value>) -> Result<Value> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        let seen = seen.map(|attrs| parse(R::KIND, "attributes", &attrs)).transpose()?;
        print(R::KIND, "attributes", &spec.ensure(cx, seen).await?)
    }

    async fn ready(&self, cx: &Cx, spec: &Value, attrs: Value) -> Result<Value> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        print(R::KIND, "attributes", &spec.ready(cx, parse(R::KIND, "attributes", &attrs)?).await?)
    }

    async fn delete(&self, cx: &Cx, spec: &Value, attrs: &Value) -> Result<()> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.delete(cx, &parse(R::KIND, "attributes", attrs)?).await
    }

    async fn retag(&self, cx: &Cx, spec: &Value, attrs: &Value) -> Result<()> {
        let spec: R = parse(R::KIND, "specification", spec)?;
        spec.retag(cx, &parse(R::KIND, "attributes", attrs)?).await
    }

    fn impossible(&self, spec: &Value, is: &Value) -> Option<String> {
        // What does not fit the kind fails when it is carried out, with a better message.
        R::deserialize(spec).ok()?.impossible(&R::Attrs::deserialize(is).ok()?)
    }

    fn takes(&self, spec: &Value, operation: &str) -> bool {
        R::deserialize(spec).map_or(true, |spec| spec.takes(operation))
    }

    fn makes(&self, spec: &Value, operation: &str) -> bool {
        R::deserialize(spec).map_or(true, |spec| spec.makes(operation))
    }

    fn claims(&self, spec: &Value, region: &Region) -> Vec<String> {
        R::deserialize(spec).map(|spec| spec.claims(region)).unwrap_or_default()
    }

    fn known_by(&self, id: &str) -> Option<Value> {
        print(R::KIND, "attributes", &R::known_by(id)?).ok()
    }

    fn as_inputs(&self, attrs: &Value) -> Vec<(&'static str, Value)> {
        R::Attrs::deserialize(attrs).map(|attrs| R::as_inputs(&attrs)).unwrap_or_default()
    }

    fn whole(&self, attrs: &Value) -> Value {
        let read = R::Attrs::deserialize(attrs).ok();
        read.and_then(|attrs| serde_json::to_value(attrs).ok()).unwrap_or_else(|| attrs.clone())
    }

    fn reads(&self, spec: &Value) -> bool {
        R::deserialize(spec).is_ok()
    }

    fn id(&self, attrs: &Value) -> String {
        R::Attrs::deserialize(attrs).map_or_else(|_| "?".to_owned(), |attrs| R::id(&attrs))
    }
}
