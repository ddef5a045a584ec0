//! Lists of inputs.

use infra_core::graph::{Input, Unresolved};

/// Returns the ids, sorted, because AWS returns them in any order.
pub(super) fn sorted<T: Clone + Ord>(inputs: &[Input<T>]) -> Result<Vec<T>, Unresolved> {
    let mut ids = inputs.iter().map(|input| input.get().cloned()).collect::<Result<Vec<T>, Unresolved>>()?;
    ids.sort();
    Ok(ids)
}
