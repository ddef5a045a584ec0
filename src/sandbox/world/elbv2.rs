//! Elastic Load Balancing: load balancers, target groups and listeners.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tags::Tags;

/// The state of Elastic Load Balancing in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Elbv2 {
    /// Load balancers by ARN.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// Target groups by ARN.
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// Listeners by ARN.
    pub listeners: BTreeMap<String, Listener>,
}

/// An application load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `LoadBalancer`")]
pub struct LoadBalancer {
    pub arn: String,
    pub name: String,
    /// `app/name/id`
    pub full_name: String,
    pub dns_name: String,
    pub hosted_zone_id: String,
    pub scheme: String,
    pub vpc_id: String,
    /// Availability zone and subnet.
    pub subnets: Vec<(String, String)>,
    pub security_groups: Vec<String>,
    pub active_at: u64,
    pub attributes: BTreeMap<String, String>,
    pub tags: Tags,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `TargetGroup`")]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    pub vpc_id: String,
    pub port: i32,
    pub target_type: String,
    pub health_check: HealthCheck,
    pub attributes: BTreeMap<String, String>,
    pub tags: Tags,
}

/// The health check of targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `TargetGroup`")]
pub struct HealthCheck {
    pub path: String,
    pub interval_seconds: i32,
    pub timeout_seconds: i32,
    pub healthy_threshold: i32,
    pub unhealthy_threshold: i32,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `Listener`")]
pub struct Listener {
    pub arn: String,
    pub load_balancer_arn: String,
    pub settings: ListenerSettings,
    pub tags: Tags,
}

/// The settings of a listener that can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `Listener`")]
pub struct ListenerSettings {
    pub port: i32,
    pub protocol: String,
    pub certificate_arn: Option<String>,
    pub ssl_policy: Option<String>,
    pub action: Action,
}

/// What a listener does with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Forwards it to a target group.
    Forward(String),
    /// Redirects the client to this protocol and port, with this status code.
    Redirect(String, String, String),
}

impl Elbv2 {
    /// Returns the load balancers that a target group is attached to: those with a listener that forwards to it.
    pub fn attached_load_balancers(&self, target_group_arn: &str) -> Vec<&LoadBalancer> {
        let forwards = |listener: &&Listener| listener.settings.action == Action::Forward(target_group_arn.to_owned());
        let mut arns: Vec<&str> =
            self.listeners.values().filter(forwards).map(|listener| listener.load_balancer_arn.as_str()).collect();
        arns.sort_unstable();
        arns.dedup();
        arns.into_iter().filter_map(|arn| self.load_balancers.get(arn)).collect()
    }

    /// Returns the ids of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        self.load_balancers.keys().chain(self.target_groups.keys()).chain(self.listeners.keys()).cloned().collect()
    }
}

impl Elbv2 {
    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let balancers = self.load_balancers.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let groups = self.target_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let listeners = self.listeners.values().map(|one| (one.arn.clone(), one.tags.clone()));
        balancers.chain(groups).chain(listeners).collect()
    }
}
