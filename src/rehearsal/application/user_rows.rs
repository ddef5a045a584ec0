//! Generated rows for the tables of a user, whose application this program does not know.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use infra_postgres::ConnectionInfo;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::request::{Body, Memory, Performed, Request};
use super::row_requests::RowStatements;
use crate::catalog::{self, Table};
use crate::connection::Connection;
use crate::error::{Error, describe};
use crate::generate::{self, Purpose, Rows};
use crate::ledger::{Intent, Kind, RecordedTable, Written};
use crate::session::{self, quoted};

/// A table that writers do not write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTable {
    /// The table as `schema.table`.
    pub table: String,
    /// The reason.
    pub reason: String,
}

/// The tables that are written to.
#[derive(Debug)]
pub(super) struct UserRows {
    tables: Vec<UserTable>,
    pub(super) skipped: Vec<SkippedTable>,
}

#[derive(Debug)]
struct UserTable {
    rows: Rows,
    statements: RowStatements,
    /// The number of the next row.
    next: AtomicU64,
    /// The position of the column that the database assigns, if the key has one.
    assigned: Option<usize>,
}

/// The number of new rows that must be possible in a table.
const NEW_ROWS: u64 = 1_000_000;
/// The number of rows of other tables that foreign keys of new rows refer to.
const PARENTS: usize = 10_000;

impl UserRows {
    pub(super) async fn read(connection: &ConnectionInfo, seed: u64) -> Result<(Self, Vec<RecordedTable>), Error> {
        let mut client = session::open(connection).await?;
        let mut rows = Self { tables: Vec::new(), skipped: Vec::new() };
        let mut recorded = Vec::new();
        // New texts must differ from those of earlier runs.
        let salt = format!("{:04x}", Rng::new().u16(..));
        for table in generate::ordered(catalog::read(&client).await?)? {
            match UserTable::plan(&mut client, Arc::clone(&table), seed, &salt).await? {
                Ok(planned) => {
                    recorded.push(planned.recorded());
                    rows.tables.push(planned);
                }
                Err(reason) => rows.skipped.push(SkippedTable { table: table.id.to_string(), reason }),
            }
        }
        if rows.tables.is_empty() || recorded.len() > usize::from(u16::MAX) {
            let reasons: Vec<String> =
                rows.skipped.iter().map(|skipped| format!("{}: {}", skipped.table, skipped.reason)).collect();
            return Err(Error::NothingToWrite(if reasons.is_empty() {
                "the database has no tables".to_owned()
            } else {
                reasons.join("; ")
            }));
        }
        Ok((rows, recorded))
    }

    /// Two of three requests insert a row, one changes a row.
    pub(super) fn next(&self, memory: &mut Memory, rng: &mut Rng) -> Result<Request, Error> {
        if rng.u8(..3) == 0
            && let Some((table, key)) = Memory::take(&mut memory.rows, rng)
            && let Some(request) = self.update(table, key, rng)
        {
            return Ok(request);
        }
        let number = rng.usize(..self.tables.len());
        let table = &self.tables[number];
        let row = table.rows.row(table.next.fetch_add(1, Ordering::Relaxed))?;
        let of = &table.rows.table;
        let key: Vec<Option<String>> = of.key.iter().map(|at| row[*at].clone()).collect();
        let known: Option<Vec<Cow<'static, str>>> = key.iter().map(|text| text.clone().map(Cow::Owned)).collect();
        let values = table.rows.written.iter().map(|at| row[*at].clone()).collect();
        let intent = known.map(|key| Intent { n: position(number), key, touches: Vec::new() });
        Ok(Request {
            id: generate::uuid(rng),
            kind: Kind::Insert,
            // Without a key that the client chooses, a second attempt would insert a second row.
            is_idempotent: intent.is_some(),
            intents: intent.into_iter().collect(),
            body: Body::Insert { table: number, key, values },
        })
    }

    fn update(&self, table: usize, key: Vec<String>, rng: &mut Rng) -> Option<Request> {
        let updates = &self.tables[table].statements.updates;
        if updates.is_empty() {
            return None;
        }
        let column = rng.usize(..updates.len());
        let value = self.tables[table].rows.other_value(updates[column].0, rng);
        let intent =
            Intent { n: position(table), key: key.iter().cloned().map(Cow::Owned).collect(), touches: Vec::new() };
        Some(Request {
            id: generate::uuid(rng),
            kind: Kind::Update,
            intents: vec![intent],
            body: Body::Update { table, column, key, value },
            is_idempotent: true,
        })
    }

    pub(super) fn remember(memory: &mut Memory, request: &Request, done: &Performed) {
        let (Body::Insert { table, .. } | Body::Update { table, .. }) = &request.body else { return };
        let Performed::Done { rows, .. } = done else { return };
        for row in rows {
            Memory::add(&mut memory.rows, (*table, row.key.iter().map(ToString::to_string).collect()));
        }
    }

    pub(super) async fn perform(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> Result<Performed, tokio_postgres::Error> {
        /// The numbers of prepared statements: two for each table, then one for each of its columns.
        const STATEMENTS: usize = 2 + 1600;
        match &request.body {
            Body::Payment { .. } => Ok(Performed::Conflict),
            Body::Insert { table: number, key, values } => {
                let table = &self.tables[*number];
                let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
                let rows = connection.run(number * STATEMENTS, &table.statements.insert, &values).await?;
                if let Some(row) = rows.first() {
                    return Ok(Performed::Done { created: true, rows: vec![table.written(*number, row)] });
                }
                let key: Vec<Option<&str>> = key.iter().map(Option::as_deref).collect();
                let rows = connection.run(number * STATEMENTS + 1, &table.statements.find, &key).await?;
                Ok(rows.first().map_or(Performed::Conflict, |row| Performed::Done {
                    created: false,
                    rows: vec![table.written(*number, row)],
                }))
            }
            Body::Update { table: number, column, key, value } => {
                let table = &self.tables[*number];
                let mut values = vec![value.as_deref()];
                values.extend(key.iter().map(|text| Some(text.as_str())));
                let sql = &table.statements.updates[*column].1;
                let rows = connection.run(number * STATEMENTS + 2 + column, sql, &values).await?;
                Ok(rows.first().map_or(Performed::NotFound, |row| Performed::Done {
                    created: true,
                    rows: vec![table.written(*number, row)],
                }))
            }
        }
    }
}

impl UserTable {
    /// Plans a table. The inner error says why it is skipped.
    async fn plan(
        client: &mut Client,
        table: Arc<Table>,
        seed: u64,
        salt: &str,
    ) -> Result<Result<Self, String>, Error> {
        if table.key.is_empty() {
            return Ok(Err("it has no primary key, so that its rows cannot be found again".to_owned()));
        }
        let existing = match existing_rows(client, &table).await {
            Ok(existing) => existing,
            Err(error) => return Ok(Err(describe(&error))),
        };
        let purpose = Purpose { seed, rows: existing + NEW_ROWS, salt: salt.to_owned(), keys: PARENTS };
        let mut rows = match Rows::plan(client, Arc::clone(&table), &purpose).await {
            Ok(rows) => rows,
            Err(error @ Error::Generate { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        if let Some((limit, constraint)) = &rows.limit {
            return Ok(Err(format!("the constraint `{constraint}` allows only {limit} generated rows")));
        }
        for column in rows.ordered_columns() {
            let name = quoted(&table.columns[column].name);
            let sql = format!("SELECT max({name})::text FROM {}", table.id.sql());
            match client.query_one(&sql, &[]).await {
                Ok(row) => row.get::<_, Option<String>>(0).iter().for_each(|most| rows.raise(column, most)),
                Err(error) => return Ok(Err(describe(&error))),
            }
        }
        let statements = RowStatements::new(&table, &rows.written, &rows.changeable());
        let assigned = table.key.iter().position(|at| table.columns[*at].is_assigned);
        let planned = Self { rows, statements, next: AtomicU64::new(existing), assigned };
        Ok(planned.try_insert(client).await.map(|()| planned))
    }

    /// Inserts a row and rolls it back: a trigger or a constraint that this program does not understand can refuse it.
    async fn try_insert(&self, client: &mut Client) -> Result<(), String> {
        let row = self.rows.row(self.next.fetch_add(1, Ordering::Relaxed)).map_err(|error| error.to_string())?;
        let values: Vec<Option<&str>> = self.rows.written.iter().map(|at| row[*at].as_deref()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let attempt = async {
            let transaction = client.transaction().await?;
            transaction.query(&self.statements.insert, &values).await?;
            transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
            transaction.rollback().await
        };
        attempt.await.map_err(|error| format!("a generated row is refused: {}", describe(&error)))
    }

    fn recorded(&self) -> RecordedTable {
        let table = &self.rows.table;
        let names = |positions: &[usize]| positions.iter().map(|at| table.columns[*at].name.clone()).collect();
        let assigned = self.assigned.map(|part| table.columns[table.key[part]].name.clone());
        RecordedTable {
            schema: table.id.schema.clone(),
            name: table.id.name.clone(),
            key: names(&table.key),
            columns: table.column_names().map(str::to_owned).collect(),
            assigned,
        }
    }

    fn written(&self, number: usize, row: &Row) -> Written<'static> {
        let key: Vec<String> = (0..self.rows.table.key.len()).map(|at| row.get(at)).collect();
        let assigned = self.assigned.and_then(|part| key[part].parse().ok());
        let fingerprint: String = row.get(key.len());
        Written {
            n: position(number),
            key: key.into_iter().map(Cow::Owned).collect(),
            fp: Cow::Owned(fingerprint),
            assigned,
        }
    }
}

async fn existing_rows(client: &Client, table: &Table) -> Result<u64, tokio_postgres::Error> {
    let row = client.query_one(&format!("SELECT count(*) FROM {}", table.id.sql()), &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// The number of tables was checked before.
fn position(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
