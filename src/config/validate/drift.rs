//! Validates `[drift]` and `[[moved]]`, as far as this is possible without the graph.

use super::validator::Validator;
use crate::model::Config;

impl Validator<'_> {
    /// Validates the ignore rules.
    pub(super) fn drift(&mut self, config: &Config) {
        for (index, rule) in config.drift.ignore.iter().enumerate() {
            if rule.reason.trim().is_empty() {
                let at = index.to_string();
                let message = format!("the ignore rule for `{}` of `{}` has no reason", rule.field, rule.address);
                self.report(
                    &["drift", "ignore", &at, "reason"],
                    message,
                    "state why the field can be changed outside of this tool",
                );
            }
        }
    }

    /// Validates the addresses that have changed.
    pub(super) fn moved(&mut self, config: &Config) {
        for (index, moved) in config.moved.iter().enumerate() {
            let at = index.to_string();
            if moved.from == moved.to {
                self.report(
                    &["moved", &at, "to"],
                    format!("`{}` is moved to itself", moved.from),
                    "remove the entry, or correct it",
                );
            }
            if config.moved[..index].iter().any(|other| other.from == moved.from || other.to == moved.to) {
                let message = format!("another entry has the same address as `{}` to `{}`", moved.from, moved.to);
                self.report(&["moved", &at], message, "use each address in one entry only");
            }
        }
    }
}
