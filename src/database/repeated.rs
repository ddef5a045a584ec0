//! Rows that a load has brought twice.
//!
//! DMS captures changes of a table from a moment before it reads its rows: "AWS DMS doesn't capture changes for a given
//! table until the full load for that table is started" ("Components of AWS DMS"). A row of a moment in between is
//! loaded, and is among the changes as well. In a table with a key, the second one is recognized. In a table without
//! one, the row is there twice.

use infra_connect::TableName;

use crate::database::Database;
use crate::error::Error;
use crate::sql::USER_SCHEMA;

/// Values have the same text on both servers, whatever their own settings are.
const FORMATS: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
     SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'; SET xmlbinary = 'base64'";

/// Removes rows from tables of the target that have no key, if they are there more often than in the source. Returns
/// the tables with the numbers of removed rows.
///
/// *Assumptions*: Nothing writes to the target meanwhile, and it has no unique indexes but keys. The source can be
/// written to: what is added there is never removed here.
///
/// *Caveats*: It reads each of these tables once, and of the source only those in which a row repeats. It changes the
/// formats of both sessions.
///
/// *Killed*: Each table is one statement. Repeat it for the rest.
///
/// # Errors
/// A database refuses it, or the source does not have a table.
pub async fn remove_repeated(source: Database<'_>, target: Database<'_>) -> Result<Vec<(TableName, u64)>, Error> {
    const WHAT: &str = "compare the rows of a table without a key";
    for database in [source, target] {
        database.run("set the formats", FORMATS).await?;
    }
    let mut removed = Vec::new();
    for table in without_key(target).await? {
        let name = table.quoted();
        let repeats = format!("SELECT md5((r.*)::text) FROM ONLY {name} r GROUP BY 1 HAVING count(*) > 1");
        let mut hashes: Vec<String> = Vec::new();
        for row in target.query(WHAT, &repeats, &[]).await? {
            hashes.push(row.get(0)?);
        }
        if hashes.is_empty() {
            continue;
        }
        let there = format!(
            "SELECT w.hash, count(r.hash) FROM unnest($1::text[]) w (hash) \
             LEFT JOIN (SELECT md5((r.*)::text) AS hash FROM ONLY {name} r) r ON r.hash = w.hash GROUP BY 1"
        );
        let (mut wanted, mut numbers): (Vec<String>, Vec<i64>) = (Vec::new(), Vec::new());
        for row in source.query(WHAT, &there, &[&hashes]).await? {
            wanted.push(row.get(0)?);
            numbers.push(row.get(1)?);
        }
        let remove = format!(
            "WITH numbered AS (SELECT r.ctid AS place, md5((r.*)::text) AS hash, \
             row_number() OVER (PARTITION BY md5((r.*)::text) ORDER BY r.ctid) AS number FROM ONLY {name} r), \
             removed AS (DELETE FROM ONLY {name} d USING numbered n, unnest($1::text[], $2::int8[]) w (hash, kept) \
             WHERE d.ctid = n.place AND n.hash = w.hash AND n.number > w.kept RETURNING 1) \
             SELECT count(*) FROM removed"
        );
        let count = target.query_one("remove repeated rows", &remove, &[&wanted, &numbers]).await?.number(0)?;
        if count > 0 {
            removed.push((table, count));
        }
    }
    Ok(removed)
}

/// Returns the tables in which no row can be found by a key. Tables of DMS are left out.
async fn without_key(database: Database<'_>) -> Result<Vec<TableName>, Error> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {USER_SCHEMA} AND c.relname !~ '^awsdms_' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique) ORDER BY 1, 2"
    );
    let rows = database.query("read the tables without a key", &sql, &[]).await?;
    rows.iter().map(|row| Ok(TableName::new(row.get::<String>(0)?, row.get::<String>(1)?))).collect()
}
