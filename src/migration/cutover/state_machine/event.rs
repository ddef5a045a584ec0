//! What can happen during a cutover.

use crate::TrafficSplit;
use crate::gate::Judgement;
use crate::shift::ShiftEffect;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it happened, in seconds since the cutover began.
    pub now: u64,
    /// What happened.
    pub input: Input,
}

/// What happened. Texts name the operator or the reason and contain no secret.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The cutover begins.
    Started,
    /// The process was killed and has been started again.
    Resumed,
    /// An operator started the cutover again after it had ended.
    Restarted,
    /// The current split of the traffic was observed.
    Observed(TrafficSplit),
    /// The split of the traffic could not be observed.
    ObserveFailed(String),
    /// The gates were evaluated.
    Judged(Vec<Judgement>),
    /// A shift is live.
    ShiftDone(TrafficSplit),
    /// A shift failed.
    ShiftFailed(ShiftEffect, String),
    /// The quiesce command succeeded.
    QuiesceDone,
    /// The quiesce command failed or timed out.
    QuiesceFailed(String),
    /// The replication lag is zero.
    LagZero,
    /// The replication lag did not reach zero in time.
    LagTimeout,
    /// An operator approved that the cutover continues after a configured pause.
    Approved(String),
    /// An operator requested a pause.
    Paused,
    /// An operator continued after a pause or a failure.
    Continued,
    /// An operator requested an abort. The configuration determines where the traffic goes.
    AbortRequested(String),
    /// An operator requested that all traffic returns to the source.
    RollbackRequested(String),
    /// There is no operator to ask: the cutover ends and traffic stays where it is.
    NoOperator,
    /// All traffic goes to the source, and this was observed.
    RollbackDone,
    /// The traffic could not be shifted back. It is tried again.
    RollbackFailed(String),
    /// The traffic could not be shifted back with the weights, and the emergency switch has taken the target out of the
    /// DNS answers. The weights are tried again.
    TargetTakenOut(String),
    /// The traffic was not sent back, because the source is not healthy.
    RollbackRefused(String),
    /// The cutover can no longer be monitored: its state cannot be written, or its lock is lost.
    Unmonitored(String),
    /// The release command succeeded, or there is none.
    Released,
    /// The release command failed or timed out.
    ReleaseFailed(String),
}
