//! The limits of a comparison: the load on the servers, waiting times, and how much is shown.

use std::time::Duration;

use clap::Args;

use infra_compare::Options;

/// The limits of a comparison, as options.
#[derive(Debug, Args)]
pub(in crate::cli::commands) struct LimitArgs {
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long)]
    keys: bool,
    /// Number of concurrent queries on each database.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    connections: u16,
    /// Number of rows that one query compares.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..))]
    chunk_rows: u64,
    /// Time limit of one query in seconds; 0 means no limit.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 900,
        value_parser = clap::value_parser!(u32).range(..=86_400)
    )]
    statement_timeout: u32,
    /// Time limit for waiting for a lock in seconds; 0 means no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=86_400))]
    lock_timeout: u32,
    /// Seconds without an answer after which the tool examines whether the server still works on the query.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    silence: u32,
    /// Number of missing, additional or different rows of a table after which the search in this table ends.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_rows: u32,
    /// How often rows that differ are compared again, so that changes can arrive.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    recheck_times: Option<u32>,
    /// Seconds to wait before rows that differ are compared again.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    recheck_after: u32,
    /// Do not compare large objects.
    #[arg(long)]
    no_large_objects: bool,
}

impl LimitArgs {
    /// Returns the options of a comparison of all tables within these limits. `recheck_times` is the default of that
    /// option, which depends on whether changes are arriving.
    pub(in crate::cli::commands) fn options(&self, recheck_times: u32) -> Options {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let limit = |value: u32| (value > 0).then(|| seconds(value));
        Options {
            connections: self.connections.into(),
            chunk_rows: self.chunk_rows,
            statement_timeout: limit(self.statement_timeout),
            lock_timeout: limit(self.lock_timeout),
            silence: seconds(self.silence),
            max_rows_per_table: usize::try_from(self.max_rows).unwrap_or(usize::MAX),
            large_objects: !self.no_large_objects,
            recheck_after: seconds(self.recheck_after),
            recheck_times: self.recheck_times.unwrap_or(recheck_times),
            keys: self.keys,
            ..Options::default()
        }
    }
}
