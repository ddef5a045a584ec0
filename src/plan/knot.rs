//! Steps that would wait for each other.

use std::collections::BTreeMap;

use super::{Action, Step};
use crate::address::Address;
use crate::graph::Waits;

/// Steps that wait for each other in a circle, so that none of them could begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these steps would wait for each other in a circle: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> "))]
pub struct Knot(pub Vec<Address>);

/// Lets a deletion that is part of a circle go before what only mentions the doomed thing, or waits for it: AWS takes that. Else it is the
/// other way round, so that nothing refers to what is gone.
///
/// # Errors
/// A circle of things that hold on to each other.
pub(super) fn untie(steps: &mut [Step]) -> Result<(), Knot> {
    loosen(steps, &|_| true);
    waits(steps).circle().map_or(Ok(()), |circle| Err(Knot(circle)))
}

/// Lets those of these deletions that are part of a circle go before what only mentions the doomed thing.
pub(super) fn loosen(steps: &mut [Step], is_meant: &dyn Fn(&Address) -> bool) {
    let tied: BTreeMap<Address, usize> = {
        let knots = waits(steps).knots();
        let numbered = knots.iter().enumerate().flat_map(|(number, knot)| knot.iter().map(move |address| ((*address).clone(), number)));
        numbered.collect()
    };
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete && is_meant(&step.address)) {
        let Some(knot) = tied.get(&step.address) else { continue };
        step.needs.retain(|need| !need.loose || tied.get(&need.on) != Some(knot));
    }
}

fn waits(steps: &[Step]) -> Waits<'_> {
    Waits::new(steps.iter().map(|step| (&step.address, step.needs.as_slice())))
}
