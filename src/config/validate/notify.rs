//! Validates `[notify]`.

use super::validator::Validator;
use crate::model::Config;

impl Validator<'_> {
    /// Validates the command and what it is notified of.
    pub(super) fn notify(&mut self, config: &Config) {
        let notify = &config.notify;
        let example = "specify the program and its arguments, for example [\"./tell-the-team\", \"#payments\"]";
        self.command("notify", "command", &notify.command, example);
        self.passed_variables("notify", &notify.pass_environment);
        match notify.topic_region() {
            Some(region) => self.region(&["notify", "topic"], region.as_str()),
            None if notify.topic.is_empty() => {}
            None => {
                let message = format!("`{}` is not the ARN of a standard topic of Amazon SNS", notify.topic);
                self.report(&["notify", "topic"], message, "for example arn:aws:sns:us-east-1:111122223333:payments");
            }
        }
        for (index, occasion) in notify.on.iter().enumerate() {
            if notify.on[..index].contains(occasion) {
                let message = format!("`{}` is listed twice", occasion.as_str());
                self.report(&["notify", "on", &index.to_string()], message, "remove one of them");
            }
        }
    }
}
