//! A plan as Markdown, for the description of a pull request.

use super::format::{capitalize, expectation};
use super::plan_text::{DOES_NOT_EXIST, all_calls, details, is_part_of_replacement, summary};
use infra_core::plan::Plan;

/// Returns a plan as Markdown; `cost` is how it changes the cost.
pub(in crate::cli) fn markdown(plan: &Plan, stack: &str, with_calls: bool, cost: &str) -> String {
    let mut text = format!("### `migrate-infra plan` of `{stack}`\n\n{}", capitalize(&summary(plan)));
    if plan.expected_seconds > 0 {
        let expected = expectation(plan.expected_seconds, plan.expected_range_seconds);
        text.push_str(&format!("; expected duration {expected}"));
    }
    text.push_str(".\n");
    if plan.changes_something() {
        text.push_str(&format!("\n{}.\n", capitalize(cost)));
    }
    for (verb, title) in TITLES {
        let steps: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.action.verb() == verb && !is_part_of_replacement(plan, step))
            .collect();
        if steps.is_empty() {
            continue;
        }
        text.push_str(&format!(
            "\n<details{}><summary>{title}: {}</summary>\n\n",
            if verb == "create" { "" } else { " open" },
            steps.len()
        ));
        for step in steps {
            let reason =
                if step.reason == DOES_NOT_EXIST { String::new() } else { format!(": {}", escape(&step.reason)) };
            text.push_str(&format!("- `{}` ({}){reason}\n", step.address, step.kind));
            text.extend(details(step).into_iter().map(|detail| format!("  - {}\n", escape(&detail))));
            if with_calls {
                text.extend(all_calls(plan, step).into_iter().map(|call| format!("  - {call}\n")));
            }
        }
        text.push_str("\n</details>\n");
    }
    match plan.excluded.as_slice() {
        [] => {}
        [one] => text.push_str(&format!("\nExcluded, because it is not a target: `{one}`.\n")),
        many => text.push_str(&format!("\n{} resources are excluded, because they are not targets.\n", many.len())),
    }
    text
}

const TITLES: [(&str, &str); 7] = [
    ("stuck", "Manual action required"),
    ("replace", "Replaced"),
    ("delete", "Deleted"),
    ("update", "Changed in place"),
    ("create", "Created"),
    ("resume", "Resumed"),
    ("restore", "Restored"),
];

/// Escapes text that Markdown would interpret.
fn escape(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*").replace('\n', " ")
}
