//! Refusals to import a resource into the state, or to remove one from it.

use infra_base::address::Address;

/// Why a resource is not imported or forgotten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// The creation of the resource was interrupted.
    #[error("the creation of {0} was started, and its outcome is unknown")]
    UnknownOutcome(Address),
    /// The state contains the address.
    #[error("the state already contains {address}, as `{id}`")]
    AlreadyInState {
        /// The address.
        address: Address,
        /// The id in the state.
        id: String,
    },
    /// The resource depends on resources that the state does not contain.
    #[error("{address} depends on resources that this stack does not have yet")]
    MissingDependencies {
        /// The address.
        address: Address,
        /// What is missing.
        missing: Vec<Address>,
    },
    /// The resource exists and does not fit the configuration.
    #[error("{address}: {reason}")]
    Unsuitable {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// The resource belongs to another address of this stack.
    #[error("{address}: {reason}")]
    AtOtherAddress {
        /// The address.
        address: String,
        /// Why.
        reason: String,
        /// The address at which this stack has it.
        current: Address,
    },
    /// The resource belongs to another stack.
    #[error("{address}: {reason}")]
    ForeignResource {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// A forgotten resource could not be found again: it carries the tags of its old address.
    #[error("{address} has the tags of {tagged_as} and would not be found again: `up` would create another one")]
    TaggedWithOldAddress {
        /// The address.
        address: Address,
        /// The address in its tags.
        tagged_as: Address,
    },
}
