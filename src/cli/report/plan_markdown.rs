//! A plan as Markdown, for the description of a pull request.

use super::plan_text::{DOES_NOT_EXIST, called, details, is_part_of_replacement, summary};
use super::words::{duration, upper};
use crate::plan::Plan;

/// Returns the Markdown text of a plan.
pub(in crate::cli) fn markdown(plan: &Plan, stack: &str, with_calls: bool) -> String {
    let mut text = format!("### `migrate-infra plan` of `{stack}`\n\n{}", upper(&summary(plan)));
    if plan.expected_seconds > 0 {
        text.push_str(&format!("; expected to take {}", duration(plan.expected_seconds)));
    }
    text.push_str(".\n");
    for (verb, title) in TITLES {
        let steps: Vec<_> = plan.steps.iter().filter(|step| step.action.verb() == verb && !is_part_of_replacement(plan, step)).collect();
        if steps.is_empty() {
            continue;
        }
        text.push_str(&format!("\n<details{}><summary>{title}: {}</summary>\n\n", if verb == "create" { "" } else { " open" }, steps.len()));
        for step in steps {
            let why = if step.reason == DOES_NOT_EXIST { String::new() } else { format!(": {}", cell(&step.reason)) };
            text.push_str(&format!("- `{}` ({}){why}\n", step.address, step.kind));
            text.extend(details(step).into_iter().map(|detail| format!("  - {}\n", cell(&detail))));
            if with_calls {
                text.extend(called(plan, step).into_iter().map(|call| format!("  - {call}\n")));
            }
        }
        text.push_str("\n</details>\n");
    }
    match plan.left_out.as_slice() {
        [] => {}
        [one] => text.push_str(&format!("\nLeft out, because it is not among the targets: `{one}`.\n")),
        many => text.push_str(&format!("\n{} resources are left out, because they are not among the targets.\n", many.len())),
    }
    text
}

const TITLES: [(&str, &str); 7] = [
    ("stuck", "Not to be put right by `up`"),
    ("replace", "Replaced"),
    ("delete", "Deleted"),
    ("update", "Changed in place"),
    ("create", "Created"),
    ("resume", "Gone on with"),
    ("restore", "Given back"),
];

/// Keeps what a value says from being taken for Markdown.
fn cell(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*").replace('\n', " ")
}
