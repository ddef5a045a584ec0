//! What DMS does to values of PostgreSQL's types on their way to another PostgreSQL database.
//!
//! The rules are those of "Using a PostgreSQL database as an AWS DMS source" ("Source data types for PostgreSQL",
//! "Limitations", endpoint settings) and of "Using a PostgreSQL database as a target for AWS DMS".

use std::borrow::Cow;
use std::collections::HashMap;

use crate::apply::{Convert, LobKind};
use crate::catalog::{Column, Table};
use crate::model::TableName;
use crate::settings::LobMode;
use crate::sql::ident;

/// How a task transfers the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Unchanged.
    Faithful,
    /// "When transferring data that is a NUMERIC data type but without precision and scale, DMS uses NUMERIC(28,6)".
    Numeric,
    /// "unboundedVarcharMaxSize – […] the maximum size of a data column defined as type VarChar without a maximum
    /// length specifier. The default is 8000 bytes." User-defined types become such a column as well.
    Varchar {
        /// The size in bytes.
        max: u32,
    },
    /// A large value.
    Lob(LobKind),
    /// "The OID LOB data type isn't migrated to the target."
    NotMigrated,
    /// "TIME (z) – TIME": the internal type has no zone.
    TimeWithZone,
    /// "Positive and negative infinity values are truncated to '9999-12-31 23:59:59' and '4713-01-01 00:00:00 BC'".
    Timestamp,
}

/// The settings of a task that decide about values.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How large values are migrated.
    pub lobs: LobMode,
    /// `MapUnboundedNumericAsString`: "in order to successfully migrate without losing precision".
    pub exact_numeric: bool,
    /// `unboundedVarcharMaxSize`, in bytes.
    pub varchar_max: u32,
}

impl Rules {
    /// Returns how the values of a column are transferred.
    pub fn transfer(&self, column: &Column) -> Transfer {
        if column.is_array {
            // "ARRAY – NCLOB"
            return Transfer::Lob(LobKind::Nclob);
        }
        match column.type_kind {
            // "ENUM – STRING (64)", and labels have at most 63 bytes. "COMPOSITE – NCLOB", "INT4RANGE – STRING (255)".
            'e' => return Transfer::Faithful,
            'd' => return Transfer::Varchar { max: self.varchar_max },
            'c' => return Transfer::Lob(LobKind::Nclob),
            'r' | 'm' => return Transfer::Varchar { max: 255 },
            _ => {}
        }
        match column.base_type.as_str() {
            "text" | "json" | "jsonb" | "hstore" | "citext" => Transfer::Lob(LobKind::Nclob),
            "xml" | "tsvector" | "tsquery" | "path" | "polygon" => Transfer::Lob(LobKind::Clob),
            "bytea" => Transfer::Lob(LobKind::Blob),
            "oid" | "lo" => Transfer::NotMigrated,
            "numeric" if column.modifier < 0 && !self.exact_numeric => Transfer::Numeric,
            "varchar" if column.modifier < 0 => Transfer::Varchar { max: self.varchar_max },
            "timetz" => Transfer::TimeWithZone,
            "timestamp" | "timestamptz" | "date" => Transfer::Timestamp,
            _ if column.is_built_in => Transfer::Faithful,
            _ => Transfer::Varchar { max: self.varchar_max },
        }
    }

    /// Returns the number of units that a large value can have: bytes, or the two-byte units of an NCLOB. `None`
    /// without a limit.
    pub fn limit(&self, lob: LobKind) -> Option<u32> {
        let LobMode::Limited(kilobytes) = self.lobs else { return None };
        let bytes = kilobytes.saturating_mul(1024);
        Some(if lob == LobKind::Nclob { bytes / 2 } else { bytes })
    }

    /// Returns the expression that reads a column during the full load.
    pub fn expression(&self, column: &Column) -> String {
        let name = ident(&column.name);
        match self.transfer(column) {
            Transfer::Faithful => name,
            Transfer::NotMigrated => "NULL".to_owned(),
            Transfer::Numeric => format!("{name}::numeric(28,6)"),
            Transfer::Varchar { max } => cut(&format!("{name}::text"), max, LobKind::Clob),
            Transfer::Lob(lob) => match self.limit(lob) {
                None if self.lobs == LobMode::None => "NULL".to_owned(),
                None => name,
                Some(limit) if lob == LobKind::Blob => format!("substring({name} FROM 1 FOR {limit})"),
                Some(limit) => cut(&format!("{name}::text"), limit, lob),
            },
            Transfer::TimeWithZone => format!("{name}::time"),
            Transfer::Timestamp => {
                let [high, low] = infinities(column);
                format!("CASE {name} WHEN 'infinity' THEN '{high}' WHEN '-infinity' THEN '{low}' ELSE {name} END")
            }
        }
    }

    /// Returns a condition that is true for values that the full load truncates, if there can be any.
    pub fn truncates(&self, column: &Column) -> Option<String> {
        let name = ident(&column.name);
        match self.transfer(column) {
            Transfer::Varchar { max } => Some(format!("octet_length({name}::text) > {max}")),
            Transfer::Lob(lob) => {
                let limit = self.limit(lob)?;
                Some(match lob {
                    LobKind::Blob => format!("octet_length({name}) > {limit}"),
                    LobKind::Clob => format!("octet_length({name}::text) > {limit}"),
                    // The number of bytes is known without reading the value, and a unit has at most three.
                    LobKind::Nclob => {
                        let text = format!("{name}::text");
                        format!("(octet_length({text}) > {limit} AND {} > {limit})", units(&text, lob))
                    }
                })
            }
            _ => None,
        }
    }

    /// Returns the type of a column in a table that DMS creates.
    ///
    /// "When replicating from a PostgreSQL source, AWS DMS creates the target table with the same data types for all
    /// columns, apart from columns with user-defined data types. In such cases, the data type is created as
    /// 'character varying' in the target."
    pub fn target_type(&self, column: &Column) -> String {
        let is_postgis = matches!(column.base_type.as_str(), "geometry" | "geography");
        // "HSTORE columns are migrated to HSTORE columns" in a homogeneous migration.
        let is_known_extension = matches!(column.base_type.as_str(), "hstore" | "citext") || is_postgis;
        let is_user_defined = !column.is_built_in || matches!(column.type_kind, 'e' | 'd' | 'c');
        match self.transfer(column) {
            Transfer::Numeric => "numeric(28,6)".to_owned(),
            _ if is_user_defined && !is_known_extension => "character varying".to_owned(),
            _ => column.type_name.clone(),
        }
    }
}

fn infinities(column: &Column) -> [&'static str; 2] {
    match column.base_type.as_str() {
        "date" => ["9999-12-31", "4713-01-01 BC"],
        _ => ["9999-12-31 23:59:59", "4713-01-01 00:00:00 BC"],
    }
}

/// Returns an expression for the size of a text.
fn units(text: &str, kind: LobKind) -> String {
    match kind {
        // A character outside the basic plane needs a surrogate pair.
        LobKind::Nclob => {
            format!("(2 * length({text}) - length(regexp_replace({text}, '[\\U00010000-\\U0010FFFF]', '', 'g')))")
        }
        LobKind::Blob | LobKind::Clob => format!("octet_length({text})"),
    }
}

/// Returns an expression that cuts a text at the end of a character.
fn cut(text: &str, max: u32, kind: LobKind) -> String {
    let size = |length: &str| units(&format!("left({text}, {length})"), kind);
    // A unit has at most three bytes: most values are decided by their size in bytes. For the others, the longest
    // prefix that fits is found by halving.
    format!(
        "CASE WHEN octet_length({text}) <= {max} THEN {text} WHEN {whole} <= {max} THEN {text} ELSE (WITH RECURSIVE \
         cut(low, high) AS (SELECT {quarter}, {max} UNION ALL SELECT \
         CASE WHEN {fits} <= {max} THEN (low + high + 1) / 2 ELSE low END, \
         CASE WHEN {fits} <= {max} THEN high ELSE (low + high + 1) / 2 - 1 END FROM cut WHERE low < high) \
         SELECT left({text}, low) FROM cut WHERE low = high) END",
        whole = units(text, kind),
        fits = size("(low + high + 1) / 2"),
        quarter = max / 4,
    )
}

/// Does to changed values what the full load does to loaded ones. Large values are the matter of the application.
#[derive(Clone, Debug)]
pub struct Conversion {
    rules: Rules,
    columns: HashMap<TableName, HashMap<String, Column>>,
}

impl Conversion {
    /// Takes the tables of the source.
    pub fn new<'a>(rules: Rules, tables: impl IntoIterator<Item = &'a Table>) -> Self {
        let columns = |table: &Table| table.columns.iter().map(|one| (one.name.clone(), one.clone())).collect();
        Self { rules, columns: tables.into_iter().map(|table| (table.name.clone(), columns(table))).collect() }
    }
}

impl Convert for Conversion {
    fn convert<'a>(
        &self,
        table: &TableName,
        column: &str,
        _type_name: &str,
        text: &'a str,
    ) -> Result<Cow<'a, str>, String> {
        let Some(column) = self.columns.get(table).and_then(|columns| columns.get(column)) else {
            return Ok(Cow::Borrowed(text));
        };
        Ok(match self.rules.transfer(column) {
            Transfer::Faithful | Transfer::Lob(_) | Transfer::NotMigrated => Cow::Borrowed(text),
            Transfer::Numeric => match round_to_six(text) {
                Some(rounded) => Cow::Owned(rounded),
                None => Cow::Borrowed(text),
            },
            Transfer::Varchar { max } => Cow::Borrowed(&text[..text.floor_char_boundary(max as usize)]),
            Transfer::TimeWithZone => Cow::Borrowed(text.find(['+', '-']).map_or(text, |at| &text[..at])),
            Transfer::Timestamp => {
                let [high, low] = infinities(column);
                Cow::Borrowed(match text {
                    "infinity" => high,
                    "-infinity" => low,
                    _ => text,
                })
            }
        })
    }
}

/// Rounds a decimal number to six digits after the point, half away from zero as PostgreSQL does. `None` if it is
/// short enough or no number.
fn round_to_six(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    if fraction.len() <= 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes().take(6)).collect();
    if fraction.as_bytes()[6] >= b'5' {
        let mut at = digits.len();
        loop {
            if at == 0 {
                digits.insert(0, b'1');
                break;
            }
            at -= 1;
            if digits[at] == b'9' {
                digits[at] = b'0';
            } else {
                digits[at] += 1;
                break;
            }
        }
    }
    let digits = String::from_utf8(digits).ok()?;
    let (whole, fraction) = digits.split_at(digits.len() - 6);
    Some(format!("{sign}{whole}.{fraction}"))
}
