//! What a command has written, without what may be a secret.

/// The number of lines that are kept.
const LINES: usize = 3;
/// The length of a line, in characters.
const LENGTH: usize = 200;
/// A run of so many characters of Base64 is taken for a secret.
const SECRET_LENGTH: usize = 32;
/// Names whose values are secret.
const NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "key", "credential"];

/// Returns a line without control characters, which could control the terminal, and without what may be a secret:
/// values of names such as `password`, user information of URLs, and long runs of characters of Base64.
pub(super) fn redact(line: &str) -> String {
    let line: String = line.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let mut follows_name = false;
    let words = line.trim().split(' ').map(|word| {
        let is_value = follows_name && !word.is_empty();
        if !word.is_empty() {
            follows_name = is_name(word.trim_end_matches([':', '=']));
        }
        if is_value { "***".to_owned() } else { redact_word(word) }
    });
    let redacted = words.collect::<Vec<_>>().join(" ");
    redacted.chars().take(LENGTH).collect()
}

fn is_name(word: &str) -> bool {
    let word = word.to_lowercase();
    NAMES.iter().any(|name| word.ends_with(name))
}

fn redact_word(word: &str) -> String {
    for separator in ['=', ':'] {
        if let Some((name, value)) = word.split_once(separator)
            && is_name(name.trim_matches(['"', '\'', '{', ',']))
            && !value.is_empty()
        {
            return format!("{name}{separator}***");
        }
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.rsplit_once('@')
    {
        return format!("{scheme}://***@{host}");
    }
    let is_base64 = |char: char| char.is_ascii_alphanumeric() || "+/=_-".contains(char);
    let mut longest = 0;
    let mut run = 0;
    for char in word.chars() {
        run = if is_base64(char) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    if longest >= SECRET_LENGTH { "***".to_owned() } else { word.to_owned() }
}

/// The last lines that a command has written.
#[derive(Debug, Default)]
pub(super) struct LastLines(Vec<String>);

impl LastLines {
    /// Adds a line.
    pub(super) fn add(&mut self, line: &str) {
        let line = redact(line);
        if !line.is_empty() {
            if self.0.len() == LINES {
                self.0.remove(0);
            }
            self.0.push(line);
        }
    }

    /// Returns the lines as one text; `None` without any.
    pub(super) fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_omitted_and_reasons_stay() {
        let reason = "An error occurred (TargetNotConnected) when calling the StartSession operation: i-0123 is not \
                      connected.";
        assert_eq!(redact(reason), reason);
        for line in [
            "password=hush7",
            "DB_PASSWORD: hush7",
            "Password: \"hush7\"",
            "{\"token\":\"hush7\"}",
            "connecting to postgres://admin:hush7@db:5432/x",
            "AWS_SECRET_ACCESS_KEY=hush7 failed",
            "session hush7aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let redacted = redact(line);
            assert!(!redacted.contains("hush7") && redacted.contains("***"), "{redacted}");
        }
        assert_eq!(redact("a\u{1b}[31mred\u{7}\n"), "a [31mred");
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut lines = LastLines::default();
        assert_eq!(lines.text(), None);
        for line in ["one", "", "two", "three", "four"] {
            lines.add(line);
        }
        assert_eq!(lines.text().as_deref(), Some("two; three; four"));
    }
}
