//! Measures the values of the source.
//!
//! `octet_length` of a text or of bytes does not read a value that is stored outside the row: `textoctetlen` and
//! `byteaoctetlen` call `toast_raw_datum_size` (`varlena.c`). So one scan of the table without its TOAST table measures
//! these columns exactly. A value of another type must become a text first. It does only if `pg_column_size`, the size
//! as stored, is more than an eighth of the limit, or `pg_column_compression` is not NULL; for all others the stored
//! size is taken. (A character of jsonb can become six: `\u0001`.)

use infra_connect::ident;

use super::catalog::{Column, Table};
use super::columns::Transfer;
use super::finding::{Findings, Topic};
use super::limits::Limits;
use super::measurements::{Measurements, WideColumn};
use super::size::size;
use crate::database::Database;
use crate::error::Error;

/// What "unboundedVarcharMaxSize" is without a setting ("Endpoint settings when using PostgreSQL as a DMS source").
const VARCHAR_BYTES: u64 = 8000;

/// "The maximum value is 10485760 bytes."
const VARCHAR_MAX_BYTES: u64 = 10_485_760;

/// "Use of MapUnboundedNumericAsString on source PostgreSQL endpoints restricts precision to 28 during CDC."
const NUMERIC_DIGITS: u64 = 28;

/// Types whose cast to text is only another name for the same bytes.
const TEXT_LIKE: [&str; 5] = ["text", "varchar", "bpchar", "citext", "xml"];

pub(super) async fn check(
    source: Database<'_>,
    tables: &[Table],
    limits: &Limits,
    findings: &mut Findings,
    measurements: &mut Measurements,
) -> Result<(), Error> {
    for table in tables.iter().filter(|table| !table.is_partitioned && table.is_readable && table.bytes > 0) {
        let measured: Vec<&Column> = table.columns.iter().filter(|column| is_measured(column)).collect();
        if measured.is_empty() {
            continue;
        }
        let is_sample = table.bytes > limits.scan_bytes;
        let rows =
            if is_sample { format!(" TABLESAMPLE SYSTEM ({})", percent(table.bytes, limits)) } else { String::new() };
        let expressions: Vec<String> = measured.iter().map(|column| expression(column, limits)).collect();
        let sql = format!("SELECT {} FROM ONLY {}{rows}", expressions.join(", "), table.name.quoted());
        let row = source.query_one("measure the values of tables", &sql, &[]).await?;
        for (at, column) in measured.into_iter().enumerate() {
            // NULL: the table has no value in this column.
            let bytes = row.get::<Option<i64>>(at)?.map_or(0, i64::unsigned_abs);
            report(source.label(), table, column, bytes, is_sample, limits, findings, measurements);
        }
    }
    Ok(())
}

fn is_measured(column: &Column) -> bool {
    !column.is_generated
        && !matches!(Transfer::of(column), Transfer::Faithful | Transfer::TimeWithZone | Transfer::NotMigrated)
}

/// Returns the share of a table, in percent, that has the size of the limit.
fn percent(bytes: u64, limits: &Limits) -> String {
    let millionths = u128::from(limits.scan_bytes) * 100_000_000 / u128::from(bytes.max(1));
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// Returns an expression for the size of the largest value; for times, whether there is one without end; for numbers,
/// how many digits they have.
fn expression(column: &Column, limits: &Limits) -> String {
    let name = ident(&column.name);
    if Transfer::of(column) == Transfer::Timestamp {
        return format!("max(CASE WHEN isfinite({name}) THEN 0 ELSE 1 END)::int8");
    }
    if Transfer::of(column) == Transfer::Numeric {
        return format!("max(length(translate({name}::text, '-.', '')))::int8");
    }
    if !column.is_array && column.base == "bytea" {
        return format!("max(octet_length({name}))::int8");
    }
    if !column.is_array && TEXT_LIKE.contains(&column.base.as_str()) {
        return format!("max(octet_length({name}::text))::int8");
    }
    format!(
        "max(CASE WHEN pg_column_size({name}) > {} OR pg_column_compression({name}) IS NOT NULL \
         THEN octet_length({name}::text) ELSE pg_column_size({name}) END)::int8",
        limits.wide_bytes / 8
    )
}

#[expect(clippy::too_many_arguments, reason = "one call, and each is what it is about")]
fn report(
    side: &str,
    table: &Table,
    column: &Column,
    bytes: u64,
    is_sample: bool,
    limits: &Limits,
    findings: &mut Findings,
    measurements: &mut Measurements,
) {
    let subject = format!("{}.{}", table.name, column.name);
    let how = if is_sample { "in a sample of the table" } else { "measured" };
    let transfer = Transfer::of(column);
    match transfer {
        Transfer::Timestamp if bytes > 0 => {
            let action = "replace them before the load, or copy these rows with SQL during the fence";
            findings.fail(Topic::Types, side, subject, "it has values of infinity, which are truncated", action);
        }
        Transfer::Short if bytes > 255 => {
            let what = format!("values of {} ({how}); DMS truncates {} to 255 bytes", size(bytes), column.type_name);
            findings.fail(Topic::Types, side, subject, what, "copy these rows with SQL during the fence");
        }
        Transfer::Numeric if bytes > NUMERIC_DIGITS => {
            let what = format!("values of {bytes} digits ({how}); changes are applied with at most 28");
            let action = "give it a precision and a scale, or compare these rows after the fence";
            findings.fail(Topic::Types, side, subject, what, action);
        }
        Transfer::Varchar => {
            measurements.varchar_bytes = measurements.varchar_bytes.max(bytes);
            if bytes > VARCHAR_MAX_BYTES {
                let what = format!("values of {} ({how}); DMS truncates to 10 MB at most", size(bytes));
                let action = "use a type without length and domain, such as text, which is a LOB";
                findings.fail(Topic::WideColumns, side, subject, what, action);
            } else if bytes > VARCHAR_BYTES {
                let what = format!("values of {} ({how}); DMS truncates to 8000 bytes without a setting", size(bytes));
                let action = "set `unboundedVarcharMaxSize` of the source endpoint; the derived settings do";
                findings.warn(Topic::WideColumns, side, subject, what, action);
            }
        }
        Transfer::LargeText | Transfer::LargeBytes => {
            let is_text = transfer == Transfer::LargeText;
            measurements.has_lobs = true;
            // NCLOB counts units of two bytes. A character of one byte in UTF-8 is one unit as well.
            let needed = if is_text { bytes.saturating_mul(2) } else { bytes };
            measurements.largest_lob = measurements.largest_lob.max(needed);
            if bytes > limits.wide_bytes {
                let wide =
                    WideColumn { table: table.name.clone(), column: column.name.clone(), bytes, is_text, is_sample };
                measurements.wide_columns.push(wide);
                let what = format!("values of up to {} ({how})", size(bytes));
                let action = "set the LOB mode and `LobMaxSize`; the derived settings do";
                findings.warn(Topic::WideColumns, side, subject, what, action);
            }
            if !table.has_primary_key() && bytes > 0 {
                // Full LOB mode looks up each value by the primary key of its row.
                measurements.lobs_without_key = true;
            }
        }
        _ => {}
    }
    if is_sample && !measurements.sampled.contains(&table.name) {
        measurements.sampled.push(table.name.clone());
        let what = format!("only a sample was measured: the table has {}", size(table.bytes));
        let action = "raise the limit of the scan, or measure it on a replica";
        findings.warn(Topic::WideColumns, side, &table.name, what, action);
    }
}
