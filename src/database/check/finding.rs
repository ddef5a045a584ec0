//! What a check finds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to do.
    Pass,
    /// Somebody must decide that it is no problem here, or a setting takes care of it.
    Warn,
    /// The migration would fail, or lose something.
    Fail,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Topic {
    Tables,
    Keys,
    BatchApply,
    WideColumns,
    Types,
    GeneratedColumns,
    IdentityColumns,
    Partitions,
    UnloggedTables,
    LargeObjects,
    Extensions,
    Encoding,
    Collation,
    Roles,
    RoleSettings,
    Rights,
    WalLevel,
    Slots,
    Senders,
    KeepSize,
    SenderTimeout,
    Transactions,
    PreparedTransactions,
    TargetRows,
}

/// Topics in the order in which they are shown, with their names.
const TOPICS: [(Topic, &str); 24] = [
    (Topic::Tables, "tables"),
    (Topic::Keys, "keys"),
    (Topic::BatchApply, "batch apply"),
    (Topic::WideColumns, "wide columns"),
    (Topic::Types, "types"),
    (Topic::GeneratedColumns, "generated columns"),
    (Topic::IdentityColumns, "identity columns"),
    (Topic::Partitions, "partitions"),
    (Topic::UnloggedTables, "unlogged tables"),
    (Topic::LargeObjects, "large objects"),
    (Topic::Extensions, "extensions"),
    (Topic::Encoding, "encoding"),
    (Topic::Collation, "collation"),
    (Topic::Roles, "roles"),
    (Topic::RoleSettings, "settings of roles"),
    (Topic::Rights, "rights"),
    (Topic::WalLevel, "wal_level"),
    (Topic::Slots, "replication slots"),
    (Topic::Senders, "walsenders"),
    (Topic::KeepSize, "max_slot_wal_keep_size"),
    (Topic::SenderTimeout, "wal_sender_timeout"),
    (Topic::Transactions, "transactions"),
    (Topic::PreparedTransactions, "prepared transactions"),
    (Topic::TargetRows, "rows of the target"),
];

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TOPICS.iter().find(|(topic, _)| topic == self).map_or("", |(_, name)| name);
        formatter.write_str(name)
    }
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How serious it is.
    pub verdict: Verdict,
    /// What it is about.
    pub topic: Topic,
    /// The label of the database.
    pub side: String,
    /// The object, for example `public.payments`, or the topic.
    pub subject: String,
    /// What was found.
    pub what: String,
    /// What to do about it; `None` if it passes.
    pub action: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}: {}", self.side, self.subject, self.what)?;
        if let Some(action) = &self.action {
            write!(formatter, "; {action}")?;
        }
        Ok(())
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fail(
        &mut self,
        topic: Topic,
        side: &str,
        subject: impl fmt::Display,
        what: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(Verdict::Fail, topic, side, subject.to_string(), what.into(), Some(action.into()));
    }

    pub(super) fn warn(
        &mut self,
        topic: Topic,
        side: &str,
        subject: impl fmt::Display,
        what: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(Verdict::Warn, topic, side, subject.to_string(), what.into(), Some(action.into()));
    }

    pub(super) fn pass(&mut self, topic: Topic, side: &str, what: impl Into<String>) {
        self.add(Verdict::Pass, topic, side, topic.to_string(), what.into(), None);
    }

    fn add(
        &mut self,
        verdict: Verdict,
        topic: Topic,
        side: &str,
        subject: String,
        what: String,
        action: Option<String>,
    ) {
        self.0.push(Finding { verdict, topic, side: side.to_owned(), subject, what, action });
    }

    /// Returns the findings in order. A topic without any passes.
    pub(super) fn finish(mut self, side: &str) -> Vec<Finding> {
        for (topic, _) in TOPICS {
            if !self.0.iter().any(|finding| finding.topic == topic) {
                self.pass(topic, side, "nothing to report");
            }
        }
        self.0.sort_by_key(|finding| (std::cmp::Reverse(finding.verdict), finding.topic));
        self.0
    }
}
