//! Application Auto Scaling: scalable targets and policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tags::Tags;

/// The state of Application Auto Scaling in one region. Only the task counts of ECS services are modelled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Autoscaling {
    /// Scalable targets by resource id.
    pub targets: BTreeMap<String, Target>,
}

/// A scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `ScalableTarget`")]
pub struct Target {
    pub resource_id: String,
    pub arn: String,
    pub min: i32,
    pub max: i32,
    pub created_at: u64,
    pub tags: Tags,
    #[serde(default)]
    pub suspended: Suspended,
    /// Its policies by name.
    pub policies: BTreeMap<String, Policy>,
    /// The end of the last minute that was considered.
    #[serde(default)]
    pub evaluated_at: u64,
    /// When tasks were last added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled_out_at: Option<u64>,
    /// When tasks were last removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled_in_at: Option<u64>,
}

/// What is suspended ("SuspendedState"). "The default is `false`" for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `SuspendedState`")]
pub struct Suspended {
    pub scale_in: bool,
    pub scale_out: bool,
    pub scheduled: bool,
}

/// A target tracking policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the API's `ScalingPolicy`")]
pub struct Policy {
    pub arn: String,
    pub metric: String,
    pub target_value: f64,
    pub scale_in_cooldown: Option<i32>,
    pub scale_out_cooldown: Option<i32>,
    pub created_at: u64,
    /// For how many minutes in a row the metric has been above the target value.
    #[serde(default)]
    pub above: u32,
    /// For how many minutes in a row it has been well below it.
    #[serde(default)]
    pub below: u32,
}

impl Autoscaling {
    /// Returns the ids of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        let policies =
            self.targets.values().flat_map(|target| target.policies.values()).map(|policy| policy.arn.clone());
        self.targets.values().map(|target| target.arn.clone()).chain(policies).collect()
    }
}

impl Autoscaling {
    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        self.targets.values().map(|one| (one.arn.clone(), one.tags.clone())).collect()
    }
}
