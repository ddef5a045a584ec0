//! Texts of a server, for a terminal.

use infra_base::terminal_text::inline;

/// The longest text that is kept, in characters.
const LONGEST: usize = 1024;

/// Returns a text of a server for a message, without what a terminal would obey. What is too long is cut.
pub(super) fn plain(text: &str) -> String {
    inline(&text.chars().take(LONGEST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_server() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{9b}31m\u{202e}c\u{7}"), "a\\u001B[2Jb\\u000D\\n\\u009B31m\\u202Ec\\u0007");
        assert_eq!(plain("relation \"zählung\" does not exist"), "relation \"zählung\" does not exist");
        assert_eq!(plain(&"x".repeat(5000)).len(), LONGEST);
    }
}
