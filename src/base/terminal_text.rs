//! Text for a terminal. What others have written (AWS, a database, a file, a command) must not control the terminal,
//! and must not look like a message of this program.
//!
//! An escaped character has the form `\u001B`, which is valid in a string of JSON and of TOML and means the same there.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns text without anything that controls a terminal or changes the order of characters. Line breaks and tabs
/// stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    filter(text, Styles::Escaped)
}

/// Does the same, but colours and other styles stay: `ESC [ … m` ("ECMA-48", Select Graphic Rendition). The text of
/// others has to be made [`plain`] before it is styled.
pub fn styled(text: &str) -> Cow<'_, str> {
    filter(text, Styles::Kept)
}

/// Returns text in one line: a line break becomes `\n`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    match plain(text) {
        plain if plain.contains('\n') => Cow::Owned(plain.replace('\n', "\\n")),
        plain => plain,
    }
}

/// Returns text of others for the middle of a message: in one line, with `\n` and `\t` for line breaks and tabs.
pub fn inline(text: &str) -> String {
    one_line(text).replace('\t', "\\t")
}

/// Returns text in which each line after the first one is indented, so that none of them looks like a message of its
/// own.
pub fn indented<'a>(text: &'a str, indent: &str) -> Cow<'a, str> {
    match plain(text) {
        plain if plain.trim_end().contains('\n') => Cow::Owned(plain.trim_end().replace('\n', &format!("\n{indent}"))),
        plain => plain,
    }
}

/// Returns text in which no line begins with one of `labels`: such a line is indented.
pub fn without_labels<'a>(text: &'a str, labels: &[&str]) -> Cow<'a, str> {
    let has_label = |line: &str| {
        let line = without_styles(line);
        labels.iter().any(|label| line.starts_with(label))
    };
    if !text.split('\n').any(has_label) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| if has_label(line) { format!("  {line}") } else { line.to_owned() });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// Returns text of the same length in bytes without anything that controls a terminal, for text of which positions are
/// known.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mask = |char: char| match (is_dangerous(char), char.len_utf8()) {
        (false, _) => char,
        (true, 1) => '?',
        (true, 2) => '¿',
        (true, _) => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(mask).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Styles {
    Kept,
    Escaped,
}

fn filter(text: &str, styles: Styles) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut filtered = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let style = if styles == Styles::Kept { style_at(rest) } else { None };
        let taken = match style {
            Some(style) => {
                filtered.push_str(style);
                style.len()
            }
            None => {
                push(&mut filtered, char);
                char.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(filtered)
}

fn push(filtered: &mut String, char: char) {
    if is_dangerous(char) {
        // Writing to a string cannot fail. All of these are below U+10000.
        let _ = write!(filtered, "\\u{:04X}", u32::from(char));
    } else {
        filtered.push(char);
    }
}

/// Returns the style that a text begins with.
fn style_at(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|char: char| !char.is_ascii_digit() && char != ';' && char != ':')?;
    parameters[end..].starts_with('m').then(|| &text[..end + 3])
}

fn without_styles(mut line: &str) -> &str {
    while let Some(style) = style_at(line) {
        line = &line[style.len()..];
    }
    line
}

/// Whether a character controls a terminal (C0 and C1 controls, but no line break and no tab), changes the order in
/// which characters are shown ("Unicode Standard Annex #9", explicit formatting characters), or separates lines.
fn is_dangerous(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        _ => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_could_control_the_terminal() {
        for (given, shown) in [
            ("a\u{1b}]0;title\u{7}b", "a\\u001B]0;title\\u0007b"),
            ("\u{1b}[2J\u{1b}[31mred", "\\u001B[2J\\u001B[31mred"),
            ("fine\rforged", "fine\\u000Dforged"),
            ("\u{9b}31m\u{85}\u{7f}", "\\u009B31m\\u0085\\u007F"),
            ("gate \u{202e}ssap\u{202c} \u{2066}x\u{2069}", "gate \\u202Essap\\u202C \\u2066x\\u2069"),
            ("\u{200e}\u{200f}\u{061c}\u{2028}", "\\u200E\\u200F\\u061C\\u2028"),
            ("a\tb\nü — 数 ✓", "a\tb\nü — 数 ✓"),
        ] {
            assert_eq!(plain(given), shown);
        }
    }

    #[test]
    fn only_styles_pass_a_styled_text() {
        assert_eq!(styled("\u{1b}[1;38:5:1mbold\u{1b}[0m"), "\u{1b}[1;38:5:1mbold\u{1b}[0m");
        for (given, shown) in [
            ("\u{1b}[2K\u{1b}[m", "\\u001B[2K\u{1b}[m"),
            ("\u{1b}[31", "\\u001B[31"),
            ("\u{1b}[?25hm", "\\u001B[?25hm"),
            ("\u{1b}\u{1b}[0m", "\\u001B\u{1b}[0m"),
            ("\u{1b}]8;;http://x\u{1b}\\", "\\u001B]8;;http://x\\u001B\\"),
        ] {
            assert_eq!(styled(given), shown);
        }
    }

    #[test]
    fn a_line_break_in_foreign_text_forged_a_message() {
        assert_eq!(one_line("denied\nerror: forged"), "denied\\nerror: forged");
        assert_eq!(indented("denied\nerror: forged\n", "    "), "denied\n    error: forged");
        assert_eq!(indented("denied\n", "    "), "denied\n");
        let labels = ["error:", "hint:"];
        assert_eq!(without_labels("a\nerror: b\nx hint: c", &labels), "a\n  error: b\nx hint: c");
        assert_eq!(without_labels("\u{1b}[31merror: b", &labels), "  \u{1b}[31merror: b");
        assert_eq!(without_labels("an error: b", &labels), "an error: b");
    }

    #[test]
    fn masked_text_keeps_its_length() {
        let text = "a\u{1b}b\u{85}c\u{202e}d";
        assert_eq!(masked(text), "a?b¿c\u{fffd}d");
        assert_eq!(masked(text).len(), text.len());
    }
}
