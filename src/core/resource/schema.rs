//! What a kind declares: its schema, its inputs, its outputs and how its service tags it. The derive macros of
//! `infra-macros` generate all of it from the fields of the specification and of the attributes.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::StepContext;
use super::error::Result;
use super::handle::RefersTo;

/// How an input is compared with the value that AWS shows. Lists are compared without order in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The values are equal.
    Exact,
    /// AWS shows the value in another case, such as the lower-case identifiers of RDS.
    IgnoreCase,
    /// The input is a version, and AWS shows a more specific one: `16` and `16.8`.
    VersionPrefix,
    /// The input has placeholders such as `{account}`, which are filled in only when a step runs.
    Template,
    /// A value is chosen at creation if the input has none. The resource keeps it: to leave the input out later, or to
    /// configure what was chosen, changes nothing.
    Chosen,
}

/// Why a creation whose answer was lost does not create a second resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It has a name, or something else that must be unique. AWS refuses a second one, or returns the first.
    Name,
    /// The call has a token. AWS returns the same resource for the same token. Once an absence is believed, the next
    /// creation has another token, so it is looked for as long as one without.
    Token,
    /// It is a setting, a link between two resources, or content. A second call sets the same, or is refused.
    Setting,
    /// Nothing prevents a second one, which costs money or a quota. It is found by its tags, which new resources may
    /// not show yet: so it is looked for longer, and a duplicate is deleted if it carries nothing.
    Tags,
}

impl Repeat {
    /// Returns for how many seconds an absence is doubted after a creation whose answer was lost.
    ///
    /// "Eventual consistency in the Amazon EC2 API" (EC2 Developer Guide) recommends pauses that "increase gradually
    /// up to five minutes". Where AWS prevents a second resource, a late find costs no more than another attempt.
    pub fn doubted_seconds(self) -> u64 {
        match self {
            Self::Name | Self::Setting => SHORTLY_DOUBTED_SECONDS,
            Self::Token | Self::Tags => 5 * 60,
        }
    }
}

/// "A resource may be invisible for some seconds" after its creation.
pub(crate) const SHORTLY_DOUBTED_SECONDS: u64 = 15;

/// What a kind declares about itself. The plan, the time estimate, the IAM policy and the reference page use it.
#[derive(Clone, Copy, Debug)]
pub struct KindSchema {
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Typical time until AWS has accepted it, in seconds.
    pub create_seconds: u32,
    /// Typical time from there until it is usable, in seconds.
    pub ready_seconds: u32,
    /// How long that takes at least, usually, in seconds. 0 if it varies little.
    pub ready_least_seconds: u32,
    /// How long that takes at most, usually, in seconds. 0 if it varies little.
    pub ready_most_seconds: u32,
    /// Typical time until it no longer exists, in seconds.
    pub delete_seconds: u32,
    /// For how long after its deletion something else can create it again, in seconds.
    pub returns_seconds: u32,
    /// The API operations that it calls, as `service:Operation`; [`infra_aws::iam_actions`] returns their IAM actions.
    pub operations: &'static [&'static str],
    /// The operations that create it.
    pub creates: &'static [&'static str],
    /// The operations that change it in place. Which ones a change calls depends on what differs.
    pub changes: &'static [&'static str],
    /// The operations that delete it.
    pub deletes: &'static [&'static str],
    /// Inputs whose change requires a replacement: AWS cannot change them in place, unless `replace_on_change` lists
    /// them, too.
    pub immutable: &'static [&'static str],
    /// Immutable inputs that AWS could change in place. A change in place would interrupt at once what still uses the
    /// old value, so a new resource replaces the old one. A change made outside this tool is reverted in place.
    pub replace_on_change: &'static [&'static str],
    /// Whether it carries tags in AWS. A resource without tags is identified by its parent or its name.
    pub tagged: bool,
    /// The operation that sets its tags, and the operation that removes them. A single operation does both.
    pub tag_calls: &'static [&'static str],
    /// What can block its deletion, and who owns it.
    pub delete_blockers: &'static str,
    /// Groups of inputs that must be unique together, mostly the name. When one of the groups stays the same, the old
    /// resource must be deleted before the new one can be created. Without any, both can exist at the same time.
    pub unique: &'static [&'static [&'static str]],
    /// Inputs that name another resource without depending on its existence: that one can be deleted and recreated
    /// while this one stays.
    pub weak_refs: &'static [&'static str],
    /// Inputs that only set the order. Nothing in AWS follows from their values.
    pub order_only: &'static [&'static str],
    /// The input that names the network that contains the resource. Resources of other networks cannot be combined
    /// with it.
    pub scope: Option<&'static str>,
    /// Whether it is such a network itself.
    pub is_scope: bool,
    /// Inputs that can be changed, but only to resources of the same network.
    pub same_scope_only: &'static [&'static str],
    /// Inputs that are used at creation and never again.
    pub create_only: &'static [&'static str],
    /// Inputs whose change interrupts something, and what.
    pub interrupts: &'static [(&'static str, &'static str)],
    /// What a replacement interrupts.
    pub replacement_impact: Option<&'static str>,
    /// Inputs whose change in place takes long, and how long, in seconds.
    pub change_seconds: &'static [(&'static str, u32)],
    /// Inputs whose change waits for the maintenance window, unless the first input of `flushes_pending` is on.
    pub maintenance_window: &'static [&'static str],
    /// The input that makes AWS apply at once what waits for the maintenance window, and the attribute that shows
    /// whether something waits.
    pub flushes_pending: Option<(&'static str, &'static str)>,
    /// Operations that are called only when one of these inputs changes.
    pub call_triggers: &'static [(&'static str, &'static [&'static str])],
    /// Inputs of which AWS refuses some changes, and which; see [`Resource::validate_change`](super::Resource).
    pub constraints: &'static [(&'static str, &'static str)],
    /// Inputs that are maps, and those of their keys whose change takes effect at the next restart only.
    pub static_keys: &'static [(&'static str, &'static [&'static str])],
    /// Outputs that have another value after a change in place.
    pub regenerates: &'static [&'static str],
    /// Attributes whose values AWS chooses. A difference is no drift.
    pub computed: &'static [&'static str],
    /// Inputs that are not compared exactly with what AWS shows, and how they are compared.
    pub comparisons: &'static [(&'static str, Comparison)],
    /// Why a repeated creation creates no second one. Every kind that creates something declares it.
    pub repeat: Option<Repeat>,
    /// What the ARNs of such resources begin with, without partition, region and account: `ec2:vpc/`. The tagging API
    /// of AWS lists them.
    pub arns: &'static [&'static str],
    /// Whether it belongs to no region.
    pub global: bool,
    /// Whether it holds data that cannot be recreated: a replacement must be requested by address.
    pub holds_data: bool,
}

impl KindSchema {
    /// The schema of a kind that declares nothing.
    pub const PLAIN: Self = Self {
        summary: "",
        create_seconds: 0,
        ready_seconds: 0,
        ready_least_seconds: 0,
        ready_most_seconds: 0,
        delete_seconds: 0,
        returns_seconds: 0,
        operations: &[],
        creates: &[],
        changes: &[],
        deletes: &[],
        immutable: &[],
        replace_on_change: &[],
        tagged: false,
        tag_calls: &[],
        delete_blockers: "nothing",
        unique: &[],
        weak_refs: &[],
        order_only: &[],
        scope: None,
        is_scope: false,
        same_scope_only: &[],
        create_only: &[],
        interrupts: &[],
        replacement_impact: None,
        change_seconds: &[],
        maintenance_window: &[],
        flushes_pending: None,
        call_triggers: &[],
        constraints: &[],
        static_keys: &[],
        regenerates: &[],
        computed: &[],
        comparisons: &[],
        repeat: None,
        arns: &[],
        global: false,
        holds_data: false,
    };
}

impl KindSchema {
    /// Returns how an input is compared with the value that AWS shows.
    pub fn comparison(&self, input: &str) -> Comparison {
        let declared = self.comparisons.iter().find(|(name, _)| *name == input);
        declared.map_or(Comparison::Exact, |(_, comparison)| *comparison)
    }
}

/// What the specification of a kind declares. `#[derive(Spec)]` implements it.
pub trait Spec: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The kind's name: the service and the resource, for example `ec2.nat_gateway`.
    const KIND: &'static str;
    /// What the kind declares about itself.
    const SCHEMA: KindSchema;
    /// The names of its inputs.
    const INPUTS: &'static [&'static str];
    /// The inputs that determine how it is deleted. `down` uses their current values in the configuration, not those
    /// with which the resource was created.
    const DELETION_INPUTS: &'static [&'static str] = &[];
    /// The deletion inputs that are settings in AWS, too: a change of one is applied in place.
    const DELETION_SETTINGS: &'static [&'static str] = &[];
    /// What is known of a resource that exists.
    type Attrs: Attrs;
    /// Refers to the resource in the graph, with a method for each output.
    type Handle: RefersTo;
    /// Sets and removes its tags.
    type Tagger: Tagger;
}

/// The handle of the kind `R`.
pub type Handle<R> = <R as Spec>::Handle;

/// What is known of a resource that exists. Its fields are the outputs that others refer to. `#[derive(Attrs)]`
/// implements it.
pub trait Attrs: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + std::fmt::Debug + 'static {
    /// Attributes whose values AWS chooses.
    const COMPUTED: &'static [&'static str] = &[];
    /// Outputs that have another value after a change in place.
    const REGENERATES: &'static [&'static str] = &[];
    /// Refers to the resource in the graph, with a method for each output.
    type Handle: RefersTo;

    /// Returns the id by which a person finds the resource in AWS.
    fn id(&self) -> String;

    /// Returns the ARN or id that the tagging calls of the service take.
    fn tag_target(&self) -> String {
        self.id()
    }
}

/// Sets and removes tags: one implementation for each service.
#[async_trait]
pub trait Tagger {
    /// The operation that sets tags, and the operation that removes them. A single operation does both.
    const CALLS: &'static [&'static str];

    /// Sets the tags that are missing or have another value ([`StepContext::tags_to_set`]), removes those that the
    /// configuration no longer has ([`StepContext::untag`]), and leaves the tags of others alone.
    async fn sync(cx: &StepContext, target: &str) -> Result<()>;

    /// Returns whether the resource with this ARN exists, as its service says. Kinds that need to know more implement
    /// [`Resource::exists`](super::Resource).
    async fn exists(_cx: &StepContext, _arn: &str) -> Result<bool> {
        Ok(true)
    }
}

/// The tagger of kinds without tags.
pub struct Untagged;

#[async_trait]
impl Tagger for Untagged {
    const CALLS: &'static [&'static str] = &[];

    async fn sync(_cx: &StepContext, _target: &str) -> Result<()> {
        Ok(())
    }
}

/// Returns how many texts [`union`] returns.
pub const fn union_len(listed: &[&str], more: &[&str]) -> usize {
    let (mut len, mut at) = (listed.len(), 0);
    while at < more.len() {
        if !contains(listed, more[at]) {
            len += 1;
        }
        at += 1;
    }
    len
}

/// Returns a list and what another one has in addition. The generated schemas use it at compile time.
pub const fn union<const N: usize>(listed: &[&'static str], more: &[&'static str]) -> [&'static str; N] {
    let (mut all, mut len, mut at) = ([""; N], 0, 0);
    while len < listed.len() {
        all[len] = listed[len];
        len += 1;
    }
    while at < more.len() {
        if !contains(listed, more[at]) {
            all[len] = more[at];
            len += 1;
        }
        at += 1;
    }
    all
}

const fn contains(list: &[&str], text: &str) -> bool {
    let mut at = 0;
    while at < list.len() {
        if equal(list[at].as_bytes(), text.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_lists_each_text_once() {
        const LISTED: &[&str] = &["a", "b"];
        const MORE: &[&str] = &["b", "c"];
        assert_eq!(union::<{ union_len(LISTED, MORE) }>(LISTED, MORE), ["a", "b", "c"]);
    }
}
