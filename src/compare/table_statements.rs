//! The statements that give a table of the target what the source has.
//!
//! A statement never removes what only the target has, because data would be lost.

use super::catalog::{Column, Table};
use super::error::Side;
use super::schema::SchemaDifference;
use super::sql::{literal, quoted, quoted_name};

/// Returns the statements for the differences of a table.
pub(super) fn of_table(sides: (Option<&Table>, Option<&Table>), differences: &[SchemaDifference]) -> Vec<String> {
    let Some(source) = sides.0 else { return Vec::new() };
    let column = |table: &'_ Table, name: &str| table.columns.iter().find(|column| column.name == name).cloned();
    let mut statements = Vec::new();
    for difference in differences {
        statements.extend(match difference {
            SchemaDifference::TableMissing => created(source),
            SchemaDifference::ColumnMissing { column: name } => {
                let definition = column(source, name).map(|column| definition(&column)).unwrap_or_default();
                vec![format!("ALTER TABLE {} ADD COLUMN {definition}", quoted_name(&source.name))]
            }
            SchemaDifference::PrimaryKey { source: key, .. } => {
                let old = sides.1.and_then(|target| target.key_name.as_deref());
                primary_key(source, key, old)
            }
            SchemaDifference::Unlogged { on: Side::Target } => {
                vec![format!("ALTER TABLE {} SET LOGGED", quoted_name(&source.name))]
            }
            SchemaDifference::TableAdditional
            | SchemaDifference::ColumnAdditional { .. }
            | SchemaDifference::ColumnOrder { .. }
            | SchemaDifference::IdentityByDefault { .. }
            | SchemaDifference::Unlogged { .. } => Vec::new(),
            SchemaDifference::Type { column: name, .. }
            | SchemaDifference::Nullability { column: name, .. }
            | SchemaDifference::Collation { column: name, .. }
            | SchemaDifference::Identity { column: name, .. }
            | SchemaDifference::Generated { column: name, .. }
            | SchemaDifference::Default { column: name, .. } => {
                match (column(source, name), sides.1.and_then(|target| column(target, name))) {
                    (Some(here), Some(there)) => altered(source, difference, &here, &there),
                    _ => Vec::new(),
                }
            }
        });
    }
    statements
}

/// Returns the statements for one difference of a column that both sides have.
fn altered(table: &Table, difference: &SchemaDifference, here: &Column, there: &Column) -> Vec<String> {
    let (table_name, name) = (quoted_name(&table.name), quoted(&here.name));
    let alter = |what: &str| format!("ALTER TABLE {table_name} ALTER COLUMN {name} {what}");
    let kind = format!("{}{}", here.kind, collate(here));
    match difference {
        SchemaDifference::Type { .. } => vec![alter(&format!("TYPE {kind} USING {name}::{}", here.kind))],
        SchemaDifference::Collation { .. } if here.kind == there.kind => {
            let default = if here.collation.is_none() { " COLLATE \"default\"" } else { "" };
            vec![alter(&format!("TYPE {kind}{default}"))]
        }
        SchemaDifference::Nullability { source_allows_null: true, .. } => vec![alter("DROP NOT NULL")],
        SchemaDifference::Nullability { .. } => vec![alter("SET NOT NULL")],
        // A default and an identity exclude each other; the identity removes the default first.
        SchemaDifference::Default { .. } if here.identity.is_some() || here.generated.is_some() => Vec::new(),
        SchemaDifference::Default { .. } => match &here.default {
            Some(default) => vec![alter(&format!("SET DEFAULT {default}"))],
            None => vec![alter("DROP DEFAULT")],
        },
        SchemaDifference::Identity { .. } => match (&here.identity, &there.identity) {
            (Some(kind), Some(_)) => vec![alter(&format!("SET GENERATED {kind}"))],
            (Some(kind), None) => {
                let mut statements = Vec::new();
                if there.default.is_some() {
                    statements.push(alter("DROP DEFAULT"));
                }
                if !there.not_null {
                    statements.push(alter("SET NOT NULL"));
                }
                statements.push(alter(&format!("ADD GENERATED {kind} AS IDENTITY")));
                // The new sequence starts after the values that are in use.
                statements.push(format!(
                    "SELECT setval(pg_get_serial_sequence({}, {}), coalesce(max({name}), 0) + 1, false) \
                     FROM {table_name}",
                    literal(&table_name),
                    literal(&here.name)
                ));
                statements
            }
            (None, _) => vec![alter("DROP IDENTITY")],
        },
        SchemaDifference::Generated { .. } => match (&here.generated, &there.generated) {
            (None, _) => vec![alter("DROP EXPRESSION")],
            // A column cannot become a generated one: it is created again, and its values are computed.
            (Some(_), _) => vec![
                format!("ALTER TABLE {table_name} DROP COLUMN {name}"),
                format!("ALTER TABLE {table_name} ADD COLUMN {}", definition(here)),
            ],
        },
        _ => Vec::new(),
    }
}

fn created(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().map(definition).collect::<Vec<_>>().join(", ");
    let partitioned = table.partition_key.as_ref().map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
    let unlogged = if table.unlogged { "UNLOGGED " } else { "" };
    let mut statements = vec![format!("CREATE {unlogged}TABLE {} ({columns}){partitioned}", quoted_name(&table.name))];
    if !table.key.is_empty() {
        statements.extend(primary_key(table, &table.key, None));
    }
    statements
}

fn primary_key(table: &Table, key: &[String], old: Option<&str>) -> Vec<String> {
    let name = quoted_name(&table.name);
    let mut statements = Vec::new();
    if let Some(old) = old {
        statements.push(format!("ALTER TABLE {name} DROP CONSTRAINT {}", quoted(old)));
    }
    if !key.is_empty() {
        let columns = key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
        statements.push(format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})"));
    }
    statements
}

/// Returns a column as `CREATE TABLE` and `ADD COLUMN` take it.
fn definition(column: &Column) -> String {
    let mut text = format!("{} {}{}", quoted(&column.name), column.kind, collate(column));
    if let Some(expression) = &column.generated {
        text.push_str(&format!(" GENERATED ALWAYS AS {expression}"));
    }
    if let Some(kind) = &column.identity {
        text.push_str(&format!(" GENERATED {kind} AS IDENTITY"));
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if column.not_null {
        text.push_str(" NOT NULL");
    }
    text
}

fn collate(column: &Column) -> String {
    column.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default()
}
