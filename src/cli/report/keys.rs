//! What the keys of the board ask for.

use crossterm::event::{KeyCode, KeyModifiers};

use crate::migration::schedule::Input;
use crate::state::whoever;

/// Which keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Keys {
    /// A cutover is carried out.
    Cutover,
    /// Nothing is changed: there is only an end.
    Watch,
}

/// What a key asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pressed {
    /// Something of the cutover.
    Ask(Input),
    /// Ctrl-C, which is a key like any other in raw mode: the first one asks for this, the second one ends the process.
    Stop(Input),
    /// Nothing.
    Nothing,
}

impl Keys {
    /// The line that names them.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Cutover => " p pause   c continue   a approve   r roll back   q abort",
            Self::Watch => " q end",
        }
    }

    /// Returns what a key asks for.
    pub(super) fn pressed(self, key: KeyCode, modifiers: KeyModifiers) -> Pressed {
        let who = whoever;
        let key_by = |key: char| format!("the key `{key}`, pressed by {}", who());
        match (self, key) {
            (_, KeyCode::Char('c')) if modifiers.contains(KeyModifiers::CONTROL) => Pressed::Stop(Input::AbortAsked(format!("Ctrl-C by {}", who()))),
            (_, KeyCode::Char('q')) => Pressed::Ask(Input::AbortAsked(key_by('q'))),
            (Self::Cutover, KeyCode::Char('p')) => Pressed::Ask(Input::Paused),
            (Self::Cutover, KeyCode::Char('c')) => Pressed::Ask(Input::Continued),
            (Self::Cutover, KeyCode::Char('a')) => Pressed::Ask(Input::Approved(who())),
            (Self::Cutover, KeyCode::Char('r')) => Pressed::Ask(Input::RollbackAsked(key_by('r'))),
            _ => Pressed::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(keys: Keys, key: char) -> Pressed {
        keys.pressed(KeyCode::Char(key), KeyModifiers::NONE)
    }

    #[test]
    fn each_key_that_is_named_asks_for_what_it_says() {
        let who = whoever();
        let table = [
            ('p', Input::Paused),
            ('c', Input::Continued),
            ('a', Input::Approved(who.clone())),
            ('r', Input::RollbackAsked(format!("the key `r`, pressed by {who}"))),
            ('q', Input::AbortAsked(format!("the key `q`, pressed by {who}"))),
        ];
        for (key, input) in table {
            assert!(Keys::Cutover.told().contains(&format!("{key} ")));
            assert_eq!(pressed(Keys::Cutover, key), Pressed::Ask(input));
        }
        assert_eq!(pressed(Keys::Cutover, 'x'), Pressed::Nothing);
        assert!(matches!(Keys::Cutover.pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Pressed::Stop(Input::AbortAsked(_))));
    }

    #[test]
    fn watching_has_no_keys_that_would_change_anything() {
        for key in ['p', 'c', 'a', 'r'] {
            assert_eq!(pressed(Keys::Watch, key), Pressed::Nothing);
        }
        assert_eq!(Keys::Watch.told().trim(), "q end");
        assert!(matches!(pressed(Keys::Watch, 'q'), Pressed::Ask(Input::AbortAsked(_))));
    }
}
