//! Lists of names for messages.

/// Returns environments as part of a sentence: "`source`", "`routing` and `target`".
pub(super) fn names(environments: &[&str]) -> String {
    environments.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}
