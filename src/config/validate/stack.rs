//! Validates `[stack]` and `[tags]`.

use infra_base::tags::is_managed_tag;

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
        // Name and suffix are the value of an ownership tag, and the name of a directory.
        let length = config.stack.id().len();
        if length > LONGEST_ID {
            self.report(
                &["stack", "name"],
                format!("name and suffix of the stack have {length} characters"),
                format!("use at most {LONGEST_ID}; they are the value of a tag and the name of a directory"),
            );
        }
        self.tags(config);
        if config.environments.is_empty() && self.is_clean() {
            self.report(&["environments"], "there are no environments", "add at least `[environments.source]`");
        }
    }

    /// Validates the tags by the strictest rules of all services: what one service refuses would end in the middle of
    /// `up`.
    fn tags(&mut self, config: &Config) {
        let is_same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        for (key, value) in &config.tags {
            // "Tag naming limits and requirements" (Tagging AWS Resources user guide), which counts characters.
            let length = key.chars().count();
            if length == 0 || length > LONGEST_KEY || key.to_lowercase().starts_with("aws:") {
                self.report(
                    &["tags", key],
                    format!("`{key}` is not a valid tag key"),
                    "use 1 to 128 characters that do not start with `aws:`",
                );
            }
            for (what, text) in [("key", key), ("value", value)] {
                if let Some(wrong) = text.chars().find(|character| !is_allowed(*character)) {
                    self.report(
                        &["tags", key],
                        format!("the {what} of the tag `{key}` contains {wrong:?}, which RDS and IAM refuse"),
                        "use letters, digits, spaces and _ . : / = + - @",
                    );
                }
            }
            // "Tag keys are not case sensitive" (IAM, "Tags for AWS Identity and Access Management resources").
            if is_same(key, "Environment") || is_same(key, "Name") || is_managed_tag(&key.to_lowercase()) {
                self.report(&["tags", key], format!("the tag `{key}` is set by this tool"), "use another key");
            }
            if let Some(other) = config.tags.keys().find(|other| *other < key && is_same(other, key)) {
                self.report(
                    &["tags", key],
                    format!("the tags `{other}` and `{key}` differ only in case, which IAM does not distinguish"),
                    "remove one of them",
                );
            }
            let length = value.chars().count();
            if length > LONGEST_VALUE {
                self.report(
                    &["tags", key],
                    format!("the value of the tag `{key}` has {length} characters"),
                    "use at most 256 characters",
                );
            }
        }
        let most = MOST_TAGS - OWN_TAGS;
        if config.tags.len() > most {
            self.report(
                &["tags"],
                format!("there are {} tags, and AWS allows {MOST_TAGS} for a resource", config.tags.len()),
                format!("use at most {most}; this tool sets up to {OWN_TAGS} more"),
            );
        }
    }
}

/// The tags that this tool sets on one resource: `Environment`, `Name`, stack, address, and two more on databases and
/// secrets.
const OWN_TAGS: usize = 6;
/// "Maximum number of tags per resource – 50" (Tagging AWS Resources user guide).
const MOST_TAGS: usize = 50;
/// Less than a tag (256) and a file name (255) can have, so that both can add something.
const LONGEST_ID: usize = 128;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Returns whether RDS and IAM accept a character in a tag: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*` (`Tag` in both APIs).
fn is_allowed(character: char) -> bool {
    let is_separator = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_separator || "_.:/=+-@".contains(character)
}
