//! Line ends.

/// Git and editors can write line ends of Windows; a text of several lines must not become another one.
pub(crate) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
