//! What a person was shown and said yes to: under the lock exactly that is carried out, or nothing.

use super::failure::{CliError, Exit};

/// What was agreed to, when somebody was asked.
pub(super) struct Agreed(Option<String>);

impl Agreed {
    /// Nobody was asked: whatever is planned under the lock was agreed to beforehand, with `-y`.
    pub(super) fn unasked() -> Self {
        Self(None)
    }

    /// Somebody was asked; `digest` tells what was shown apart from anything else.
    pub(super) fn to(digest: String) -> Self {
        Self(Some(digest))
    }

    /// Refuses what is not what was shown: the state, or what exists, has changed while the question was open.
    pub(super) fn covers(&self, digest: &str) -> Result<(), CliError> {
        match &self.0 {
            Some(shown) if shown != digest => Err(CliError::new(Exit::Refused, "what would be done by now is not what you said `yes` to")
                .because_text("the state, or what exists, has changed while the question was open")
                .remains("nothing was changed")
                .hint("run the same command again: it shows what it would do now")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_plan_than_the_one_agreed_to_was_carried_out_unseen() {
        let refused = Agreed::to("one".to_owned()).covers("other").unwrap_err();
        assert_eq!((refused.exit, refused.remains.as_deref()), (Exit::Refused, Some("nothing was changed")));
        assert!(Agreed::to("one".to_owned()).covers("one").is_ok());
        assert!(Agreed::unasked().covers("other").is_ok());
    }
}
