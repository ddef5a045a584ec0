//! Elastic Container Service.

mod clusters;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use aws_sdk_ecs::types::Tag;

use super::registry::Registry;
use super::world::ec2::Tags;

pub(super) fn register(registry: &mut Registry) {
    clusters::register(registry);
    task_definitions::register(registry);
    services::register(registry);
    tasks::register(registry);
    tags::register(registry);
}

/// Reads the tags out of a create call.
fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())).collect()
}

/// Tags as answers carry them.
fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The name in a name or an ARN.
fn short(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, name)| name)
}

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed" (CreateCluster,
/// RegisterTaskDefinition, CreateService).
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}
