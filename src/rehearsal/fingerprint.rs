//! Fingerprints of rows: eight hexadecimal digits for each column, in the order of the column list.
//!
//! The server computes them from the text of each value, so that large values do not travel, and so that defaults,
//! generated columns and changes by triggers are part of them. A changed value has the same digits with a probability
//! of 1 in 2^32.

use super::session::quoted;

/// The number of digits of one column.
const WIDTH: usize = 8;

/// The digits of NULL, which no hash contains.
const NULL: &str = "--------";

/// Returns the SQL expression of the fingerprint of a row. `alias` is the name of the row, if columns must be
/// qualified.
pub(crate) fn expression<'a>(columns: impl IntoIterator<Item = &'a str>, alias: Option<&str>) -> String {
    let parts: Vec<String> = columns
        .into_iter()
        .map(|column| {
            let column = alias.map_or_else(|| quoted(column), |alias| format!("{alias}.{}", quoted(column)));
            format!("coalesce(left(md5({column}::text), {WIDTH}), '{NULL}')")
        })
        .collect();
    if parts.is_empty() { "''".to_owned() } else { parts.join(" || ") }
}

/// The digits of a column that a table does not have.
pub(crate) const MISSING: &str = "????????";

/// Returns the fingerprint in a quarter of the memory.
pub(crate) fn packed(text: &str) -> Box<[u32]> {
    let digits = text.as_bytes().chunks(WIDTH);
    let number = |digits: &[u8]| match std::str::from_utf8(digits) {
        Ok(NULL) => Some(0),
        Ok(digits) => u32::from_str_radix(digits, 16).ok(),
        Err(_) => None,
    };
    digits.map(|digits| number(digits).unwrap_or(u32::MAX)).collect()
}

/// Returns the positions of the columns that differ. Fingerprints of different lengths differ in each missing column.
pub(crate) fn differing(expected: &[u32], found: &[u32]) -> Vec<usize> {
    let columns = expected.len().max(found.len());
    (0..columns).filter(|column| expected.get(*column) != found.get(*column)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_differ_are_named_by_position() {
        let differ = |expected: &str, found: &str| differing(&packed(expected), &packed(found));
        assert_eq!(differ("aaaaaaaabbbbbbbbcccccccc", "aaaaaaaabbbbbbbbcccccccc"), Vec::<usize>::new());
        assert_eq!(differ("aaaaaaaabbbbbbbbcccccccc", "aaaaaaaabbbbbbb0cccccccd"), [1, 2]);
        assert_eq!(differ("aaaaaaaabbbbbbbb", "aaaaaaaa"), [1]);
        assert_eq!(differ("--------aaaaaaaa--------", "--------????????????????"), [1, 2]);
    }

    #[test]
    fn names_are_quoted_in_the_expression() {
        let expected = "coalesce(left(md5(t.\"a \"\"b\"::text), 8), '--------')";
        assert_eq!(expression(["a \"b"], Some("t")), expected);
    }
}
