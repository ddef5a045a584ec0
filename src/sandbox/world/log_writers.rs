//! The services that write logs create their group if it does not exist: without tags, without a retention. A group
//! that is deleted too early is back with the next entry (hashicorp/terraform-provider-aws#42858).

use super::state::{RegionState, World};

/// When the next entry of an existing writer arrives, and when the last entries arrive after their writer is gone.
const NEXT_MILLIS: u64 = 5_000;
const LATE_MILLIS: u64 = 20_000;

impl World {
    /// Creates the groups whose entries have arrived.
    pub(super) fn advance_log_groups(&mut self) {
        let now = self.now;
        for region in self.regions.values_mut() {
            let logs = &mut region.logs;
            let due: Vec<String> =
                logs.late.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
            logs.late.retain(|_, at| *at > now);
            for name in due {
                logs.create_by_service(&name, now);
            }
        }
    }

    /// Schedules the next entry of a group that was deleted: its writer exists, or the script says that its last
    /// entries are late. Those come once.
    pub fn log_group_deleted(&mut self, region: &str, name: &str) {
        let now = self.now;
        let late = self.timeline().at(now).has_late_logs(name);
        let region = self.region(region);
        // An export that was ended before its writer was deleted has sent its last entries.
        let can_end = ["/aws/rds/", "/aws/ecs/containerinsights/"].iter().any(|prefix| name.starts_with(prefix));
        let late = late && (!can_end || region.logs.unfinished.contains(name));
        if region.has_writer(name, now) {
            region.logs.late.insert(name.to_owned(), now + NEXT_MILLIS);
        } else if late && region.logs.returned.insert(name.to_owned()) {
            region.logs.late.insert(name.to_owned(), now + LATE_MILLIS);
        }
    }
}

impl RegionState {
    /// Returns whether an existing resource writes to a log group: a database that exports its logs, or a task in a
    /// cluster with Container Insights.
    fn has_writer(&self, name: &str, now: u64) -> bool {
        let exports = |one: &&super::rds::Instance| {
            let prefix = format!("/aws/rds/instance/{}/", one.identifier);
            name.strip_prefix(&prefix).is_some_and(|log| one.settings.log_exports.contains(log))
        };
        if self.rds.instances.values().filter(|one| one.status(now) != "creating").any(|one| exports(&one)) {
            return true;
        }
        let cluster = name
            .strip_prefix("/aws/ecs/containerinsights/")
            .and_then(|rest| rest.strip_suffix("/performance"))
            .and_then(|cluster| self.ecs.clusters.get(cluster));
        cluster.filter(|one| one.active && one.container_insights != "disabled").is_some_and(|one| {
            let of_cluster = format!(":task/{}/", one.name);
            self.ecs.tasks.values().any(|task| task.removed_at.is_none() && task.arn.contains(&of_cluster))
        })
    }
}
