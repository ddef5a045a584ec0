//! Refusals of a selection that does not match the stack.

use infra_base::address::Address;

/// Why a selection is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionRefusal {
    /// The environment is neither in the configuration nor in the state.
    #[error("there is no environment `{name}`")]
    UnknownEnvironment {
        /// The name.
        name: String,
        /// The environments that exist.
        known: Vec<String>,
    },
    /// A pattern matches no resource.
    #[error("`{pattern}` matches no resource")]
    NoMatch {
        /// What the pattern selects.
        selector: Selector,
        /// The pattern.
        pattern: String,
        /// The addresses that it could match.
        known: Vec<String>,
    },
    /// The configuration contains no resource with this address.
    #[error("no resource is called `{address}`")]
    UnknownAddress {
        /// The address.
        address: Address,
        /// The addresses in the plan.
        known: Vec<String>,
    },
    /// Neither the state nor the configuration contains a resource that matches.
    #[error("the state contains no `{pattern}`")]
    NotInState {
        /// The pattern.
        pattern: String,
        /// The addresses in the state.
        known: Vec<String>,
    },
    /// A resource to skip is not part of the rollback.
    #[error("`{0}` is not among the resources to roll back")]
    NotRolledBack(Address),
}

/// What a pattern selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The resources to work on.
    Target,
    /// The resources to replace.
    Replace,
}
