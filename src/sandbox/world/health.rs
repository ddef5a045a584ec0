//! The health of targets, which are the tasks of ECS services, at any time since their start.

use super::ecs::Rollout;
use super::elbv2::{LoadBalancer, TargetGroup};
use super::state::RegionState;
use super::timeline::ActiveChanges;
use infra_base::tags::OWNER_ADDRESS;

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: i32,
    /// Its health.
    pub health: Health,
}

/// The health of a target ("TargetHealth").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has not passed its first health checks.
    Initial,
    /// It passes its health checks.
    Healthy,
    /// It fails its health checks.
    Unhealthy,
    /// It is stopping.
    Draining,
    /// No load balancer uses its target group.
    Unused,
}

impl TargetGroup {
    /// Returns its name in CloudWatch: `targetgroup/name/id`.
    pub fn full_name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }
}

impl RegionState {
    /// Returns the targets of a target group at the time `at`, as known at `now`.
    ///
    /// Only existing tasks are known: for past times, a task represents the earlier task that it replaced.
    pub fn targets(&self, group: &TargetGroup, active: &ActiveChanges<'_>, at: u64, now: u64) -> Vec<Target> {
        let attached = !self.elbv2.attached_load_balancers(&group.arn).is_empty();
        let mut unhealthy_left = active.unhealthy_targets(self.environment_of(group), &group.name);
        let mut found = Vec::new();
        for service in self.ecs.services.values().filter(|service| service.settings.target_group_arn == group.arn) {
            for task in self.ecs.tasks.values().filter(|task| task.service_arn == service.arn) {
                let deployment = service.deployments.iter().find(|deployment| deployment.id == task.deployment);
                let completed = |at| deployment.is_some_and(|deployment| deployment.rollout(at) == Rollout::Completed);
                let replaces_earlier_task =
                    at < now && completed(now) && service.steady_since.is_some_and(|since| since <= at);
                if at < now
                    && (task.removed_at.is_some()
                        || (deployment.is_some_and(|one| one.created_at > at) && !replaces_earlier_task))
                {
                    continue;
                }
                let mut health = match completed(at) || replaces_earlier_task {
                    _ if task.removed_at.is_some() => Health::Draining,
                    // "Target.NotInUse: the target group is not configured to receive traffic from the load balancer".
                    _ if !attached => Health::Unused,
                    _ if task.healthy_at.is_some_and(|healthy| at < healthy) => Health::Initial,
                    true => Health::Healthy,
                    false => Health::Initial,
                };
                if health == Health::Healthy && unhealthy_left > 0 {
                    (health, unhealthy_left) = (Health::Unhealthy, unhealthy_left - 1);
                }
                found.push(Target { address: task.address.clone(), port: service.settings.container_port, health });
            }
        }
        found
    }

    /// Returns the target groups that a load balancer forwards to.
    pub fn target_groups_of(&self, balancer: &LoadBalancer) -> Vec<&TargetGroup> {
        let uses = |group: &&TargetGroup| {
            self.elbv2.attached_load_balancers(&group.arn).iter().any(|user| user.arn == balancer.arn)
        };
        self.elbv2.target_groups.values().filter(uses).collect()
    }

    /// Returns whether Route 53 considers a load balancer healthy: "each target group […] that contains targets must
    /// contain at least one healthy target" ("Values specific for alias records", Evaluate target health).
    pub fn is_healthy(&self, balancer: &LoadBalancer, active: &ActiveChanges<'_>, at: u64, now: u64) -> bool {
        let groups: Vec<Vec<Target>> =
            self.target_groups_of(balancer).into_iter().map(|group| self.targets(group, active, at, now)).collect();
        let used: Vec<&Vec<Target>> = groups.iter().filter(|targets| !targets.is_empty()).collect();
        !used.is_empty() && used.iter().all(|targets| targets.iter().any(|target| target.health == Health::Healthy))
    }

    /// Returns the environment of a target group: from its own address tag, or from that of one of its load balancers.
    fn environment_of<'a>(&'a self, group: &'a TargetGroup) -> Option<&'a str> {
        let users = self.elbv2.attached_load_balancers(&group.arn);
        environment(&group.tags).or_else(|| users.into_iter().find_map(|user| environment(&user.tags)))
    }
}

/// Returns the environment that the address tag among these tags names.
pub fn environment(tags: &super::tags::Tags) -> Option<&str> {
    tags.get(OWNER_ADDRESS).and_then(|address| address.split('/').next())
}
