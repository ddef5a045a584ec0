//! Target tracking: the number of tasks of a service follows its load.
//!
//! The load of a service are the requests that its load balancers forward to it. How busy a task is follows from that;
//! memory does not depend on the load.

use std::time::Duration;

use super::autoscaling::{Policy, Target};
use super::ecs::{Rollout, Service};
use super::elbv2::{Action, LoadBalancer};
use super::health::Health;
use super::metrics::{MINUTE, minute_end};
use super::state::{RegionState, World};
use super::timeline::Timeline;

/// How many requests per minute keep the processor of one task busy.
const REQUESTS_OF_BUSY_TASK: f64 = 600.0;
/// The memory that a task uses, in percent.
const MEMORY_PERCENT: f64 = 30.0;
/// How many minutes in a row a metric is above its target before tasks are added, and below 90 % of it before tasks are
/// removed. "Application Auto Scaling scales out proportionally to the metric as fast as it can, but scales in more
/// gradually" ("Target tracking scaling policies"). The numbers are those of the alarms that it creates.
const MINUTES_ABOVE: u32 = 3;
const MINUTES_BELOW: u32 = 15;
const BELOW: f64 = 0.9;
/// "Application Auto Scaling provides a default value of 300" for ECS services (`ScaleInCooldown`).
const DEFAULT_COOLDOWN: i32 = 300;
/// After a longer time without a look at the world, only its last minutes are considered.
const LONGEST: u64 = 60 * MINUTE;

/// A change of a task count.
struct Decision {
    region: String,
    target: String,
    service: String,
    count: i32,
    at: u64,
}

impl World {
    /// Lets Application Auto Scaling act on each minute that has ended.
    pub(super) fn advance_autoscaling(&mut self) {
        while let Some((region, id, at)) = self.next_evaluation() {
            if let Some(decision) = self.evaluate(&region, &id, at) {
                self.carry_out(&decision);
            }
        }
    }

    /// Returns the next minute of a scalable target that has ended.
    fn next_evaluation(&mut self) -> Option<(String, String, u64)> {
        let now = self.now;
        for (name, region) in &mut self.regions {
            for (id, target) in &mut region.autoscaling.targets {
                let last = target.evaluated_at.max(target.created_at).max(now.saturating_sub(LONGEST));
                let minute = last + MINUTE;
                if minute <= now {
                    target.evaluated_at = minute;
                    return Some((name.clone(), id.clone(), minute));
                }
            }
        }
        None
    }

    /// "Application Auto Scaling scales based on the policy that provides the largest capacity for both scale in and
    /// scale out" ("Target tracking scaling policies").
    fn evaluate(&mut self, region_name: &str, id: &str, at: u64) -> Option<Decision> {
        let region = self.regions.get(region_name)?;
        let service = region.ecs.services.values().find(|service| is_service(service, id))?;
        let (count, service_arn) = (service.desired_count, service.arn.clone());
        // "Application Auto Scaling turns off scale-in processes while Amazon ECS deployments are in progress"
        // ("Automatically scale your Amazon ECS service").
        let deploys = service.deployments.first().is_none_or(|one| one.rollout(at) != Rollout::Completed);
        let cpu = self.cpu_percent(region, service, at)?;
        let target = self.regions.get_mut(region_name)?.autoscaling.targets.get_mut(id)?;
        for policy in target.policies.values_mut() {
            policy.record(policy.metric_value(cpu));
        }
        let wanted = target.policies.values().map(|policy| policy.wanted(count, cpu)).max()?;
        let wanted = wanted.clamp(target.min, target.max.max(target.min));
        let may = if wanted > count {
            target.may_scale_out(at)
        } else {
            wanted < count && !deploys && target.may_scale_in(at)
        };
        if !may {
            return None;
        }
        if wanted > count {
            target.scaled_out_at = Some(at);
        } else {
            target.scaled_in_at = Some(at);
        }
        for policy in target.policies.values_mut() {
            (policy.above, policy.below) = (0, 0);
        }
        let (region, target) = (region_name.to_owned(), id.to_owned());
        Some(Decision { region, target, service: service_arn, count: wanted, at })
    }

    fn carry_out(&mut self, decision: &Decision) {
        let Decision { region, target, service, count, at } = decision;
        let startup = self.completion_time(45.0, 65.0, 130.0) - self.now;
        let Some(service) = self.region_of_key(region).ecs.services.get_mut(service) else { return };
        let added = count - service.desired_count;
        service.desired_count = *count;
        let message = format!("Message: Successfully set desired count to {count}. ({target})");
        service.events.insert(0, (*at, message));
        let service = service.clone();
        match usize::try_from(added) {
            Ok(added) => self.start_tasks(region, &service, added, Some(at + startup)),
            Err(_) => {
                let removed = usize::try_from(-added).unwrap_or_default();
                self.region_of_key(region).stop_tasks(&service.arn, removed, at + startup);
            }
        }
    }

    /// Returns how busy the tasks of a service are in the minute that ends at `at`; `None` without a healthy task.
    fn cpu_percent(&self, region: &RegionState, service: &Service, at: u64) -> Option<f64> {
        let timeline = self.timeline();
        let group = region.elbv2.target_groups.get(&service.settings.target_group_arn)?;
        let targets = region.targets(group, &timeline.at(at), at, self.now);
        let healthy = targets.iter().filter(|target| target.health == Health::Healthy).count();
        let tasks = f64::from(u32::try_from(healthy).ok().filter(|healthy| *healthy > 0)?);
        let requests = self.requests_of_group(&timeline, region, &group.arn, at);
        Some((requests / tasks / REQUESTS_OF_BUSY_TASK * 100.0).min(100.0))
    }

    fn requests_of_group(&self, timeline: &Timeline<'_>, region: &RegionState, group: &str, at: u64) -> f64 {
        let balancers = region.elbv2.load_balancers.values();
        let forwarding = balancers.filter(|balancer| {
            let action = region.elbv2.action_for_clients(&balancer.arn, at);
            matches!(action, Some(Action::Forward(to)) if to == group)
        });
        let requests = |balancer: &LoadBalancer| match &self.requests {
            None => self.requests(timeline, balancer, at),
            Some(observed) => {
                let minute = observed.get(&balancer.arn).and_then(|minutes| minutes.at(minute_end(at)));
                minute.map_or(0.0, |minute| u32::try_from(minute.served).map_or(f64::from(u32::MAX), f64::from))
            }
        };
        forwarding.map(requests).sum()
    }
}

fn is_service(service: &Service, resource_id: &str) -> bool {
    service.status() == "ACTIVE" && resource_id == format!("service/{}/{}", service.cluster, service.name)
}

impl Policy {
    fn metric_value(&self, cpu: f64) -> f64 {
        if self.metric == "ECSServiceAverageCPUUtilization" { cpu } else { MEMORY_PERCENT }
    }

    /// Takes note of a minute.
    fn record(&mut self, value: f64) {
        self.above = if value > self.target_value { self.above + 1 } else { 0 };
        self.below = if value < self.target_value * BELOW { self.below + 1 } else { 0 };
    }

    /// Returns how many tasks would have a metric of the target value.
    fn wanted(&self, count: i32, cpu: f64) -> i32 {
        let wanted = (f64::from(count) * self.metric_value(cpu) / self.target_value).ceil();
        // It is at least zero and at most a small multiple of the count.
        #[expect(clippy::cast_possible_truncation, reason = "a number of tasks")]
        let wanted = wanted as i32;
        wanted
    }
}

impl Target {
    /// "If another alarm triggers a scale-out activity during the scale-in cooldown period, Application Auto Scaling
    /// scales out the target immediately" (`ScaleInCooldown`).
    fn may_scale_out(&self, at: u64) -> bool {
        let cooldown = self.policies.values().filter_map(|policy| policy.scale_out_cooldown).max();
        let is_due = self.policies.values().any(|policy| policy.above >= MINUTES_ABOVE);
        !self.suspended.scale_out && is_due && is_over(self.scaled_out_at, cooldown, at)
    }

    fn may_scale_in(&self, at: u64) -> bool {
        let cooldown = self.policies.values().filter_map(|policy| policy.scale_in_cooldown).max();
        let is_due = self.policies.values().all(|policy| policy.below >= MINUTES_BELOW);
        !self.suspended.scale_in && is_due && is_over(self.scaled_in_at.max(self.scaled_out_at), cooldown, at)
    }
}

/// Returns whether a cooldown that began at `since` is over.
fn is_over(since: Option<u64>, cooldown: Option<i32>, at: u64) -> bool {
    let seconds = u64::try_from(cooldown.unwrap_or(DEFAULT_COOLDOWN)).unwrap_or_default();
    let millis = u64::try_from(Duration::from_secs(seconds).as_millis()).unwrap_or(u64::MAX);
    since.is_none_or(|since| at >= since.saturating_add(millis))
}
