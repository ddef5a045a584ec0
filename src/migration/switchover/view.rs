//! What the rows share: the clock, the resources, and what is configured.

use std::time::{Duration, SystemTime};

use infra_config::Side;
use infra_core::engine::Context;
use infra_switchover::Moment;
use infra_switchover::machine::Progress;

use super::databases::Databases;
use super::settings::SwitchoverSettings;
use crate::TrafficSplit;
use crate::topology::{Replication, Topology};

/// "It can take some seconds": the nodes of a load balancer get a new rule one after the other. A node that is late
/// forwards requests a moment longer. No payment depends on it: from the drain on, the database itself refuses writes.
pub(super) const NODES_FOLLOW: Duration = Duration::from_secs(5);

/// How long a task that runs has time to confirm what it has applied. A reader of a slot reports it about every ten
/// seconds (`wal_receiver_status_interval` of PostgreSQL's own one); nothing is documented for DMS.
pub(super) const CONFIRMS_WITHIN: Duration = Duration::from_secs(15);

/// What measuring and comparing need of a switchover.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// Cloud, journal and events.
    pub(super) context: &'a Context,
    /// The databases.
    pub(super) databases: &'a Databases<'a>,
    /// What is configured.
    pub(super) settings: &'a SwitchoverSettings,
    /// The resources of the stack.
    pub(super) topology: &'a Topology,
    /// The replication from the source to the target.
    pub(super) replication: &'a Replication,
    /// The last switchover that was completed.
    pub(super) last: Option<&'a Progress>,
}

impl View<'_> {
    /// Returns the time.
    pub(super) fn now(&self) -> Moment {
        now(self.context, self.databases)
    }

    /// Returns how long something that AWS does takes on this clock. What databases do takes real time, even if the
    /// time of AWS is simulated.
    pub(super) fn aws_time(&self, time: Duration) -> Duration {
        if self.databases.are_real() { self.context.cloud.clock().in_wall_time(time) } else { time }
    }
}

/// Returns the time of a switchover of these databases.
pub(super) fn now(context: &Context, databases: &Databases<'_>) -> Moment {
    if databases.are_real() {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        return Moment::default().after(since);
    }
    let seconds = u64::try_from(context.cloud.unix_now()).unwrap_or_default();
    Moment::from_unix_millis(seconds.saturating_mul(1000))
}

/// Returns the split that sends all traffic to a side.
pub(super) fn split(side: Side) -> TrafficSplit {
    match side {
        Side::Source => TrafficSplit::SOURCE,
        Side::Target => TrafficSplit::TARGET,
    }
}
