//! What a rehearsal shows while it runs.

use infra_core::events::Event;
use infra_rehearsal::Live;

/// What a rehearsal does at a moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The phase.
    pub phase: String,
    /// What happens in it.
    pub detail: String,
    /// Seconds of AWS since the rehearsal began.
    pub aws_seconds: f64,
    /// The writers, while they run.
    pub traffic: Option<Live>,
    /// The lag of the replication, in seconds of AWS, while changes are replicated.
    pub lag_seconds: Option<f64>,
    /// How often the driver was killed.
    pub kills: u32,
}

/// Follows a rehearsal. All methods must return at once.
pub trait Observer: Send + Sync {
    /// A phase has begun.
    fn phase(&self, name: &str);
    /// A phase has ended, with this result.
    fn phase_ended(&self, name: &str, detail: &str);
    /// What it does now; several times a second.
    fn status(&self, status: &Status);
    /// An event of the migration.
    fn event(&self, _event: &Event) {}
}
