//! The keys of the dashboard.

use crossterm::event::{KeyCode, KeyModifiers};

use infra_migration::cutover::Input;

/// The set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Keys {
    /// Keys that control a cutover.
    Cutover,
    /// A key that quits; nothing is changed.
    Watch,
}

/// What a key requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Pause before the next step.
    Pause,
    /// Continue after a pause or a failure.
    Continue,
    /// Approve the step at which the cutover waits.
    Approve,
    /// Send all traffic to the source.
    RollBack,
    /// End the cutover as configured.
    Abort,
    /// The same, with Ctrl-C.
    Interrupt,
}

impl Request {
    /// Returns the input for the cutover. Its reason contains the key, and who has pressed it.
    pub(super) fn input(self, who: &str) -> Input {
        match self {
            Self::Pause => Input::Paused,
            Self::Continue => Input::Continued,
            Self::Approve => Input::Approved(who.to_owned()),
            Self::RollBack => Input::RollbackRequested(format!("the key `r`, pressed by {who}")),
            Self::Abort => Input::AbortRequested(format!("the key `q`, pressed by {who}")),
            Self::Interrupt => Input::AbortRequested(format!("Ctrl-C by {who}")),
        }
    }
}

/// The effect of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyAction {
    /// A request to the cutover.
    Send(Request),
    /// Ctrl-C, which is an ordinary key in raw mode: the first one sends this, the second one ends the process.
    Stop(Request),
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
        match (self, key) {
            (_, KeyCode::Char('c')) if modifiers.contains(KeyModifiers::CONTROL) => KeyAction::Stop(Request::Interrupt),
            (_, KeyCode::Char('q')) => KeyAction::Send(Request::Abort),
            (Self::Cutover, KeyCode::Char('p')) => KeyAction::Send(Request::Pause),
            (Self::Cutover, KeyCode::Char('c')) => KeyAction::Send(Request::Continue),
            (Self::Cutover, KeyCode::Char('a')) => KeyAction::Send(Request::Approve),
            (Self::Cutover, KeyCode::Char('r')) => KeyAction::Send(Request::RollBack),
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

    fn input(action: KeyAction) -> Option<Input> {
        match action {
            KeyAction::Send(request) | KeyAction::Stop(request) => Some(request.input("anna")),
            KeyAction::Ignore => None,
        }
    }

    #[test]
    fn each_listed_key_has_its_effect() {
        let table = [
            ('p', Input::Paused),
            ('c', Input::Continued),
            ('a', Input::Approved("anna".to_owned())),
            ('r', Input::RollbackRequested("the key `r`, pressed by anna".to_owned())),
            ('q', Input::AbortRequested("the key `q`, pressed by anna".to_owned())),
        ];
        for (key, expected) in table {
            assert!(Keys::Cutover.help().contains(&format!("{key} ")));
            assert_eq!(input(action(Keys::Cutover, key)), Some(expected));
        }
        assert_eq!(action(Keys::Cutover, 'x'), KeyAction::Ignore);
        let interrupt = Keys::Cutover.action(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(interrupt, KeyAction::Stop(Request::Interrupt));
        assert_eq!(input(interrupt), Some(Input::AbortRequested("Ctrl-C by anna".to_owned())));
    }

    #[test]
    fn watching_has_no_key_that_changes_anything() {
        for key in ['p', 'c', 'a', 'r'] {
            assert_eq!(action(Keys::Watch, key), KeyAction::Ignore);
        }
        assert_eq!(Keys::Watch.help().trim(), "q quit");
        assert_eq!(action(Keys::Watch, 'q'), KeyAction::Send(Request::Abort));
    }
}
