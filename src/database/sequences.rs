//! Positions of sequences, and how the other side gets at least as far.
//!
//! DMS replicates rows, but not the positions of sequences ("Limitations on using a PostgreSQL database as a DMS
//! source", AWS DMS user guide). A database whose sequence is behind assigns numbers that are already in use.

use std::collections::BTreeMap;
use std::fmt;

use infra_connect::{TableName, literal};
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::error::{Error, SqlError};
use crate::sql::USER_SCHEMA;

/// A sequence: what it is, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last value that was assigned or reserved by a session, or the first value.
    pub last_value: i64,
    /// Whether `last_value` was assigned.
    pub is_called: bool,
    /// The step, which is negative for a descending sequence.
    pub increment: i64,
    /// The smallest value.
    pub minimum: i64,
    /// The largest value.
    pub maximum: i64,
    /// Whether the sequence starts again after its last value.
    pub cycles: bool,
}

impl Position {
    /// Returns the next value. The type is wider than the values of a sequence, so that the last value has a next one.
    pub fn next(self) -> i128 {
        i128::from(self.last_value) + if self.is_called { i128::from(self.increment) } else { 0 }
    }

    /// Returns whether this sequence would assign values that the other has already assigned.
    ///
    /// The values of a sequence that cycles form a circle, on which nothing is ahead: there, everything but the same
    /// next value counts as behind.
    pub fn is_behind(self, other: Self) -> bool {
        let ahead = if other.increment < 0 { other.next() - self.next() } else { self.next() - other.next() };
        if other.cycles { ahead != 0 } else { ahead < 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "next value {}", self.next())
    }
}

/// All sequences of a database, also those of identity and serial columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<TableName, Option<Position>>);

impl Positions {
    /// Returns the sequences. `None` means that the user must not read the sequence.
    pub fn iter(&self) -> impl Iterator<Item = (&TableName, Option<&Position>)> {
        self.0.iter().map(|(name, position)| (name, position.as_ref()))
    }

    /// Returns the position of one sequence.
    pub fn get(&self, name: &TableName) -> Option<&Position> {
        self.0.get(name).and_then(Option::as_ref)
    }
}

/// What was done to one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// The sequence.
    pub sequence: TableName,
    /// Where it was.
    pub from: Position,
    /// Where it is now.
    pub to: Position,
}

/// A sequence that is not at or past the old position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The other side has no such sequence.
    #[error("{sequence}: the {side} database has no such sequence")]
    Missing {
        /// The sequence.
        sequence: TableName,
        /// The label of the side.
        side: String,
    },
    /// The user must not read it.
    #[error("{sequence}: no permission to read it in the {side} database; grant SELECT on it")]
    Unreadable {
        /// The sequence.
        sequence: TableName,
        /// The label of the side.
        side: String,
    },
    /// One counts up, the other counts down, or one cycles and the other does not.
    #[error("{sequence}: its direction in the {side} database differs from that of the old one")]
    Direction {
        /// The sequence.
        sequence: TableName,
        /// The label of the side.
        side: String,
    },
    /// The server refused the position, for example because it is outside the sequence's limits.
    #[error("{sequence}: the {side} database refused the position")]
    Refused {
        /// The sequence.
        sequence: TableName,
        /// The label of the side.
        side: String,
        /// The cause.
        #[source]
        source: SqlError,
    },
    /// It was read back and is still behind.
    #[error("{sequence}: {found} in the {side} database, after {wanted} was set")]
    Behind {
        /// The sequence.
        sequence: TableName,
        /// The label of the side.
        side: String,
        /// The old position.
        wanted: Position,
        /// The position that was read back.
        found: Position,
    },
}

/// The result of [`advance`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was moved.
    pub advanced: Vec<Advanced>,
    /// The number of sequences that were at or past the old position already.
    pub kept: usize,
    /// What is not at or past the old position. The switchover must not go on with any of them.
    pub problems: Vec<Problem>,
}

impl Outcome {
    /// Returns whether each sequence is at or past the old position. It was read back.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The number of sequences that one query reads.
const PER_QUERY: usize = 100;

/// Reads the positions of all sequences. Sequences of DMS's own tables and of this crate are left out.
///
/// # Errors
/// The catalogs could not be read, or a sequence was dropped meanwhile.
pub async fn read(database: Database<'_>) -> Result<Positions, Error> {
    const WHAT: &str = "read the sequences";
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, \
         has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT') \
         FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relpersistence <> 't' AND {USER_SCHEMA} AND c.relname !~ '^awsdms_' ORDER BY 1, 2"
    );
    let mut found = BTreeMap::new();
    let mut readable = Vec::new();
    for row in database.query(WHAT, &sql, &[]).await? {
        let name = TableName::new(row.get::<String>(0)?, row.get::<String>(1)?);
        let position = Position {
            last_value: 0,
            is_called: false,
            increment: row.get(2)?,
            minimum: row.get(3)?,
            maximum: row.get(4)?,
            cycles: row.get(5)?,
        };
        if row.get(6)? {
            readable.push((name, position));
        } else {
            found.insert(name, None);
        }
    }
    // `pg_sequences` has no `is_called`; the sequence itself has.
    for part in readable.chunks(PER_QUERY) {
        let queries: Vec<String> = part
            .iter()
            .enumerate()
            .map(|(at, (name, _))| format!("SELECT {at}::int8, last_value, is_called FROM {}", name.quoted()))
            .collect();
        for row in database.query(WHAT, &queries.join(" UNION ALL "), &[]).await? {
            let at = usize::try_from(row.number(0)?).unwrap_or(usize::MAX);
            let Some((name, position)) = part.get(at) else { continue };
            let position = Position { last_value: row.get(1)?, is_called: row.get(2)?, ..*position };
            found.insert(name.clone(), Some(position));
        }
    }
    Ok(Positions(found))
}

/// Moves each sequence of the new side at or past the position of the old side, never backwards, and reads them back.
///
/// A sequence that cannot be moved is a [`Problem`]; the others are moved nevertheless. Sequences that only the new
/// side has stay as they are.
///
/// *Assumptions*: Nobody uses the sequences of either side meanwhile: the old side is drained, and the new side is not
/// open yet.
///
/// *Caveats*: "Backwards" means nothing for a sequence that cycles: it gets exactly the old position. So do not repeat
/// this after the new side was opened.
///
/// *Killed*: Some sequences are moved, each completely (`setval` is not part of a transaction). Repeat it.
///
/// # Errors
/// The sequences of one side could not be read.
pub async fn advance(old: Database<'_>, new: Database<'_>) -> Result<Outcome, Error> {
    let wanted = read(old).await?;
    let before = read(new).await?;
    let mut outcome = Outcome::default();
    let mut moved = Vec::new();
    for (sequence, position) in &wanted.0 {
        match compare(sequence, position.as_ref(), before.0.get(sequence), [old.label(), new.label()]) {
            Step::Keep => outcome.kept += 1,
            Step::Problem(problem) => outcome.problems.push(problem),
            Step::Move { from, to } => match set(new, sequence, to).await {
                Ok(()) => moved.push((sequence, from, to)),
                Err(problem) => outcome.problems.push(problem),
            },
        }
    }
    if moved.is_empty() {
        return Ok(outcome);
    }
    let after = read(new).await?;
    for (sequence, from, wanted) in moved {
        let side = new.label().to_owned();
        match after.get(sequence).copied() {
            None => outcome.problems.push(Problem::Missing { sequence: sequence.clone(), side }),
            Some(found) if found.is_behind(wanted) => {
                outcome.problems.push(Problem::Behind { sequence: sequence.clone(), side, wanted, found });
            }
            Some(to) => outcome.advanced.push(Advanced { sequence: sequence.clone(), from, to }),
        }
    }
    Ok(outcome)
}

/// What to do with one sequence.
enum Step {
    Keep,
    Move { from: Position, to: Position },
    Problem(Problem),
}

fn compare(
    sequence: &TableName,
    old: Option<&Position>,
    new: Option<&Option<Position>>,
    [old_label, new_label]: [&str; 2],
) -> Step {
    let sequence = sequence.clone();
    let unreadable = |side: &str| Problem::Unreadable { sequence: sequence.clone(), side: side.to_owned() };
    match (old, new) {
        (None, _) => Step::Problem(unreadable(old_label)),
        (_, None) => Step::Problem(Problem::Missing { sequence, side: new_label.to_owned() }),
        (_, Some(None)) => Step::Problem(unreadable(new_label)),
        (Some(old), Some(Some(new))) => {
            if (old.increment < 0, old.cycles) != (new.increment < 0, new.cycles) {
                return Step::Problem(Problem::Direction { sequence, side: new_label.to_owned() });
            }
            if new.is_behind(*old) { Step::Move { from: *new, to: *old } } else { Step::Keep }
        }
    }
}

async fn set(database: Database<'_>, sequence: &TableName, to: Position) -> Result<(), Problem> {
    let name = literal(&sequence.quoted());
    let sql = format!("SELECT pg_catalog.setval({name}::regclass, {}, {})", to.last_value, to.is_called);
    match database.run("move a sequence", &sql).await {
        Ok(()) => Ok(()),
        Err(Error::Sql { source, side, .. }) => Err(Problem::Refused { sequence: sequence.clone(), side, source }),
        Err(Error::Missing { side, .. }) => Err(Problem::Missing { sequence: sequence.clone(), side }),
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    fn at(last_value: i64, is_called: bool, increment: i64, cycles: bool) -> Position {
        Position { last_value, is_called, increment, minimum: 1, maximum: 100, cycles }
    }

    #[test]
    fn behind_is_what_would_assign_a_used_number_again() {
        let up = |value, called| at(value, called, 1, false);
        assert!(up(9, true).is_behind(up(10, true)));
        assert!(!up(10, true).is_behind(up(10, true)));
        assert!(!up(11, false).is_behind(up(10, true)), "the next value is the same");
        assert!(up(10, false).is_behind(up(10, true)), "10 was not assigned here");
        let down = |value| at(value, true, -1, false);
        assert!(down(10).is_behind(down(9)));
        assert!(!down(8).is_behind(down(9)));
        let largest = |called| Position { maximum: i64::MAX, ..at(i64::MAX, called, 1, false) };
        assert!(largest(false).is_behind(largest(true)), "there is no next value, and no overflow");
    }

    #[test]
    fn on_a_circle_only_the_same_position_is_not_behind() {
        let circle = |value| at(value, true, 1, true);
        assert!(circle(98).is_behind(circle(3)), "the old one has started again");
        assert!(circle(98).is_behind(circle(60)), "a position that the new one has by chance");
        assert!(!circle(7).is_behind(circle(7)));
        assert!(!at(8, false, 1, true).is_behind(circle(7)));
    }
}
