//! Compares sequences. DMS replicates rows, but not the positions of sequences ("Limitations on using a PostgreSQL
//! database as a DMS source", AWS DMS user guide). A target whose sequence is behind generates values that are already
//! in use.

use std::collections::BTreeMap;
use std::fmt;

use infra_connect::DatabaseError;
use serde::{Deserialize, Serialize};

use super::catalog::Name;
use super::database::Database;
use super::error::Side;
use super::options::Options;
use super::sql::{Query, quoted};

/// The position of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// The last value that was generated, or the first value.
    pub last_value: i64,
    /// Whether this value was generated.
    pub is_called: bool,
    /// The increment, which is negative for a descending sequence.
    pub increment: i64,
}

impl SequenceState {
    /// Returns the next value. The type is wider than the values of a sequence, so that the last value has a next one.
    fn next(self) -> i128 {
        i128::from(self.last_value) + if self.is_called { i128::from(self.increment) } else { 0 }
    }

    /// Returns the position some values earlier.
    fn before(self, values: i64) -> Self {
        let last_value = self.last_value.saturating_sub(self.increment.saturating_mul(values));
        Self { last_value, ..self }
    }

    /// Returns whether this sequence would generate values that the source has already generated.
    fn is_behind(self, source: Self) -> bool {
        if source.increment < 0 { self.next() > source.next() } else { self.next() < source.next() }
    }
}

/// A difference of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum SequenceDifference {
    /// The target would generate values that are already in use.
    Behind {
        /// The sequence as `schema.sequence`.
        sequence: String,
        /// The position on the source.
        source: SequenceState,
        /// The position on the target.
        target: SequenceState,
    },
    /// Only the source has the sequence.
    Missing {
        /// The sequence as `schema.sequence`.
        sequence: String,
        /// The position on the source.
        source: SequenceState,
    },
    /// The increments differ.
    Increment {
        /// The sequence as `schema.sequence`.
        sequence: String,
        /// The increment on the source.
        source: i64,
        /// The increment on the target.
        target: i64,
    },
    /// The sequence could not be read.
    Unreadable {
        /// The sequence as `schema.sequence`.
        sequence: String,
        /// The side.
        side: Side,
        /// The cause; `None` if the user is not allowed to read the sequence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl SequenceDifference {
    /// Returns the sequence as `schema.sequence`.
    pub fn name(&self) -> &str {
        match self {
            Self::Behind { sequence, .. }
            | Self::Missing { sequence, .. }
            | Self::Increment { sequence, .. }
            | Self::Unreadable { sequence, .. } => sequence,
        }
    }
}

impl fmt::Display for SequenceDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { sequence, source, target } => {
                write!(
                    f,
                    "{sequence}: the next value is {} on the target, {} on the source; set it before the target is \
                     written to",
                    target.next(),
                    source.next()
                )
            }
            Self::Missing { sequence, source } => {
                write!(
                    f,
                    "{sequence}: the target has no such sequence; the next value on the source is {}",
                    source.next()
                )
            }
            Self::Increment { sequence, source, target } => {
                write!(f, "{sequence}: the increment is {source} on the source, {target} on the target")
            }
            Self::Unreadable { sequence, side, reason: Some(reason) } => {
                write!(f, "{sequence}: it could not be read on the {side}: {reason}")
            }
            Self::Unreadable { sequence, side, reason: None } => {
                write!(f, "{sequence}: no permission to read it on the {side}; grant SELECT on the sequence")
            }
        }
    }
}

/// The position of a sequence, or why it is unknown; no reason means that the user is not allowed to read it.
type Position = Result<SequenceState, Option<String>>;

/// The sequences of one side.
pub(super) type Sequences = BTreeMap<Name, Position>;

/// A sequence that belongs to a column is selected by its table, any other by its own name.
const SEQUENCES: &str = "SELECT n.nspname::text, c.relname::text, s.seqincrement, \
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT'), false), \
    coalesce(tn.nspname, n.nspname)::text, coalesce(t.relname, c.relname)::text \
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid \
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') \
    LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace \
    WHERE c.relpersistence <> 't' ORDER BY 1, 2";

/// The number of sequences that one query reads.
const SEQUENCES_PER_QUERY: usize = 100;

/// Reads the positions of the sequences.
pub(super) async fn read(database: &Database, options: &Options) -> Result<Sequences, DatabaseError> {
    let mut sequences = Sequences::new();
    let mut readable: Vec<(Name, i64)> = Vec::new();
    for row in database.rows(&Query::plain(SEQUENCES)).await? {
        if !options.covers(row.get(4), row.get(5)) {
            continue;
        }
        let name: Name = (row.get(0), row.get(1));
        if row.get(3) {
            readable.push((name, row.get(2)));
        } else {
            sequences.insert(name, Err(None));
        }
    }
    for batch in readable.chunks(SEQUENCES_PER_QUERY) {
        if let Ok(positions) = positions(database, batch).await {
            sequences.extend(positions);
            continue;
        }
        // One that cannot be read, such as one of an unlogged table on a replica, costs only itself.
        for one in batch {
            match positions(database, std::slice::from_ref(one)).await {
                Ok(position) => sequences.extend(position),
                Err(error) => drop(sequences.insert(one.0.clone(), Err(Some(error.to_string())))),
            }
        }
    }
    Ok(sequences)
}

/// Reads the positions of some sequences, which are given with their increments.
async fn positions(database: &Database, batch: &[(Name, i64)]) -> Result<Sequences, DatabaseError> {
    let parts = batch.iter().enumerate().map(|(at, ((schema, name), _))| {
        format!("SELECT {at}::int8, last_value, is_called FROM {}.{}", quoted(schema), quoted(name))
    });
    let rows = database.rows(&Query::plain(parts.collect::<Vec<_>>().join(" UNION ALL "))).await?;
    let position = |row: &tokio_postgres::Row| {
        let (name, increment) = batch.get(usize::try_from(row.get::<_, i64>(0)).ok()?)?;
        let state = SequenceState { last_value: row.get(1), is_called: row.get(2), increment: *increment };
        Some((name.clone(), Ok(state)))
    };
    Ok(rows.iter().filter_map(position).collect())
}

/// The number of values that a server logs in advance (`SEQ_LOG_VALS` in `sequence.c` of PostgreSQL). A replica shows
/// the last of them as the position of the sequence.
const LOGGED_VALUES: i64 = 32;

/// Compares the sequences of the source with those of the target. A sequence that only the target has is ignored.
/// `source_is_replica`: the source shows values that its primary has not generated yet.
pub(super) fn differences(source: &Sequences, target: &Sequences, source_is_replica: bool) -> Vec<SequenceDifference> {
    let mut findings = Vec::new();
    for (name, here) in source {
        let sequence = format!("{}.{}", name.0, name.1);
        let unreadable = |side, reason: &Option<String>| SequenceDifference::Unreadable {
            sequence: sequence.clone(),
            side,
            reason: reason.clone(),
        };
        match (here, target.get(name)) {
            (Err(reason), _) => findings.push(unreadable(Side::Source, reason)),
            (Ok(_), Some(Err(reason))) => findings.push(unreadable(Side::Target, reason)),
            (Ok(source), None) => findings.push(SequenceDifference::Missing { sequence, source: *source }),
            (Ok(source), Some(Ok(target))) => {
                if source.increment != target.increment {
                    findings.push(SequenceDifference::Increment {
                        sequence: sequence.clone(),
                        source: source.increment,
                        target: target.increment,
                    });
                }
                let ahead = if source_is_replica { LOGGED_VALUES } else { 0 };
                if target.is_behind(source.before(ahead)) {
                    findings.push(SequenceDifference::Behind { sequence, source: *source, target: *target });
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(source: (i64, bool), target: (i64, bool), increment: i64) -> bool {
        let state = |(last_value, is_called)| SequenceState { last_value, is_called, increment };
        state(target).is_behind(state(source))
    }

    #[test]
    fn a_sequence_is_behind_when_it_would_generate_used_values() {
        assert!(behind((5, true), (4, true), 1));
        assert!(behind((1, true), (1, false), 1));
        assert!(!behind((5, true), (6, false), 1));
        assert!(!behind((5, true), (5, true), 1) && !behind((5, true), (900, true), 1));
        assert!(behind((-5, true), (-4, true), -1) && !behind((-5, true), (-9, true), -1));
        assert!(!behind((i64::MAX, true), (i64::MAX, true), 1) && behind((i64::MAX, true), (i64::MAX, false), 1));
    }
}
