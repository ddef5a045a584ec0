//! A plan for people, in the style of a diff.

use owo_colors::{OwoColorize, Style};

use super::format::expectation;
use super::terminal::{colour_of_stdout, stdout_styled};
use super::values::describe_change;
use crate::cli::options::GlobalOptions;
use infra_base::terminal_text::plain;
use infra_core::plan::{Action, Change, Plan, ReplaceOrder, Step, calls};

/// Writes a plan to standard output. With `with_calls`, each step lists its API calls.
pub(in crate::cli) fn show_plan(options: &GlobalOptions, plan: &Plan, with_calls: bool) {
    show(options, plan, with_calls, None);
}

/// Does the same, with a line about the cost.
pub(in crate::cli) fn show_plan_with_cost(options: &GlobalOptions, plan: &Plan, with_calls: bool, cost: &str) {
    show(options, plan, with_calls, Some(cost));
}

fn show(options: &GlobalOptions, plan: &Plan, with_calls: bool, cost: Option<&str>) {
    let colour = colour_of_stdout(options);
    for line in lines(plan, with_calls, cost, colour) {
        stdout_styled(&line);
    }
}

/// Returns the lines of a plan.
fn lines(plan: &Plan, with_calls: bool, cost: Option<&str>, colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let width = plan.steps.iter().map(|step| step.address.as_str().len()).max().unwrap_or(0);
    for step in plan.steps.iter().filter(|step| step.action != Action::NoOp && !is_part_of_replacement(plan, step)) {
        let (symbol, style) = symbol(step);
        let head = plain(&format!("{symbol} {:width$}", step.address)).into_owned();
        let head = if colour { head.style(style).to_string() } else { head };
        let reason = if step.action == Action::Create && step.reason == DOES_NOT_EXIST {
            String::new()
        } else {
            format!("  {}", plain(&step.reason))
        };
        lines.push(format!("  {head}  {}{reason}", step.kind).trim_end().to_owned());
        lines.extend(details(step).into_iter().map(|detail| format!("      {}", plain(&detail))));
        if with_calls {
            lines.extend(all_calls(plan, step).into_iter().map(|call| format!("      {call}")));
        }
    }
    lines.push(summary(plan));
    // What changes nothing costs the same.
    lines.extend(cost.filter(|_| plan.changes_something()).map(|cost| plain(cost).into_owned()));
    match plan.excluded.as_slice() {
        [] => {}
        [one] => lines.push(format!("excluded, because it is not a target: {one}")),
        [first, ..] => lines.push(format!(
            "excluded, because they are not targets: {} resources, among them {first}",
            plan.excluded.len()
        )),
    }
    if !plan.critical_path.is_empty() {
        let expected = expectation(plan.expected_seconds, plan.expected_range_seconds);
        lines.push(format!("expected duration {expected}; the longest chain is"));
        lines.extend(plan.critical_path.iter().map(|address| format!("  {address}")));
    }
    lines
}

/// The reason of most creations, which the symbol already shows.
pub(super) const DOES_NOT_EXIST: &str = "it does not exist";

fn symbol(step: &Step) -> (&'static str, Style) {
    match step.action {
        Action::Create => ("+", Style::new().green()),
        Action::Update { .. } => ("~", Style::new().yellow()),
        Action::Replace { .. } => ("±", Style::new().magenta()),
        Action::Resume { .. } => (">", Style::new().cyan()),
        Action::Delete => ("-", Style::new().red()),
        Action::Restore => ("<", Style::new().cyan()),
        Action::Manual { .. } => ("!", Style::new().red()),
        Action::NoOp => (" ", Style::new()),
    }
}

/// Returns the changes of a step, and the order of a replacement.
pub(super) fn details(step: &Step) -> Vec<String> {
    let (changes, order) = match &step.action {
        Action::Update { changes } | Action::Resume { changes } => (changes, None),
        Action::Replace { changes, order } => (changes, Some(order)),
        _ => return Vec::new(),
    };
    let changes = changes.iter().flat_map(leaves);
    let order_note = order.map(|order| match order {
        ReplaceOrder::CreateFirst => "the new one is created before the old one is deleted",
        ReplaceOrder::DeleteFirst => "the old one is deleted before the new one is created",
    });
    let ignored = step.ignored_fields.iter().map(|field| format!("{field}: keeps its current value (`drift.ignore`)"));
    let interrupts = order.and(step.handler.and_then(|kind| kind.schema().replacement_impact));
    changes
        .map(|change| describe_change(&change))
        .chain(ignored)
        .chain(order_note.into_iter().chain(interrupts).map(str::to_owned))
        .collect()
}

/// Returns the API calls of a step, including those for the retired resource of a replacement.
pub(super) fn all_calls(plan: &Plan, step: &Step) -> Vec<String> {
    let for_old = |old: &Step| calls(old).lines().map(|call| format!("{call} for the old one")).collect::<Vec<_>>();
    let mut all: Vec<String> = calls(step).lines().collect();
    all.extend(retired(plan, step).flat_map(for_old));
    all
}

/// Returns the differences inside a group as separate changes. A group that is not known yet stays whole.
fn leaves(change: &Change) -> Vec<Change> {
    let is_reference = |value: &serde_json::Value| {
        value.as_object().is_some_and(|fields| fields.keys().any(|key| key.starts_with('$')))
    };
    match change.inside() {
        Some(inside) if !is_reference(&change.old) && !is_reference(&change.new) => {
            inside.iter().flat_map(leaves).collect()
        }
        _ => vec![change.clone()],
    }
}

/// Returns whether a step is displayed by the replacement that it is part of.
pub(super) fn is_part_of_replacement(plan: &Plan, step: &Step) -> bool {
    let Some(base) = step.address.retired_from() else { return false };
    let at = plan.steps.binary_search_by(|other| other.address.cmp(&base));
    at.is_ok_and(|at| matches!(plan.steps[at].action, Action::Replace { .. }))
}

/// Returns the steps for the retired resources of a replacement, which are adjacent in a plan.
fn retired<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = &'a Step> {
    let first = step.address.retired(0);
    let start = plan.steps.partition_point(|other| other.address < first);
    let retired =
        plan.steps[start..].iter().take_while(|other| other.address.retired_from().as_ref() == Some(&step.address));
    retired.filter(|_| matches!(step.action, Action::Replace { .. }))
}

/// Returns the totals of a plan in one sentence.
pub(super) fn summary(plan: &Plan) -> String {
    let totals = plan.totals();
    let parts: Vec<String> = [
        ("create", "to create"),
        ("resume", "to resume"),
        ("update", "to change"),
        ("replace", "to replace"),
        ("delete", "to delete"),
        ("restore", "to restore"),
        ("stuck", "requiring manual action"),
    ]
    .iter()
    .filter_map(|(verb, text)| Some(format!("{} {text}", totals.get(verb).filter(|count| **count > 0)?)))
    .collect();
    let unchanged = totals.get("none").copied().unwrap_or(0);
    match (parts.is_empty(), unchanged) {
        (true, 0) => "there is nothing to do".to_owned(),
        (true, unchanged) => format!("there is nothing to do: all {unchanged} resources are as configured"),
        (false, 0) => format!("plan: {}", parts.join(", ")),
        (false, unchanged) => format!("plan: {}, {unchanged} unchanged", parts.join(", ")),
    }
}
