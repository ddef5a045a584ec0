//! `[notify]`.

use infra_base::address::Region;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a notification can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A command has done what it was to do.
    Finished,
    /// A command has failed, was refused, or was stopped.
    Failed,
    /// A cutover or a switchover waits for an operator.
    WaitingForApproval,
    /// Traffic, or what a failed `up` did, was rolled back.
    RolledBack,
}

impl Occasion {
    /// Returns the name, as the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::WaitingForApproval => "waiting-for-approval",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// The command and the topic that are notified of the end of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Command that is notified: the program and its arguments, without a shell. It gets one JSON event on standard
    /// input, see docs/events.md. If it fails, the run continues.
    pub command: Vec<String>,
    /// ARN of a standard topic of Amazon SNS to which the same event is published, with the credentials of the
    /// first environment. The sandbox publishes nothing.
    pub topic: String,
    /// What they are notified of: `finished`, `failed`, `waiting-for-approval` and `rolled-back`. Commands that only
    /// read notify of nothing.
    pub on: Vec<Occasion>,
    /// Environment variables of this program that the command gets, as with `cutover.pass_environment`.
    pub pass_environment: Vec<String>,
    /// Time limit of the command, and of the publication, in seconds.
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u32,
}

impl Notify {
    /// Returns the region of the topic. `None` without a topic, or if it is not the ARN of a standard topic: to one
    /// with an order, a message needs a group ("Publish", `MessageGroupId`).
    pub fn topic_region(&self) -> Option<Region> {
        let parts: Vec<&str> = self.topic.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        // "Topic names must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and
        // hyphens, and must be between 1 and 256 characters long" (CreateTopic).
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_topic = (1..=256).contains(&name.len()) && name.bytes().all(is_name);
        let region = Region::from(region);
        (is_account && is_topic && region.partition() == partition).then_some(region)
    }
}

impl Default for Notify {
    fn default() -> Self {
        use Occasion::{Failed, Finished, RolledBack, WaitingForApproval};
        Self {
            command: Vec::new(),
            topic: String::new(),
            on: vec![Finished, Failed, WaitingForApproval, RolledBack],
            pass_environment: Vec::new(),
            timeout_seconds: 10,
        }
    }
}
