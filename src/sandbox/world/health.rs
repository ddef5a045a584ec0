//! The health of targets, which are the tasks of ECS services, at any time since they were started.

use super::RegionWorld;
use super::ecs::Rollout;
use super::elbv2::{LoadBalancer, TargetGroup};
use super::timeline::Scripted;
use crate::aws::OWNER_ADDRESS;

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: i32,
    /// How it is.
    pub health: Health,
}

/// How a target is ("TargetHealth").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has not passed its first health checks.
    Initial,
    /// It is well.
    Healthy,
    /// It fails its health checks.
    Unhealthy,
    /// It is told to stop.
    Draining,
    /// No load balancer uses its target group.
    Unused,
}

impl TargetGroup {
    /// Returns what CloudWatch calls it: `targetgroup/name/id`.
    pub fn full_name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }
}

impl RegionWorld {
    /// Returns the targets of a target group as they are at `at`, seen at `now`.
    ///
    /// Of the past only what still exists is known: a task that has taken the place of another stands for it.
    pub fn targets(&self, group: &TargetGroup, scripted: &Scripted<'_>, at: u64, now: u64) -> Vec<Target> {
        let attached = !self.elbv2.users(&group.arn).is_empty();
        let mut sick = scripted.unhealthy_targets(self.environment_of(group), &group.name);
        let mut found = Vec::new();
        for service in self.ecs.services.values().filter(|service| service.settings.target_group_arn == group.arn) {
            for task in self.ecs.tasks.values().filter(|task| task.service_arn == service.arn) {
                let deployment = service.deployments.iter().find(|deployment| deployment.id == task.deployment);
                let completed = |at| deployment.is_some_and(|deployment| deployment.rollout(at) == Rollout::Completed);
                let stands_for_another = at < now && completed(now) && service.steady_since.is_some_and(|since| since <= at);
                if at < now && (task.gone_at.is_some() || (deployment.is_some_and(|one| one.created_at > at) && !stands_for_another)) {
                    continue;
                }
                let mut health = match completed(at) || stands_for_another {
                    _ if task.gone_at.is_some() => Health::Draining,
                    // "Target.NotInUse: the target group is not configured to receive traffic from the load balancer".
                    _ if !attached => Health::Unused,
                    true => Health::Healthy,
                    false => Health::Initial,
                };
                if health == Health::Healthy && sick > 0 {
                    (health, sick) = (Health::Unhealthy, sick - 1);
                }
                found.push(Target { address: task.address.clone(), port: service.settings.container_port, health });
            }
        }
        found
    }

    /// Returns the target groups that a load balancer forwards to.
    pub fn groups_of(&self, balancer: &LoadBalancer) -> Vec<&TargetGroup> {
        let uses = |group: &&TargetGroup| self.elbv2.users(&group.arn).iter().any(|user| user.arn == balancer.arn);
        self.elbv2.target_groups.values().filter(uses).collect()
    }

    /// Returns whether Route 53 counts a load balancer as healthy: "each target group […] that contains targets must contain at least
    /// one healthy target" ("Values specific for alias records", Evaluate target health).
    pub fn is_healthy(&self, balancer: &LoadBalancer, scripted: &Scripted<'_>, at: u64, now: u64) -> bool {
        let groups: Vec<Vec<Target>> = self.groups_of(balancer).into_iter().map(|group| self.targets(group, scripted, at, now)).collect();
        let used: Vec<&Vec<Target>> = groups.iter().filter(|targets| !targets.is_empty()).collect();
        !used.is_empty() && used.iter().all(|targets| targets.iter().any(|target| target.health == Health::Healthy))
    }

    /// Returns the environment of a target group: that of the address that this tool has given it, or one of its load balancers.
    fn environment_of<'a>(&'a self, group: &'a TargetGroup) -> Option<&'a str> {
        let users = self.elbv2.users(&group.arn);
        environment(&group.tags).or_else(|| users.into_iter().find_map(|user| environment(&user.tags)))
    }
}

/// Returns the environment of something with these tags.
pub fn environment(tags: &super::ec2::Tags) -> Option<&str> {
    tags.get(OWNER_ADDRESS).and_then(|address| address.split('/').next())
}
