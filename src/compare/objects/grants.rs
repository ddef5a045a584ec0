//! Privileges on schemas, tables, columns, sequences and functions, apart from those of the owner, who has all of them.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, is_own, nothing};

/// Privileges are compared by the names of roles. The target may grant more.
///
/// Left out: the roles of RDS and of the server, and `CREATE` on the schema `public`, which is no default any more
/// since PostgreSQL 15 ("E.23. Release 15", PostgreSQL documentation).
pub(super) const GRANTS: Kind = Kind {
    kind: ObjectKind::Grant,
    label: "privileges",
    sql: |version| {
        let routine = if version >= 110_000 { "ROUTINE" } else { "FUNCTION" };
        let relations = format!(
            "SELECT n.nspname::text AS schema, c.relname::text AS name, \
             CASE WHEN c.relkind IN ('r', 'p') THEN 'table' ELSE 'object' END AS of, \
             format('%s %I.%I', CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname) \
             AS object, '' AS columns, c.relowner AS owner, \
             coalesce(c.relacl, acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner)) \
             AS acl \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' AND {}",
            is_own("pg_class", "c.oid", "n.nspname")
        );
        let columns = format!(
            "SELECT n.nspname::text, c.relname::text, CASE WHEN c.relkind IN ('r', 'p') THEN 'table' \
             ELSE 'object' END, format('TABLE %I.%I', n.nspname, c.relname), format(' (%I)', a.attname), c.relowner, \
             a.attacl \
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped AND {}",
            is_own("pg_class", "c.oid", "n.nspname")
        );
        let functions = format!(
            "SELECT n.nspname::text, p.proname::text, 'object', format('{routine} %I.%I(%s)', n.nspname, p.proname, \
             pg_get_function_identity_arguments(p.oid)), '', p.proowner, \
             coalesce(p.proacl, acldefault('f', p.proowner)) \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {}",
            is_own("pg_proc", "p.oid", "n.nspname")
        );
        let schemas = format!(
            "SELECT n.nspname::text, '', 'object', format('SCHEMA %I', n.nspname), '', n.nspowner, \
             coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace n WHERE {}",
            is_own("pg_namespace", "n.oid", "n.nspname")
        );
        format!(
            "SELECT o.schema, o.name, o.of, format('%s%s ON %s TO %s', g.privilege_type, o.columns, o.object, \
             coalesce(quote_ident(r.rolname), 'PUBLIC')), CASE WHEN bool_or(g.is_grantable) THEN 'WITH GRANT OPTION' \
             ELSE '' END, ARRAY[format('GRANT %s%s ON %s TO %s%s', g.privilege_type, o.columns, o.object, \
             coalesce(quote_ident(r.rolname), 'PUBLIC'), CASE WHEN bool_or(g.is_grantable) THEN ' WITH GRANT OPTION' \
             ELSE '' END)], NULL::text, NULL::text[] \
             FROM ({relations} UNION ALL {columns} UNION ALL {functions} UNION ALL {schemas}) AS o \
             CROSS JOIN LATERAL aclexplode(o.acl) AS g LEFT JOIN pg_roles r ON r.oid = g.grantee \
             WHERE g.grantee <> o.owner AND (g.grantee = 0 OR r.rolname IS NOT NULL) \
             AND coalesce(r.rolname, '') !~ '^(pg_|rds)' \
             AND NOT (g.grantee = 0 AND g.privilege_type = 'CREATE' AND o.object = 'SCHEMA public') \
             GROUP BY o.schema, o.name, o.of, g.privilege_type, o.columns, o.object, r.rolname"
        )
    },
    weights: [Weight::Difference, Weight::Note, Weight::Note],
    change: nothing,
};
