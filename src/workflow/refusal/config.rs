//! Refusals of configuration entries that do not match the stack. An entry with a typing error must not silently have
//! no effect.

use infra_base::address::Address;
use infra_payment::policy::Violation;

/// Why a configuration is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfigRefusal {
    /// A section of `[resources]` matches no resource.
    #[error("no resource is called `{pattern}`, which has a section in `[resources]`")]
    UnmatchedSection {
        /// The pattern.
        pattern: String,
        /// The addresses of the stack.
        known: Vec<String>,
    },
    /// An entry of `drift.ignore` matches no resource.
    #[error("no resource is called `{pattern}`, which `drift.ignore` lists")]
    UnmatchedIgnoreRule {
        /// The pattern.
        pattern: String,
        /// The addresses of the stack.
        known: Vec<String>,
    },
    /// An entry of `drift.ignore` names a field that the resource does not have.
    #[error("`drift.ignore` lists the field `{field}` of `{pattern}`, which does not have such a field")]
    UnknownIgnoredField {
        /// The pattern for the resource.
        pattern: String,
        /// The field.
        field: String,
        /// The full name of a field that ends with this name.
        nested: Option<String>,
        /// The fields that drift detection reports for the resource.
        known: Vec<String>,
    },
    /// `moved` renames an address that the configuration still contains.
    #[error("`moved` renames {from}, which the configuration still contains")]
    MovedSourceExists {
        /// The old address.
        from: Address,
    },
    /// `moved` renames a resource to an address that the configuration does not contain.
    #[error("`moved` renames {from} to {to}, but no resource is called {to}")]
    UnknownMovedTarget {
        /// The old address.
        from: Address,
        /// The new address.
        to: Address,
        /// The addresses in the configuration.
        known: Vec<String>,
    },
    /// A policy exception matches no resource.
    #[error("`policy.exceptions[{index}]` is for `{address}`, but no resource is called that")]
    UnmatchedPolicyException {
        /// Position in the list.
        index: usize,
        /// The address in the exception.
        address: String,
        /// The addresses in the configuration.
        known: Vec<String>,
    },
    /// The stack violates policies.
    #[error("the policies forbid this: {} violation{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    PolicyViolations(Vec<Violation>),
}
