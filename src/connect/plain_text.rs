//! Texts of a server, for a terminal.

/// The longest text that is kept, in characters.
const LONGEST: usize = 1024;

/// Returns a text of a server without what a terminal would obey: control characters and changes of the direction of
/// writing are spaces. What is too long is cut.
pub(super) fn plain(text: &str) -> String {
    let is_direction =
        |char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let obeyed = |char: char| char.is_control() || is_direction(char);
    text.chars().take(LONGEST).map(|char| if obeyed(char) { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_server() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{9b}31m\u{202e}c\u{7}"), "a [2Jb   31m c ");
        assert_eq!(plain("relation \"zählung\" does not exist"), "relation \"zählung\" does not exist");
        assert_eq!(plain(&"x".repeat(5000)).len(), LONGEST);
    }
}
