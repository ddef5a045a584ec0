//! The options of an `up` plan besides the graph and the state, and its errors.

use std::collections::BTreeSet;

use super::cycle::DependencyCycle;
use super::drift::{Drift, DriftReport};
use super::names::names;
use crate::resource::Kinds;
use infra_base::address::Address;

/// Resources outside the chosen environments that are required, but do not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("required resources of {} do not exist yet", names(&self.environments()))]
pub struct Missing {
    /// The missing resources, each with a resource that depends on it.
    pub needs: Vec<(Address, Address)>,
}

impl Missing {
    /// Returns the environments that must exist first, in alphabetical order.
    pub fn environments(&self) -> Vec<&str> {
        self.needs.iter().map(|(missing, _)| missing.environment()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The reason why no plan is possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Required resources outside the chosen environments do not exist.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The changes form a dependency cycle.
    #[error(transparent)]
    DependencyCycle(#[from] DependencyCycle),
}

/// The options of a plan.
pub struct PlanOptions<'a> {
    /// All kinds of the program.
    pub kinds: Kinds,
    /// Selects the environments.
    pub chosen: &'a dyn Fn(&str) -> bool,
    /// Selects resources that are replaced even if nothing requires it.
    pub replace: &'a dyn Fn(&Address) -> bool,
    /// The drift that a refresh found. Without a refresh, each step reads its own resource.
    pub drift: Option<&'a DriftReport>,
}

impl<'a> PlanOptions<'a> {
    /// Returns options that only select environments.
    pub fn of(kinds: Kinds, chosen: &'a dyn Fn(&str) -> bool) -> Self {
        Self { kinds, chosen, replace: &|_| false, drift: None }
    }

    pub(super) fn finding(&self, address: &Address) -> Option<&Drift> {
        self.drift?.get(address)
    }

    pub(super) fn replaces(&self, address: &Address) -> bool {
        (self.replace)(address)
    }
}
