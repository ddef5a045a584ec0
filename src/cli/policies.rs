//! What the policies say, as the user reads it.

use std::collections::BTreeMap;

use super::failure::{CliError, Exit};
use crate::config::{Config, did_you_mean};
use crate::graph::Graph;
use crate::policy::{Review, Violation, review};

/// How many addresses are named for one mistake; it is usually the same for a whole part.
const NAMED: usize = 5;

/// Refuses a graph that breaks a rule, or exceptions for what is not there. Returns what was allowed all the same.
pub(super) fn check(config: &Config, graph: &Graph) -> Result<Review, CliError> {
    let review = review(config, graph);
    if let Some((at, exception)) = review.unknown.first() {
        let addresses: Vec<&str> = graph.nodes().keys().map(crate::address::Address::as_str).collect();
        return Err(CliError::new(Exit::Usage, format!("`policy.exceptions[{at}]` is for `{}`, which no resource is called", exception.address))
            .remains("nothing was changed")
            .hint(did_you_mean(&exception.address, &addresses, "`plan` shows all addresses")));
    }
    if review.violations.is_empty() {
        return Ok(review);
    }
    let count = review.violations.len();
    let what = format!("the policies forbid this: {count} violation{}", if count == 1 { "" } else { "s" });
    let mut error = CliError::new(Exit::Refused, what);
    error.causes = causes(&review.violations);
    let rule = review.violations[0].rule.as_str();
    let address = &review.violations[0].address;
    Err(error.remains("nothing was changed").hint(format!(
        "change the configuration, or allow it where it must be: `[policy]`, \
         `exceptions = [{{ rule = \"{rule}\", address = \"{address}\", reason = \"…\" }}]`"
    )))
}

/// One line for each mistake, with the resources that make it.
fn causes(violations: &[Violation]) -> Vec<String> {
    let mut same: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for violation in violations {
        same.entry((violation.rule.as_str(), &violation.message)).or_default().push(violation.address.as_str());
    }
    let line = |((rule, message), addresses): (&(&str, &str), &Vec<&str>)| {
        let named = addresses.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = addresses.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{rule}: {message}: {named}{rest}")
    };
    same.iter().map(line).collect()
}
