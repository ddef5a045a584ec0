//! Refusals that concern the state and its backend.

use infra_base::address::{AccountId, Address};
use infra_core::state::UnusableState;

/// Why a state is not opened or moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateRefusal {
    /// The state can be read, but not be used for changes.
    #[error(transparent)]
    Unusable(#[from] UnusableState),
    /// The state belongs to another stack or account.
    #[error(
        "this state belongs to the stack `{actual_stack}` in account {actual_account}, \
         not to `{stack}` in account {}",
        .accounts.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ")
    )]
    ForeignState {
        /// The stack in the state.
        actual_stack: String,
        /// The account in the state.
        actual_account: AccountId,
        /// The configured stack.
        stack: String,
        /// The accounts of the credentials.
        accounts: Vec<AccountId>,
    },
    /// A resource of the state belongs to somebody else.
    #[error("{address} of the state is not a resource of this stack: {why}")]
    ForeignEntry {
        /// The resource.
        address: Address,
        /// Whose it is.
        why: String,
    },
    /// Resources are in an account for which the configuration has no credentials.
    #[error("the state has resources in account {account}, which is not an account of these credentials{}",
        .example.as_ref().map(|example| format!(" (for example {example})")).unwrap_or_default())]
    NoAccess {
        /// The account.
        account: AccountId,
        /// One of the resources.
        example: Option<Address>,
    },
    /// The configured backend is empty, and the other one has a state.
    #[error("the state of this stack is still at {at}, not in the configured backend")]
    InOtherBackend {
        /// Where the state is.
        at: String,
    },
    /// The sandbox has no shared backend.
    #[error("the sandbox always keeps its state on this machine")]
    SandboxIsLocal,
    /// The configuration names no bucket.
    #[error("the configuration names no bucket for the state")]
    NoBucket,
}
