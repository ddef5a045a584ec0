//! What can be read off the registry: each kind, and what a change of each of its inputs means. `docs/resources.md` is made of it.

use super::words::upper;
use crate::resource::{About, Kind, kinds};

const HEAD: &str = "# Resources\n\n\
Every kind of resource, and what a change of each of its inputs means. This page is made by `migrate-infra config resources`; it is what `plan` \
goes by, and the tests change every input and look whether AWS does as it says here.\n\n\
- **in place**: AWS changes it while it stays the same thing.\n\
- **anew**: AWS can not change it, or would cut off at once what still counts on it (rules of security groups), so a new one takes the place of the old one. The new one is made first if AWS takes both; else, where all that \
it wants to be unique stays the same, the old one goes first, with all that holds on to it.\n\
- **within its VPC**: in place, but to things of another VPC only anew.\n\
- **at creation**: it counts when the thing is made and never again.\n\
- **at deletion**: it says how `down` deletes it.\n\
- **order**: it only says what it waits for; nothing in AWS follows from it.\n\n\
What holds data is replaced only when `--replace ADDRESS` says so, and deleted only with `--delete ADDRESS` when the configuration no longer has it.\n";

/// Returns the page as Markdown.
pub(in crate::cli) fn reference() -> String {
    let mut kinds: Vec<&dyn Kind> = kinds().to_vec();
    kinds.sort_by_key(|kind| kind.name());
    let mut text = HEAD.to_owned();
    for kind in kinds {
        let about = kind.about();
        text.push_str(&format!("\n## `{}`\n\n{}. ", kind.name(), upper(about.summary)));
        if about.holds_data {
            text.push_str("It holds data. ");
        }
        text.push_str(&unique(about));
        text.push_str(&format!("What can stand in the way of its deletion: {}.\n", about.blocked_by));
        if kind.inputs().is_empty() {
            text.push_str("\nIt has no inputs.\n");
            continue;
        }
        text.push_str("\n| input | a change is made | |\n|---|---|---|\n");
        for input in kind.inputs() {
            let interrupts = about.interrupts.iter().find(|(name, _)| name == input).map(|(_, note)| (*note).to_owned());
            let limit = about.limits.iter().find(|(name, _)| name == input).map(|(_, limit)| (*limit).to_owned());
            let note = interrupts.or_else(|| restarts(about, input)).into_iter().chain(limit).collect::<Vec<_>>().join("; ");
            text.push_str(&format!("| `{input}` | {} | {note} |\n", change(kind, input)));
        }
    }
    text
}

fn change(kind: &dyn Kind, input: &str) -> &'static str {
    let about = kind.about();
    match () {
        () if about.immutable.contains(&input) => "anew",
        () if about.within_vpc.contains(&input) => "within its VPC",
        () if about.at_creation.contains(&input) => "at creation",
        () if about.waits_for.contains(&input) => "order",
        () if kind.only_at_deletion(input) => "at deletion",
        () => "in place",
    }
}

fn unique(about: &About) -> String {
    match about.unique {
        [] => "Two of them can exist side by side. ".to_owned(),
        groups => {
            let group = |group: &&[&str]| group.iter().map(|input| format!("`{input}`")).collect::<Vec<_>>().join(" and ");
            format!("AWS takes no two with the same {}. ", groups.iter().map(group).collect::<Vec<_>>().join(", nor with the same "))
        }
    }
}

fn restarts(about: &About, input: &str) -> Option<String> {
    let (_, keys) = about.restarts.iter().find(|(name, _)| *name == input)?;
    let names: Vec<String> = keys.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("with the next restart of what uses it: {}", names.join(", ")))
}
