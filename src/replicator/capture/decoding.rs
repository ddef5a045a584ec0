//! Parses the text that the plugin `test_decoding` writes for each change.
//!
//! The format is defined by `contrib/test_decoding/test_decoding.c`: names are quoted as `quote_identifier` does, types
//! are printed by `format_type_be`, "Some builtin types aren't quoted, the rest is quoted. Escaping is done as if
//! standard_conforming_strings were enabled."

use crate::model::{Change, Datum, TableName, Value};

/// One line of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction begins.
    Begin {
        /// Its id.
        xid: u64,
    },
    /// The transaction ends.
    Commit {
        /// Its id.
        xid: u64,
        /// When it was committed, in microseconds since 1970.
        at: i64,
    },
    /// A change.
    Change(Change),
    /// A message of `pg_logical_emit_message`. It is no change.
    Emitted,
}

/// A text that the plugin does not write.
///
/// It names the place and what was expected there, but no values: they are the user's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at} of a decoded change")]
pub struct DecodeError {
    /// The place in the text.
    pub at: usize,
    /// What was expected.
    pub expected: &'static str,
}

/// Parses one line of the plugin, with the options `include-xids` and `include-timestamp`.
///
/// # Errors
/// Returns an error if the plugin does not write such a text.
pub fn parse(line: &str) -> Result<Message, DecodeError> {
    let mut text = Text { line, at: 0 };
    if text.skip("BEGIN ") {
        let xid = text.number()?;
        text.end()?;
        return Ok(Message::Begin { xid });
    }
    if text.skip("COMMIT ") {
        let xid = text.number()?;
        text.expect(" (at ", "the commit time")?;
        let at = text.time()?;
        text.end()?;
        return Ok(Message::Commit { xid, at });
    }
    if text.skip("message: transactional: ") {
        return Ok(Message::Emitted);
    }
    text.expect("table ", "`BEGIN`, `COMMIT`, `table` or `message`")?;
    let mut tables = vec![text.table()?];
    while text.skip(", ") {
        tables.push(text.table()?);
    }
    text.expect(": ", "a colon after the table")?;
    if text.skip("TRUNCATE:") {
        if !text.skip(" (no-flags)") {
            let _restarts_sequences = text.skip(" restart_seqs");
            let _cascades = text.skip(" cascade");
        }
        text.end()?;
        return Ok(Message::Change(Change::Truncate { tables }));
    }
    let table = tables.pop().ok_or(text.error("a table"))?;
    if !tables.is_empty() {
        return Err(text.error("`TRUNCATE`, because there are several tables"));
    }
    let change = if text.skip("INSERT:") {
        Change::Insert { table, new: text.row()? }
    } else if text.skip("UPDATE:") {
        let old_key = if text.skip(" old-key:") {
            let key = text.values()?;
            text.expect(" new-tuple:", "`new-tuple`")?;
            key
        } else {
            Vec::new()
        };
        Change::Update { table, old_key, new: text.row()? }
    } else if text.skip("DELETE:") {
        Change::Delete { table, key: text.row()? }
    } else {
        return Err(text.error("`INSERT`, `UPDATE`, `DELETE` or `TRUNCATE`"));
    };
    text.end()?;
    Ok(Message::Change(change))
}

/// A text and the place up to which it was read.
struct Text<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Text<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn error(&self, expected: &'static str) -> DecodeError {
        DecodeError { at: self.at, expected }
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn expect(&mut self, prefix: &str, expected: &'static str) -> Result<(), DecodeError> {
        if self.skip(prefix) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn end(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.error("the end")) }
    }

    /// Reads up to a character that `ends` accepts.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let found = &rest[..rest.bytes().position(ends).unwrap_or(rest.len())];
        self.at += found.len();
        found
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let error = self.error("the id of a transaction");
        self.until(|byte| !byte.is_ascii_digit()).parse().map_err(|_| error)
    }

    /// Reads the rest, `2026-01-31 23:59:59.123456+00)`. `timestamptz_to_str` always uses the ISO style and an offset.
    fn time(&mut self) -> Result<i64, DecodeError> {
        let error = self.error("a time");
        let text = self.until(|byte| byte == b')');
        self.expect(")", "the end of the commit time")?;
        text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_microsecond).map_err(|_| error)
    }

    fn table(&mut self) -> Result<TableName, DecodeError> {
        let schema = self.identifier()?;
        self.expect(".", "a dot after the schema")?;
        Ok(TableName { schema, name: self.identifier()? })
    }

    fn identifier(&mut self) -> Result<String, DecodeError> {
        if self.skip("\"") {
            return self.quoted('"');
        }
        // `quote_identifier` leaves only such names unquoted.
        let name = self.until(|byte| !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        if name.is_empty() { Err(self.error("a name")) } else { Ok(name.to_owned()) }
    }

    /// Reads up to the closing quote, which is not doubled, and past it.
    fn quoted(&mut self, quote: char) -> Result<String, DecodeError> {
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let Some(length) = rest.find(quote) else {
                self.at = self.line.len();
                return Err(self.error("a closing quote"));
            };
            value.push_str(&rest[..length]);
            self.at += length + 1;
            if !self.rest().starts_with(quote) {
                return Ok(value);
            }
            value.push(quote);
            self.at += 1;
        }
    }

    fn row(&mut self) -> Result<Vec<Value>, DecodeError> {
        if self.skip(" (no-tuple-data)") { Ok(Vec::new()) } else { self.values() }
    }

    fn values(&mut self) -> Result<Vec<Value>, DecodeError> {
        let mut values = Vec::new();
        while !self.rest().is_empty() && !self.rest().starts_with(" new-tuple:") {
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, DecodeError> {
        self.expect(" ", "a space before a column")?;
        let column = self.identifier()?;
        self.expect("[", "the type of a column")?;
        let type_name = self.type_name()?;
        self.expect(":", "a colon before a value")?;
        let data = if self.skip("'") || self.skip("B'") {
            Datum::Text(self.quoted('\'')?)
        } else {
            match self.until(|byte| byte == b' ') {
                "" => return Err(self.error("a value")),
                "null" => Datum::Null,
                "unchanged-toast-datum" => Datum::UnchangedToast,
                value => Datum::Text(value.to_owned()),
            }
        };
        Ok(Value { column, type_name, data })
    }

    /// Reads a type and the bracket after it. Arrays have brackets in their name, and names of types can be quoted.
    fn type_name(&mut self) -> Result<String, DecodeError> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            self.until(|byte| matches!(byte, b'[' | b']' | b'"'));
            let end = self.at;
            if self.skip("\"") {
                self.quoted('"')?;
            } else if self.skip("[") {
                depth += 1;
            } else if self.skip("]") {
                if depth == 0 {
                    return Ok(self.line[start..end].to_owned());
                }
                depth -= 1;
            } else {
                return Err(self.error("the end of a type"));
            }
        }
    }
}
