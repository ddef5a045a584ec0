//! Compares large objects: data that is in no table ("Chapter 35. Large Objects", PostgreSQL documentation). A table
//! only contains their numbers, and DMS does not replicate them.

use std::fmt;

use futures::future::try_join;
use infra_connect::DatabaseError;
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::error::Side;
use super::row_diff::diff_rows;
use super::sql::Query;
use super::verdict::Verdict;

/// The result for large objects. They are compared by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeObjects {
    /// The number of objects on the source.
    pub source: u64,
    /// The number of objects on the target.
    pub target: u64,
    /// The number of objects that only the source has.
    pub missing: u64,
    /// The number of objects that only the target has.
    pub additional: u64,
    /// The number of objects with different contents.
    pub differing: u64,
    /// The number of objects that the user is not allowed to read, on either side.
    pub unreadable: u64,
}

impl LargeObjects {
    /// Returns the verdict. Additional objects are not counted: the target may have more.
    pub fn verdict(&self) -> Verdict {
        if self.missing + self.differing > 0 {
            Verdict::Different
        } else if self.unreadable > 0 {
            Verdict::Incomplete
        } else if self.source == 0 {
            Verdict::Empty
        } else {
            Verdict::Equal
        }
    }
}

impl fmt::Display for LargeObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "large objects: {}, {} on the source, {} on the target", self.verdict(), self.source, self.target)?;
        let kinds = [
            (self.missing, "missing"),
            (self.additional, "additional"),
            (self.differing, "with different contents"),
            (self.unreadable, "not compared, because the user is not allowed to read them: grant SELECT on them"),
        ];
        kinds.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, "; {count} {what}"))
    }
}

/// The number of objects that one query hashes.
const OBJECTS_PER_QUERY: u32 = 200;

/// Larger objects are hashed in parts of this size, because a value is limited to 1 GB.
const PART_BYTES: u32 = 64 << 20;

/// An object can have 4 TB, which is this number of parts.
const PARTS: u32 = 65_536;

/// Compares the large objects of both sides, in ranges of their numbers.
pub(super) async fn compare(source: &Database, target: &Database) -> Result<LargeObjects, (Side, DatabaseError)> {
    let mut result = LargeObjects::default();
    let mut above = 0;
    loop {
        let ends = try_join(end_of_range(source, above), end_of_range(target, above)).await?;
        let up_to = [ends.0, ends.1].into_iter().flatten().min();
        let (here, there) = try_join(hashes(source, above, up_to), hashes(target, above, up_to)).await?;
        result.add(here, there);
        match up_to {
            Some(end) => above = end,
            None => return Ok(result),
        }
    }
}

/// The numbers of objects with their hashes; an object that cannot be read has none.
type Hashes = Vec<(i64, Option<String>)>;

impl LargeObjects {
    fn add(&mut self, source: Hashes, target: Hashes) {
        self.source += source.len() as u64;
        self.target += target.len() as u64;
        let unreadable: Vec<i64> =
            source.iter().chain(&target).filter(|(_, hash)| hash.is_none()).map(|(number, _)| *number).collect();
        let known = |hashes: Hashes| {
            let text = |(number, hash): (i64, Option<String>)| {
                // An object that one side cannot read is only known to exist.
                let hash = hash.filter(|_| !unreadable.contains(&number)).unwrap_or_default();
                (vec![number.to_string()], hash)
            };
            hashes.into_iter().map(text).collect()
        };
        let diff = diff_rows(known(source), known(target));
        self.missing += diff.missing.len() as u64;
        self.additional += diff.additional.len() as u64;
        self.differing += diff.differing.len() as u64;
        self.unreadable += unreadable.len() as u64;
    }
}

/// Returns the number of the last object of the next range; `None` means that the rest is small.
async fn end_of_range(database: &Database, above: i64) -> Result<Option<i64>, (Side, DatabaseError)> {
    let sql = format!(
        "SELECT oid::int8 FROM pg_largeobject_metadata WHERE oid > {above}::oid ORDER BY oid \
         OFFSET {} LIMIT 1",
        OBJECTS_PER_QUERY - 1
    );
    let rows = database.rows(&Query::plain(sql)).await.map_err(|error| (database.side(), error))?;
    Ok(rows.first().map(|row| row.get(0)))
}

async fn hashes(database: &Database, above: i64, up_to: Option<i64>) -> Result<Hashes, (Side, DatabaseError)> {
    let end = up_to.map(|end| format!(" AND m.oid <= {end}::oid")).unwrap_or_default();
    let is_readable = "current_setting('is_superuser') = 'on' OR current_setting('lo_compat_privileges') = 'on' \
        OR pg_has_role(m.lomowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(m.lomacl) AS g \
        WHERE g.privilege_type = 'SELECT' AND (g.grantee = 0 OR pg_has_role(g.grantee, 'USAGE')))";
    let parts = format!(
        "(SELECT md5(string_agg(md5(lo_get(m.oid, at * {PART_BYTES}, {PART_BYTES})), '' ORDER BY at)) \
         FROM generate_series(0::int8, {PARTS} - 1) AS at WHERE length(lo_get(m.oid, at * {PART_BYTES}, 1)) > 0)"
    );
    let sql = format!(
        "SELECT m.oid::int8, CASE WHEN NOT ({is_readable}) THEN NULL \
         WHEN length(lo_get(m.oid, {PART_BYTES}, 1)) = 0 THEN md5(lo_get(m.oid)) ELSE {parts} END \
         FROM pg_largeobject_metadata m WHERE m.oid > {above}::oid{end} ORDER BY m.oid"
    );
    let rows = database.rows(&Query::plain(sql)).await.map_err(|error| (database.side(), error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
