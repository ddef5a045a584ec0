//! Decides what happens to one resource: compares its specification with what was last applied, and checks whether AWS
//! can make the change in place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::{Action, ReplaceOrder};
use super::diff::{Change, changes};
use super::drift::Drift;
use super::options::PlanOptions;
use super::out_of_band::OutOfBand;
use crate::graph::{Graph, Node, OutputRef, needs_of, resolve};
use crate::resource::{KindSchema, spec_from_observed};
use crate::state::{Entry, State, Status};
use infra_base::address::{AccountId, Address, Region};

/// Decides for each resource, after all those that it refers to, and keeps_output track of what will be replaced.
pub(super) struct Planner<'a> {
    graph: &'a Graph,
    state: &'a State,
    options: &'a PlanOptions<'a>,
    /// Resources whose outputs change: all of them, or only some.
    outputs_unknown: BTreeMap<&'a Address, UnknownOutputs>,
    /// Resources that will be in another network.
    network_changes: BTreeSet<&'a Address>,
    /// Resources that are in another network already, while the old ones still exist.
    network_changed: BTreeSet<&'a Address>,
    /// Resources that return their place to a retired one in another network.
    network_reverting: BTreeSet<&'a Address>,
    /// Retired resources of an earlier run that get their address back.
    restored: BTreeMap<&'a Address, &'a Entry>,
    /// Resources that do not exist for a while, between the deletion of the old one and the creation of the new one.
    unavailable: BTreeSet<&'a Address>,
}

enum UnknownOutputs {
    /// All outputs. A resource that is not in the state may still exist in AWS, unless it is being replaced.
    All {
        certain: bool,
    },
    Some(&'static [&'static str]),
}

/// The action, its reason, and the address of the retired entry that it restores, if any.
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) reason: String,
    pub(super) restores: Option<Address>,
    pub(super) ignored_fields: Vec<String>,
    pub(super) corrects: Option<OutOfBand>,
    pub(super) verified: bool,
    pub(super) observed: Option<Value>,
}

impl Decision {
    fn new(action: Action, reason: impl Into<String>) -> Self {
        Self {
            action,
            reason: reason.into(),
            restores: None,
            ignored_fields: Vec::new(),
            corrects: None,
            verified: false,
            observed: None,
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(graph: &'a Graph, state: &'a State, options: &'a PlanOptions<'a>) -> Self {
        Self {
            graph,
            state,
            options,
            outputs_unknown: BTreeMap::new(),
            network_changes: BTreeSet::new(),
            network_changed: BTreeSet::new(),
            network_reverting: BTreeSet::new(),
            restored: BTreeMap::new(),
            unavailable: BTreeSet::new(),
        }
    }

    /// Decides what happens to a resource. All resources that it refers to must have been decided before.
    pub(super) fn decide(&mut self, node: &'a Node) -> Decision {
        let schema = node.kind.get().schema();
        let wanted = self.wanted(node);
        let decision = match self.state.get(&node.address) {
            Some(entry) => {
                let finding = self.options.finding(&node.address);
                let observed =
                    finding.zip(entry.attrs.as_ref()).and_then(|(finding, attrs)| finding.observed_attrs(attrs));
                let decision = Decision { observed, ..self.compare(node, &wanted, entry, schema, finding) };
                let restore_candidate = || self.restore_candidate(node, &wanted, schema);
                if matches!(decision.action, Action::Replace { .. }) {
                    restore_candidate().unwrap_or(decision)
                } else {
                    decision
                }
            }
            None => self
                .restore_candidate(node, &wanted, schema)
                .unwrap_or_else(|| Decision::new(Action::Create, "it does not exist")),
        };
        if let Some(entry) = decision.restores.as_ref().and_then(|from| self.state.get(from)) {
            self.restored.insert(&node.address, entry);
            if self
                .state
                .get(&node.address)
                .is_some_and(|new| schema.is_scope || scope_differs(schema, &new.spec, &entry.spec))
            {
                self.network_reverting.insert(&node.address);
            }
        }
        if self.state.retired(&node.address).any(|(_, old)| scope_differs(schema, &old.spec, &wanted)) {
            self.network_changed.insert(&node.address);
        }
        match &decision.action {
            Action::Create => self.mark_replaced_or_created(node, &wanted, schema, &decision.action),
            Action::Replace { order, changes } => {
                self.mark_replaced_or_created(node, &wanted, schema, &decision.action);
                if *order == ReplaceOrder::DeleteFirst {
                    self.unavailable.insert(&node.address);
                }
                if schema.is_scope || changes.iter().any(|change| schema.scope == Some(change.field.as_str())) {
                    self.network_changes.insert(&node.address);
                }
            }
            Action::Update { .. } if !schema.regenerates.is_empty() => {
                self.outputs_unknown.insert(&node.address, UnknownOutputs::Some(schema.regenerates));
            }
            _ => {}
        }
        decision
    }

    /// Returns the order of the two steps if this resource replaces `old`.
    pub(super) fn order(&self, node: &Node, old: &Entry) -> ReplaceOrder {
        self.order_of(node.kind.get().schema(), old, node, &self.wanted(node))
    }

    fn mark_replaced_or_created(&mut self, node: &'a Node, wanted: &Value, schema: &KindSchema, action: &Action) {
        let certain = matches!(action, Action::Replace { .. }) || self.state.retired(&node.address).next().is_some();
        self.outputs_unknown.insert(&node.address, UnknownOutputs::All { certain });
        // A retired resource still blocks the new one, as if it were replaced in this plan.
        if self
            .state
            .retired(&node.address)
            .any(|(_, old)| self.order_of(schema, old, node, wanted) == ReplaceOrder::DeleteFirst)
        {
            self.unavailable.insert(&node.address);
        }
    }

    /// Returns the decision that gives a retired resource its address back, if it matches the configuration again: its
    /// replacement does not exist yet, or would have to be replaced again. If the replacement was requested explicitly,
    /// nothing is restored, because the request itself may have caused the retirement.
    fn restore_candidate(&self, node: &Node, wanted: &Value, schema: &KindSchema) -> Option<Decision> {
        if self.options.replaces(&node.address) {
            return None;
        }
        self.state.retired(&node.address).find_map(|(address, old)| {
            let decision = self.compare(node, wanted, old, schema, self.options.finding(address));
            let fits = old.status == Status::Ready && matches!(decision.action, Action::NoOp | Action::Update { .. });
            let reason = format!("its replacement is cancelled, because it matches again: {}", decision.reason);
            fits.then(|| Decision { reason, restores: Some(address.clone()), verified: false, ..decision })
        })
    }

    fn compare(
        &self,
        node: &Node,
        wanted: &Value,
        entry: &Entry,
        schema: &KindSchema,
        finding: Option<&Drift>,
    ) -> Decision {
        if let Some(Drift::Gone) = finding {
            return Decision {
                corrects: Some(OutOfBand::Deleted),
                ..Decision::new(Action::Create, "it no longer exists in AWS")
            };
        }
        let order = self.order_of(schema, entry, node, wanted);
        let replace = |changes: Vec<Change>, reason: String| Decision::new(Action::Replace { changes, order }, reason);
        if entry.region != node.region && !schema.global {
            let changes = vec![Change::new("region", entry.region.as_str().into(), node.region.as_str().into())];
            return replace(changes, "AWS cannot move it to another region".to_owned());
        }
        if entry.account != node.account {
            let text = |account: &Option<AccountId>| account.as_ref().map_or("the stack's", AccountId::as_str).into();
            let changes = vec![Change::new("account", text(&entry.account), text(&node.account))];
            return replace(changes, "AWS cannot move it to another account".to_owned());
        }
        let (later, mut differences) = between(node, schema, entry, &entry.spec, wanted);
        if let Some(of) = self.blocked_by_removed(node, schema) {
            return Decision::new(
                Action::Replace { changes: differences, order: ReplaceOrder::DeleteFirst },
                format!("it depends on {of}, which does not exist during its replacement"),
            );
        }
        let immutable =
            differences.iter().map(|change| change.field.as_str()).filter(|field| schema.immutable.contains(field));
        let forcing: Vec<&str> = immutable.filter(|field| !self.may_be_unchanged(node, wanted, entry, field)).collect();
        if !forcing.is_empty() {
            let reason = replacement_reason(schema, &forcing);
            return replace(differences, reason);
        }
        if let Some((field, _)) =
            refers(node, |field| schema.same_scope_only.contains(&field), |of| self.network_changes.contains(of))
        {
            return replace(differences, format!("AWS cannot change `{field}` to another network in place"));
        }
        let left = |on: &Address| {
            self.network_reverting.contains(on)
                || on.retired_from().is_some_and(|base| self.network_changed.contains(&base))
        };
        if let Some(field) = schema.same_scope_only.first().filter(|_| entry.needs.iter().any(|need| left(&need.on))) {
            return replace(differences, format!("AWS cannot change `{field}` to another network in place"));
        }
        if let Some(Drift::RequiresReplacement { changes: outside }) = finding {
            let fields: Vec<&str> = outside.iter().map(|change| change.field.as_str()).collect();
            let drift = OutOfBand::Changed(fields.iter().map(|field| (*field).to_owned()).collect());
            let reason = format!("{drift}; {}", replacement_reason(schema, &fields));
            let changes = outside.iter().cloned().chain(differences).collect();
            return Decision { corrects: Some(drift), ..replace(changes, reason) };
        }
        // A retired resource shows that the requested replacement has started, or is done.
        let is_done =
            self.state.undo.replaced.contains(&node.address) || self.state.retired(&node.address).next().is_some();
        if self.options.replaces(&node.address) && !is_done {
            return replace(differences, "its replacement was requested".to_owned());
        }
        if entry.status != Status::Ready {
            // During a change, the state holds the new specification. The previous one is kept for a rollback.
            let before = self.state.undo.changed.get(&node.address).map_or(&entry.spec, |previous| &previous.spec);
            let (_, differences) = between(node, schema, entry, before, wanted);
            return resume(node, entry, differences, finding, unfinished(entry.status).to_owned());
        }
        if schema.tagged && entry.tags != node.tags {
            let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
            differences.push(Change::new("tags", print(&entry.tags), print(&node.tags)));
        }
        let fields: Vec<String> = differences.iter().map(|change| change.field.clone()).collect();
        let changed = (!fields.is_empty()).then(|| format!("{} changed", names(&fields)));
        let (ignored_fields, put_back) =
            split_ignored(node, entry, &fields, finding.map(Drift::ignored).unwrap_or_default());
        rebase_on_observed(node, entry, finding, &mut differences);
        let outside: Vec<Change> = match finding {
            Some(Drift::Foreign { id, owner }) => {
                return Decision::new(Action::Manual { id: Some(id.clone()) }, format!("`{id}` belongs to {owner}"));
            }
            Some(Drift::Transitional { what, .. }) => return resume(node, entry, differences, finding, what.clone()),
            // The configuration change may be exactly what AWS needs to revert the difference. A check after planning
            // decides.
            Some(Drift::Manual { what, changes, .. })
                if !changes.iter().any(|change| is_overridden(node, &fields, change)) =>
            {
                return Decision::new(Action::Manual { id: None }, what.clone());
            }
            Some(Drift::Differs { changes, .. } | Drift::Manual { changes, .. }) => {
                changes.iter().filter(|change| !is_overridden(node, &fields, change)).cloned().collect()
            }
            Some(Drift::Gone | Drift::RequiresReplacement { .. } | Drift::Ignored { .. }) | None => Vec::new(),
        };
        let drift = (!outside.is_empty())
            .then(|| OutOfBand::Changed(outside.iter().map(|change| change.field.clone()).collect()));
        let reasons: Vec<String> = changed.into_iter().chain(drift.as_ref().map(ToString::to_string)).collect();
        if reasons.is_empty() {
            let verified = later.is_empty() && self.is_settled(node, entry);
            return Decision { ignored_fields, verified, ..Decision::new(Action::NoOp, "it is as configured") };
        }
        let reason = reasons.join("; ");
        let changes: Vec<Change> = outside.into_iter().chain(put_back).chain(differences).collect();
        if changes.is_empty() {
            return Decision { ignored_fields, ..Decision::new(Action::NoOp, format!("{reason}, as in AWS already")) };
        }
        Decision { ignored_fields, corrects: drift, ..Decision::new(Action::Update { changes }, reason) }
    }

    /// Returns whether no further read is necessary: a refresh found no difference, and the dependencies stay the same.
    fn is_settled(&self, node: &Node, entry: &Entry) -> bool {
        let stays = |on: &Address| !matches!(self.outputs_unknown.get(on), Some(UnknownOutputs::All { .. }));
        self.options.drift.is_some() && entry.needs == node.needs && node.needs.iter().all(|need| stays(&need.on))
    }

    /// Returns whether an input may turn out to be unchanged: it still refers to the same resource, which is not in the
    /// state, but may exist in AWS.
    fn may_be_unchanged(&self, node: &Node, wanted: &Value, entry: &Entry, field: &str) -> bool {
        let known = |of: &Address| entry.needs.iter().any(|need| need.on == *of);
        let unknown = |of: &Address| {
            known(of) && matches!(self.outputs_unknown.get(of), Some(UnknownOutputs::All { certain: false }))
        };
        let refers_to = |spec: Option<&Value>| spec.map(needs_of).unwrap_or_default();
        let open = refers_to(wanted.get(field));
        !open.is_empty() && refers_to(node.spec.get(field)).iter().all(|need| unknown(&need.on) || !open.contains(need))
    }

    /// Returns a dependency that does not exist for a while and that cannot be deleted while this resource exists.
    fn blocked_by_removed(&self, node: &Node, schema: &KindSchema) -> Option<Address> {
        let holds = |field: &str| !schema.weak_refs.contains(&field) && !schema.order_only.contains(&field);
        refers(node, holds, |of| self.unavailable.contains(of)).map(|(_, of)| of)
    }

    /// Returns the order of the two steps. If all inputs of a unique group stay the same, the old resource blocks the
    /// new one.
    fn order_of(&self, schema: &KindSchema, old: &Entry, node: &Node, wanted: &Value) -> ReplaceOrder {
        let is_elsewhere = old.account != node.account || (old.region != node.region && !schema.global);
        let elsewhere = is_elsewhere && !share_global_name(old, node, wanted);
        let differs = |field: &str| old.spec.get(field) != wanted.get(field);
        let fits = elsewhere || schema.unique.iter().all(|group| group.iter().any(|field| differs(field)));
        if fits && self.blocked_by_removed(node, schema).is_none() {
            ReplaceOrder::CreateFirst
        } else {
            ReplaceOrder::DeleteFirst
        }
    }

    /// Returns whether an output is also an input, as names are, and does not change. Then the new resource has the
    /// same output as the old one.
    fn keeps_output(&self, output: &OutputRef) -> bool {
        let (old, new) =
            (self.state.get(&output.of).map(|entry| &entry.spec), self.graph.get(&output.of).map(|node| &node.spec));
        old.and_then(|spec| spec.get(&output.name))
            .is_some_and(|value| new.and_then(|spec| spec.get(&output.name)) == Some(value))
    }

    /// Returns the specification with all known references resolved. An output that is not known yet will have a new
    /// value, so its reference remains.
    fn wanted(&self, node: &Node) -> Value {
        let lookup = |output: &OutputRef| {
            let renewed = match self.outputs_unknown.get(&output.of) {
                None => false,
                Some(UnknownOutputs::All { .. }) => !self.keeps_output(output),
                Some(UnknownOutputs::Some(outputs)) => outputs.contains(&output.name.as_str()),
            };
            let attrs =
                self.restored.get(&output.of).copied().or_else(|| self.state.get(&output.of))?.attrs.as_ref()?;
            if renewed { None } else { attrs.get(&output.name).cloned() }
        };
        match &node.spec {
            Value::Object(fields) => {
                fields.iter().map(|(field, value)| (field.clone(), resolve_known(value, &lookup))).collect()
            }
            other => other.clone(),
        }
    }
}

/// Returns a value with all known references resolved. Unknown references remain.
fn resolve_known(value: &Value, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Value {
    match (resolve(value, lookup), value) {
        (Ok(known), _) => known,
        (Err(_), Value::Array(items)) => items.iter().map(|item| resolve_known(item, lookup)).collect(),
        (Err(_), Value::Object(fields)) if !fields.keys().any(|key| key.starts_with('$')) => {
            fields.iter().map(|(field, value)| (field.clone(), resolve_known(value, lookup))).collect()
        }
        (Err(_), unknown) => unknown.clone(),
    }
}

/// Returns the differences between two specifications in two groups: inputs that only affect the deletion or name what
/// the resource has already, which are only recorded; and all others, with notes about interruptions.
fn between(
    node: &Node,
    schema: &KindSchema,
    entry: &Entry,
    from: &Value,
    wanted: &Value,
) -> (Vec<Change>, Vec<Change>) {
    let counts = |change: &Change| {
        !schema.order_only.contains(&change.field.as_str()) && !schema.create_only.contains(&change.field.as_str())
    };
    let for_later = |change: &Change| {
        node.kind.only_at_deletion(&change.field)
            || spec_from_observed::keeps_choice(node.kind.get(), entry.attrs.as_ref(), &change.field, &change.new)
    };
    let (later, mut differences): (Vec<Change>, Vec<Change>) =
        changes(from, wanted).into_iter().filter(counts).partition(for_later);
    for change in &mut differences {
        change.waits_for_window = schema.maintenance_window.contains(&change.field.as_str())
            && schema.flushes_pending.is_some_and(|(input, _)| wanted.get(input) == Some(&Value::Bool(false)));
        change.flushes_pending = flushes_pending(schema, change, entry);
        change.note = note(schema, change);
    }
    (later, differences)
}

/// Returns the decision to resume a change that was started or is in transition.
fn resume(node: &Node, entry: &Entry, differences: Vec<Change>, finding: Option<&Drift>, reason: String) -> Decision {
    let fields: Vec<String> = differences.iter().map(|change| change.field.clone()).collect();
    let (ignored_fields, put_back) =
        split_ignored(node, entry, &fields, finding.map(Drift::ignored).unwrap_or_default());
    let changes = put_back.into_iter().chain(differences).collect();
    Decision { ignored_fields, ..Decision::new(Action::Resume { changes }, reason) }
}

/// Returns the input that an observed field comes from.
fn input_of(node: &Node, change: &Change) -> Option<&'static str> {
    spec_from_observed::input_of(node.kind.get(), &change.field)
}

/// Returns whether a difference comes from an input that the configuration has changed.
fn is_overridden(node: &Node, changed: &[String], change: &Change) -> bool {
    input_of(node, change).is_some_and(|input| changed.iter().any(|field| field == input))
}

/// Bases the changes on what AWS shows, not on what was last applied. A change that was already made outside this tool
/// is dropped.
fn rebase_on_observed(node: &Node, entry: &Entry, finding: Option<&Drift>, differences: &mut Vec<Change>) {
    let Some(finding) = finding else { return };
    let Some(observed) = entry.attrs.as_ref().and_then(|attrs| finding.observed_attrs(attrs)) else { return };
    differences.retain_mut(|change| {
        if !finding.all().any(|other| input_of(node, other) == Some(change.field.as_str())) {
            return true;
        }
        match spec_from_observed::observed_input(node.kind.get(), &observed, &change.field) {
            Some(value) if value == change.new => false,
            Some(value) if value != change.old => {
                let by_others = "it was changed outside of this tool";
                change.note =
                    Some(change.note.take().map_or(by_others.to_owned(), |note| format!("{note}; {by_others}")));
                change.old = value;
                true
            }
            _ => true,
        }
    });
}

/// Splits the ignored differences into fields that keep their observed values, and changes that reset a field anyway,
/// because no input can express its value or because the configuration changed the input.
fn split_ignored(node: &Node, entry: &Entry, changed: &[String], left: &[Change]) -> (Vec<String>, Vec<Change>) {
    let can_be_said = |change: &Change| {
        let observed =
            entry.attrs.clone().map(|attrs| spec_from_observed::set_field(attrs, &change.field, &change.new));
        observed.is_some_and(|observed| {
            spec_from_observed::with_observed_field(node.kind.get(), &entry.spec, &observed, &change.field).is_some()
        })
    };
    let stays = |change: &Change| match change.field.strip_prefix("tags.") {
        Some(tag) => entry.tags.get(tag) == node.tags.get(tag),
        None => !is_overridden(node, changed, change) && can_be_said(change),
    };
    let (stay, back): (Vec<&Change>, Vec<&Change>) = left.iter().partition(|change| stays(change));
    let noted = |change: &Change| Change {
        note: Some("`drift.ignore` lists it, but this update resets it anyway".to_owned()),
        ..change.clone()
    };
    let back = back.into_iter().filter(|change| !is_overridden(node, changed, change)).map(noted).collect();
    (stay.into_iter().map(|change| change.field.clone()).collect(), back)
}

/// Returns the first reference in these inputs to one of these resources.
fn refers(node: &Node, inputs: impl Fn(&str) -> bool, to: impl Fn(&Address) -> bool) -> Option<(String, Address)> {
    // Fast path: the dependencies show whether there can be such a reference.
    if !node.needs.iter().any(|need| to(&need.on)) {
        return None;
    }
    let fields = node.spec.as_object()?.iter().filter(|(field, _)| inputs(field));
    fields
        .flat_map(|(field, value)| needs_of(value).into_iter().map(move |need| (field.clone(), need.on)))
        .find(|(_, of)| to(of))
}

/// Returns whether two specifications name different networks.
fn scope_differs(schema: &KindSchema, one: &Value, other: &Value) -> bool {
    schema.scope.is_some_and(|scope| one.get(scope) != other.get(scope))
}

/// Returns whether the old and the new resource have a globally unique name in common.
fn share_global_name(old: &Entry, node: &Node, wanted: &Value) -> bool {
    let global_names = |spec: &Value, region: &Region| node.kind.global_names(spec, region);
    let claimed = global_names(&old.spec, &old.region);
    global_names(wanted, &node.region).iter().any(|name| claimed.contains(name))
}

/// Returns whether this change applies changes that wait for the maintenance window, according to the state.
fn flushes_pending(schema: &KindSchema, change: &Change, entry: &Entry) -> bool {
    let Some((input, waiting)) = schema.flushes_pending else { return false };
    let waits = entry.attrs.as_ref().and_then(|attrs| attrs.get(waiting)) == Some(&Value::Bool(true));
    change.field == input && change.new == Value::Bool(true) && waits
}

/// Returns the note about what a change interrupts.
fn note(schema: &KindSchema, change: &Change) -> Option<String> {
    if change.waits_for_window {
        return Some("AWS applies it in the next maintenance window".to_owned());
    }
    if change.flushes_pending {
        return Some(
            "changes pending for the maintenance window are applied now, with a restart if required".to_owned(),
        );
    }
    let (_, keys) = schema.static_keys.iter().find(|(field, _)| *field == change.field).unwrap_or(&("", &[]));
    let inside = changes(&change.old, &change.new);
    let waiting: Vec<&str> =
        inside.iter().map(|inner| inner.field.as_str()).filter(|field| keys.contains(field)).collect();
    if !waiting.is_empty() {
        return Some(format!("{} takes effect when its users restart", names(&waiting)));
    }
    let (_, note) = schema.interrupts.iter().find(|(field, _)| *field == change.field)?;
    Some((*note).to_owned())
}

/// Returns why a change of these fields requires a replacement.
fn replacement_reason(schema: &KindSchema, fields: &[&str]) -> String {
    let hard: Vec<&str> = fields.iter().copied().filter(|field| !schema.replace_on_change.contains(field)).collect();
    match hard.is_empty() {
        true => format!("{} changed: a new resource takes over", names(fields)),
        false => format!("AWS cannot change {} in place", names(&hard)),
    }
}

fn names(fields: &[impl std::fmt::Display]) -> String {
    fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
}

fn unfinished(status: Status) -> &'static str {
    match status {
        Status::Creating => "its creation was started, and the outcome is not known",
        Status::Created => "it was created, but was not ready yet",
        Status::Updating => "its update was started, but not finished",
        Status::Deleting => "its deletion was started, but not finished",
        Status::Ready => "",
    }
}
