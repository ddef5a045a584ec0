//! The tokens of an expression, as PostgreSQL writes the definition of a check constraint.

/// A token. Casts are left out: a check is about a value, whatever its type is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a word, without its quotes.
    Word(String),
    Number(String),
    Text(String),
    /// An operator, a parenthesis, a bracket or a comma.
    Sign(String),
}

impl Token {
    /// Returns whether this is a sign.
    pub(super) fn is(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(text) if text == sign)
    }

    /// Returns whether this is a word, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

/// Splits an expression into tokens; `None` if it contains something else.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        match first {
            _ if first.is_whitespace() => at += 1,
            '\'' => {
                let (text, end) = quoted(&characters, at, '\'')?;
                // `E'…'` has escapes with backslashes ("String Constants With C-Style Escapes").
                let escaped = matches!(tokens.last(), Some(Token::Word(word)) if word == "E")
                    && characters.get(at - 1) == Some(&'E');
                if escaped {
                    tokens.pop();
                }
                tokens.push(Token::Text(if escaped { text.replace("\\\\", "\\") } else { text }));
                at = end;
            }
            '"' => {
                let (text, end) = quoted(&characters, at, '"')?;
                tokens.push(Token::Word(text));
                at = end;
            }
            ':' if characters.get(at + 1) == Some(&':') => at = after_cast(&characters, at + 2),
            '(' | ')' | '[' | ']' | ',' | '.' => {
                tokens.push(Token::Sign(first.to_string()));
                at += 1;
            }
            _ if first.is_ascii_digit() => {
                let end = end_of(&characters, at, |other| other.is_ascii_digit() || other == '.');
                tokens.push(Token::Number(characters[at..end].iter().collect()));
                at = end;
            }
            _ if first.is_alphabetic() || first == '_' => {
                let end = end_of(&characters, at, |other| other.is_alphanumeric() || other == '_' || other == '$');
                tokens.push(Token::Word(characters[at..end].iter().collect()));
                at = end;
            }
            _ if "+-*/<>=~!@#%^&|`?".contains(first) => {
                let mut end = end_of(&characters, at, |other| "+-*/<>=~!@#%^&|`?".contains(other));
                // A sign before a number is a token of its own.
                if end - at > 1 && characters[end - 1] == '-' {
                    end -= 1;
                }
                tokens.push(Token::Sign(characters[at..end].iter().collect()));
                at = end;
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn end_of(characters: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    characters[from..].iter().position(|other| !belongs(*other)).map_or(characters.len(), |length| from + length)
}

/// Reads a quoted text; a doubled quote is one character of it.
fn quoted(characters: &[char], from: usize, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = from + 1;
    loop {
        let next = *characters.get(at)?;
        if next != quote {
            text.push(next);
            at += 1;
        } else if characters.get(at + 1) == Some(&quote) {
            text.push(quote);
            at += 2;
        } else {
            return Some((text, at + 1));
        }
    }
}

/// The words with which the names of types continue: `character varying`, `timestamp without time zone`.
const TYPE_WORDS: &[&str] = &["varying", "precision", "without", "with", "time", "zone"];

/// Returns the end of the name of a type, with its modifier and its brackets.
fn after_cast(characters: &[char], from: usize) -> usize {
    let is_name = |other: char| other.is_alphanumeric() || other == '_' || other == '.';
    let name = |at: usize| match characters.get(at) {
        Some('"') => quoted(characters, at, '"').map_or(characters.len(), |(_, end)| end),
        _ => end_of(characters, at, is_name),
    };
    let mut at = name(from);
    while characters.get(at) == Some(&'.') {
        at = name(at + 1);
    }
    loop {
        if characters.get(at) == Some(&'(') {
            at = end_of(characters, at, |other| other != ')') + 1;
        } else if characters.get(at) == Some(&'[') && characters.get(at + 1) == Some(&']') {
            at += 2;
        } else if characters.get(at) == Some(&' ') {
            let end = end_of(characters, at + 1, is_name);
            let word: String = characters[(at + 1).min(end)..end].iter().collect();
            if !TYPE_WORDS.contains(&word.as_str()) {
                return at;
            }
            at = end;
        } else {
            return at.min(characters.len());
        }
    }
}
