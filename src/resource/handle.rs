//! A typed handle to a resource in the graph; each kind adds methods that name its outputs.

use std::marker::PhantomData;

use crate::address::Address;
use crate::graph::{Input, Moment};

/// Refers to a resource of kind `R` in the graph.
pub struct Handle<R> {
    address: Address,
    kind: PhantomData<fn() -> R>,
}

impl<R> Handle<R> {
    pub(crate) fn new(address: Address) -> Self {
        Self { address, kind: PhantomData }
    }

    /// Returns the address of the resource.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Refers to an output that is known as soon as AWS has accepted the resource.
    pub(crate) fn created<T>(&self, name: &str) -> Input<T> {
        Input::output(&self.address, name, Moment::Created)
    }

    /// Refers to an output that is known, or may be used, only once the resource is ready.
    pub(crate) fn ready<T>(&self, name: &str) -> Input<T> {
        Input::output(&self.address, name, Moment::Ready)
    }
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self::new(self.address.clone())
    }
}
