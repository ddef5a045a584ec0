//! Splits an expression, as a server writes it, into tokens.

/// A name, a literal, an operator or a punctuation character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Whether there is space before it.
    pub(super) is_spaced: bool,
}

const OPERATORS: &str = "+-*/<>=~!@#%^&|`?:";

/// Splits a text. Quoted names and literals are one token each.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut is_spaced) = (0, false);
    while let Some(first) = characters.get(at).copied() {
        if first.is_whitespace() {
            (at, is_spaced) = (at + 1, true);
            continue;
        }
        let end = match first {
            '\'' | '"' => end_of_quoted(&characters, at),
            'E' if characters.get(at + 1) == Some(&'\'') => end_of_escaped(&characters, at + 1),
            _ if is_part_of_name(first) => end_of(&characters, at, is_part_of_name),
            _ if OPERATORS.contains(first) => end_of(&characters, at, |other| OPERATORS.contains(other)),
            _ => at + 1,
        };
        tokens.push(Token { text: characters[at..end].iter().collect(), is_spaced });
        (at, is_spaced) = (end, false);
    }
    tokens
}

fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn end_of(characters: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    let length = characters[from..].iter().take_while(|character| belongs(**character)).count();
    from + length.max(1)
}

/// Returns the end of a quoted name or literal, in which a doubled quote stands for one.
fn end_of_quoted(characters: &[char], from: usize) -> usize {
    let quote = characters[from];
    let mut at = from + 1;
    while at < characters.len() {
        if characters[at] == quote {
            if characters.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    characters.len()
}

/// Returns the end of a literal with escapes.
fn end_of_escaped(characters: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < characters.len() {
        match characters[at] {
            '\'' if characters.get(at + 1) != Some(&'\'') => return at + 1,
            '\\' | '\'' => at += 1,
            _ => {}
        }
        at += 1;
    }
    characters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_are_kept_whole() {
        let texts = |text: &str| tokens(text).into_iter().map(|token| token.text).collect::<Vec<_>>();
        assert_eq!(texts("\"a \"\"b\".c1 >= 'it''s'::text"), ["\"a \"\"b\"", ".", "c1", ">=", "'it''s'", "::", "text"]);
        assert_eq!(texts(r"E'a\'b', x"), [r"E'a\'b'", ",", "x"]);
        assert_eq!(texts("'open"), ["'open"]);
        assert!(!tokens("f(a)")[1].is_spaced && tokens("IN (a)")[1].is_spaced);
    }
}
