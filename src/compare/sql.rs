//! The queries on the rows of one table on one side. The server computes the hashes.

pub(super) use infra_connect::{ident as quoted, literal};

use super::range::{Key, Range};

/// A query and its values. All values are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

impl Query {
    /// Creates a query without values.
    pub(super) fn plain(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }
}

/// Quotes a name and its schema.
pub(super) fn quoted_name(name: &(String, String)) -> String {
    format!("{}.{}", quoted(&name.0), quoted(&name.1))
}

/// The order of the values of a key column. It is the same on both servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// The order of the type, which is the same on every server. Contains the name of the type.
    Native(String),
    /// Text whose collation orders by bytes on both sides; its index has this order.
    Bytes,
    /// The bytes of the value as text, independent of type and collation.
    TextBytes,
}

/// The number of rows, and the sums of the two halves of their hashes.
const SUMS: &str = "count(*), coalesce(sum(('x' || substr(hash, 1, 16))::bit(64)::int8), 0)::text, \
    coalesce(sum(('x' || substr(hash, 17, 16))::bit(64)::int8), 0)::text";

/// Hashes of rows that are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum WithHashes<'a> {
    /// These.
    Equal(&'a [String]),
    /// All that start with one of these texts, which have this length.
    Starting(u32, &'a [String]),
}

/// Describes how to read the rows of one table on one side.
#[derive(Clone, Debug)]
pub(super) struct RowSource {
    /// The quoted table. With inheritance, this covers only the rows of the table itself.
    pub(super) from: String,
    /// The expressions of the columns that are hashed, in the order of the source.
    pub(super) columns: Vec<String>,
    /// The columns of the key, with their order.
    pub(super) key: Vec<(String, KeyOrder)>,
    /// The types of these columns on this side, without their lengths.
    pub(super) key_types: Vec<String>,
    /// Whether columns of the key can be NULL on this side.
    pub(super) null_keys: bool,
    /// Whether texts are converted to UTF-8: the encodings of the two sides differ, and this one is not UTF-8.
    pub(super) convert_to_utf8: bool,
}

impl RowSource {
    fn text_bytes(&self, expression: &str) -> String {
        if self.convert_to_utf8 {
            format!("convert_to({expression}, 'UTF8')")
        } else {
            format!("{expression} COLLATE \"C\"")
        }
    }

    /// Returns the expression for the hash of a row. A row as text distinguishes NULL (nothing) from an empty text
    /// (`""`), and quotes separators ("8.16.5. Composite Type Input and Output Syntax", PostgreSQL documentation).
    fn hash(&self) -> String {
        let row = format!("ROW({})::text", self.columns.join(", "));
        if self.convert_to_utf8 { format!("md5(convert_to({row}, 'UTF8'))") } else { format!("md5({row})") }
    }

    fn order(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|(name, order)| match order {
                KeyOrder::Native(_) | KeyOrder::Bytes => quoted(name),
                KeyOrder::TextBytes => self.text_bytes(&format!("{}::text", quoted(name))),
            })
            .collect()
    }

    fn key_texts(&self) -> String {
        self.key
            .iter()
            .enumerate()
            .map(|(at, (name, _))| format!("{}::text AS k{at}", quoted(name)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Returns a key as a row expression, and appends its parts to the values of the query.
    fn bound(&self, key: &Key, values: &mut Vec<String>) -> String {
        let columns = self.key.iter().zip(key).map(|((_, order), text)| {
            values.push(text.clone());
            let value = format!("${}::text", values.len());
            match order {
                KeyOrder::Native(kind) => format!("{value}::{kind}"),
                KeyOrder::Bytes => value,
                KeyOrder::TextBytes => self.text_bytes(&value),
            }
        });
        format!("({})", columns.collect::<Vec<_>>().join(", "))
    }

    fn condition(&self, range: &Range, values: &mut Vec<String>) -> String {
        let key = format!("({})", self.order().join(", "));
        let mut conditions = Vec::new();
        if let Some(above) = &range.above {
            conditions.push(format!("{key} > {}", self.bound(above, values)));
        }
        if let Some(up_to) = &range.up_to {
            conditions.push(format!("{key} <= {}", self.bound(up_to, values)));
        }
        if self.null_keys {
            conditions.extend(self.key.iter().map(|(name, _)| format!("{} IS NOT NULL", quoted(name))));
        }
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
    }

    fn checksum_sql(&self, part: &str, condition: &str) -> String {
        // OFFSET prevents the planner from merging the inner query, so each row is hashed only once.
        format!(
            "SELECT part, {SUMS} FROM (SELECT {part}::int4 AS part, {} AS hash FROM {} WHERE {condition} OFFSET 0) \
             AS hashed GROUP BY part",
            self.hash(),
            self.from
        )
    }

    /// Returns the hashes of all rows, for the `FROM` of a query.
    fn hashes(&self) -> String {
        format!("(SELECT {} AS hash FROM {} OFFSET 0) AS hashed", self.hash(), self.from)
    }

    /// Returns the query for the checksums of a range, one row for each part between the split keys: number of the
    /// part, number of rows, and two sums. Parts without rows are omitted.
    pub(super) fn checksums(&self, range: &Range, split_keys: &[Key]) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let key = format!("({})", self.order().join(", "));
        let mut case = String::new();
        for (at, split_key) in split_keys.iter().enumerate() {
            case.push_str(&format!(" WHEN {key} <= {} THEN {at}", self.bound(split_key, &mut values)));
        }
        let part =
            if split_keys.is_empty() { "0".to_owned() } else { format!("(CASE{case} ELSE {} END)", split_keys.len()) };
        Query { sql: self.checksum_sql(&part, &condition), values }
    }

    /// Returns the query for the number of blocks of the table.
    pub(super) fn blocks(&self) -> Query {
        let sql = "SELECT coalesce(pg_relation_size($1::text::regclass) / current_setting('block_size')::int8, 0)";
        Query { sql: sql.to_owned(), values: vec![self.from.trim_start_matches("ONLY ").to_owned()] }
    }

    /// Returns the query for the checksum of a range of blocks; `None` means the whole table.
    pub(super) fn block_checksum(&self, blocks: Option<(u64, Option<u64>)>) -> Query {
        let condition = match blocks {
            None => "true".to_owned(),
            Some((from, None)) => format!("ctid >= '({from},0)'::tid"),
            Some((from, Some(to))) => format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid"),
        };
        Query::plain(self.checksum_sql("0", &condition))
    }

    /// Returns the query for the key of the `rows`-th row of a range. It returns nothing if the range has fewer rows.
    pub(super) fn boundary(&self, range: &Range, rows: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let (order, offset) = (self.order().join(", "), rows.max(1) - 1);
        // The inner query selects one key, so that only this key is converted to text.
        let names = self.key.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
        let found =
            format!("SELECT {names} FROM {} WHERE {condition} ORDER BY {order} OFFSET {offset} LIMIT 1", self.from);
        Query { sql: format!("SELECT {} FROM ({found}) AS found", self.key_texts()), values }
    }

    /// Returns the query for every `step`-th key of a range.
    pub(super) fn split_keys(&self, range: &Range, step: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let names = (0..self.key.len()).map(|at| format!("k{at}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {names} FROM (SELECT {}, row_number() OVER (ORDER BY {}) AS number FROM {} WHERE {condition}) \
             AS numbered WHERE number % {step} = 0 ORDER BY number",
            self.key_texts(),
            self.order().join(", "),
            self.from
        );
        Query { sql, values }
    }

    /// Returns the query for the keys and hashes of the first `limit` rows of a range.
    pub(super) fn rows(&self, range: &Range, limit: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let order = self.order().join(", ");
        Query {
            sql: format!(
                "SELECT {}, {} FROM {} WHERE {condition} ORDER BY {order} LIMIT {limit}",
                self.key_texts(),
                self.hash(),
                self.from
            ),
            values,
        }
    }

    /// Returns the query for the keys and hashes of the rows with some keys. The values have the types of the columns,
    /// so that the index is used; rows with other keys that are equal to these in a collation are possible.
    pub(super) fn rows_of(&self, keys: &[Key]) -> Query {
        let mut values = Vec::new();
        let mut rows = Vec::new();
        for key in keys {
            let row = key.iter().zip(&self.key_types).map(|(text, kind)| {
                values.push(text.clone());
                format!("${}::text::{kind}", values.len())
            });
            rows.push(format!("({})", row.collect::<Vec<_>>().join(", ")));
        }
        let names = self.key.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
        Query {
            sql: format!(
                "SELECT {}, {} FROM {} WHERE ({names}) IN ({})",
                self.key_texts(),
                self.hash(),
                self.from,
                rows.join(", ")
            ),
            values,
        }
    }

    /// Returns the query for the checksums of all rows, in groups whose hashes start with the same digits: these
    /// digits, number of rows, and two sums.
    pub(super) fn groups(&self, digits: u32) -> Query {
        Query::plain(format!("SELECT substr(hash, 1, {digits}), {SUMS} FROM {} GROUP BY 1", self.hashes()))
    }

    /// Returns the query for hashes, and how often each occurs.
    pub(super) fn occurrences(&self, hashes: WithHashes<'_>) -> Query {
        let (expression, wanted) = match hashes {
            WithHashes::Equal(wanted) => ("hash".to_owned(), wanted),
            WithHashes::Starting(digits, wanted) => (format!("substr(hash, 1, {digits})"), wanted),
        };
        let sql = format!(
            "SELECT hash, count(*) FROM {} WHERE {expression} = ANY (string_to_array($1::text, ',')) GROUP BY hash",
            self.hashes()
        );
        Query { sql, values: vec![wanted.join(",")] }
    }

    /// Returns the query for the number of rows whose key contains NULL.
    pub(super) fn without_key(&self) -> Query {
        let nulls =
            self.key.iter().map(|(name, _)| format!("{} IS NULL", quoted(name))).collect::<Vec<_>>().join(" OR ");
        Query::plain(format!("SELECT count(*) FROM {} WHERE {nulls}", self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_source() -> RowSource {
        let key = vec![("a\"b".to_owned(), KeyOrder::Native("int8".into())), ("n".to_owned(), KeyOrder::TextBytes)];
        RowSource {
            from: "ONLY \"s\".\"t\"".into(),
            columns: vec!["\"n\"".into()],
            key,
            key_types: vec!["bigint".into(), "text".into()],
            null_keys: false,
            convert_to_utf8: false,
        }
    }

    #[test]
    fn the_text_of_a_query_contains_no_values() {
        let range = Range { above: Some(vec!["1".into(), "';--".into()]), up_to: Some(vec!["2".into(), "x".into()]) };
        let query = row_source().checksums(&range, &[vec!["1".into(), "hush7".into()]]);
        assert_eq!(query.values, ["1", "';--", "2", "x", "1", "hush7"]);
        assert!(!query.sql.contains("hush7") && !query.sql.contains("--"), "{}", query.sql);
        assert!(
            query.sql.contains("(\"a\"\"b\", \"n\"::text COLLATE \"C\") > ($1::text::int8, $2::text COLLATE \"C\")"),
            "{}",
            query.sql
        );
    }

    #[test]
    fn another_encoding_is_compared_as_utf8() {
        let query = RowSource { convert_to_utf8: true, ..row_source() }.rows(&Range::default(), 5);
        assert!(query.sql.contains("md5(convert_to(ROW(\"n\")::text, 'UTF8'))"), "{}", query.sql);
        assert!(query.sql.contains("ORDER BY \"a\"\"b\", convert_to(\"n\"::text, 'UTF8') LIMIT 5"), "{}", query.sql);
    }
}
