//! Handles of resources in the graph. The handle of a kind has a method for each output that other resources can use.

use infra_base::address::Address;

/// What every handle has. `#[derive(Attrs)]` declares the handle of a kind with outputs.
pub trait RefersTo: Clone + Send + Sync + 'static {
    /// Returns a handle to the resource at an address.
    fn to(address: Address) -> Self;
}

/// The handle of a kind without outputs.
#[derive(Clone, Debug)]
pub struct PlainHandle(Address);

impl PlainHandle {
    /// Returns the address of the resource.
    pub fn address(&self) -> &Address {
        &self.0
    }
}

impl RefersTo for PlainHandle {
    fn to(address: Address) -> Self {
        Self(address)
    }
}
