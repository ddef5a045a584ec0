//! Refusals of the migration: replication, traffic and cutover.

use infra_config::{Side, Strategy};
use infra_migration::{TrafficSplit, UnreadableRecord};
use infra_switchover::Direction;

/// Why a step of the migration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrationRefusal {
    /// The configuration has no routing.
    #[error("this configuration has no routing, so there is no traffic to {verb}")]
    NoRouting {
        /// What was to be done with the traffic.
        verb: &'static str,
    },
    /// The state contains no weighted records.
    #[error("there is no routing yet: the state contains no weighted records")]
    NoRecords,
    /// The source was removed from the stack.
    #[error("the source was removed: all traffic goes to the target, and there is no other environment")]
    SourceRemoved {
        /// The name of the records.
        name: String,
    },
    /// The records cannot be read.
    #[error("cannot read the records")]
    UnreadableRecords {
        /// Why.
        reason: String,
    },
    /// The state contains no replication.
    #[error("there is no database replication here: the state contains no replication task")]
    NoReplication,
    /// The task cannot be started or reloaded now.
    #[error("{address}: {reason}")]
    CannotLoad {
        /// The task.
        address: infra_base::address::Address,
        /// Why.
        reason: String,
        /// What the target is used for, if that is the reason.
        target_use: Option<String>,
    },
    /// A cutover in progress depends on the replication.
    #[error("a cutover is in progress, at {live}, and depends on the replication")]
    CutoverUsesReplication {
        /// The share of the target.
        live: TrafficSplit,
    },
    /// Without replication, the target would miss changes.
    #[error("{live} of the traffic goes to the target, which would no longer receive changes")]
    TargetWouldMissChanges {
        /// The share of the target.
        live: TrafficSplit,
    },
    /// A cutover in progress shifts traffic itself.
    #[error("a cutover is in progress, at {live}")]
    CutoverInProgress {
        /// The share of the target.
        live: TrafficSplit,
    },
    /// The environment has no service, or its load balancer has no fence.
    #[error("the state contains no fence of the {side}")]
    NoFence {
        /// The environment.
        side: Side,
    },
    /// The environment that would receive traffic has no healthy target.
    #[error("traffic would go to an environment that does not answer: {reason}")]
    Unhealthy {
        /// Why.
        reason: String,
    },
    /// The emergency switch has taken the target out.
    #[error("the target is taken out by the emergency switch, so it would receive no traffic")]
    TargetTakenOut,
    /// A cutover stopped writes to the source, which is not released yet.
    #[error("traffic would go to the source, whose writes are stopped")]
    SourceQuiesced {
        /// The cutover.
        cutover: String,
    },
    /// The stack has no emergency switch.
    #[error("this stack has no emergency switch")]
    NoEmergencySwitch,
    /// The percentage is not a step of the cutover.
    #[error("{percent} % is not a step of the cutover")]
    NotAStep {
        /// The percentage.
        percent: u8,
        /// The steps.
        steps: Vec<u8>,
    },
    /// There is no cutover to control.
    #[error("there is no cutover in progress")]
    NoCutover,
    /// No step waits for an approval.
    #[error("no step waits for an approval: the cutover is at {live}")]
    NothingToApprove {
        /// The share of the target.
        live: TrafficSplit,
    },
    /// Another process has continued the cutover.
    #[error("another process has continued the cutover in the meantime")]
    CutoverConflict,
    /// The running cutover does not read requests.
    #[error("the running cutover cannot be reached")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The release command failed.
    #[error("all traffic goes to the source, and its release command failed: the source may refuse writes")]
    NotReleased {
        /// Why.
        reason: String,
    },
    /// What the state contains of the migration cannot be read, so what may be done is not known.
    #[error(transparent)]
    UnreadableRecord(#[from] UnreadableRecord),
    /// It is not known which database a service uses.
    #[error("cannot read which database the service of the target uses")]
    UnreadableService {
        /// Why.
        reason: String,
    },
    /// A switchover is under way.
    #[error("a switchover is in progress ({direction})")]
    SwitchoverInProgress {
        /// From which side to which.
        direction: Direction,
    },
    /// Traffic would go to a side whose service does not use the primary.
    #[error("the database of the {primary} is the primary, and the service of the {side} does not use it")]
    NotThePrimary {
        /// The side that would get traffic.
        side: Side,
        /// The side whose database is the primary.
        primary: Side,
        /// How the migration keeps to one primary.
        strategy: Strategy,
    },
    /// The target cannot serve clients with the source database.
    #[error("the target is not ready for its first client")]
    NotReady {
        /// Why.
        reason: String,
    },
    /// The databases cannot be reached, so nothing can be proven about them.
    #[error("a cutover that moves the data needs SQL access to both databases")]
    NoDatabaseAccess {
        /// Why.
        reason: String,
    },
    /// The switchover has stopped in the middle.
    #[error("the switchover ({direction}) has stopped in the middle")]
    SwitchoverStopped {
        /// From which side to which.
        direction: Direction,
        /// Why.
        reason: String,
    },
    /// The database of the target is the primary, so traffic alone cannot go back.
    #[error("the database of the target is the primary: only a switchover can make that of the source the primary")]
    DataMoved,
    /// The replication would write into the primary.
    #[error("the database of the target is the primary: the replication would overwrite it")]
    TargetIsPrimary,
    /// A finish has removed what the replication needs to resume.
    #[error("`cutover finish` has ended the replication")]
    MustReload,
    /// A fallback replicates the changes since a switchover back.
    #[error("a switchover has moved the data back, and another task replicates the changes since then")]
    FallbackReplicates,
    /// There is no migration to finish.
    #[error("there is no migration to finish: no switchover has moved the data")]
    NothingToFinish,
    /// The migration is finished.
    #[error("the migration is finished: nothing leads back")]
    Finished,
    /// The migration cannot be finished now.
    #[error("the migration is not finished")]
    NotFinished {
        /// Why.
        reason: String,
    },
}
