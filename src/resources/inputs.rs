//! Lists of inputs.

use crate::graph::{Input, Unresolved};

/// The ids, sorted, because AWS shows them in an order of its own.
pub(super) fn sorted<T: Clone + Ord>(inputs: &[Input<T>]) -> Result<Vec<T>, Unresolved> {
    let mut ids = inputs.iter().map(|input| input.get().cloned()).collect::<Result<Vec<T>, Unresolved>>()?;
    ids.sort();
    Ok(ids)
}
