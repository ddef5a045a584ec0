//! Texts of others in messages.

/// Returns a text with an escape for each control character. A terminal would obey them, and a log would break.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            control if control.is_control() => printable.extend(control.escape_default()),
            other => printable.push(other),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_control_characters_are_escaped() {
        assert_eq!(printable("é \"a\" `b`"), "é \"a\" `b`");
        assert_eq!(printable("\u{1b}[2J\r\n\u{9b}"), "\\u{1b}[2J\\r\\n\\u{9b}");
    }
}
