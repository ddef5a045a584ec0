//! A topic of Amazon SNS that somebody else owns.

use std::time::Duration;

use aws_sdk_sns::types::MessageAttributeValue;

use super::clients::Clients;
use super::error::AwsError;
use super::intent_guard::intended;

/// How often a message is sent before it counts as not delivered.
const ATTEMPTS: u32 = 3;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// "Subjects must be ASCII text that begins with a letter, number, or punctuation mark; must not include line breaks or
/// control characters; and must be less than 100 characters long" (Publish).
const LONGEST_SUBJECT: usize = 99;

/// A message to the subscribers of a topic.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The subject of e-mails. What SNS does not accept is replaced or cut off.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// Attributes, which the filter policies of subscriptions can use.
    pub attributes: &'a [(&'a str, &'a str)],
}

impl Clients {
    /// Publishes a message. A message whose answer was lost is sent again, so subscribers can receive it twice.
    ///
    /// # Errors
    /// The error of SNS.
    pub async fn publish(&self, topic: &str, message: &Message<'_>) -> Result<(), AwsError> {
        const CALL: &str = "sns:Publish";
        let attribute = |(name, value): &(&str, &str)| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build();
            Some(((*name).to_owned(), value.ok()?))
        };
        let attributes = message.attributes.iter().filter_map(attribute).collect();
        let call = self.sns.publish().topic_arn(topic).subject(subject(message.subject)).message(message.text);
        let call = call.set_message_attributes(Some(attributes));
        for attempt in 1.. {
            match intended(CALL, call.clone().send()).await.map_err(|error| AwsError::of(CALL, &error)) {
                Err(error) if error.kind.may_pass() && attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
                result => return result.map(drop),
            }
        }
        Ok(())
    }
}

/// Returns a text as SNS accepts it for a subject.
fn subject(text: &str) -> String {
    let accepted = |one: char| if one == ' ' || one.is_ascii_graphic() { one } else { '?' };
    text.trim_start().chars().map(accepted).take(LONGEST_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn a_subject_is_what_sns_accepts() {
        assert_eq!(subject("`up` of a/b has failed"), "`up` of a/b has failed");
        assert_eq!(subject(" \n`up`: ä\nb"), "`up`: ??b");
        assert_eq!(subject(&"x".repeat(200)).len(), 99);
    }
}
