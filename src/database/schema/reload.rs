//! Prepares a target that has the whole schema for another load.
//!
//! "TRUNCATE cannot be used on a table that has foreign-key references from other tables, unless all such tables are
//! also truncated in the same command" ("TRUNCATE", PostgreSQL documentation), whatever `session_replication_role` is;
//! "DROP and TRUNCATE operations fail when there are foreign key constraints" ("Using a PostgreSQL database as a target
//! for AWS DMS"). Changes that are applied once more on top of rows that contain them already can take a value of a
//! unique column for a moment that another row has by now.

use super::archive::Schema;
use super::comparison::Comparison;
use super::error::SchemaError;
use super::section::Section;
use super::transfer::lock;
use crate::database::Database;
use crate::error::Error;
use crate::sql::USER_SCHEMA;

/// Drops the foreign keys, and the unique constraints and indexes that are no keys, which the source has in the same
/// words, so that the transfer of post-data creates them again. Returns their names.
///
/// *Guarantees*: What cannot be created again in the same words is not dropped.
///
/// *Killed*: Each is dropped in a transaction of its own. Repeat it to drop the rest.
///
/// # Errors
/// [`SchemaError::ForeignKeys`] for foreign keys that only the target has: nothing was dropped then.
pub async fn prepare_reload(source: &Schema, there: &Schema, target: Database<'_>) -> Result<Vec<String>, SchemaError> {
    let comparison = Comparison::of(Section::PostData, source, there);
    let own = |kind: &str| {
        let prefix = format!("{kind} ");
        let own = comparison.additional.iter().filter(move |name| name.starts_with(&prefix));
        own.cloned().collect::<Vec<String>>()
    };
    let foreign = own("FK CONSTRAINT");
    if !foreign.is_empty() {
        return Err(SchemaError::ForeignKeys { side: target.label().to_owned(), names: foreign });
    }
    let kept: Vec<String> = ["CONSTRAINT", "INDEX"].into_iter().flat_map(own).collect();
    lock(target, "pg_advisory_lock").await?;
    let dropped = drop_all(source, target, &kept).await;
    let unlocked = lock(target, "pg_advisory_unlock").await;
    let dropped = dropped?;
    unlocked?;
    Ok(dropped)
}

/// Constraints and indexes that belong to others, such as those of partitions, go with them.
async fn drop_all(source: &Schema, target: Database<'_>, kept: &[String]) -> Result<Vec<String>, Error> {
    let foreign = format!(
        "SELECT format('FK CONSTRAINT %s.%s %s', n.nspname, c.relname, o.conname), \
         format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, o.conname) \
         FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE o.contype = 'f' AND o.conparentid = 0 AND {USER_SCHEMA} ORDER BY 1"
    );
    // `indisreplident`: the source sends the columns of this index as the old key.
    let unique = format!(
        "SELECT CASE WHEN o.oid IS NULL THEN format('INDEX %s.%s', n.nspname, i.relname) \
         ELSE format('CONSTRAINT %s.%s %s', n.nspname, c.relname, o.conname) END, \
         CASE WHEN o.oid IS NULL THEN format('DROP INDEX %I.%I', n.nspname, i.relname) \
         ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, o.conname) END \
         FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
         JOIN pg_catalog.pg_class c ON c.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_constraint o ON o.conindid = i.oid AND o.contype IN ('u', 'x') \
         WHERE (x.indisunique OR o.contype = 'x') AND NOT x.indisprimary AND NOT i.relispartition \
         AND c.relkind IN ('r', 'p') AND {USER_SCHEMA} ORDER BY 1"
    );
    let is_key = |name: &String| source.section(Section::Keys).iter().any(|entry| entry.to_string() == *name);
    let mut dropped = Vec::new();
    for sql in [foreign, unique] {
        for row in target.query("read the foreign keys and unique constraints", &sql, &[]).await? {
            let (name, statement): (String, String) = (row.get(0)?, row.get(1)?);
            if kept.contains(&name) || is_key(&name) {
                continue;
            }
            target.run("drop a constraint before the load", &statement).await?;
            dropped.push(name);
        }
    }
    Ok(dropped)
}
