//! Futures that are built on the heap.

use std::pin::Pin;

/// Builds a large future on the heap.
///
/// `Box::pin(future)` builds it on the stack of its caller, whose frame has room for it as long as it is polled.
/// Without optimization, a few nested calls then fill a stack of two megabytes.
#[inline(never)]
pub fn on_heap<F: Future>(build: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(build())
}
