//! A plan for people, in the style of a diff.

use std::io::IsTerminal;

use owo_colors::{OwoColorize, Style};

use super::values::changed;
use super::words::duration;
use crate::cli::args::Globals;
use crate::cli::run::{line, wants_colour};
use crate::plan::{Action, Change, Order, Plan, Step, calls};
use crate::resource::about;

/// Writes a plan to standard output. With `with_calls`, each step tells what it calls.
pub(in crate::cli) fn show(globals: &Globals, plan: &Plan, with_calls: bool) {
    let colour = wants_colour(globals) && std::io::stdout().is_terminal();
    for text in text(plan, with_calls, colour) {
        line(&text);
    }
}

/// The lines of a plan.
fn text(plan: &Plan, with_calls: bool, colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let width = plan.steps.iter().map(|step| step.address.as_str().len()).max().unwrap_or(0);
    for step in plan.steps.iter().filter(|step| step.action != Action::Nothing && !is_part_of_replacement(plan, step)) {
        let (mark, style) = mark(step);
        let head = format!("{mark} {:width$}", step.address);
        let head = if colour { head.style(style).to_string() } else { head };
        let why = if step.action == Action::Create && step.reason == DOES_NOT_EXIST { String::new() } else { format!("  {}", step.reason) };
        lines.push(format!("  {head}  {}{why}", step.kind).trim_end().to_owned());
        lines.extend(details(step).into_iter().map(|detail| format!("      {detail}")));
        if with_calls {
            lines.extend(called(plan, step).into_iter().map(|call| format!("      {call}")));
        }
    }
    lines.push(summary(plan));
    if let Some(first) = plan.left_out.first() {
        lines.push(match plan.left_out.len() {
            1 => format!("left out, because it is not among the targets: {first}"),
            many => format!("left out, because they are not among the targets: {many} resources, among them {first}"),
        });
    }
    if !plan.critical_path.is_empty() {
        lines.push(format!("expected to take {}; the longest chain is", duration(plan.expected_seconds)));
        lines.extend(plan.critical_path.iter().map(|address| format!("  {address}")));
    }
    lines
}

/// The reason of most creations; it says nothing that the mark does not.
pub(super) const DOES_NOT_EXIST: &str = "it does not exist";

fn mark(step: &Step) -> (&'static str, Style) {
    match step.action {
        Action::Create => ("+", Style::new().green()),
        Action::Update { .. } => ("~", Style::new().yellow()),
        Action::Replace { .. } => ("±", Style::new().magenta()),
        Action::Resume { .. } => (">", Style::new().cyan()),
        Action::Delete => ("-", Style::new().red()),
        Action::Restore => ("<", Style::new().cyan()),
        Action::Stuck { .. } => ("!", Style::new().red()),
        Action::Nothing => (" ", Style::new()),
    }
}

/// What changes, and what comes first.
pub(super) fn details(step: &Step) -> Vec<String> {
    let (changes, order) = match &step.action {
        Action::Update { changes } | Action::Resume { changes } => (changes, None),
        Action::Replace { changes, order } => (changes, Some(order)),
        _ => return Vec::new(),
    };
    let changes = changes.iter().flat_map(leaves);
    let first = order.map(|order| match order {
        Order::NewFirst => "the new one is made before the old one goes",
        Order::OldFirst => "the old one goes before the new one is made",
    });
    let left = step.leaves.iter().map(|field| format!("{field}: it stays as others have made it (`drift.ignore`)"));
    let stops = order.and(about(&step.kind).replaced);
    changes.map(|one| changed(&one)).chain(left).chain(first.into_iter().chain(stops).map(str::to_owned)).collect()
}

/// What is called, also for what makes way.
pub(super) fn called(plan: &Plan, step: &Step) -> Vec<String> {
    let for_old = |old: &Step| calls(old).lines().map(|call| format!("{call} for the old one")).collect::<Vec<_>>();
    let mut called: Vec<String> = calls(step).lines().collect();
    called.extend(old_ones(plan, step).flat_map(for_old));
    called
}

/// What differs inside of a group, each for itself. What is not known yet is left whole.
fn leaves(change: &Change) -> Vec<Change> {
    let refers = |value: &serde_json::Value| value.as_object().is_some_and(|fields| fields.keys().any(|key| key.starts_with('$')));
    match change.inside() {
        Some(inside) if !refers(&change.old) && !refers(&change.new) => inside.iter().flat_map(leaves).collect(),
        _ => vec![change.clone()],
    }
}

/// Whether a step is shown by the replacement that it is part of.
pub(super) fn is_part_of_replacement(plan: &Plan, step: &Step) -> bool {
    let Some(base) = step.address.made_way() else { return false };
    let at = plan.steps.binary_search_by(|other| other.address.cmp(&base));
    at.is_ok_and(|at| matches!(plan.steps[at].action, Action::Replace { .. }))
}

/// The old ones of a replacement; they stand together in a plan.
fn old_ones<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = &'a Step> {
    let first = step.address.set_aside(0);
    let after = plan.steps.partition_point(|other| other.address < first);
    let old = plan.steps[after..].iter().take_while(|other| other.address.made_way().as_ref() == Some(&step.address));
    old.filter(|_| matches!(step.action, Action::Replace { .. }))
}

/// Returns the totals of a plan in one sentence.
pub(in crate::cli) fn summary(plan: &Plan) -> String {
    let totals = plan.totals();
    let words: Vec<String> = [
        ("create", "to create"),
        ("resume", "to go on with"),
        ("update", "to change"),
        ("replace", "to replace"),
        ("delete", "to delete"),
        ("restore", "to give back"),
        ("stuck", "that `up` can not put right"),
    ]
    .iter()
    .filter_map(|(verb, words)| Some(format!("{} {words}", totals.get(verb).filter(|count| **count > 0)?)))
    .collect();
    let same = totals.get("none").copied().unwrap_or(0);
    match (words.is_empty(), same) {
        (true, 0) => "there is nothing to do".to_owned(),
        (true, same) => format!("there is nothing to do: all {same} resources are as specified"),
        (false, 0) => format!("plan: {}", words.join(", ")),
        (false, same) => format!("plan: {}, {same} as they are", words.join(", ")),
    }
}
