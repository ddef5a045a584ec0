//! Compares the rows of the ledger with those of the primary database.

use std::path::Path;

use tokio_postgres::Client;

use super::balances;
use super::expected::{Expected, Last, Part, hash, key_columns};
use super::findings::{Collector, Finding, Verdict};
use super::lookup::Lookup;
use crate::catalog::{self, Table};
use crate::cloud::Database;
use crate::error::Error;
use crate::fingerprint;
use crate::ledger::{Entry, Reader, RecordedTable};
use crate::session;

/// How the verdict is reached.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The number of rows that are in memory at the same time.
    pub rows_in_memory: u64,
    /// The number of rows of each fault that are listed. All of them are counted.
    pub examples: usize,
    /// Whether the balances of the built-in schema are checked.
    pub balances: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { rows_in_memory: 300_000, examples: 1_000, balances: false }
    }
}

/// The number of keys of one query.
const KEYS: usize = 50_000;

/// Checks that every acknowledged request is in the primary database exactly once, with all its columns.
///
/// *Guarantees*: Nothing is written to a database. Memory does not grow with the ledger: the rows are checked in parts.
///
/// *Assumptions*: The writers have stopped, and nobody else changes their rows.
///
/// `others` are asked for rows that are lost, so that the verdict can say where they are.
pub async fn verify(
    ledger: &Path,
    primary: &Database,
    others: &[Database],
    options: &VerifyOptions,
) -> Result<Verdict, Error> {
    let client = session::open(&primary.connection).await?;
    let tables = catalog::read(&client).await?;
    let (acknowledged, mentions) = count(ledger)?;
    let parts = mentions.div_ceil(options.rows_in_memory.max(1)).max(1);
    let mut check = Check::default();
    check.verdict.database = primary.id.to_string();
    check.verdict.acknowledged = acknowledged;
    for number in 0..parts {
        let path = ledger.to_owned();
        // Reading a part is work for seconds when the ledger is large.
        let part = tokio::task::spawn_blocking(move || Part::read(&path, number, parts)).await;
        let part = part.map_err(|error| Error::File {
            what: "read the ledger",
            path: ledger.to_owned(),
            source: std::io::Error::other(error),
        })??;
        check.part(&client, &tables, &part, options).await?;
    }
    check.explain(&client, &tables, others).await?;
    let mut verdict = check.verdict;
    verdict.lost = check.lost.finish();
    verdict.duplicated = check.duplicated.finish();
    verdict.changed = check.changed.finish();
    if options.balances {
        verdict.balances = balances::check(&client).await?;
    }
    Ok(verdict)
}

/// Counts the acknowledgements, and how often rows are mentioned.
fn count(ledger: &Path) -> Result<(u64, u64), Error> {
    let (mut acknowledged, mut mentions) = (0, 0);
    let mut reader = Reader::open(ledger)?;
    while let Some(entry) = reader.next()? {
        match entry {
            Entry::Sent(sent) => mentions += sent.rows.len() as u64,
            Entry::Ack(ack) => {
                acknowledged += 1;
                // Rows whose keys were not known before.
                mentions += u64::from(ack.rows.iter().any(|row| row.assigned.is_some()));
            }
            _ => {}
        }
    }
    Ok((acknowledged, mentions))
}

#[derive(Default)]
struct Check {
    verdict: Verdict,
    lost: Collector,
    duplicated: Collector,
    changed: Collector,
    /// The rows of the listed findings of `lost`.
    missing: Vec<Missing>,
}

/// A row that is lost.
struct Missing {
    table: RecordedTable,
    key: Vec<String>,
    /// The number that a database had assigned to it.
    number: Option<i64>,
}

impl Check {
    async fn part(
        &mut self,
        client: &Client,
        tables: &[Table],
        part: &Part,
        options: &VerifyOptions,
    ) -> Result<(), Error> {
        self.verdict.colliding += part.collisions.len() as u64;
        let room = options.examples.saturating_sub(self.verdict.collisions.len());
        self.verdict.collisions.extend(part.collisions.iter().take(room).cloned());
        for (number, recorded) in part.tables.iter().enumerate() {
            let rows: Vec<(&str, &Expected)> = part
                .rows
                .iter()
                .filter(|((table, _), _)| *table == number)
                .map(|((_, key), expected)| (key.as_ref(), expected))
                .collect();
            let lookup =
                find(tables, recorded).and_then(|table| Lookup::new(table, &recorded.key, &values(table, recorded)));
            for rows in rows.chunks(KEYS) {
                let mut found: Vec<Vec<Box<[u32]>>> = vec![Vec::new(); rows.len()];
                // Without the table or its key, no row is found.
                if let Some(lookup) = &lookup {
                    let keys = rows.iter().map(|(key, _)| key_columns(key).collect());
                    lookup.run(client, keys, |at, row| found[at].push(fingerprint::packed(row.get(1)))).await?;
                }
                for ((key, expected), found) in rows.iter().zip(&found) {
                    self.row(part, recorded, key, expected, found, options.examples);
                }
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        part: &Part,
        table: &RecordedTable,
        key: &str,
        expected: &Expected,
        found: &[Box<[u32]>],
        limit: usize,
    ) {
        let finding = |columns: Vec<String>, is_stale: bool| {
            let last = expected.last.as_ref();
            let name = |position: fn(&Last) -> u16| {
                last.map(|last| part.names[usize::from(position(last))].clone()).unwrap_or_default()
            };
            Finding {
                table: format!("{}.{}", table.schema, table.name),
                key: table.key.iter().zip(key_columns(key)).map(|(name, text)| format!("{name}={text}")).collect(),
                request: last.map(|last| uuid::Uuid::from_u128(last.request).to_string()).unwrap_or_default(),
                kind: last.map(|last| last.kind),
                side: name(|last| last.side),
                database: name(|last| last.database),
                acknowledged_at: last.map_or(0, |last| last.at),
                copies: found.len() as u64,
                columns,
                is_stale,
                found_in: Vec::new(),
                number_taken_by: None,
            }
        };
        let request = expected.last.as_ref().map_or(0, |last| last.request);
        if found.len() > 1 {
            self.duplicated.add(request, limit, || finding(Vec::new(), false));
        }
        let Some(last) = &expected.last else {
            self.verdict.unacknowledged += u64::from(!found.is_empty());
            return;
        };
        self.verdict.rows_checked += 1;
        let Some(first) = found.first() else {
            if self.missing.len() < limit {
                let key = key_columns(key).map(str::to_owned).collect();
                self.missing.push(Missing { table: table.clone(), key, number: last.assigned });
            }
            self.lost.add(request, limit, || finding(Vec::new(), false));
            return;
        };
        // One of the copies of a duplicated row is enough.
        if found.contains(&last.fingerprint) || expected.open.iter().any(|(_, touches)| touches.is_empty()) {
            return;
        }
        let is_open = |column: usize| {
            expected.open.iter().any(|(_, touches)| touches.iter().any(|touched| usize::from(*touched) == column))
        };
        let columns: Vec<usize> =
            fingerprint::differing(&last.fingerprint, first).into_iter().filter(|column| !is_open(*column)).collect();
        if !columns.is_empty() {
            let is_stale = expected.older.contains(&hash(first));
            let name =
                |column: usize| table.columns.get(column).cloned().unwrap_or_else(|| format!("column {}", column + 1));
            self.changed.add(request, limit, || finding(columns.into_iter().map(name).collect(), is_stale));
        }
    }

    /// Says where the lost rows are, and who has their numbers.
    async fn explain(&mut self, client: &Client, tables: &[Table], others: &[Database]) -> Result<(), Error> {
        let findings = self.lost.examples();
        for (finding, missing) in findings.iter_mut().zip(&self.missing) {
            let (Some(number), Some(column)) = (missing.number, &missing.table.assigned) else { continue };
            let Some(table) = find(tables, &missing.table) else { continue };
            let text = |name: &String| format!("coalesce(t.{}::text, 'NULL')", session::quoted(name));
            let texts: Vec<String> = missing.table.key.iter().map(text).collect();
            let Some(lookup) = Lookup::new(table, std::slice::from_ref(column), &texts.join(" || ', ' || ")) else {
                continue;
            };
            let number = number.to_string();
            let keys = std::iter::once(vec![number.as_str()]);
            lookup.run(client, keys, |_, row| finding.number_taken_by = Some(row.get(1))).await?;
        }
        for database in others {
            let client = session::open(&database.connection).await?;
            let tables = catalog::read(&client).await?;
            for (finding, missing) in findings.iter_mut().zip(&self.missing) {
                let of = &missing.table;
                let lookup = find(&tables, of).and_then(|table| Lookup::new(table, &of.key, "true"));
                let Some(lookup) = lookup else { continue };
                let mut is_there = false;
                let keys = std::iter::once(missing.key.iter().map(String::as_str).collect());
                lookup.run(&client, keys, |_, _| is_there = true).await?;
                if is_there {
                    finding.found_in.push(database.id.to_string());
                }
            }
        }
        Ok(())
    }
}

fn find<'a>(tables: &'a [Table], recorded: &RecordedTable) -> Option<&'a Table> {
    tables.iter().find(|table| table.id.schema == recorded.schema && table.id.name == recorded.name)
}

/// Returns the expression of the fingerprint. A column that the table does not have differs from every value.
fn values(table: &Table, recorded: &RecordedTable) -> String {
    let of = |name: &String| match table.position(name) {
        Some(_) => fingerprint::expression([name.as_str()], Some("t")),
        None => format!("'{}'", fingerprint::MISSING),
    };
    recorded.columns.iter().map(of).collect::<Vec<_>>().join(" || ")
}
