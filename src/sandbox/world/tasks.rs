//! How tasks of ECS services start and stop.

use super::account_region::AccountRegion;
use super::ecs::{Service, Task};
use super::state::{RegionState, World};

impl World {
    /// Starts tasks of a service's primary deployment, in the region with this key. They become healthy at
    /// `healthy_at`, or with the deployment. A Fargate task has its network interface from the start.
    pub fn start_tasks(&mut self, key: &str, service: &Service, count: usize, healthy_at: Option<u64>) {
        let Some(deployment) = service.deployments.first() else { return };
        let account_region = AccountRegion::of_key(key);
        for number in 0..count {
            let id: String = self.random_hex().chars().take(32).collect();
            let unique = self.new_request_id();
            let attachment = account_region.arn("ecs", &format!("attachment/{unique}"));
            let interface = self.new_id("eni");
            let address = format!("10.{}.{}.{}", byte(&id, 0), byte(&id, 1), byte(&id, 2));
            let arn = account_region.arn("ecs", &format!("task/{}/{id}", service.cluster));
            let subnet = &service.settings.subnets[number % service.settings.subnets.len()];
            let state = self.region_of_key(key);
            state.ec2.attach_interface(
                interface,
                subnet,
                &service.settings.security_groups,
                attachment.clone(),
                "amazon-ecs",
                false,
            );
            let task = Task {
                arn: arn.clone(),
                service_arn: service.arn.clone(),
                deployment: deployment.id.clone(),
                task_definition: deployment.task_definition.clone(),
                address,
                attachment,
                healthy_at,
                removed_at: None,
            };
            state.ecs.tasks.insert(arn, task);
        }
    }
}

fn byte(hexadecimal: &str, at: usize) -> u8 {
    u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).unwrap_or_default()
}

impl RegionState {
    /// Stops the first `count` tasks of a service.
    pub fn stop_tasks(&mut self, service_arn: &str, count: usize, removed_at: u64) {
        let running =
            self.ecs.tasks.values_mut().filter(|task| task.service_arn == service_arn && task.removed_at.is_none());
        for task in running.take(count) {
            task.removed_at = Some(removed_at);
            self.ec2.release_interfaces(&task.attachment, removed_at);
        }
    }
}
