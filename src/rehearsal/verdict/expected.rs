//! What the ledger says about rows: one part of all rows at a time, so that memory is bounded.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::findings::Collision;
use crate::error::Error;
use crate::fingerprint;
use crate::ledger::{Acknowledged, Entry, Kind, Outcome, Reader, RecordedTable, Sent, Tables};

/// One part of the rows.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) tables: Vec<RecordedTable>,
    /// The rows by table and key.
    pub(super) rows: HashMap<(usize, Box<str>), Expected>,
    /// Names of sides and databases, to which rows refer by position.
    pub(super) names: Vec<String>,
    pub(super) collisions: Vec<Collision>,
}

/// What is expected of a row.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The last acknowledgement; `None` if there is none.
    pub(super) last: Option<Last>,
    /// Hashes of the fingerprints of earlier acknowledgements.
    pub(super) older: Vec<u64>,
    /// Requests that can have had an effect without an acknowledgement, with the columns that they can have changed;
    /// none means all.
    pub(super) open: Vec<(u64, Box<[u16]>)>,
}

/// An acknowledgement.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) fingerprint: Box<[u32]>,
    pub(super) request: u128,
    pub(super) kind: Kind,
    pub(super) side: u16,
    pub(super) database: u16,
    pub(super) at: u64,
    pub(super) assigned: Option<i64>,
}

/// Separates the columns of a key. It does not occur in the texts of keys, which are printable.
const SEPARATOR: char = '\u{1f}';

/// Returns the columns of a key.
pub(super) fn key_columns(key: &str) -> impl Iterator<Item = &str> {
    key.split(SEPARATOR)
}

/// Returns a hash.
pub(super) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Part {
    /// Reads part `number` of `parts`.
    pub(super) fn read(ledger: &Path, number: u64, parts: u64) -> Result<Self, Error> {
        let mut part = Self::default();
        let mut tables = Tables::default();
        let mut assigned: HashMap<(usize, i64), Assigned> = HashMap::new();
        let mut refused: HashSet<u64> = HashSet::new();
        let mut reader = Reader::open(ledger)?;
        while let Some(entry) = reader.next()? {
            match entry {
                Entry::Table { n, table } => tables.declare(n, &table),
                Entry::Sent(sent) => part.sent(&sent, &tables, (number, parts)),
                Entry::Ack(ack) => part.acknowledged(&ack, &tables, &mut assigned, (number, parts)),
                // Every attempt of it was answered, and none had an effect.
                Entry::End(end) if end.outcome == Outcome::Refused => {
                    refused.insert(hash(&end.id));
                }
                Entry::Run { .. } | Entry::Stop { .. } | Entry::End(_) | Entry::Answers { .. } => {}
            }
        }
        if !refused.is_empty() {
            part.rows.values_mut().for_each(|row| row.open.retain(|(request, _)| !refused.contains(request)));
        }
        part.tables = tables.all;
        Ok(part)
    }

    fn sent(&mut self, sent: &Sent<'_>, tables: &Tables, (number, parts): (u64, u64)) {
        for row in &sent.rows {
            let Some(table) = tables.position(row.n) else { continue };
            let key = (table, joined(&row.key));
            if hash(&key) % parts == number {
                let touches = row.touches.clone().into_boxed_slice();
                self.rows.entry(key).or_default().open.push((hash(&sent.id), touches));
            }
        }
    }

    fn acknowledged(
        &mut self,
        ack: &Acknowledged<'_>,
        tables: &Tables,
        assigned: &mut HashMap<(usize, i64), Assigned>,
        (number, parts): (u64, u64),
    ) {
        // The idempotency key is a UUID.
        let request = uuid::Uuid::parse_str(&ack.id).map_or_else(|_| u128::from(hash(&ack.id)), |id| id.as_u128());
        let (side, database) = (self.name(&ack.side), self.name(&ack.db));
        for row in &ack.rows {
            let Some(table) = tables.position(row.n) else { continue };
            let key = (table, joined(&row.key));
            let of_row = hash(&key);
            if let Some(value) = row.assigned
                && hash((table, value)) % parts == number
            {
                let this = Assigned { row: of_row, database, request };
                let first = assigned.entry((table, value)).or_insert(this);
                if first.row != of_row {
                    let (first, of) = (*first, &tables.all[table]);
                    self.collisions.push(Collision {
                        table: format!("{}.{}", of.schema, of.name),
                        column: of.assigned.clone().unwrap_or_default(),
                        number: value,
                        databases: [first.database, database].map(|at| self.names[usize::from(at)].clone()),
                        requests: [first.request, request].map(|id| uuid::Uuid::from_u128(id).to_string()),
                    });
                }
            }
            if of_row % parts != number {
                continue;
            }
            let expected = self.rows.entry(key).or_default();
            let of_request = hash(&ack.id);
            expected.open.retain(|(open, _)| *open != of_request);
            if expected.open.is_empty() {
                // Most rows stay like this; the memory is for others.
                expected.open = Vec::new();
            }
            if let Some(last) = &expected.last {
                expected.older.push(hash(&last.fingerprint));
            }
            expected.last = Some(Last {
                fingerprint: fingerprint::packed(&row.fp),
                request,
                kind: ack.kind,
                side,
                database,
                at: ack.at,
                assigned: row.assigned,
            });
        }
    }

    /// Returns the position of a name.
    fn name(&mut self, name: &str) -> u16 {
        let at = self.names.iter().position(|other| other == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        // There are two sides and a few databases.
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

/// Who got a number first.
#[derive(Clone, Copy)]
struct Assigned {
    row: u64,
    database: u16,
    request: u128,
}

fn joined(key: &[std::borrow::Cow<'_, str>]) -> Box<str> {
    let mut text = String::new();
    for (at, column) in key.iter().enumerate() {
        if at > 0 {
            text.push(SEPARATOR);
        }
        text.push_str(column);
    }
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Instant;

    use super::*;
    use crate::ledger::{Ended, Intent, Ledger, Written};

    fn table() -> RecordedTable {
        RecordedTable {
            schema: "public".into(),
            name: "payments".into(),
            key: vec!["id".into()],
            columns: vec!["id".into(), "status".into()],
            assigned: Some("number".into()),
        }
    }

    fn id(number: u32) -> String {
        format!("00000000-0000-4000-8000-{number:012}")
    }

    fn sent(ledger: &Ledger, request: u32, key: &str) {
        let rows = vec![Intent { n: 0, key: vec![Cow::Borrowed(key)], touches: vec![1] }];
        ledger.append(|at| Entry::Sent(Sent { id: id(request).into(), kind: Kind::Create, at, rows })).unwrap();
    }

    fn acknowledged(ledger: &Ledger, (request, key, fp): (u32, &str, &str), (db, number): (&str, i64)) {
        let rows = vec![Written { n: 0, key: vec![Cow::Borrowed(key)], fp: Cow::Borrowed(fp), assigned: Some(number) }];
        let ack = |at| Acknowledged {
            id: id(request).into(),
            kind: Kind::Create,
            side: "source".into(),
            db: db.into(),
            sent: at,
            at,
            tries: 1,
            rows,
        };
        ledger.append(|at| Entry::Ack(ack(at))).unwrap();
    }

    #[test]
    fn the_last_acknowledgement_counts_and_what_has_no_answer_stays_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let ledger = Ledger::open(&path).unwrap();
        ledger.declare(&[table()]).unwrap();
        for request in [1, 2, 3, 4] {
            sent(&ledger, request, "a");
        }
        acknowledged(&ledger, (1, "a", "1111111122222222"), ("old", 7));
        acknowledged(&ledger, (2, "a", "1111111133333333"), ("old", 7));
        acknowledged(&ledger, (5, "b", "4444444455555555"), ("new", 7));
        let end = |outcome, request: u32| {
            let id = id(request).into();
            ledger.append(|at| Entry::End(Ended { id, kind: Kind::Create, outcome, sent: at, at, tries: 1 })).unwrap();
        };
        end(Outcome::Refused, 3);
        end(Outcome::Unknown, 4);
        let part = Part::read(&path, 0, 1).unwrap();
        let row = &part.rows[&(0, "a".into())];
        let last = row.last.as_ref().unwrap();
        assert_eq!((&*last.fingerprint, row.older.len()), (&*fingerprint::packed("1111111133333333"), 1));
        assert_eq!(row.open.iter().map(|(request, _)| *request).collect::<Vec<_>>(), [hash(id(4))]);
        let collision = &part.collisions[0];
        assert_eq!((collision.number, &collision.databases), (7, &["old".to_owned(), "new".to_owned()]));
        // Parts are disjoint, and complete.
        let parts: Vec<Part> = (0..3).map(|number| Part::read(&path, number, 3).unwrap()).collect();
        assert_eq!(parts.iter().map(|part| part.rows.len()).sum::<usize>(), 2);
        assert_eq!(parts.iter().map(|part| part.collisions.len()).sum::<usize>(), 1);
    }

    #[test]
    #[ignore = "a measurement"]
    fn a_million_entries() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let ledger = Ledger::open(&path).unwrap();
        ledger.declare(&[table()]).unwrap();
        let began = Instant::now();
        for number in 0..1_000_000 {
            let key = id(number);
            sent(&ledger, number, &key);
            acknowledged(&ledger, (number, &key, &"0123abcd".repeat(19)), ("old", number.into()));
        }
        println!("written in {:.1} s", began.elapsed().as_secs_f64());
        for parts in [1, 3] {
            let began = Instant::now();
            let rows: usize = (0..parts).map(|number| Part::read(&path, number, parts).unwrap().rows.len()).sum();
            assert_eq!(rows, 1_000_000);
            println!("read in {parts} parts in {:.1} s", began.elapsed().as_secs_f64());
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
    }
}
