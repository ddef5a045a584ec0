//! The reference of resource kinds, generated from the registry: each kind, and what a change of each input means.
//! `docs/resources.md` is its output.

use std::collections::BTreeSet;

use super::format::capitalize;
use infra_core::resource::{Kind, KindRef, KindSchema, Repeat};
use infra_kinds::KINDS;

const HEAD: &str = "# Resources

This page lists every kind of resource, and what a change of each of its inputs means.
`migrate-infra config resources` generates it. `plan` follows the same rules, and the tests change every input to verify
that AWS does, too.

- **in place**: AWS changes the existing resource.
- **replacement**: AWS cannot change it, or would at once cut off what still depends on it (rules of security groups).
  A new resource replaces the old one. The new one is created first if both can exist at the same time. Otherwise, if
  its unique names stay the same, the old one is deleted first, with everything that depends on it.
- **within its VPC**: in place, but a change to resources of another VPC requires a replacement.
- **at creation**: it only has an effect when the resource is created.
- **at deletion**: it controls how `down` deletes the resource.
- **order**: it only defines a dependency; no value in AWS follows from it.

The IAM actions are those of all operations that a kind may call, with the names that AWS gives them: `s3:ListBuckets`
needs `s3:ListAllMyBuckets`.

A resource that holds data is only replaced with `--replace ADDRESS`. If the configuration no longer contains it, it
is only deleted with `--delete ADDRESS`.
";

/// Returns the page as Markdown.
pub(in crate::cli) fn reference() -> String {
    let mut kinds: Vec<&dyn Kind> = KINDS.iter().map(KindRef::get).collect();
    kinds.sort_by_key(|kind| kind.name());
    let mut text = HEAD.to_owned();
    for kind in kinds {
        let schema = kind.schema();
        let data = if schema.holds_data { "It holds data. " } else { "" };
        let (summary, unique, blockers) = (capitalize(schema.summary), unique_names(schema), schema.delete_blockers);
        let repeat = schema.repeat.map(|repeat| format!(" If the answer to its creation is lost, {}.", again(repeat)));
        let repeat = repeat.unwrap_or_default();
        let description = wrap(&format!("{summary}. {data}{unique}What can block its deletion: {blockers}.{repeat}"));
        text.push_str(&format!("\n## `{}`\n\n{description}\n", kind.name()));
        text.push_str(&format!("\n{}\n", wrap(&format!("IAM actions: {}.", actions(schema)))));
        if kind.inputs().is_empty() {
            text.push_str("\nIt has no inputs.\n");
            continue;
        }
        text.push_str("\n| input | how it changes | |\n|---|---|---|\n");
        for input in kind.inputs() {
            let interrupts =
                schema.interrupts.iter().find(|(name, _)| name == input).map(|(_, note)| (*note).to_owned());
            let limit = schema.constraints.iter().find(|(name, _)| name == input).map(|(_, limit)| (*limit).to_owned());
            let note = interrupts
                .or_else(|| static_keys(schema, input))
                .into_iter()
                .chain(limit)
                .collect::<Vec<_>>()
                .join("; ");
            text.push_str(&format!("| `{input}` | {} | {note} |\n", change(kind, input)));
        }
    }
    text
}

/// Returns why a repeated creation creates no second resource.
fn again(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Name => "AWS refuses a second one, and the first is found again",
        Repeat::Token => "the call is repeated with the same token, and it is looked for by its tags for five minutes",
        Repeat::Setting => "a second call sets the same, or AWS refuses it",
        Repeat::Tags => {
            "it is looked for by its tags for five minutes, and a duplicate that carries nothing is deleted"
        }
    }
}

/// Returns the IAM actions that a kind needs, in alphabetical order.
fn actions(schema: &KindSchema) -> String {
    let all: BTreeSet<&str> = schema.operations.iter().copied().flat_map(infra_aws::iam_actions).collect();
    all.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ")
}

/// Breaks a paragraph into lines of at most 120 characters.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if length > 0 {
            let fits = length + 1 + width <= 120;
            wrapped.push(if fits { ' ' } else { '\n' });
            length = if fits { length + 1 } else { 0 };
        }
        wrapped.push_str(word);
        length += width;
    }
    wrapped
}

fn change(kind: &dyn Kind, input: &str) -> &'static str {
    let schema = kind.schema();
    match () {
        () if schema.immutable.contains(&input) => "replacement",
        () if schema.same_scope_only.contains(&input) => "within its VPC",
        () if schema.create_only.contains(&input) => "at creation",
        () if schema.order_only.contains(&input) => "order",
        () if kind.only_at_deletion(input) => "at deletion",
        () => "in place",
    }
}

fn unique_names(schema: &KindSchema) -> String {
    let rule = |group: &&[&str]| match group {
        [one] => format!("`{one}` must be unique"),
        many => {
            let names = many.iter().map(|input| format!("`{input}`")).collect::<Vec<_>>().join(" and ");
            format!("the combination of {names} must be unique")
        }
    };
    match schema.unique {
        [] => "Several with the same inputs can exist at the same time. ".to_owned(),
        groups => capitalize(&groups.iter().map(rule).collect::<Vec<_>>().join("; ")) + ". ",
    }
}

fn static_keys(schema: &KindSchema, input: &str) -> Option<String> {
    let (_, keys) = schema.static_keys.iter().find(|(name, _)| *name == input)?;
    let names: Vec<String> = keys.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("takes effect with the next restart of what uses it: {}", names.join(", ")))
}
