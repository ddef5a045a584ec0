//! Policies of row-level security.

use super::difference::ObjectKind;
use super::kind::{Kind, Weight, replaced};

pub(super) const POLICIES: Kind = Kind {
    kind: ObjectKind::Policy,
    label: "policies",
    sql: |_| {
        let definition = "format('AS %s FOR %s TO %s%s%s', \
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, \
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' \
            ELSE 'ALL' END, CASE WHEN p.polroles = '{0}'::oid[] THEN 'PUBLIC' ELSE (SELECT string_agg(\
            quote_ident(r.rolname), ', ' ORDER BY r.rolname) FROM pg_roles r WHERE r.oid = ANY (p.polroles)) END, \
            ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', \
            ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')";
        format!(
            "SELECT n.nspname::text, c.relname::text, 'table', \
             format('%I on %I.%I', p.polname, n.nspname, c.relname), {definition}, \
             ARRAY[format('CREATE POLICY %I ON %I.%I %s', p.polname, n.nspname, c.relname, {definition})], \
             format('DROP POLICY %I ON %I.%I', p.polname, n.nspname, c.relname), NULL::text[] \
             FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        )
    },
    weights: [Weight::Difference; 3],
    change: replaced,
};
