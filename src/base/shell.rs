//! Words of a command that a message suggests, for a shell.

use std::borrow::Cow;

/// Returns a word as a POSIX shell reads it: quoted if it contains more than letters, digits and a few other
/// characters. A word with a NUL, which no argument can have, loses it.
pub fn quote(word: &str) -> Cow<'_, str> {
    match shlex::try_quote(word) {
        Ok(quoted) => quoted,
        Err(_) => Cow::Owned(quote(&word.replace('\0', "")).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_paste_did_something_else() {
        assert_eq!(quote("source/network/vpc"), "source/network/vpc");
        for word in ["my config.toml", "it's", "a;rm -rf ~", "$(id)", "`id`", "source/*", "a\nb", "\"", "", "a\0b"] {
            let quoted = quote(word);
            let read = shlex::split(&quoted).unwrap();
            assert_eq!(read, [word.replace('\0', "")], "{quoted}");
        }
    }
}
