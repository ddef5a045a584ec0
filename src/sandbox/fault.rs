//! What can be done to a call on purpose.

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call has no effect.
    Before,
    /// The call takes effect, and the reply is lost.
    After,
}

/// How a call fails at the transport, so that neither the tool nor the SDK sees an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection broke.
    ConnectionLost(Moment),
    /// The sandbox itself cannot go on, for example because the disk is full.
    OutOfOrder(String),
}
