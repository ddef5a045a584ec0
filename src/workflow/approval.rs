//! What the user approved. Under the lock, exactly that is executed, or nothing.

use crate::refusal::PlanRefusal;

/// What was approved, if the user was asked.
#[derive(Clone, Debug)]
pub struct Approval(Option<String>);

impl Approval {
    /// The user was not asked: any plan that is computed under the lock is approved.
    pub fn preapproved() -> Self {
        Self(None)
    }

    /// The user approved what `digest` identifies.
    pub fn of(digest: String) -> Self {
        Self(Some(digest))
    }

    /// Refuses a plan that differs from the approved one: the state, or what exists, changed before the user answered.
    ///
    /// # Errors
    /// [`PlanRefusal::ChangedAfterApproval`].
    pub fn verify(&self, digest: &str) -> Result<(), PlanRefusal> {
        match &self.0 {
            Some(approved) if approved != digest => Err(PlanRefusal::ChangedAfterApproval),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_differs_from_the_approved_one_is_refused() {
        let refused = Approval::of("one".to_owned()).verify("other").unwrap_err();
        assert!(matches!(refused, PlanRefusal::ChangedAfterApproval));
        assert!(Approval::of("one".to_owned()).verify("one").is_ok());
        assert!(Approval::preapproved().verify("other").is_ok());
    }
}
