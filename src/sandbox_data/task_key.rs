//! Where a task is in the world.

use infra_sandbox::World;
use infra_sandbox::world::real_data::LiveTask;

/// Where a task is in the world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    pub(crate) region: String,
    pub(crate) identifier: String,
    pub(crate) arn: String,
}

impl TaskKey {
    /// Returns what the world knows of the task's data.
    pub(crate) fn live<'a>(&self, world: &'a mut World) -> Option<&'a mut LiveTask> {
        let task = world.regions.get_mut(&self.region)?.dms.tasks.get_mut(&self.identifier)?;
        if task.arn == self.arn { task.live.as_mut() } else { None }
    }
}
