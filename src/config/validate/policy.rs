//! Validates `[policy]`.

use super::validator::Validator;
use crate::model::Config;

impl Validator<'_> {
    /// Validates that every exception has a reason. Its address cannot be validated without the graph.
    pub(super) fn policy(&mut self, config: &Config) {
        for (index, exception) in config.policy.exceptions.iter().enumerate() {
            let at = index.to_string();
            if exception.reason.trim().is_empty() {
                let message = format!("the exception for `{}` has no reason", exception.address);
                self.report(&["policy", "exceptions", &at, "reason"], message, "state why the exception is necessary");
            }
        }
    }
}
