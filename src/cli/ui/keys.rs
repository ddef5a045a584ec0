//! The keys of the dashboard.

use crossterm::event::{KeyCode, KeyModifiers};

use infra_core::state::user_at_host;
use infra_migration::cutover::Input;

/// The set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Keys {
    /// Keys that control a cutover.
    Cutover,
    /// A key that quits; nothing is changed.
    Watch,
}

/// The effect of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum KeyAction {
    /// An input for the cutover.
    Send(Input),
    /// Ctrl-C, which is an ordinary key in raw mode: the first one sends this, the second one ends the process.
    Stop(Input),
    /// None.
    Ignore,
}

impl Keys {
    /// Returns the line that lists the keys.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Cutover => " p pause   c continue   a approve   r roll back   q abort",
            Self::Watch => " q quit",
        }
    }

    /// Returns the effect of a key.
    pub(super) fn action(self, key: KeyCode, modifiers: KeyModifiers) -> KeyAction {
        let pressed = |key: char| format!("the key `{key}`, pressed by {}", user_at_host());
        match (self, key) {
            (_, KeyCode::Char('c')) if modifiers.contains(KeyModifiers::CONTROL) => {
                KeyAction::Stop(Input::AbortRequested(format!("Ctrl-C by {}", user_at_host())))
            }
            (_, KeyCode::Char('q')) => KeyAction::Send(Input::AbortRequested(pressed('q'))),
            (Self::Cutover, KeyCode::Char('p')) => KeyAction::Send(Input::Paused),
            (Self::Cutover, KeyCode::Char('c')) => KeyAction::Send(Input::Continued),
            (Self::Cutover, KeyCode::Char('a')) => KeyAction::Send(Input::Approved(user_at_host())),
            (Self::Cutover, KeyCode::Char('r')) => KeyAction::Send(Input::RollbackRequested(pressed('r'))),
            _ => KeyAction::Ignore,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(keys: Keys, key: char) -> KeyAction {
        keys.action(KeyCode::Char(key), KeyModifiers::NONE)
    }

    #[test]
    fn each_listed_key_has_its_effect() {
        let user = user_at_host();
        let table = [
            ('p', Input::Paused),
            ('c', Input::Continued),
            ('a', Input::Approved(user.clone())),
            ('r', Input::RollbackRequested(format!("the key `r`, pressed by {user}"))),
            ('q', Input::AbortRequested(format!("the key `q`, pressed by {user}"))),
        ];
        for (key, input) in table {
            assert!(Keys::Cutover.help().contains(&format!("{key} ")));
            assert_eq!(action(Keys::Cutover, key), KeyAction::Send(input));
        }
        assert_eq!(action(Keys::Cutover, 'x'), KeyAction::Ignore);
        assert!(matches!(
            Keys::Cutover.action(KeyCode::Char('c'), KeyModifiers::CONTROL),
            KeyAction::Stop(Input::AbortRequested(_))
        ));
    }

    #[test]
    fn watching_has_no_key_that_changes_anything() {
        for key in ['p', 'c', 'a', 'r'] {
            assert_eq!(action(Keys::Watch, key), KeyAction::Ignore);
        }
        assert_eq!(Keys::Watch.help().trim(), "q quit");
        assert!(matches!(action(Keys::Watch, 'q'), KeyAction::Send(Input::AbortRequested(_))));
    }
}
