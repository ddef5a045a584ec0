//! Sequences. DMS carries the rows, but not where the sequences stand ("Limitations on using a PostgreSQL database as a DMS source", AWS DMS
//! user guide): a target whose sequence is behind gives out numbers that are taken.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::Name;
use super::database::Database;
use super::error::{CompareError, Side};
use super::options::Options;
use super::sql::{Query, quoted};

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// The last number that was given out, or the first one to be.
    pub last_value: i64,
    /// Whether that number was given out.
    pub is_called: bool,
    /// The step, which is negative for one that counts down.
    pub increment: i64,
}

impl SequenceState {
    /// The number it gives out next. Wider than a number of the sequence, so that the last one has a next, too.
    fn next(self) -> i128 {
        i128::from(self.last_value) + if self.is_called { i128::from(self.increment) } else { 0 }
    }

    /// Returns whether it would give out numbers that the other one has given out.
    fn is_behind(self, source: Self) -> bool {
        if source.increment < 0 { self.next() > source.next() } else { self.next() < source.next() }
    }
}

/// A sequence that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum SequenceFinding {
    /// The target would give out numbers again.
    Behind {
        /// `schema.sequence`.
        sequence: String,
        /// Where it stands on the source.
        source: SequenceState,
        /// Where it stands on the target.
        target: SequenceState,
    },
    /// Only the source has it.
    Missing {
        /// `schema.sequence`.
        sequence: String,
        /// Where it stands on the source.
        source: SequenceState,
    },
    /// The step differs.
    Increment {
        /// `schema.sequence`.
        sequence: String,
        /// The step on the source.
        source: i64,
        /// The step on the target.
        target: i64,
    },
    /// The user may not read it.
    Unreadable {
        /// `schema.sequence`.
        sequence: String,
        /// On which side.
        side: Side,
    },
}

impl fmt::Display for SequenceFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { sequence, source, target } => {
                write!(
                    f,
                    "{sequence}: the target goes on with {}, the source with {}; set it before the target is written to",
                    target.next(),
                    source.next()
                )
            }
            Self::Missing { sequence, source } => write!(f, "{sequence}: the target has no such sequence; the source goes on with {}", source.next()),
            Self::Increment { sequence, source, target } => write!(f, "{sequence}: the step is {source} on the source, {target} on the target"),
            Self::Unreadable { sequence, side } => {
                write!(f, "{sequence}: no permission to read it on the {side}; GRANT SELECT ON SEQUENCE is needed")
            }
        }
    }
}

/// The sequences of one side; none stands for one that may not be read.
pub(super) type Sequences = BTreeMap<Name, Option<SequenceState>>;

/// A sequence that belongs to a column is chosen with its table, another one by its own name.
const SEQUENCES: &str = "SELECT n.nspname::text, c.relname::text, s.seqincrement, \
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT'), false), coalesce(tn.nspname, n.nspname)::text, coalesce(t.relname, c.relname)::text \
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass \
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') \
    LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace \
    WHERE c.relpersistence <> 't' ORDER BY 1, 2";

/// Sequences that one query reads.
const AT_ONCE: usize = 100;

/// Reads where the sequences stand.
pub(super) async fn read(database: &Database, options: &Options) -> Result<Sequences, CompareError> {
    let mut sequences = Sequences::new();
    let mut readable: Vec<(Name, i64)> = Vec::new();
    for row in database.catalog("sequences", &Query::plain(SEQUENCES)).await? {
        if !options.covers(row.get(4), row.get(5)) {
            continue;
        }
        let name: Name = (row.get(0), row.get(1));
        if row.get(3) {
            readable.push((name, row.get(2)));
        } else {
            sequences.insert(name, None);
        }
    }
    for some in readable.chunks(AT_ONCE) {
        let parts = some
            .iter()
            .enumerate()
            .map(|(at, ((schema, name), _))| format!("SELECT {at}::int8, last_value, is_called FROM {}.{}", quoted(schema), quoted(name)));
        for row in database.catalog("sequences", &Query::plain(parts.collect::<Vec<_>>().join(" UNION ALL "))).await? {
            let at: i64 = row.get(0);
            if let Some((name, increment)) = usize::try_from(at).ok().and_then(|at| some.get(at)) {
                sequences.insert(name.clone(), Some(SequenceState { last_value: row.get(1), is_called: row.get(2), increment: *increment }));
            }
        }
    }
    Ok(sequences)
}

/// Tells which sequences of the source the target does not follow. One that only the target has does no harm.
pub(super) fn differences(source: &Sequences, target: &Sequences) -> Vec<SequenceFinding> {
    let mut findings = Vec::new();
    for (name, here) in source {
        let sequence = format!("{}.{}", name.0, name.1);
        match (here, target.get(name)) {
            (None, _) => findings.push(SequenceFinding::Unreadable { sequence, side: Side::Source }),
            (Some(_), Some(None)) => findings.push(SequenceFinding::Unreadable { sequence, side: Side::Target }),
            (Some(source), None) => findings.push(SequenceFinding::Missing { sequence, source: *source }),
            (Some(source), Some(Some(target))) => {
                if source.increment != target.increment {
                    findings.push(SequenceFinding::Increment { sequence: sequence.clone(), source: source.increment, target: target.increment });
                }
                if target.is_behind(*source) {
                    findings.push(SequenceFinding::Behind { sequence, source: *source, target: *target });
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
    fn a_sequence_is_behind_when_it_would_give_out_numbers_again() {
        assert!(behind((5, true), (4, true), 1));
        assert!(behind((1, true), (1, false), 1));
        assert!(!behind((5, true), (6, false), 1));
        assert!(!behind((5, true), (5, true), 1) && !behind((5, true), (900, true), 1));
        assert!(behind((-5, true), (-4, true), -1) && !behind((-5, true), (-9, true), -1));
        assert!(!behind((i64::MAX, true), (i64::MAX, true), 1) && behind((i64::MAX, true), (i64::MAX, false), 1));
    }
}
