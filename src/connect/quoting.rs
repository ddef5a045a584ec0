//! Names and texts in SQL statements.

/// Quotes an identifier.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a string literal, whatever `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_inside_does_not_end_a_name_or_a_text() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!((literal("it's"), literal("a\\'b")), ("'it''s'".to_owned(), "E'a\\\\''b'".to_owned()));
    }
}
