//! The rows of one table: which values each column gets.

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;
use tokio_postgres::Client;

use super::condition::{self, Comparison, Condition};
use super::instant;
use super::keys::Keys;
use super::partitions;
use super::text;
use super::unique::{self, Capacities, Choice};
use super::values::Values;
use crate::catalog::{ForeignKey, Table};
use crate::error::Error;

/// The share of NULL in columns that allow it, in 1/256.
const NULLS: u8 = 25;
/// The largest share of large texts in a column, and their largest number.
const BIG: (f64, f64) = (0.02, 500.0);

/// What the rows are for.
#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    /// The seed: the same seed generates the same rows.
    pub(crate) seed: u64,
    /// The number of rows that must be possible.
    pub(crate) rows: u64,
    /// Separates values of this run from those that exist already; empty for an empty table.
    pub(crate) salt: String,
    /// The largest number of keys that foreign keys refer to.
    pub(crate) keys: usize,
}

/// The plan for the rows of a table.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) table: Arc<Table>,
    /// Positions of the columns that get a value, in order.
    pub(crate) written: Vec<usize>,
    /// The largest number of rows, and the constraint that limits it.
    pub(crate) limit: Option<(u64, String)>,
    seed: u64,
    salt: String,
    sources: Vec<Source>,
    references: Vec<Reference>,
    orders: Vec<(usize, Comparison, usize)>,
}

/// Where the value of a column comes from.
#[derive(Debug)]
enum Source {
    /// The server assigns or computes it.
    Server,
    Generated {
        values: Values,
        choice: Choice,
        nullable: bool,
    },
    /// A foreign key.
    Reference,
    Null,
    /// A foreign key to the row itself: the value of another column.
    SameRow(usize),
}

/// A foreign key whose values come from the rows of another table.
#[derive(Debug)]
struct Reference {
    columns: Vec<usize>,
    keys: Keys,
    /// The keys for which the foreign keys that share columns with this one have partners; `None`: all.
    usable: Option<Vec<u32>>,
    choice: Choice,
    nullable: bool,
    /// The columns that an earlier foreign key has set, and the keys by their values.
    shared: Vec<usize>,
    by_shared: HashMap<Vec<String>, Vec<u32>>,
}

impl Reference {
    /// Returns the number of keys that can be used.
    fn count(&self) -> usize {
        self.usable.as_ref().map_or(self.keys.len(), Vec::len)
    }

    /// Returns the position of a usable key.
    fn key(&self, number: usize) -> usize {
        self.usable.as_ref().map_or(number, |usable| usable[number] as usize)
    }
}

/// The values of a row, by the position of the column. NULL, and what the server assigns, is `None`.
pub(crate) type Row = Vec<Option<String>>;

impl Rows {
    /// Plans the rows of a table. The tables that it refers to must have their rows.
    pub(crate) async fn plan(client: &Client, table: Arc<Table>, purpose: &Purpose) -> Result<Self, Error> {
        let mut sources: Vec<Source> = Vec::new();
        let conditions: Vec<Condition> =
            table.checks.iter().flat_map(|(_, definition)| condition::conditions(definition)).collect();
        let big = BIG.0.min(BIG.1 / f64::from(u32::try_from(purpose.rows.max(1)).unwrap_or(u32::MAX)));
        let (references, same_row) = references(client, &table, purpose).await?;
        let referring = |column: usize| references.iter().any(|reference| reference.columns.contains(&column));
        for (at, column) in table.columns.iter().enumerate() {
            let of_foreign_key = table.foreign_keys.iter().any(|key| key.columns.contains(&at));
            let source = if column.is_assigned || column.is_generated {
                Source::Server
            } else if let Some(other) = same_row.get(&at) {
                Source::SameRow(*other)
            } else if referring(at) {
                Source::Reference
            } else if of_foreign_key {
                Source::Null
            } else {
                let mut own: Vec<Condition> =
                    column.kind.checks.iter().flat_map(|check| condition::conditions(check)).collect();
                let of_column = conditions.iter().filter(|condition| condition.subject() == column.name);
                own.extend(of_column.cloned());
                match Values::new(&column.kind, &own, if column.is_indexed { 0.0 } else { big }) {
                    Ok(values) => Source::Generated { values, choice: Choice::Random, nullable: !column.not_null },
                    Err(_) if !column.not_null => Source::Null,
                    Err(reason) => return Err(failure(&table, Some(&column.name), None, reason)),
                }
            };
            sources.push(source);
        }
        let mut rows = Self {
            written: Vec::new(),
            limit: None,
            seed: purpose.seed ^ text::mix(&table.id.to_string()),
            salt: purpose.salt.clone(),
            sources,
            references,
            orders: Vec::new(),
            table,
        };
        rows.spread_over_partitions();
        rows.make_unique(purpose.rows);
        rows.order_columns(&conditions);
        rows.written = (0..rows.sources.len()).filter(|at| !matches!(rows.sources[*at], Source::Server)).collect();
        Ok(rows)
    }

    /// Restricts the column of the partitions to the values that have one.
    fn spread_over_partitions(&mut self) {
        let Some(partitions) = &self.table.partitions else { return };
        let Some(column) = partitions.column else { return };
        if let Source::Generated { values, nullable, .. } = &mut self.sources[column]
            && let Some(restricted) = partitions::restrict(values, &partitions.bounds)
        {
            *values = restricted;
            *nullable = false;
        }
    }

    fn make_unique(&mut self, rows: u64) {
        let columns: Vec<Option<u128>> = self
            .sources
            .iter()
            .map(|source| match source {
                Source::Generated { values, .. } => Some(values.capacity()),
                _ => None,
            })
            .collect();
        let keys: Vec<Option<u128>> = self
            .table
            .foreign_keys
            .iter()
            .map(|key| {
                let reference = self.references.iter().find(|reference| reference.columns == key.columns)?;
                reference.shared.is_empty().then_some(reference.count() as u128)
            })
            .collect();
        let capacities = Capacities { columns: &columns, foreign_keys: &keys };
        let decision = unique::decide(&self.table, &capacities, rows);
        self.limit = decision.limit;
        for (source, decided) in self.sources.iter_mut().zip(decision.columns) {
            if let Source::Generated { choice, nullable, .. } = source {
                *choice = decided;
                *nullable &= decided == Choice::Random;
            }
        }
        for (key, decided) in self.table.foreign_keys.iter().zip(decision.foreign_keys) {
            if let Some(reference) = self.references.iter_mut().find(|reference| reference.columns == key.columns)
                && decided != Choice::Random
            {
                reference.choice = decided;
                reference.nullable = false;
            }
        }
    }

    /// Keeps the comparisons of two columns whose values are both random and of the same type.
    fn order_columns(&mut self, conditions: &[Condition]) {
        for condition in conditions {
            let Condition::Columns(left, how, right) = condition else { continue };
            let (Some(left), Some(right)) = (self.table.position(left), self.table.position(right)) else { continue };
            let is_free = |at: usize| matches!(self.sources[at], Source::Generated { choice: Choice::Random, .. });
            if is_free(left) && is_free(right) {
                self.orders.push((left, *how, right));
            }
        }
    }

    /// Raises a numbered column above its largest existing value. Returns the columns for which that is possible.
    pub(crate) fn ordered_columns(&self) -> Vec<usize> {
        let is_ordered = |source: &Source| match source {
            Source::Generated { values, choice: Choice::Numbered { .. }, .. } => values.is_ordered(),
            _ => false,
        };
        (0..self.sources.len()).filter(|at| is_ordered(&self.sources[*at])).collect()
    }

    /// Raises a numbered column above an existing value.
    pub(crate) fn raise(&mut self, column: usize, existing: &str) {
        if let Source::Generated { values, .. } = &mut self.sources[column] {
            values.raise(existing);
        }
    }

    /// Returns the columns whose values a client can change: no key, no unique constraint, no foreign key, no
    /// partition.
    pub(crate) fn changeable(&self) -> Vec<usize> {
        let of_partition = self.table.partitions.as_ref().and_then(|partitions| partitions.column);
        let is_changeable = |at: usize| {
            matches!(self.sources[at], Source::Generated { choice: Choice::Random, .. })
                && !self.table.uniques.iter().any(|unique| unique.columns.contains(&at))
                && !self.orders.iter().any(|(left, _, right)| *left == at || *right == at)
                && self.table.partitions.is_none() | (of_partition.is_some() && of_partition != Some(at))
        };
        (0..self.sources.len()).filter(|at| is_changeable(*at)).collect()
    }

    /// Returns another value for a column.
    pub(crate) fn other_value(&self, column: usize, rng: &mut Rng) -> Option<String> {
        match &self.sources[column] {
            Source::Generated { values, nullable, .. } => {
                (!*nullable || rng.u8(..) >= NULLS).then(|| values.random(rng))
            }
            _ => None,
        }
    }

    /// Generates the row with a number. The same number gives the same row.
    pub(crate) fn row(&self, number: u64) -> Result<Row, Error> {
        let mut rng = Rng::with_seed(self.seed.wrapping_add(number.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        let mut row: Row = vec![None; self.sources.len()];
        self.refer(&mut row, number, &mut rng)?;
        for (at, source) in self.sources.iter().enumerate() {
            if let Source::Generated { values, choice, nullable } = source {
                row[at] = match *choice {
                    Choice::Random if *nullable && rng.u8(..) < NULLS => None,
                    Choice::Random => Some(values.random(&mut rng)),
                    Choice::Numbered { divisor, modulus } => {
                        Some(values.nth(number / divisor % modulus, &self.salt, &mut rng))
                    }
                };
            }
        }
        for (left, how, right) in &self.orders {
            self.put_in_order(&mut row, (*left, *how, *right), &mut rng);
        }
        for (at, source) in self.sources.iter().enumerate() {
            if let Source::SameRow(other) = source {
                let value = row[*other].clone();
                row[at] = value;
            }
        }
        Ok(row)
    }

    /// Sets the columns of the foreign keys.
    fn refer(&self, row: &mut Row, number: u64, rng: &mut Rng) -> Result<(), Error> {
        'attempts: for _ in 0..32 {
            for reference in &self.references {
                if reference.nullable && rng.u8(..) < NULLS {
                    reference.columns.iter().for_each(|column| row[*column] = None);
                    continue;
                }
                let key = if reference.shared.is_empty() {
                    match reference.choice {
                        Choice::Random => reference.key(rng.usize(..reference.count())),
                        Choice::Numbered { divisor, modulus } => {
                            reference.key(usize::try_from(number / divisor % modulus).unwrap_or_default())
                        }
                    }
                } else {
                    let values: Vec<String> = reference
                        .shared
                        .iter()
                        .map(|part| row[reference.columns[*part]].clone().unwrap_or_default())
                        .collect();
                    // Another row of the first parent can have a partner.
                    let Some(keys) = reference.by_shared.get(&values) else { continue 'attempts };
                    keys[rng.usize(..keys.len())] as usize
                };
                for (part, column) in reference.columns.iter().enumerate() {
                    row[*column] = Some(reference.keys.get(key, part).to_owned());
                }
            }
            return Ok(());
        }
        let constraint = self.table.foreign_keys.iter().find(|key| key.columns.len() > 1).map(|key| key.name.as_str());
        let reason = "no rows of the parent tables agree in the columns that their foreign keys share; use more rows";
        Err(failure(&self.table, None, constraint, reason.to_owned()))
    }

    fn put_in_order(&self, row: &mut Row, (left, how, right): (usize, Comparison, usize), rng: &mut Rng) {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for _ in 0..8 {
            let (Some(first), Some(second)) = (&row[left], &row[right]) else { return };
            let order = match (first.parse::<f64>(), second.parse::<f64>()) {
                (Ok(first), Ok(second)) => first.total_cmp(&second),
                _ => match (instant::parse(first), instant::parse(second)) {
                    (Some(first), Some(second)) => first.cmp(&second),
                    _ => first.cmp(second),
                },
            };
            let (holds, can_swap) = match how {
                Comparison::Less => (order == Less, order == Greater),
                Comparison::AtMost => (order != Greater, true),
                Comparison::AtLeast => (order != Less, true),
                Comparison::More => (order == Greater, order == Less),
                Comparison::Equal => (order == Equal, false),
                Comparison::Not => (order != Equal, false),
            };
            if holds {
                return;
            }
            if can_swap {
                row.swap(left, right);
                return;
            }
            if how == Comparison::Equal {
                row[right] = row[left].clone();
                return;
            }
            row[right] = self.other_value(right, rng);
        }
    }
}

/// Reads the keys that the foreign keys of a table refer to. Also returns the columns that refer to their own row.
async fn references(
    client: &Client,
    table: &Table,
    purpose: &Purpose,
) -> Result<(Vec<Reference>, HashMap<usize, usize>), Error> {
    let mut references: Vec<Reference> = Vec::new();
    let mut same_row = HashMap::new();
    let mut foreign_keys: Vec<&ForeignKey> = table.foreign_keys.iter().collect();
    // Foreign keys of many columns first: they determine the columns of the others.
    foreign_keys.sort_by_key(|key| std::cmp::Reverse(key.columns.len()));
    let taken = |references: &[Reference], column: usize| {
        references.iter().any(|reference| reference.columns.contains(&column))
    };
    for key in foreign_keys {
        if key.columns.iter().any(|column| table.columns[*column].is_assigned || table.columns[*column].is_generated)
            || key.columns.iter().all(|column| taken(&references, *column))
        {
            continue;
        }
        let nullable = key.columns.iter().all(|column| !table.columns[*column].not_null);
        if key.parent == table.id {
            if !nullable {
                refer_to_same_row(table, key, &mut same_row)?;
            }
            continue;
        }
        let keys = Keys::read(client, table, key, purpose.keys.min(super::keys::MOST)).await?;
        if keys.len() == 0 {
            if nullable {
                continue;
            }
            let reason = format!("{} has no rows to refer to", key.parent);
            return Err(failure(table, None, Some(&key.name), reason));
        }
        let shared: Vec<usize> = (0..key.columns.len()).filter(|part| taken(&references, key.columns[*part])).collect();
        let by_shared = if shared.is_empty() { HashMap::new() } else { keys.by_columns(&shared) };
        let nullable = nullable && shared.is_empty();
        references.push(Reference {
            columns: key.columns.clone(),
            keys,
            usable: None,
            choice: Choice::Random,
            nullable,
            shared,
            by_shared,
        });
    }
    keep_partners(table, &mut references)?;
    Ok((references, same_row))
}

/// Where two foreign keys share columns, keeps those keys of the first one for which the second one has a partner.
fn keep_partners(table: &Table, references: &mut [Reference]) -> Result<(), Error> {
    for later in 1..references.len() {
        let (before, after) = references.split_at_mut(later);
        let second = &after[0];
        let shared: Vec<usize> = second.shared.iter().map(|part| second.columns[*part]).collect();
        let has_all = |first: &&mut Reference| shared.iter().all(|column| first.columns.contains(column));
        if shared.is_empty() {
            continue;
        }
        let Some(first) = before.iter_mut().find(has_all) else { continue };
        let parts: Vec<usize> =
            shared.iter().filter_map(|column| first.columns.iter().position(|other| other == column)).collect();
        let has_partner = |number: &usize| {
            let values: Vec<String> =
                parts.iter().map(|part| first.keys.get(first.key(*number), *part).to_owned()).collect();
            second.by_shared.contains_key(&values)
        };
        let usable: Vec<u32> =
            (0..first.count()).filter(has_partner).filter_map(|number| u32::try_from(first.key(number)).ok()).collect();
        if usable.is_empty() {
            let name = table.foreign_keys.iter().find(|key| key.columns == second.columns).map(|key| key.name.as_str());
            let reason = "no rows of the parent tables agree in the columns that two foreign keys share";
            return Err(failure(table, None, name, reason.to_owned()));
        }
        first.usable = Some(usable);
    }
    Ok(())
}

/// A row that must refer to a row of its own table refers to itself, unless the server assigns its key.
fn refer_to_same_row(table: &Table, key: &ForeignKey, same_row: &mut HashMap<usize, usize>) -> Result<(), Error> {
    for (column, parent) in key.columns.iter().zip(&key.parent_columns) {
        match table.position(parent) {
            Some(at) if at == *column => {}
            Some(at) if !table.columns[at].is_assigned && !table.columns[at].is_generated => {
                same_row.insert(*column, at);
            }
            _ => {
                let reason = format!(
                    "the first row would refer to a row of the same table, whose column `{parent}` the server assigns"
                );
                return Err(failure(table, Some(&table.columns[*column].name), Some(&key.name), reason));
            }
        }
    }
    Ok(())
}

fn failure(table: &Table, column: Option<&str>, constraint: Option<&str>, reason: String) -> Error {
    Error::Generate {
        table: table.id.to_string(),
        column: column.map(str::to_owned),
        constraint: constraint.map(str::to_owned),
        reason,
    }
}
