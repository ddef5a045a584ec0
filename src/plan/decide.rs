//! What is to be done to one resource: the difference between how it is specified and how it was left, and whether AWS can change that in
//! place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diff::{Change, changes};
use super::{Action, Finding, Order, Outside, Wish};
use crate::address::{Address, Region};
use crate::graph::{Graph, Node, OutputRef, needs_of, resolve};
use crate::resource::{About, about, kind, told};
use crate::state::{Entry, State, Status};

/// Goes through the resources, each after all that it refers to, and remembers what is going to be another one.
pub(super) struct Decider<'a> {
    graph: &'a Graph,
    state: &'a State,
    wish: &'a Wish<'a>,
    /// Whose outputs will be others: all of them, or only some.
    fresh: BTreeMap<&'a Address, Fresh>,
    /// What will be in another VPC.
    elsewhere: BTreeSet<&'a Address>,
    /// What is in another VPC already, while its old one is still there.
    went_elsewhere: BTreeSet<&'a Address>,
    /// What gives its place back to one in another VPC.
    leaving: BTreeSet<&'a Address>,
    /// What an earlier run had set aside and has its place again.
    back: BTreeMap<&'a Address, &'a Entry>,
    /// What is gone for a while, between the old one and the new one.
    away: BTreeSet<&'a Address>,
}

enum Fresh {
    /// All of them. Unless it is replaced, one that the state does not know may turn out to be there all the same.
    All {
        surely: bool,
    },
    Some(&'static [&'static str]),
}

/// What is done, why, and which entry of the state it is done to when that is not the one at its address.
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) reason: String,
    pub(super) takes_back: Option<Address>,
    pub(super) leaves: Vec<String>,
    pub(super) puts_right: Option<Outside>,
    pub(super) seen: bool,
    pub(super) shown: Option<Value>,
}

impl Decision {
    fn new(action: Action, reason: impl Into<String>) -> Self {
        Self { action, reason: reason.into(), takes_back: None, leaves: Vec::new(), puts_right: None, seen: false, shown: None }
    }
}

impl<'a> Decider<'a> {
    pub(super) fn new(graph: &'a Graph, state: &'a State, wish: &'a Wish<'a>) -> Self {
        Self {
            graph,
            state,
            wish,
            fresh: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            went_elsewhere: BTreeSet::new(),
            leaving: BTreeSet::new(),
            back: BTreeMap::new(),
            away: BTreeSet::new(),
        }
    }

    /// Decides what is done to a resource. All that it refers to must have been decided before.
    pub(super) fn decide(&mut self, node: &'a Node) -> Decision {
        let about = about(node.kind);
        let wanted = self.wanted(node);
        let decision = match self.state.get(&node.address) {
            Some(entry) => {
                let finding = self.wish.finding(&node.address);
                let shown = finding.zip(entry.attrs.as_ref()).and_then(|(finding, attrs)| finding.shown(attrs));
                let decision = Decision { shown, ..self.compare(node, &wanted, entry, about, finding) };
                let given_back = || self.given_back(node, &wanted, about);
                if matches!(decision.action, Action::Replace { .. }) { given_back().unwrap_or(decision) } else { decision }
            }
            None => self.given_back(node, &wanted, about).unwrap_or_else(|| Decision::new(Action::Create, "it does not exist")),
        };
        if let Some(entry) = decision.takes_back.as_ref().and_then(|from| self.state.get(from)) {
            self.back.insert(&node.address, entry);
            if self.state.get(&node.address).is_some_and(|new| node.kind == "ec2.vpc" || new.spec.get("vpc") != entry.spec.get("vpc")) {
                self.leaving.insert(&node.address);
            }
        }
        if self.state.set_aside(&node.address).any(|(_, old)| old.spec.get("vpc") != wanted.get("vpc")) {
            self.went_elsewhere.insert(&node.address);
        }
        match &decision.action {
            Action::Create => self.is_new(node, &wanted, about, &decision.action),
            Action::Replace { order, changes } => {
                self.is_new(node, &wanted, about, &decision.action);
                if *order == Order::OldFirst {
                    self.away.insert(&node.address);
                }
                if node.kind == "ec2.vpc" || changes.iter().any(|change| change.field == "vpc") {
                    self.elsewhere.insert(&node.address);
                }
            }
            Action::Update { .. } if !about.renews.is_empty() => drop(self.fresh.insert(&node.address, Fresh::Some(about.renews))),
            _ => {}
        }
        decision
    }

    /// Which of the two comes first, if an old one makes way for this one.
    pub(super) fn order(&self, node: &Node, old: &Entry) -> Order {
        self.order_of(about(node.kind), old, node, &self.wanted(node))
    }

    fn is_new(&mut self, node: &'a Node, wanted: &Value, about: &About, action: &Action) {
        let surely = matches!(action, Action::Replace { .. }) || self.state.set_aside(&node.address).next().is_some();
        self.fresh.insert(&node.address, Fresh::All { surely });
        // An old one is still in the way: it is as if it were being replaced in this plan.
        if self.state.set_aside(&node.address).any(|(_, old)| self.order_of(about, old, node, wanted) == Order::OldFirst) {
            self.away.insert(&node.address);
        }
    }

    /// One that an earlier run had set aside and that fits again gets its place back: there is nothing in it yet, or what would have to be replaced
    /// once more. Unless it was asked for by name to be replaced: then nothing else may have set it aside.
    fn given_back(&self, node: &Node, wanted: &Value, about: &About) -> Option<Decision> {
        if self.wish.replaces(&node.address) {
            return None;
        }
        self.state.set_aside(&node.address).find_map(|(address, old)| {
            let decision = self.compare(node, wanted, old, about, self.wish.finding(address));
            let fits = old.status == Status::Ready && matches!(decision.action, Action::Nothing | Action::Update { .. });
            let reason = format!("it was to be replaced, and fits again: {}", decision.reason);
            fits.then(|| Decision { reason, takes_back: Some(address.clone()), seen: false, ..decision })
        })
    }

    fn compare(&self, node: &Node, wanted: &Value, entry: &Entry, about: &About, finding: Option<&Finding>) -> Decision {
        if let Some(Finding::Gone) = finding {
            return Decision { puts_right: Some(Outside::Deleted), ..Decision::new(Action::Create, "it is gone from AWS") };
        }
        let order = self.order_of(about, entry, node, wanted);
        let replace = |changes: Vec<Change>, reason: String| Decision::new(Action::Replace { changes, order }, reason);
        if entry.region != node.region && !about.global {
            let changes = vec![Change::new("region", entry.region.as_str().into(), node.region.as_str().into())];
            return replace(changes, "AWS can not move it to another region".to_owned());
        }
        let (later, mut differences) = between(node, about, entry, &entry.spec, wanted);
        if let Some(of) = self.holds_on_to(node, about) {
            return Decision::new(
                Action::Replace { changes: differences, order: Order::OldFirst },
                format!("it holds on to {of}, which is gone while that is replaced"),
            );
        }
        let immutable = differences.iter().map(|change| change.field.as_str()).filter(|field| about.immutable.contains(field));
        let forcing: Vec<&str> = immutable.filter(|field| !self.may_stay(node, wanted, entry, field)).collect();
        if !forcing.is_empty() {
            let reason = why_anew(about, &forcing);
            return replace(differences, reason);
        }
        if let Some((field, _)) = refers(node, |field| about.within_vpc.contains(&field), |of| self.elsewhere.contains(of)) {
            return replace(differences, format!("AWS can not change `{field}` to another VPC in place"));
        }
        let left = |on: &Address| self.leaving.contains(on) || on.made_way().is_some_and(|base| self.went_elsewhere.contains(&base));
        if let Some(field) = about.within_vpc.first().filter(|_| entry.needs.iter().any(|need| left(&need.on))) {
            return replace(differences, format!("AWS can not change `{field}` to another VPC in place"));
        }
        if let Some(Finding::Another { changes: outside }) = finding {
            let fields: Vec<&str> = outside.iter().map(|change| change.field.as_str()).collect();
            let drift = Outside::Changed(fields.iter().map(|field| (*field).to_owned()).collect());
            let reason = format!("{drift}; {}", why_anew(about, &fields));
            let changes = outside.iter().cloned().chain(differences).collect();
            return Decision { puts_right: Some(drift), ..replace(changes, reason) };
        }
        // When an old one is there already, or was, that is what was asked for.
        let is_done = self.state.undo.replaced.contains(&node.address) || self.state.set_aside(&node.address).next().is_some();
        if self.wish.replaces(&node.address) && !is_done {
            return replace(differences, "it was asked for".to_owned());
        }
        if entry.status != Status::Ready {
            // While something is being changed, the state has the specification that it is brought to; how it was is kept for a `rollback`.
            let before = self.state.undo.changed.get(&node.address).map_or(&entry.spec, |previous| &previous.spec);
            let (_, differences) = between(node, about, entry, before, wanted);
            return go_on(node, entry, differences, finding, unfinished(entry.status).to_owned());
        }
        if about.tagged && entry.tags != node.tags {
            let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
            differences.push(Change::new("tags", print(&entry.tags), print(&node.tags)));
        }
        let fields: Vec<String> = differences.iter().map(|change| change.field.clone()).collect();
        let changed = (!fields.is_empty()).then(|| format!("{} changed", names(&fields)));
        let (leaves, put_back) = left_alone(node, entry, &fields, finding.map(Finding::left).unwrap_or_default());
        as_shown(node, entry, finding, &mut differences);
        let outside: Vec<Change> = match finding {
            Some(Finding::Foreign { id, owner }) => {
                return Decision::new(Action::Stuck { id: Some(id.clone()) }, format!("`{id}` belongs to {owner}"));
            }
            Some(Finding::Unsettled { what, .. }) => return go_on(node, entry, differences, finding, what.clone()),
            // What the configuration has changed may be just what makes possible what AWS can not take back. Whether it is, is looked at afterwards.
            Some(Finding::Stuck { what, changes, .. }) if !changes.iter().any(|change| is_overridden(node, &fields, change)) => {
                return Decision::new(Action::Stuck { id: None }, what.clone());
            }
            Some(Finding::Differs { changes, .. } | Finding::Stuck { changes, .. }) => {
                changes.iter().filter(|change| !is_overridden(node, &fields, change)).cloned().collect()
            }
            Some(Finding::Gone | Finding::Another { .. } | Finding::Left { .. }) | None => Vec::new(),
        };
        let drift = (!outside.is_empty()).then(|| Outside::Changed(outside.iter().map(|change| change.field.clone()).collect()));
        let reasons: Vec<String> = changed.into_iter().chain(drift.as_ref().map(ToString::to_string)).collect();
        if reasons.is_empty() {
            let seen = later.is_empty() && self.is_settled(node, entry);
            return Decision { leaves, seen, ..Decision::new(Action::Nothing, "it is as specified") };
        }
        let reason = reasons.join("; ");
        let changes: Vec<Change> = outside.into_iter().chain(put_back).chain(differences).collect();
        if changes.is_empty() {
            return Decision { leaves, ..Decision::new(Action::Nothing, format!("{reason}, and it is so already")) };
        }
        Decision { leaves, puts_right: drift, ..Decision::new(Action::Update { changes }, reason) }
    }

    /// Whether there is nothing to look at again: a look has found it as it was, and what it needs stays what it is.
    fn is_settled(&self, node: &Node, entry: &Entry) -> bool {
        let stays = |on: &Address| !matches!(self.fresh.get(on), Some(Fresh::All { .. }));
        self.wish.findings.is_some() && entry.needs == node.needs && node.needs.iter().all(|need| stays(&need.on))
    }

    /// Whether an input may turn out to be what it was: it refers to what the state does not know, though it did before, and that may be there
    /// all the same.
    fn may_stay(&self, node: &Node, wanted: &Value, entry: &Entry, field: &str) -> bool {
        let known = |of: &Address| entry.needs.iter().any(|need| need.on == *of);
        let unknown = |of: &Address| known(of) && matches!(self.fresh.get(of), Some(Fresh::All { surely: false }));
        let refers_to = |spec: Option<&Value>| spec.map(needs_of).unwrap_or_default();
        let open = refers_to(wanted.get(field));
        !open.is_empty() && refers_to(node.spec.get(field)).iter().all(|need| unknown(&need.on) || !open.contains(need))
    }

    /// What is gone for a while, and can not go as long as this one is there.
    fn holds_on_to(&self, node: &Node, about: &About) -> Option<Address> {
        let holds = |field: &str| !about.mentions.contains(&field) && !about.waits_for.contains(&field);
        refers(node, holds, |of| self.away.contains(of)).map(|(_, of)| of)
    }

    /// Which of the two comes first. When all that AWS wants to be unique stays the same, the old one is in the way of the new one.
    fn order_of(&self, about: &About, old: &Entry, node: &Node, wanted: &Value) -> Order {
        let elsewhere = old.region != node.region && !about.global && !claims_alike(old, node, wanted);
        let differs = |field: &str| old.spec.get(field) != wanted.get(field);
        let fits = elsewhere || about.unique.iter().all(|group| group.iter().any(|field| differs(field)));
        if fits && self.holds_on_to(node, about).is_none() { Order::NewFirst } else { Order::OldFirst }
    }

    /// Whether an output is an input as well, as names are, and that stays as it is: then the new one has the output that the old one has.
    fn keeps(&self, output: &OutputRef) -> bool {
        let (old, new) = (self.state.get(&output.of).map(|entry| &entry.spec), self.graph.get(&output.of).map(|node| &node.spec));
        old.and_then(|spec| spec.get(&output.name)).is_some_and(|value| new.and_then(|spec| spec.get(&output.name)) == Some(value))
    }

    /// The specification with all that is known filled in. What is not known yet will be a new value: the reference itself stands for it.
    fn wanted(&self, node: &Node) -> Value {
        let lookup = |output: &OutputRef| {
            let renewed = match self.fresh.get(&output.of) {
                None => false,
                Some(Fresh::All { .. }) => !self.keeps(output),
                Some(Fresh::Some(outputs)) => outputs.contains(&output.name.as_str()),
            };
            let attrs = self.back.get(&output.of).copied().or_else(|| self.state.get(&output.of))?.attrs.as_ref()?;
            if renewed { None } else { attrs.get(&output.name).cloned() }
        };
        match &node.spec {
            Value::Object(fields) => fields.iter().map(|(field, value)| (field.clone(), filled_in(value, &lookup))).collect(),
            other => other.clone(),
        }
    }
}

/// A value with all references filled in that are known; each of the others stands for itself.
fn filled_in(value: &Value, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Value {
    match (resolve(value, lookup), value) {
        (Ok(known), _) => known,
        (Err(_), Value::Array(items)) => items.iter().map(|item| filled_in(item, lookup)).collect(),
        (Err(_), Value::Object(fields)) if !fields.keys().any(|key| key.starts_with('$')) => {
            fields.iter().map(|(field, value)| (field.clone(), filled_in(value, lookup))).collect()
        }
        (Err(_), unknown) => unknown.clone(),
    }
}

/// The difference between two specifications: what only says how it is deleted, which is taken down, and that is all; and the rest, with what
/// it interrupts.
fn between(node: &Node, about: &About, entry: &Entry, from: &Value, wanted: &Value) -> (Vec<Change>, Vec<Change>) {
    let counts = |change: &Change| !about.waits_for.contains(&change.field.as_str()) && !about.at_creation.contains(&change.field.as_str());
    let for_later = |change: &Change| kind(node.kind).is_some_and(|kind| kind.only_at_deletion(&change.field));
    let (later, mut differences): (Vec<Change>, Vec<Change>) = changes(from, wanted).into_iter().filter(counts).partition(for_later);
    for change in &mut differences {
        change.waits_for_window = about.windowed.contains(&change.field.as_str()) && wanted.get("apply_immediately") == Some(&Value::Bool(false));
        change.hastens = hastens(about, change, entry);
        change.note = note(about, change);
    }
    (later, differences)
}

/// It goes on with what was begun, or is on its way.
fn go_on(node: &Node, entry: &Entry, differences: Vec<Change>, finding: Option<&Finding>, reason: String) -> Decision {
    let fields: Vec<String> = differences.iter().map(|change| change.field.clone()).collect();
    let (leaves, put_back) = left_alone(node, entry, &fields, finding.map(Finding::left).unwrap_or_default());
    let changes = put_back.into_iter().chain(differences).collect();
    Decision { leaves, ..Decision::new(Action::Resume { changes }, reason) }
}

/// The input that a field which was seen to differ comes from.
fn input_of(node: &Node, change: &Change) -> Option<&'static str> {
    told::input_of(kind(node.kind)?, &change.field)
}

/// Whether what differs comes from an input that the configuration has changed.
fn is_overridden(node: &Node, changed: &[String], change: &Change) -> bool {
    input_of(node, change).is_some_and(|input| changed.iter().any(|field| field == input))
}

/// Changes go from what AWS shows, not from what was left. What somebody else has made already is none.
fn as_shown(node: &Node, entry: &Entry, finding: Option<&Finding>, differences: &mut Vec<Change>) {
    let Some((finding, kind)) = finding.zip(kind(node.kind)) else { return };
    let Some(shown) = entry.attrs.as_ref().and_then(|attrs| finding.shown(attrs)) else { return };
    differences.retain_mut(|change| {
        if !finding.all().any(|other| input_of(node, other) == Some(change.field.as_str())) {
            return true;
        }
        match told::told(kind, &shown, &change.field) {
            Some(value) if value == change.new => false,
            Some(value) if value != change.old => {
                let by_others = "it was changed outside of this tool";
                change.note = Some(change.note.take().map_or(by_others.to_owned(), |note| format!("{note}; {by_others}")));
                change.old = value;
                true
            }
            _ => true,
        }
    });
}

/// Sorts what others have changed and may: fields that stay as they are whatever is changed beside them, and what a change puts back all the
/// same, because no input tells it or because the configuration has changed that very input.
fn left_alone(node: &Node, entry: &Entry, changed: &[String], left: &[Change]) -> (Vec<String>, Vec<Change>) {
    let can_be_said = |change: &Change| {
        let shown = entry.attrs.clone().map(|attrs| told::put(attrs, &change.field, &change.new));
        kind(node.kind).zip(shown).is_some_and(|(kind, shown)| told::as_shown(kind, &entry.spec, &shown, &change.field).is_some())
    };
    let stays = |change: &Change| match change.field.strip_prefix("tags.") {
        Some(tag) => entry.tags.get(tag) == node.tags.get(tag),
        None => !is_overridden(node, changed, change) && can_be_said(change),
    };
    let (stay, back): (Vec<&Change>, Vec<&Change>) = left.iter().partition(|change| stays(change));
    let noted =
        |change: &Change| Change { note: Some("`drift.ignore` lists it, and this change puts it back all the same".to_owned()), ..change.clone() };
    let back = back.into_iter().filter(|change| !is_overridden(node, changed, change)).map(noted).collect();
    (stay.into_iter().map(|change| change.field.clone()).collect(), back)
}

/// The first reference in these inputs to one of these resources.
fn refers(node: &Node, inputs: impl Fn(&str) -> bool, to: impl Fn(&Address) -> bool) -> Option<(String, Address)> {
    // Most have nothing to do with it: their needs tell at once.
    if !node.needs.iter().any(|need| to(&need.on)) {
        return None;
    }
    let fields = node.spec.as_object()?.iter().filter(|(field, _)| inputs(field));
    fields.flat_map(|(field, value)| needs_of(value).into_iter().map(move |need| (field.clone(), need.on))).find(|(_, of)| to(of))
}

/// Whether the old one has a name that is taken in all regions, and that the new one takes as well.
fn claims_alike(old: &Entry, node: &Node, wanted: &Value) -> bool {
    let claims = |spec: &Value, region: &Region| kind(node.kind).map(|kind| kind.claims(spec, region)).unwrap_or_default();
    let claimed = claims(&old.spec, &old.region);
    claims(wanted, &node.region).iter().any(|name| claimed.contains(name))
}

/// Whether something waits for the maintenance window, as far as the state knows, and is made at once with this change.
fn hastens(about: &About, change: &Change, entry: &Entry) -> bool {
    let Some((input, waiting)) = about.hastens else { return false };
    let waits = entry.attrs.as_ref().and_then(|attrs| attrs.get(waiting)) == Some(&Value::Bool(true));
    change.field == input && change.new == Value::Bool(true) && waits
}

/// What a change interrupts.
fn note(about: &About, change: &Change) -> Option<String> {
    if change.waits_for_window {
        return Some("AWS makes it in the next maintenance window".to_owned());
    }
    if change.hastens {
        return Some("what waits for the maintenance window is made now, with a restart if that needs one".to_owned());
    }
    let (_, keys) = about.restarts.iter().find(|(field, _)| *field == change.field).unwrap_or(&("", &[]));
    let inside = changes(&change.old, &change.new);
    let waiting: Vec<&str> = inside.iter().map(|inner| inner.field.as_str()).filter(|field| keys.contains(field)).collect();
    if !waiting.is_empty() {
        return Some(format!("{} takes effect when what uses it restarts", names(&waiting)));
    }
    let (_, note) = about.interrupts.iter().find(|(field, _)| *field == change.field)?;
    Some((*note).to_owned())
}

/// Why a change of these makes it anew.
fn why_anew(about: &About, fields: &[&str]) -> String {
    let hard: Vec<&str> = fields.iter().copied().filter(|field| !about.taken_over.contains(field)).collect();
    match hard.is_empty() {
        true => format!("{} changed: a new one takes over from the old one", names(fields)),
        false => format!("AWS can not change {} in place", names(&hard)),
    }
}

fn names(fields: &[impl std::fmt::Display]) -> String {
    fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
}

fn unfinished(status: Status) -> &'static str {
    match status {
        Status::Creating => "its creation was begun and its outcome is not known",
        Status::Created => "it was created but was not ready yet",
        Status::Updating => "its change was begun and not finished",
        Status::Deleting => "its deletion was begun and not finished",
        Status::Ready => "",
    }
}
