//! The secret in the address of a page.

use std::io;

use subtle::ConstantTimeEq;

/// 128 bits, in hexadecimal digits.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// Returns a new token.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what follows the token in a path. The time that it takes tells nothing about the token.
    pub(super) fn after<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix('/')?;
        let (given, after) = rest.split_at_checked(self.0.len())?;
        bool::from(given.as_bytes().ct_eq(self.0.as_bytes())).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_the_whole_token() {
        let token = Token::random().expect("random bytes");
        let text = token.as_str().to_owned();
        assert_eq!((text.len(), token.after(&format!("/{text}/view"))), (32, Some("/view")));
        assert_eq!(token.after(&format!("/{text}")), Some(""));
        for other in ["", "/", "/view", &text, &format!("/{}", &text[1..]), &format!("/x{}/", &text[1..]), "/ä"] {
            assert_eq!(token.after(other), None, "{other}");
        }
        assert_ne!(Token::random().expect("random bytes").as_str(), text);
    }
}
