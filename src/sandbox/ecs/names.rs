//! Names of ECS resources.

/// Returns the name in a name or an ARN.
pub(super) fn resource_name(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, name)| name)
}

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed" (CreateCluster,
/// RegisterTaskDefinition, CreateService).
pub(super) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}
