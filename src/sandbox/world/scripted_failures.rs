//! The replication failures that the script causes.

use super::script::Table;

/// The replication failures that the script causes, and the tables of the source database.
#[derive(Clone, Debug, Default)]
pub struct ScriptedFailures {
    pub(super) tables: Vec<Table>,
    /// Task failures: start, end and message.
    pub(super) failures: Vec<(u64, u64, String)>,
    /// Failures of connection tests: endpoint, start, end and message.
    pub(super) connections: Vec<(String, u64, u64, String)>,
}

impl ScriptedFailures {
    /// Returns why a connection test to an endpoint fails at `at`, if it does.
    pub(super) fn connection_failure(&self, direction: &str, at: u64) -> Option<&str> {
        let holds = |(end, from, to, _): &&(String, u64, u64, String)| end == direction && *from <= at && at < *to;
        self.connections.iter().rev().find(holds).map(|(.., why)| why.as_str())
    }

    /// Returns when and why a task that has been running since `since` fails.
    pub(super) fn failure(&self, since: u64) -> Option<(u64, &str)> {
        let moments = self.failures.iter().filter_map(|(from, to, why)| {
            let at = (*from).max(since);
            (at < *to).then_some((at, why.as_str()))
        });
        moments.min_by_key(|(at, _)| *at)
    }
}
