//! What can happen in a cutover.

use crate::migration::Split;
use crate::migration::gate::Judgement;

/// Something has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in seconds since the cutover began.
    pub now: u64,
    /// What.
    pub input: Input,
}

/// Whether a shift that failed has had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Certainly none: it was refused.
    None,
    /// It may have.
    Unknown,
    /// It had, and then something else has changed the weights: this is how traffic is divided since.
    Overridden(Split),
}

/// What has happened. Texts say who or why, and hold no secret.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The cutover begins.
    Started,
    /// It was started again after the process had been killed.
    Resumed,
    /// A person started it again after it had ended.
    Restarted,
    /// This is where the traffic is.
    Observed(Split),
    /// It could not be found out where the traffic is.
    ObserveFailed(String),
    /// The gates were judged.
    Judged(Vec<Judgement>),
    /// The shift is live.
    ShiftDone(Split),
    /// The shift failed.
    ShiftFailed(Effect, String),
    /// The quiesce command has ended well.
    QuiesceDone,
    /// The quiesce command has failed, or took too long.
    QuiesceFailed(String),
    /// The replication lag is zero.
    LagZero,
    /// The replication lag did not become zero in time.
    LagTimeout,
    /// A person has approved that it goes on after a pause of the schedule.
    Approved(String),
    /// A person wants to pause.
    Paused,
    /// A person wants to go on after a pause, or after a failure.
    Continued,
    /// A person wants to stop; the configuration says what happens to the traffic.
    AbortAsked(String),
    /// A person wants all traffic back on the source.
    RollbackAsked(String),
    /// There is nobody who could be asked, so the process ends and leaves all as it is.
    NobodyThere,
    /// All traffic goes to the source, as was seen.
    RollbackDone,
    /// The traffic could not be brought back.
    RollbackFailed(String),
    /// The release command has ended well, or there is none.
    Released,
    /// The release command has failed, or took too long.
    ReleaseFailed(String),
}
