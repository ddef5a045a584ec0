//! What a caller implements: one method for each row, and one for each row that is undone.

use std::time::Duration;

use infra_database::Lsn;
use infra_database::marker::MarkerId;

use crate::direction::Direction;
use crate::evidence::{Before, Checked, Drained, Evidence, MovedSequences};
use crate::failure::{Failure, UndoFailure};
use crate::moment::Moment;

/// What an operation knows about its task.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// From which side to which.
    pub direction: Direction,
    /// What the rows before have found.
    pub evidence: &'a Evidence,
    /// The number of this attempt, from 1. An earlier one may have had any part of its effect.
    pub attempt: u32,
    /// When the budget is used up; `None` if nothing ends the attempt but its own limit.
    pub deadline: Option<Moment>,
}

/// What the switchover does to the world. *Old* and *new* are the sides `from` and `to` of the direction.
///
/// Every method
///
/// - *observes, and does what is missing*. It is repeated after kills, and after attempts of which nothing is known, so
///   it can begin with any part of the work done, and a repetition of what is done changes nothing.
/// - *returns only when it is true*, which it has read back, and not when a call was accepted.
/// - *can be dropped at any `await`* (a kill, an abort, the end of the budget). No call of a dropped attempt may have
///   an effect after the next operation has begun: begin with waiting for, or ending, what an earlier attempt has left.
///   For SQL there is [`crate::sql::end_predecessors`].
/// - *returns [`crate::Effect::Unknown`]* unless it is certain that nothing was changed and nothing will be: after a
///   time limit, a broken connection, or a part of the work. `Unknown` is always right; it only means that this row is
///   undone too. Attempts that may succeed a moment later return [`Failure::Inconclusive`].
///
/// The methods for undoing must succeed in the end, however little is left of what they undo. They are repeated for
/// ever, each attempt within `Settings::attempt_limit`.
pub trait Operations: Send + Sync {
    /// Returns the time. It advances while the program does not run.
    fn now(&self) -> Moment;

    /// Waits. A caller whose clock is not that of the runtime waits on its own.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }

    /// Row 0. Makes sure that all later rows can be done, and returns how it is now.
    ///
    /// True afterwards: both fences respond to a test. The fallback replication exists and its connection tests pass.
    /// What reconnects the service is registered and healthy. The new side has the capacity of the old one. Credentials
    /// are valid longer than the budget. The old database accepts writes of the service and the new one does not
    /// ([`crate::sql::prepare`]).
    ///
    /// It changes nothing that clients or databases notice: it is never undone.
    fn prepare(&self, task: Task<'_>) -> impl Future<Output = Result<Before, Failure>> + Send;

    /// Row 1. Closes the environments of *both* sides to clients: with `compute-first`, clients reach the new side,
    /// whose service uses the old database.
    ///
    /// True afterwards: every address of both load balancers answers with the fence. It may also run a quiesce command
    /// and stop tasks.
    fn fence(&self, task: Task<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Row 2. Waits for the end of what is in flight, and makes the old database refuse writes of the service.
    ///
    /// True afterwards: no request at a load balancer. The guard of the old database is on, no session from before has
    /// remained, and no transaction is open or prepared ([`crate::sql::drain`]).
    fn drain(&self, task: Task<'_>) -> impl Future<Output = Result<Drained, Failure>> + Send;

    /// Row 3. Writes a marker on the old database and awaits it on the new one ([`crate::sql::marker`]).
    ///
    /// True afterwards: everything that was committed on the old database is in the new one.
    fn marker(&self, task: Task<'_>) -> impl Future<Output = Result<MarkerId, Failure>> + Send;

    /// Row 4. Moves the sequences ([`crate::sql::sequences`]).
    ///
    /// True afterwards: each sequence of the new database is at or past the position in the old one.
    fn sequences(&self, task: Task<'_>) -> impl Future<Output = Result<MovedSequences, Failure>> + Send;

    /// Row 5. Compares both databases ([`crate::sql::check`]) and the states of tables in the replication. It changes
    /// nothing.
    ///
    /// True afterwards: no difference was found, no table is suspended or failed. Too little data is
    /// [`Failure::Inconclusive`], never a success.
    fn check(&self, task: Task<'_>) -> impl Future<Output = Result<Checked, Failure>> + Send;

    /// Row 6. Requests the stop of the forward replication, prepares the old database for the reverse replication
    /// ([`crate::sql::accept_identities`]), and takes the start position of that on the new database
    /// ([`crate::sql::fallback_start`]). Nobody is served meanwhile, so it does not wait for the stop.
    ///
    /// True afterwards: the forward replication has stopped, or is stopping and [`Self::open`] can cut it off; it can
    /// be resumed where it stopped. A slot on the new database has the start position, so that the reverse replication
    /// will carry the first write, whenever it is started. A slot of an earlier attempt is kept, or replaced by one
    /// with a newer position: both are right, because nothing writes. A reverse replication from an *earlier
    /// switchover* has stopped, and its slot is replaced, because its position is old.
    fn fallback(&self, task: Task<'_>) -> impl Future<Output = Result<Lsn, Failure>> + Send;

    /// Row 7. The service of the new side uses the new database.
    ///
    /// True afterwards: each task that can get a request of the new side is connected to the new database, and is
    /// healthy. Tasks that used the old one are no target any more. The new database still refuses its writes.
    fn reconnect(&self, task: Task<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Row 8. Makes sure that the forward replication carries nothing any more ([`crate::sql::cut_off`], or it has
    /// stopped). *Then* lets the new database accept writes ([`crate::sql::open_new`]), and *then* opens the fence of
    /// the new side. The old side stays closed, its database stays guarded.
    ///
    /// True afterwards: every address of the new side's load balancer answers with the service. It is repeated until it
    /// succeeds. Later, the caller starts the reverse replication, after it has seen that the forward one has stopped,
    /// and removes what is left of that.
    fn open(&self, task: Task<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Undoes row 7. True afterwards: the service of the new side uses the database of `evidence.before.new_side_uses`,
    /// and no task that uses another one can get a request.
    fn undo_reconnect(&self, task: Task<'_>) -> impl Future<Output = Result<(), UndoFailure>> + Send;

    /// Undoes row 6. True afterwards: the slot of the reverse replication does not exist, nothing reads it, the old
    /// database is as before ([`crate::sql::restore_identities`]), and the forward replication runs from where it
    /// stopped. One that is still stopping is awaited first.
    fn undo_fallback(&self, task: Task<'_>) -> impl Future<Output = Result<(), UndoFailure>> + Send;

    /// Undoes row 2. True afterwards: the old database accepts writes of the service ([`crate::sql::reopen_old`]).
    fn undo_drain(&self, task: Task<'_>) -> impl Future<Output = Result<(), UndoFailure>> + Send;

    /// Undoes row 1. True afterwards: the environments of `evidence.before.open` are open, and no other. What was
    /// quiesced or stopped runs again *before* a fence opens.
    fn undo_fence(&self, task: Task<'_>) -> impl Future<Output = Result<(), UndoFailure>> + Send;
}
