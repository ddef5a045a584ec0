//! How the rows of a table are compared.

use crate::apply::LobKind;
use crate::catalog::{Column, Table};
use crate::model::TableName;
use crate::settings::{LobMode, ValidationSettings};
use crate::sql::{ident, literal, qualified};
use crate::types::{Rules, Transfer};

use super::records::Key;

/// How the rows of a table are compared.
#[derive(Clone, Debug)]
pub struct TablePlan {
    /// The table of the source.
    pub source: TableName,
    target: TableName,
    key: Vec<KeyColumn>,
    columns: Vec<Compared>,
}

#[derive(Clone, Debug)]
struct KeyColumn {
    name: String,
    /// Whether the column is ordered as text, because the type or its order can differ between the servers.
    is_text: bool,
}

#[derive(Clone, Debug)]
struct Compared {
    name: String,
    on_source: String,
    on_target: String,
}

/// Why a table cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// "The table can't be validated because it had no primary key."
    NoKey,
    /// The target table does not have the columns.
    OtherColumns,
}

/// A side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

impl TablePlan {
    /// Plans the comparison of a table with its target.
    pub fn new(table: &Table, target: &Table, rules: &Rules, settings: &ValidationSettings) -> Result<Self, PlanError> {
        let key_names = table.key().ok_or(PlanError::NoKey)?;
        let mut key = Vec::new();
        for name in key_names {
            let column = table.column(name).ok_or(PlanError::NoKey)?;
            // "Primary key column(s) can't be of type CLOB, BLOB, BINARY, or BYTE. For primary key column(s) of type
            // VARCHAR or CHAR, the length must be less than 1024" ("Limitations").
            if matches!(rules.transfer(column), Transfer::Lob(_)) || is_long(column) {
                return Err(PlanError::NoKey);
            }
            let is_text = !column.is_built_in
                || matches!(column.type_kind, 'e' | 'd')
                || matches!(column.base_type.as_str(), "varchar" | "bpchar" | "name" | "char");
            key.push(KeyColumn { name: name.clone(), is_text });
        }
        let mut columns = Vec::new();
        for column in &table.columns {
            if target.column(&column.name).is_none() {
                return Err(PlanError::OtherColumns);
            }
            columns.extend(compared(column, rules, settings));
        }
        Ok(Self { source: table.name.clone(), target: target.name.clone(), key, columns })
    }

    /// Returns the columns of the key.
    pub fn key_columns(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|column| column.name.as_str())
    }

    /// Returns the key of a row, of which some columns are known; `None` without all columns of the key.
    pub(super) fn key_of(&self, row: &[(String, String)]) -> Option<Key> {
        let value = |name: &str| row.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone());
        self.key_columns().map(value).collect::<Option<Vec<_>>>().map(Key)
    }

    /// Returns the query for the rows after one key and up to another, or for the first `limit` rows.
    pub(super) fn range(&self, side: Side, after: Option<&Key>, up_to: Option<&Key>, limit: Option<u32>) -> String {
        let order: Vec<String> = self.key.iter().map(KeyColumn::order).collect();
        let row = format!("({})", order.join(", "));
        let mut conditions = Vec::new();
        let mut bound = |operator: &str, key: &Key| {
            let values: Vec<String> = key.0.iter().map(|value| literal(value)).collect();
            conditions.push(format!("{row} {operator} ({})", values.join(", ")));
        };
        let bounds = [(">", after), ("<=", up_to)];
        bounds
            .into_iter()
            .filter_map(|(operator, key)| Some((operator, key?)))
            .for_each(|(operator, key)| bound(operator, key));
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let limit = limit.map(|rows| format!(" LIMIT {rows}")).unwrap_or_default();
        format!("{}{condition} ORDER BY {}{limit}", self.select(side, &self.row_hash(side)), order.join(", "))
    }

    /// Returns the query for the rows with certain keys.
    pub(super) fn by_keys<'k>(&self, side: Side, keys: impl Iterator<Item = &'k Key>) -> String {
        self.with_keys(side, &self.row_hash(side), keys)
    }

    /// Returns the query for the hashes of all columns of the rows with certain keys.
    pub(super) fn columns_by_keys<'k>(&self, side: Side, keys: impl Iterator<Item = &'k Key>) -> String {
        let hashes: Vec<String> = self.columns.iter().map(|column| format!("md5({})", column.on(side))).collect();
        self.with_keys(side, &format!("ARRAY[{}]::text[]", hashes.join(", ")), keys)
    }

    /// Returns the names of the compared columns.
    pub(super) fn compared_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    fn with_keys<'k>(&self, side: Side, hash: &str, keys: impl Iterator<Item = &'k Key>) -> String {
        let names: Vec<String> = self.key.iter().map(|column| ident(&column.name)).collect();
        let rows: Vec<String> = keys
            .map(|key| {
                let values: Vec<String> = key.0.iter().map(|value| literal(value)).collect();
                format!("({})", values.join(", "))
            })
            .collect();
        format!("{} WHERE ({}) IN ({})", self.select(side, hash), names.join(", "), rows.join(", "))
    }

    fn select(&self, side: Side, hash: &str) -> String {
        let key: Vec<String> = self.key.iter().map(|column| format!("{}::text", ident(&column.name))).collect();
        let table = match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        };
        format!("SELECT ARRAY[{}]::text[], {hash} FROM {}", key.join(", "), qualified(table))
    }

    fn row_hash(&self, side: Side) -> String {
        let values: Vec<&str> = self.columns.iter().map(|column| column.on(side)).collect();
        format!("md5(ROW({})::text)", values.join(", "))
    }
}

impl KeyColumn {
    fn order(&self) -> String {
        let name = ident(&self.name);
        if self.is_text { format!("({name}::text COLLATE \"C\")") } else { name }
    }
}

impl Compared {
    fn on(&self, side: Side) -> &str {
        match side {
            Side::Source => &self.on_source,
            Side::Target => &self.on_target,
        }
    }
}

fn is_long(column: &Column) -> bool {
    // The modifier is the length plus four.
    matches!(column.base_type.as_str(), "varchar" | "bpchar") && column.modifier >= 1024 + 4
}

/// Returns how a column is compared; nothing if it is not.
///
/// Values are compared in DMS's own types, so that what is lost on the way into them is not seen. Large values are
/// compared as they are: "ValidationPartialLobSize – Specifies if you want to do partial validation for LOB columns
/// instead of validating all of the data stored in the column. […] The default value is 0, which means that AWS DMS
/// validates all the LOB column data."
fn compared(column: &Column, rules: &Rules, settings: &ValidationSettings) -> Option<Compared> {
    let name = ident(&column.name);
    let same = |expression: String| (expression.clone(), expression);
    let (on_source, on_target) = match rules.transfer(column) {
        Transfer::NotMigrated => return None,
        Transfer::Lob(_) if rules.lobs == LobMode::None => return None,
        // "SkipLobColumns – When this option is set to true, AWS DMS skips data validation for all the LOB columns".
        Transfer::Lob(_) if settings.skip_lobs => return None,
        Transfer::Lob(kind) => same(match (settings.partial_lob_size, kind) {
            (0, _) => format!("{name}::text"),
            (kilobytes, LobKind::Blob) => {
                format!("substring({name} FROM 1 FOR {})::text", u64::from(kilobytes) * 1024)
            }
            (kilobytes, LobKind::Nclob) => format!("left({name}::text, {})", u64::from(kilobytes) * 512),
            (kilobytes, LobKind::Clob) => format!("left({name}::text, {})", u64::from(kilobytes) * 1024),
        }),
        Transfer::TimeWithZone => same(format!("({name}::time)::text")),
        Transfer::Numeric => (
            format!("trim_scale({})::text", rules.expression(column)),
            format!("trim_scale({name}::numeric(28,6))::text"),
        ),
        // A numeric that is compared with one of another scale.
        _ if column.base_type == "numeric" => same(format!("trim_scale({name}::numeric)::text")),
        Transfer::Timestamp => (format!("({})::text", rules.expression(column)), format!("{name}::text")),
        Transfer::Varchar { .. } => (rules.expression(column), format!("{name}::text")),
        Transfer::Faithful => same(format!("{name}::text")),
    };
    Some(Compared { name: column.name.clone(), on_source, on_target })
}
