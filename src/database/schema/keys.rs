//! Separates the keys from the rest of post-data.

use std::collections::BTreeSet;

use super::archive::Entry;

/// Separates the keys by which rows are found, in the order of the archive: primary keys, and for tables without one
/// everything that is unique. DMS finds the rows of a table by its primary key, or by a unique index.
///
/// Parts of an index that belong to partitions are attached to it later ("INDEX ATTACH").
pub(super) fn separate(post_data: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let primary = post_data.iter().filter(|entry| is_primary(entry));
    let with_primary: BTreeSet<String> = primary.filter_map(|entry| table(entry)).map(str::to_owned).collect();
    post_data.into_iter().partition(|entry| {
        is_primary(entry) || (is_unique(entry) && table(entry).is_some_and(|table| !with_primary.contains(table)))
    })
}

fn is_primary(entry: &Entry) -> bool {
    entry.kind == "CONSTRAINT" && entry.statement.contains(" PRIMARY KEY (")
}

fn is_unique(entry: &Entry) -> bool {
    match entry.kind.as_str() {
        "CONSTRAINT" => entry.statement.contains(" UNIQUE (") || entry.statement.contains(" UNIQUE NULLS "),
        // An index on a part of the rows does not find the others.
        "INDEX" => entry.statement.starts_with("CREATE UNIQUE INDEX ") && !entry.statement.contains(" WHERE "),
        _ => false,
    }
}

/// Returns the table in the words of `pg_dump`: `ALTER TABLE ONLY public.payments` in a line of its own
/// (`dumpConstraint` in `pg_dump.c`), or `CREATE UNIQUE INDEX name ON ONLY public.payments USING btree (id)`
/// (`pg_get_indexdef`).
fn table(entry: &Entry) -> Option<&str> {
    let first = entry.statement.lines().next()?;
    if let Some(table) = first.strip_prefix("ALTER TABLE ") {
        return Some(table.strip_prefix("ONLY ").unwrap_or(table).trim());
    }
    let (_, rest) = first.split_once(" ON ")?;
    let (table, _) = rest.split_once(" USING ")?;
    Some(table.strip_prefix("ONLY ").unwrap_or(table))
}

#[cfg(test)]
mod tests {
    use super::{Entry, separate};

    fn entry(kind: &str, name: &str, statement: &str) -> Entry {
        Entry { kind: kind.into(), schema: Some("public".into()), name: name.into(), statement: statement.into() }
    }

    #[test]
    fn keys_are_primary_keys_and_what_is_unique_without_one() {
        let all = vec![
            entry("CONSTRAINT", "a", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT a PRIMARY KEY (id);"),
            entry("CONSTRAINT", "b", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT b UNIQUE (email);"),
            entry("CONSTRAINT", "c", "ALTER TABLE ONLY public.\"u v\"\n    ADD CONSTRAINT c UNIQUE (email);"),
            entry("INDEX", "d", "CREATE UNIQUE INDEX d ON public.w USING btree (lower(email));"),
            entry("INDEX", "e", "CREATE UNIQUE INDEX e ON public.w USING btree (id) WHERE is_open;"),
            entry("INDEX", "f", "CREATE UNIQUE INDEX f ON ONLY public.t USING btree (name);"),
            entry("INDEX", "g", "CREATE INDEX g ON public.w USING btree (note);"),
            entry(
                "FK CONSTRAINT",
                "h",
                "ALTER TABLE ONLY public.w\n    ADD CONSTRAINT h FOREIGN KEY (id) REFERENCES t(id);",
            ),
        ];
        let (keys, rest) = separate(all);
        let names = |all: &[Entry]| all.iter().map(|entry| entry.name.clone()).collect::<String>();
        assert_eq!((names(&keys).as_str(), names(&rest).as_str()), ("acd", "befgh"));
    }
}
