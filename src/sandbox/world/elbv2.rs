//! Elastic Load Balancing: load balancers, target groups, listeners and their rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tags::Tags;

/// How long the earlier routing of a listener is kept, in milliseconds, for the metrics of past minutes.
const KEPT: u64 = 60 * 60 * 1000;

/// The state of Elastic Load Balancing in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Elbv2 {
    /// Load balancers by ARN.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// Target groups by ARN.
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// Listeners by ARN.
    pub listeners: BTreeMap<String, Listener>,
    /// Rules by ARN, without the default rules, which are the default actions of the listeners.
    #[serde(default)]
    pub rules: BTreeMap<String, Rule>,
    /// What listeners still do with requests after a change, by ARN of the listener, oldest first.
    #[serde(default)]
    pub superseded: BTreeMap<String, Vec<SupersededRouting>>,
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
    /// Answers it without a target ("FixedResponseActionConfig").
    FixedResponse {
        /// The HTTP status code: 2XX, 4XX or 5XX.
        status_code: String,
        /// The content type.
        content_type: Option<String>,
        /// The body.
        message_body: Option<String>,
    },
}

/// A rule of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `Rule`")]
pub struct Rule {
    pub arn: String,
    pub listener_arn: String,
    pub priority: i32,
    /// All of them must be met.
    pub conditions: Vec<Condition>,
    pub action: Action,
    pub tags: Tags,
}

/// A condition of a rule. It is met if one of its values matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Patterns of the path.
    PathPattern(Vec<String>),
    /// Patterns of the host name.
    HostHeader(Vec<String>),
    /// Names of methods.
    HttpRequestMethod(Vec<String>),
}

/// What a listener did with requests before a change, and still does until the change is effective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupersededRouting {
    /// When the change is effective.
    pub until: u64,
    /// The rules in order of evaluation.
    pub rules: Vec<Rule>,
    /// The default action.
    pub default_action: Action,
}

/// A request that reaches a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// When it arrives, in milliseconds since the epoch.
    pub at: u64,
    /// The port that the client connects to.
    pub port: i32,
    /// The host name in its `Host` header, without a port.
    pub host: &'a str,
    /// Its path. A query string is not considered.
    pub path: &'a str,
    /// Its method.
    pub method: &'a str,
}

impl Action {
    fn forwards_to(&self, target_group_arn: &str) -> bool {
        matches!(self, Self::Forward(arn) if arn == target_group_arn)
    }
}

impl Listener {
    /// Returns the ARN of its default rule. It is derived from that of the listener, because they exist together.
    pub fn default_rule_arn(&self) -> String {
        let digest = Sha256::digest(&self.arn);
        let id: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{id}", self.arn.replacen(":listener/", ":listener-rule/", 1))
    }
}

impl Elbv2 {
    /// Returns the load balancers that a target group is attached to: those with a default action or a rule that
    /// forwards to it.
    pub fn attached_load_balancers(&self, target_group_arn: &str) -> Vec<&LoadBalancer> {
        let by_default =
            self.listeners.values().filter(|listener| listener.settings.action.forwards_to(target_group_arn));
        let by_rule = self.rules.values().filter(|rule| rule.action.forwards_to(target_group_arn));
        let by_rule = by_rule.filter_map(|rule| self.listeners.get(&rule.listener_arn));
        let arns: BTreeSet<&str> =
            by_default.chain(by_rule).map(|listener| listener.load_balancer_arn.as_str()).collect();
        arns.into_iter().filter_map(|arn| self.load_balancers.get(arn)).collect()
    }

    /// Returns the rules of a listener in order of evaluation, without the default rule.
    ///
    /// "Rules are evaluated in priority order, from the lowest value to the highest value" ("Listener rules for your
    /// Application Load Balancer").
    pub fn rules_of(&self, listener_arn: &str) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.values().filter(|rule| rule.listener_arn == listener_arn).collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    /// Returns the listener whose default rule has this ARN.
    pub fn default_rule(&self, rule_arn: &str) -> Option<&Listener> {
        self.listeners.values().find(|listener| listener.default_rule_arn() == rule_arn)
    }

    /// Keeps the current routing of a listener, which is about to change, until the change is effective.
    pub fn supersede_routing(&mut self, listener_arn: &str, now: u64, effective_at: u64) {
        let Some(listener) = self.listeners.get(listener_arn) else { return };
        let default_action = listener.settings.action.clone();
        let rules = self.rules_of(listener_arn).into_iter().cloned().collect();
        let history = self.superseded.entry(listener_arn.to_owned()).or_default();
        history.retain(|routing| routing.until.saturating_add(KEPT) > now);
        // Changes become effective in the order in which they were made.
        let until = history.last().map_or(effective_at, |last| last.until.max(effective_at));
        history.push(SupersededRouting { until, rules, default_action });
    }

    /// Removes a listener with its rules, and returns whether it existed.
    pub fn remove_listener(&mut self, listener_arn: &str) -> bool {
        self.rules.retain(|_, rule| rule.listener_arn != listener_arn);
        self.superseded.remove(listener_arn);
        self.listeners.remove(listener_arn).is_some()
    }

    /// Returns the ids of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        let balancers = self.load_balancers.keys().chain(self.target_groups.keys());
        balancers.chain(self.listeners.keys()).chain(self.rules.keys()).cloned().collect()
    }
}

impl Elbv2 {
    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let balancers = self.load_balancers.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let groups = self.target_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let listeners = self.listeners.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let rules = self.rules.values().map(|one| (one.arn.clone(), one.tags.clone()));
        balancers.chain(groups).chain(listeners).chain(rules).collect()
    }
}
