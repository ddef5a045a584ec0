//! Validates `[stack]` and `[tags]`.

use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK};

use super::validator::Validator;
use crate::model::Config;

impl Validator<'_> {
    /// Validates name and suffix of the stack, and the tags.
    pub(super) fn stack(&mut self, config: &Config) {
        for (key, value) in [("name", &config.stack.name), ("suffix", &config.stack.suffix)] {
            let fits = value.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
            if !fits {
                self.report(
                    &["stack", key],
                    format!("`{value}` is not a valid {key} of a stack"),
                    "use lower-case letters and digits, with single hyphens between them",
                );
            }
        }
        for (key, value) in &config.tags {
            // "Tag naming limits and requirements" (Tagging AWS Resources user guide).
            if key.is_empty() || key.len() > 128 || key.starts_with("aws:") {
                self.report(
                    &["tags", key],
                    format!("`{key}` is not a valid tag key"),
                    "use 1 to 128 characters that do not start with `aws:`",
                );
            }
            if [OWNER_STACK, OWNER_ADDRESS, "Environment", "Name"].contains(&key.as_str()) {
                self.report(&["tags", key], format!("the tag `{key}` is set by this tool"), "use another key");
            }
            if value.len() > 256 {
                self.report(
                    &["tags", key],
                    format!("the value of the tag `{key}` has {} characters", value.len()),
                    "use at most 256 characters",
                );
            }
        }
        if config.environments.is_empty() && self.is_clean() {
            self.report(&["environments"], "there are no environments", "add at least `[environments.source]`");
        }
    }
}
