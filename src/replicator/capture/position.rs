//! Where the capture starts, and where it stops.

use infra_base::terminal_text::inline;

use crate::model::{Lsn, LsnError, Transaction};

/// Where the capture starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// At the start of the task, with a slot that DMS creates.
    ///
    /// "On restart (not resume) for a full load and CDC task or a CDC task, the replication slot gets recreated" (DMS
    /// user guide, "Using a PostgreSQL database as an AWS DMS source").
    Now,
    /// At a position, with a slot that exists already.
    Native {
        /// The name of the slot.
        slot: String,
        /// The position.
        lsn: Lsn,
    },
}

/// A start or stop position that DMS does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// PostgreSQL has no start at a time.
    #[error("PostgreSQL as a source does not support a custom CDC start time; use a slot and its log sequence number")]
    StartTime,
    /// The endpoint names a slot, but the task has no position.
    #[error("the source endpoint names the slot `{slot}`, so the task needs a CDC start position")]
    PositionMissing {
        /// The name of the slot.
        slot: String,
    },
    /// The task has a position, but the endpoint names no slot.
    #[error("the CDC start position {lsn} needs a replication slot, and the source endpoint names none")]
    SlotMissing {
        /// The position.
        lsn: Lsn,
    },
    /// The position is not understood.
    #[error("`{}` is not a CDC start position of PostgreSQL", inline(.0))]
    Start(String, #[source] LsnError),
    /// The stop position is not understood.
    #[error("`{}` is not a CDC stop position: expected `server_time:` or `commit_time:` and a time", inline(.0))]
    Stop(String),
}

impl StartPosition {
    /// Returns the start of a change-only task from `CdcStartPosition`, `CdcStartTime` and the endpoint's `SlotName`.
    ///
    /// "PostgreSQL as a source doesn't support a custom CDC start time. This is because the PostgreSQL database engine
    /// doesn't have a way to map a timestamp to an LSN" (DMS user guide, "Creating tasks for ongoing replication").
    /// "If the specified slot does not exist or the task does not have a valid `CdcStartPosition` setting, DMS raises
    /// an error" (`SlotName`).
    ///
    /// # Errors
    /// Returns an error for a start that DMS does not accept.
    pub fn new(position: Option<&str>, has_start_time: bool, slot: Option<&str>) -> Result<Self, PositionError> {
        if has_start_time {
            return Err(PositionError::StartTime);
        }
        match (position, slot) {
            (None, None) => Ok(Self::Now),
            (None, Some(slot)) => Err(PositionError::PositionMissing { slot: slot.to_owned() }),
            (Some(position), slot) => {
                let lsn = native(position).map_err(|error| PositionError::Start(position.to_owned(), error))?;
                let slot = slot.ok_or(PositionError::SlotMissing { lsn })?;
                Ok(Self::Native { slot: slot.to_owned(), lsn })
            }
        }
    }
}

/// Reads a position, or the one in a checkpoint of DMS: "`checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0`. Here, the
/// `4AF/B00000D0` component is what you need" (DMS user guide, "Determining a CDC native start point").
fn native(position: &str) -> Result<Lsn, LsnError> {
    let lsn = position.strip_prefix("checkpoint:").map_or(Some(position), |checkpoint| checkpoint.split('#').nth(2));
    lsn.unwrap_or(position).parse()
}

/// Where the capture stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPosition {
    /// When the replication instance's clock shows this time, in microseconds since 1970.
    ServerTime(i64),
    /// Before the first transaction that was committed on the source after this time.
    CommitTime(i64),
}

impl StopPosition {
    /// Parses `CdcStopPosition`: "`server_time:2018-02-09T12:12:12`" or "`commit_time:2018-02-09T12:12:12`" (DMS API
    /// reference, `CreateReplicationTask`). The times are in UTC.
    ///
    /// # Errors
    /// Returns an error for another text.
    pub fn parse(text: &str) -> Result<Self, PositionError> {
        let invalid = || PositionError::Stop(text.to_owned());
        let (kind, time) = text.split_once(':').ok_or_else(invalid)?;
        let time: jiff::civil::DateTime =
            time.trim().trim_end_matches('Z').trim_end().parse().map_err(|_| invalid())?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| invalid())?.timestamp().as_microsecond();
        match kind.trim() {
            "server_time" => Ok(Self::ServerTime(time)),
            "commit_time" => Ok(Self::CommitTime(time)),
            _ => Err(invalid()),
        }
    }

    /// Whether the capture stops before a transaction, at `now` (microseconds since 1970) on the replication instance.
    pub fn stops_before(self, transaction: &Transaction, now: i64) -> bool {
        match self {
            Self::ServerTime(time) => now >= time,
            Self::CommitTime(time) => transaction.committed_at > time,
        }
    }
}
