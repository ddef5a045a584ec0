//! The queries on the rows of one table of one side. Rows are hashed where they are.

use super::range::{Key, Range};

/// A query and its values, all of them text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

impl Query {
    /// A query without values.
    pub(super) fn plain(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }
}

/// Quotes a name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// How the values of a key column are put in order, so that both servers agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The type's own order, which is the same everywhere: the name of the type.
    Own(String),
    /// Text in a column whose collation is that of bytes on both sides; its index has this order.
    Bytes,
    /// By the bytes of its text, whatever its type and collation.
    TextBytes,
}

/// How to read the rows of one table on one side.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The table, quoted; of tables with inheritance only its own rows.
    pub(super) from: String,
    /// Columns that are hashed, as expressions, in the order of the source.
    pub(super) columns: Vec<String>,
    /// Columns of the key, and their order.
    pub(super) key: Vec<(String, Order)>,
    /// Whether columns of the key can be null here.
    pub(super) null_keys: bool,
    /// The encoding of this database is not UTF8, and the other side's is another one: bytes are compared as UTF8.
    pub(super) recode: bool,
}

impl Shape {
    fn text_bytes(&self, expression: &str) -> String {
        if self.recode { format!("convert_to({expression}, 'UTF8')") } else { format!("{expression} COLLATE \"C\"") }
    }

    /// The hash of a row. A row as text tells NULL (nothing) from an empty text (`""`), and quotes what separates values ("8.16.5. Composite
    /// Type Input and Output Syntax", PostgreSQL documentation).
    fn hash(&self) -> String {
        let row = format!("ROW({})::text", self.columns.join(", "));
        if self.recode { format!("md5(convert_to({row}, 'UTF8'))") } else { format!("md5({row})") }
    }

    fn order(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|(name, order)| match order {
                Order::Own(_) | Order::Bytes => quoted(name),
                Order::TextBytes => self.text_bytes(&format!("{}::text", quoted(name))),
            })
            .collect()
    }

    fn key_texts(&self) -> String {
        self.key.iter().enumerate().map(|(at, (name, _))| format!("{}::text AS k{at}", quoted(name))).collect::<Vec<_>>().join(", ")
    }

    /// A key as a row of values, which are added to the query's.
    fn bound(&self, key: &Key, values: &mut Vec<String>) -> String {
        let columns = self.key.iter().zip(key).map(|((_, order), text)| {
            values.push(text.clone());
            let value = format!("${}::text", values.len());
            match order {
                Order::Own(kind) => format!("{value}::{kind}"),
                Order::Bytes => value,
                Order::TextBytes => self.text_bytes(&value),
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
        if let Some(upto) = &range.upto {
            conditions.push(format!("{key} <= {}", self.bound(upto, values)));
        }
        if self.null_keys {
            conditions.extend(self.key.iter().map(|(name, _)| format!("{} IS NOT NULL", quoted(name))));
        }
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
    }

    fn tallies(&self, cut: &str, condition: &str) -> String {
        // The inner query is kept apart by its OFFSET, so that each row is hashed once.
        format!(
            "SELECT cut, count(*), coalesce(sum(('x' || substr(hash, 1, 16))::bit(64)::int8), 0)::text, \
             coalesce(sum(('x' || substr(hash, 17, 16))::bit(64)::int8), 0)::text \
             FROM (SELECT {cut}::int4 AS cut, {} AS hash FROM {} WHERE {condition} OFFSET 0) AS hashed GROUP BY cut",
            self.hash(),
            self.from
        )
    }

    /// Adds up the rows of a range, for each of the pieces that the cuts make of it: number of the piece, rows, and two sums. Pieces without
    /// rows are left out.
    pub(super) fn measure(&self, range: &Range, cuts: &[Key]) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let key = format!("({})", self.order().join(", "));
        let mut case = String::new();
        for (at, cut) in cuts.iter().enumerate() {
            case.push_str(&format!(" WHEN {key} <= {} THEN {at}", self.bound(cut, &mut values)));
        }
        let cut = if cuts.is_empty() { "0".to_owned() } else { format!("(CASE{case} ELSE {} END)", cuts.len()) };
        Query { sql: self.tallies(&cut, &condition), values }
    }

    /// The number of blocks of the heap.
    pub(super) fn blocks(&self) -> Query {
        let sql = "SELECT coalesce(pg_relation_size($1::text::regclass) / current_setting('block_size')::int8, 0)";
        Query { sql: sql.to_owned(), values: vec![self.from.trim_start_matches("ONLY ").to_owned()] }
    }

    /// Adds up the rows in some blocks of the heap; no blocks means all of it.
    pub(super) fn measure_blocks(&self, blocks: Option<(u64, Option<u64>)>) -> Query {
        let condition = match blocks {
            None => "true".to_owned(),
            Some((from, None)) => format!("ctid >= '({from},0)'::tid"),
            Some((from, Some(to))) => format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid"),
        };
        Query::plain(self.tallies("0", &condition))
    }

    /// The key of the row that is `rows` behind the begin of a range, if it has that many.
    pub(super) fn boundary(&self, range: &Range, rows: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let (order, offset) = (self.order().join(", "), rows.max(1) - 1);
        // Apart, so that only the one key is made a text.
        let names = self.key.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
        let found = format!("SELECT {names} FROM {} WHERE {condition} ORDER BY {order} OFFSET {offset} LIMIT 1", self.from);
        Query { sql: format!("SELECT {} FROM ({found}) AS found", self.key_texts()), values }
    }

    /// The key of each row of a range that is a multiple of `step` behind its begin.
    pub(super) fn cuts(&self, range: &Range, step: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let names = (0..self.key.len()).map(|at| format!("k{at}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {names} FROM (SELECT {}, row_number() OVER (ORDER BY {}) AS number FROM {} WHERE {condition}) AS numbered \
             WHERE number % {step} = 0 ORDER BY number",
            self.key_texts(),
            self.order().join(", "),
            self.from
        );
        Query { sql, values }
    }

    /// Keys and hash of the first rows of a range.
    pub(super) fn rows(&self, range: &Range, most: u64) -> Query {
        let mut values = Vec::new();
        let condition = self.condition(range, &mut values);
        let order = self.order().join(", ");
        Query {
            sql: format!("SELECT {}, {} FROM {} WHERE {condition} ORDER BY {order} LIMIT {most}", self.key_texts(), self.hash(), self.from),
            values,
        }
    }

    /// How many rows have no key, because a column of it is null.
    pub(super) fn without_key(&self) -> Query {
        let nulls = self.key.iter().map(|(name, _)| format!("{} IS NULL", quoted(name))).collect::<Vec<_>>().join(" OR ");
        Query::plain(format!("SELECT count(*) FROM {} WHERE {nulls}", self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        let key = vec![("a\"b".to_owned(), Order::Own("int8".into())), ("n".to_owned(), Order::TextBytes)];
        Shape { from: "ONLY \"s\".\"t\"".into(), columns: vec!["\"n\"".into()], key, null_keys: false, recode: false }
    }

    #[test]
    fn values_are_never_part_of_the_text_of_a_query() {
        let range = Range { above: Some(vec!["1".into(), "';--".into()]), upto: Some(vec!["2".into(), "x".into()]) };
        let query = shape().measure(&range, &[vec!["1".into(), "hush7".into()]]);
        assert_eq!(query.values, ["1", "';--", "2", "x", "1", "hush7"]);
        assert!(!query.sql.contains("hush7") && !query.sql.contains("--"), "{}", query.sql);
        assert!(query.sql.contains("(\"a\"\"b\", \"n\"::text COLLATE \"C\") > ($1::text::int8, $2::text COLLATE \"C\")"), "{}", query.sql);
    }

    #[test]
    fn another_encoding_is_compared_as_utf8() {
        let query = Shape { recode: true, ..shape() }.rows(&Range::default(), 5);
        assert!(query.sql.contains("md5(convert_to(ROW(\"n\")::text, 'UTF8'))"), "{}", query.sql);
        assert!(query.sql.contains("ORDER BY \"a\"\"b\", convert_to(\"n\"::text, 'UTF8') LIMIT 5"), "{}", query.sql);
    }
}
