//! What each row does to AWS and to the databases.

use std::time::Duration;

use infra_base::address::{Address, Location};
use infra_base::on_heap::on_heap;
use infra_config::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::events::Event;
use infra_core::resource::{Error, describe};
use infra_database::marker::MarkerId;
use infra_database::{Database, Lsn, changes, slots};
use infra_kinds::dms::task_status::{AT_REST, read_existing, tables};
use infra_kinds::elbv2::fence_position::FencePosition;
use infra_switchover::machine::Progress;
use infra_switchover::sql::{self, MarkerWait};
use infra_switchover::{
    Before, Checked, Direction, Drained, Failure, Moment, MovedSequences, Operations, Task, UndoFailure,
};

use super::comparison;
use super::databases::{Databases, OWN};
use super::measure::{self, Measured};
use super::settings::SwitchoverSettings;
use super::view::{NODES_FOLLOW, View, now, split};
use crate::cutover::{Hook, Hooks};
use crate::records::RecordName;
use crate::serving::{database_side, health, use_database_of};
use crate::topology::{Fallback, Replication, Service, Topology};
use crate::{TrafficSplit, fallback, fence, shift, task_count};

/// How long tasks have time to become healthy, and the pause between two looks.
pub(super) const HEALTHY_WITHIN: Duration = Duration::from_mins(5);
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// States of tables that are replicated as they should ("DescribeTableStatistics").
const GOOD_TABLES: &[&str] = &["Table completed", "Full load", "Before load"];

/// The operations of a switchover on AWS.
pub struct AwsOperations<'a> {
    /// Cloud, journal and events.
    pub context: &'a Context,
    /// The region of the Route 53 control plane.
    pub location: Location,
    /// The domain name that clients use.
    pub record_name: RecordName,
    /// The resources of the stack.
    pub topology: Topology,
    /// The databases.
    pub databases: Databases<'a>,
    /// The commands that stop and release what writes beside the service.
    pub hooks: Hooks,
    /// What is configured.
    pub settings: SwitchoverSettings,
    /// The last switchover that was completed, for the forecast.
    pub last: Option<Progress>,
}

#[expect(clippy::needless_pass_by_value, reason = "the form of `map_err`")]
pub(super) fn failed(error: Error) -> Failure {
    Failure::with_unknown_effect(describe(&error))
}

/// Drops a slot that nobody reads any more.
pub(super) async fn drop_slot(database: Database<'_>, name: &str) -> Result<(), Failure> {
    match slots::drop(database, name).await.map_err(sql::Error::from)? {
        slots::Dropped::Active => Err(Failure::with_unknown_effect(format!("the slot {name} is being read"))),
        slots::Dropped::Dropped | slots::Dropped::Absent => Ok(()),
    }
}

impl AwsOperations<'_> {
    /// Tells the user something.
    pub(super) fn notice(&self, text: String) {
        self.context.events.send(Event::Notice { address: None, text });
    }

    /// Returns the service of a side.
    pub(super) fn service(&self, side: Side) -> Result<&Service, Failure> {
        let missing =
            || Failure::without_effect(format!("the state contains no service of the {side}; `up` creates it"));
        self.topology.service(side).ok_or_else(missing)
    }

    pub(super) fn replication(&self) -> Result<&Replication, Failure> {
        let missing = || Failure::without_effect("the state contains no replication of the database; `up` creates it");
        self.topology.replications.iter().find(|one| one.replicates_changes()).ok_or_else(missing)
    }

    fn reader(&self) -> ReadContext {
        self.context.read_context()
    }

    fn view(&self) -> Result<View<'_>, Failure> {
        Ok(View {
            context: self.context,
            databases: &self.databases,
            settings: &self.settings,
            topology: &self.topology,
            replication: self.replication()?,
            last: self.last.as_ref(),
        })
    }

    /// Waits on the clock of AWS.
    pub(super) async fn wait_for_aws(&self, time: Duration) {
        self.context.cloud.clock().sleep(time).await;
    }

    pub(super) async fn set_fence(&self, side: Side, to: FencePosition) -> Result<bool, Failure> {
        let service = self.service(side)?;
        let missing = || Failure::without_effect(format!("the {side} has no fence; `up` creates it"));
        let fence = service.fence.as_ref().ok_or_else(missing)?;
        let changed = fence::set_position(self.context, service, fence, to).await.map_err(failed)?;
        match fence::position(&self.reader(), service).await.map_err(failed)? {
            Some(position) if position == to => Ok(changed),
            _ => Err(Failure::inconclusive(format!("the fence of the {side} is not {} yet", to.as_str()))),
        }
    }

    async fn fence_position(&self, side: Side) -> Result<FencePosition, Failure> {
        let service = self.service(side)?;
        let unknown = || Failure::without_effect(format!("the {side} has no fence that is open or closed; run `up`"));
        fence::position(&self.reader(), service).await.map_err(failed)?.ok_or_else(unknown)
    }

    /// Returns how many tasks of a service that use the database of a side are healthy.
    async fn healthy(&self, service: &Service, database: Side) -> Result<u32, Failure> {
        Ok(health(&self.reader(), service, database).await.map_err(failed)?.healthy)
    }

    /// Makes sure that as many tasks of the new side use its own database as serve now.
    async fn has_capacity(&self, direction: Direction) -> Result<(), Failure> {
        let (ready, serving) = self.capacity(direction).await?;
        if ready >= serving {
            return Ok(());
        }
        let why = format!(
            "{ready} tasks of the {new} that use its database are healthy, and {serving} serve now",
            new = direction.to()
        );
        Err(Failure::inconclusive(why))
    }

    /// Returns how many healthy tasks of the new side use its own database, and how many serve now, at least one.
    async fn capacity(&self, direction: Direction) -> Result<(u32, u32), Failure> {
        let (old, new) = (self.service(direction.from())?, self.service(direction.to())?);
        let before = self.healthy(old, direction.from()).await?.max(self.healthy(new, direction.from()).await?);
        Ok((self.healthy(new, direction.to()).await?, before.max(1)))
    }

    /// Adds tasks to the new side, if more serve now, and waits until they are healthy. Nothing is closed yet, and no
    /// budget runs.
    ///
    /// # Errors
    /// They are not healthy in time, or AWS cannot be reached, which is inconclusive; or autoscaling allows fewer.
    pub async fn await_capacity(&self, direction: Direction) -> Result<(), Failure> {
        let inconclusive = |error: Error| Failure::inconclusive(describe(&error));
        let matched = task_count::match_serving(self.context, &self.topology, direction.to()).await;
        let limit = matched.map_err(inconclusive)?.limit;
        let mut waited = Duration::ZERO;
        loop {
            let (ready, serving) = self.capacity(direction).await?;
            if ready >= serving {
                return Ok(());
            }
            if let Some(limit) = limit.filter(|limit| *limit < serving) {
                return Err(Failure::without_effect(format!(
                    "the autoscaling of the {} allows {limit} tasks, and {serving} serve now: increase its \
                     `max_count`, and run `up`",
                    direction.to()
                )));
            }
            let text = format!("{ready} of {serving} tasks of the {} are healthy", direction.to());
            if waited >= HEALTHY_WITHIN {
                return Err(Failure::inconclusive(text));
            }
            if waited.is_zero() {
                self.notice(format!("waiting: {text}"));
            }
            self.wait_for_aws(LOOK).await;
            waited += LOOK;
        }
    }

    /// Returns tables that the replication of the old database has given up.
    async fn check_tables(&self, direction: Direction) -> Result<(), Failure> {
        let (address, task) = self.carrier(direction)?;
        let cx = self.reader().reader(address, &self.replication()?.location);
        let tables = tables(&cx, task).await.map_err(failed)?;
        let bad = tables.iter().filter(|table| !GOOD_TABLES.contains(&table.state.as_str()));
        let bad: Vec<String> = bad.map(|table| format!("{} ({})", table.name, table.state)).collect();
        if bad.is_empty() {
            return Ok(());
        }
        Err(Failure::with_unknown_effect(format!("tables that are not replicated: {}", bad.join(", "))))
    }

    /// Returns the fallback that writes the database of a side.
    pub(super) fn fallback_to(&self, side: Side) -> Result<&Fallback, Failure> {
        fallback::fallback(self.replication()?, side).map_err(failed)
    }

    /// Stops what carries changes to the new primary, and returns when it has stopped.
    pub(super) async fn stop_carrier(&self, direction: Direction) -> Result<(), Failure> {
        let stopped = match direction {
            Direction::FORWARD => fallback::stop_carrier(self.context, self.replication()?).await,
            _ => fallback::stop_and_verify(self.context, self.fallback_to(direction.to())?).await,
        };
        stopped.map_err(failed)
    }

    /// Requests the stop of what carries changes to the new primary.
    pub(super) async fn request_stop_of_carrier(&self, direction: Direction) -> Result<(), Failure> {
        let requested = match direction {
            Direction::FORWARD => fallback::request_stop_of_carrier(self.context, self.replication()?).await,
            _ => fallback::request_stop_of_fallback(self.context, self.fallback_to(direction.to())?).await,
        };
        requested.map_err(failed)
    }

    /// Returns whether the task that carries changes to the new primary is at rest.
    pub(super) async fn is_carrier_at_rest(&self, direction: Direction) -> Result<bool, Failure> {
        let (address, task) = self.carrier(direction)?;
        let cx = self.reader().reader(address, &self.replication()?.location);
        let status = read_existing(&cx, task).await.map_err(failed)?.status;
        Ok(AT_REST.contains(&status.as_str()))
    }

    /// Returns the address and the ARN of the task that carries changes to the new primary.
    fn carrier(&self, direction: Direction) -> Result<(&Address, &str), Failure> {
        let replication = self.replication()?;
        Ok(match direction {
            Direction::FORWARD => (&replication.address, &replication.task),
            _ => {
                let back = self.fallback_to(direction.to())?;
                (&back.address, &back.task)
            }
        })
    }

    /// Continues what carries changes to the new primary.
    async fn resume_carrier(&self, direction: Direction) -> Result<(), Failure> {
        let resumed = match direction {
            Direction::FORWARD => fallback::resume_carrier(self.context, self.replication()?).await,
            _ => fallback::resume(self.context, self.fallback_to(direction.to())?).await,
        };
        resumed.map_err(failed)
    }
}

impl Operations for AwsOperations<'_> {
    fn now(&self) -> Moment {
        now(self.context, &self.databases)
    }

    async fn pause(&self, time: Duration) {
        if self.databases.are_real() {
            tokio::time::sleep(time).await;
        } else {
            self.wait_for_aws(time).await;
        }
    }

    async fn prepare(&self, task: Task<'_>) -> Result<Before, Failure> {
        let direction = task.direction;
        let mut open = Vec::new();
        for side in [Side::Source, Side::Target] {
            if self.fence_position(side).await? == FencePosition::Open {
                open.push(side);
            }
        }
        let new = self.service(direction.to())?;
        let uses = database_side(&self.reader(), new).await.map_err(failed)?;
        let Some(new_side_uses) = uses else {
            let why = format!("something has changed the rule of the second service of the {}; run `up`", new.side);
            return Err(Failure::without_effect(why));
        };
        self.has_capacity(direction).await?;
        fallback::prepare(self.context, self.fallback_to(direction.from())?).await.map_err(failed)?;
        let connected = self.databases.connect(direction).await?;
        let data = match &connected {
            Some(connected) => {
                let [old, new] = connected.databases();
                let position = changes::last_lsn(old).await.map_err(sql::Error::from)?;
                let marker = sql::prepare(old, new, connected.service(), MarkerWait::default()).await?;
                let confirms = self.confirms(direction, old, position).await?;
                Some(Measured { connected, marker, confirms })
            }
            None => None,
        };
        let view = self.view()?;
        let forecast = Some(on_heap(|| measure::forecast(view, task, data)).await?);
        Ok(Before { open, new_side_uses, forecast })
    }

    async fn fence(&self, task: Task<'_>) -> Result<(), Failure> {
        let mut changed = false;
        for side in [Side::Source, Side::Target] {
            changed |= self.set_fence(side, FencePosition::Closed).await?;
        }
        if changed {
            self.wait_for_aws(NODES_FOLLOW).await;
        }
        if self.hooks.quiesce.is_empty() || task.direction != Direction::FORWARD {
            return Ok(());
        }
        let result = self.hooks.run(Hook::Quiesce, &self.context.events, TrafficSplit::TARGET).await;
        match result.and_then(|result| result.failed) {
            None => Ok(()),
            Some(why) => Err(Failure::with_unknown_effect(format!("the quiesce command: {why}"))),
        }
    }

    async fn drain(&self, task: Task<'_>) -> Result<Drained, Failure> {
        let Some(connected) = self.databases.connect(task.direction).await? else { return Ok(Drained::default()) };
        let [old, _] = connected.databases();
        Ok(sql::drain(old, connected.service(), self.settings.patience(), OWN).await?)
    }

    async fn marker(&self, task: Task<'_>) -> Result<MarkerId, Failure> {
        let Some(connected) = self.databases.connect(task.direction).await? else { return Ok(MarkerId::nothing()) };
        let [old, new] = connected.databases();
        Ok(sql::marker(old, new, MarkerWait::default()).await?)
    }

    async fn sequences(&self, task: Task<'_>) -> Result<MovedSequences, Failure> {
        let Some(connected) = self.databases.connect(task.direction).await? else {
            return Ok(MovedSequences::default());
        };
        let [old, new] = connected.databases();
        Ok(sql::sequences(old, new).await?)
    }

    async fn check(&self, task: Task<'_>) -> Result<Checked, Failure> {
        self.check_tables(task.direction).await?;
        let Some(connected) = self.databases.connect(task.direction).await? else { return Ok(Checked::default()) };
        let view = self.view()?;
        on_heap(|| comparison::check(view, task, &connected)).await
    }

    async fn fallback(&self, task: Task<'_>) -> Result<Lsn, Failure> {
        let direction = task.direction;
        let connected = self.databases.connect(direction).await?;
        match &connected {
            Some(connected) => self.end_carrier(task, connected).await?,
            // There is nothing that it could carry.
            None => self.request_stop_of_carrier(direction).await?,
        }
        let fallback = self.fallback_to(direction.from())?;
        // A task from an earlier switchover reads the slot that is replaced.
        fallback::stop_and_verify(self.context, fallback).await.map_err(failed)?;
        let Some(connected) = connected else { return Ok(Lsn::default()) };
        let [old, new] = connected.databases();
        if direction == Direction::FORWARD {
            sql::note_identities(old, new).await?;
        }
        let identities = sql::accept_identities(old).await?;
        if !identities.is_empty() {
            let columns = identities.join(", ");
            let text = format!("identity columns of the {} accept values for now: {columns}", direction.from());
            self.notice(text);
        }
        sql::fallback_start(new, connected.service(), OWN).await?;
        Ok(slots::create(new, &fallback.slot).await.map_err(sql::Error::from)?)
    }

    async fn reconnect(&self, task: Task<'_>) -> Result<(), Failure> {
        let side = task.direction.to();
        let service = self.service(side)?;
        if self.healthy(service, side).await? == 0 {
            return Err(Failure::inconclusive(format!("no task of the {side} that uses its database is healthy")));
        }
        use_database_of(self.context, service, side).await.map_err(failed)?;
        self.must_use(service, side).await?;
        self.wait_for_aws(NODES_FOLLOW).await;
        Ok(())
    }

    async fn open(&self, task: Task<'_>) -> Result<(), Failure> {
        let side = task.direction.to();
        if let Some(connected) = self.databases.connect(task.direction).await? {
            let [old, new] = connected.databases();
            self.silence(task.direction, old).await?;
            self.advance_fallback(task.direction, &connected).await?;
            sql::open_new(old, new, connected.service()).await?;
        }
        // Whatever the weights are: who reaches the new side is served by the primary. The old side stays closed, so
        // that clients with an old answer get a 503 and ask again.
        self.set_fence(side, FencePosition::Open).await?;
        let shifted = shift::shift(self.context, &self.location, &self.record_name, split(side), "switchover").await;
        shifted.map_err(|error| failed(error.error))?;
        Ok(())
    }

    async fn undo_reconnect(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        let service = self.service(task.direction.to())?;
        let Some(before) = &task.evidence.before else { return Ok(()) };
        use_database_of(self.context, service, before.new_side_uses).await.map_err(failed)?;
        self.must_use(service, before.new_side_uses).await?;
        Ok(())
    }

    async fn undo_fallback(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        let fallback = self.fallback_to(task.direction.from())?;
        fallback::stop_and_verify(self.context, fallback).await.map_err(failed)?;
        if let Some(connected) = self.databases.connect(task.direction).await? {
            let [old, new] = connected.databases();
            drop_slot(new, &fallback.slot).await?;
            // The old database works as well without it, and nobody must wait for a session that uses a table.
            if let Err(error) = sql::restore_identities(old).await {
                let text = format!("identity columns still accept values: {}", describe(&error));
                self.notice(text);
            }
        }
        Ok(self.resume_carrier(task.direction).await?)
    }

    async fn undo_drain(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        let Some(connected) = self.databases.connect(task.direction).await? else { return Ok(()) };
        let [old, new] = connected.databases();
        Ok(sql::reopen_old(old, new, connected.service()).await?)
    }

    async fn undo_fence(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        if !self.hooks.quiesce.is_empty() && task.direction == Direction::FORWARD {
            let result = self.hooks.run(Hook::Release, &self.context.events, TrafficSplit::TARGET).await;
            if let Some(why) = result.and_then(|result| result.failed) {
                return Err(UndoFailure::new(format!("the release command: {why}")));
            }
        }
        let Some(before) = &task.evidence.before else { return Ok(()) };
        for side in &before.open {
            self.set_fence(*side, FencePosition::Open).await?;
        }
        Ok(())
    }
}

impl AwsOperations<'_> {
    /// Closes the record of connection tests that were killed. If that fails, the next switchover does it.
    pub(super) async fn end_prepare(&self) {
        let both = self.replication().map(|one| [&one.fallback_to_source, &one.fallback_to_target]);
        for fallback in both.into_iter().flatten().flatten() {
            let _ = fallback::end_prepare(self.context, fallback).await;
        }
    }

    async fn must_use(&self, service: &Service, side: Side) -> Result<(), Failure> {
        match database_side(&self.reader(), service).await.map_err(failed)? {
            Some(used) if used == side => Ok(()),
            _ => {
                let why = format!("the service of the {} does not use the database of the {side} yet", service.side);
                Err(Failure::inconclusive(why))
            }
        }
    }
}
