//! Views and materialized views, in the order in which they were created: one can use others.
//!
//! A materialized view without data cannot be read.

use super::difference::ObjectKind;
use super::kind::{Kind, Object, Weight, is_own};

pub(super) const VIEWS: Kind = Kind {
    kind: ObjectKind::View,
    label: "views",
    sql: |_| {
        let options = "coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '')";
        let query = "rtrim(pg_get_viewdef(c.oid), ';')";
        format!(
            "SELECT n.nspname::text, c.relname::text, 'object', format('%I.%I', n.nspname, c.relname), \
             CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END || {options} || ' AS ' || {query} \
             || CASE WHEN c.relispopulated THEN '' ELSE ' WITH NO DATA' END, \
             ARRAY[format(CASE c.relkind WHEN 'm' THEN 'CREATE MATERIALIZED VIEW %I.%I%s AS %s' \
             ELSE 'CREATE OR REPLACE VIEW %I.%I%s AS %s' END, n.nspname, c.relname, {options}, {query})], \
             format('DROP %s %I.%I', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, n.nspname, \
             c.relname), ARRAY[c.relkind::text] \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {} \
             ORDER BY c.oid",
            is_own("pg_class", "c.oid", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: replaced,
};

/// A view is replaced, which other objects that use it survive. A materialized view is dropped first.
fn replaced(source: &Object, target: &Object) -> Vec<String> {
    let are_views = [source, target].iter().all(|one| one.parts.first().is_some_and(|kind| kind == "v"));
    let drop = target.drop.iter().filter(|_| !are_views);
    drop.chain(&source.create).cloned().collect()
}
