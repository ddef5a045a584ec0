//! Whether Application Auto Scaling may remove tasks of a service. It is state of the migration, and not part of the
//! specification of a scalable target: `up` and `drift` leave it alone.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use serde::{Deserialize, Serialize};

use super::scalable_target::find;
use infra_core::resource::{Error, Result, StepContext};

/// Whether scaling policies may remove tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleIn {
    /// They may.
    Allowed,
    /// They may not. They may still add tasks.
    Suspended,
}

impl ScaleIn {
    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Suspended => "suspended",
        }
    }
}

/// Returns the id of the scalable target of a service.
pub fn resource_id(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}

/// Returns whether scaling policies may remove tasks. `None` if there is no scalable target with this id.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn scale_in(cx: &StepContext, resource_id: &str) -> Result<Option<ScaleIn>> {
    let target = find(cx, resource_id).await?;
    Ok(target.map(|target| match target.suspended_state().and_then(SuspendedState::dynamic_scaling_in_suspended) {
        Some(true) => ScaleIn::Suspended,
        Some(false) | None => ScaleIn::Allowed,
    }))
}

/// Returns the largest number of tasks that scaling policies may set. `None` if there is no scalable target with this
/// id.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn largest_count(cx: &StepContext, resource_id: &str) -> Result<Option<u32>> {
    let target = find(cx, resource_id).await?;
    Ok(target.and_then(|target| u32::try_from(target.max_capacity).ok()))
}

/// Sets whether scaling policies may remove tasks. It can be repeated. Other kinds of scaling stay as they are.
///
/// "`DynamicScalingInSuspended`: Whether scale in by a target tracking scaling policy or a step scaling policy is
/// suspended. Set the value to `true` if you don't want Application Auto Scaling to remove capacity when a scaling
/// policy is triggered" (`SuspendedState`).
///
/// # Errors
/// The error of Application Auto Scaling, or that there is no scalable target.
pub async fn set_scale_in(cx: &StepContext, resource_id: &str, to: ScaleIn) -> Result<()> {
    let Some(target) = find(cx, resource_id).await? else {
        return Err(Error::Refused(format!("{resource_id} has no scalable target")));
    };
    let before = target.suspended_state();
    let suspended = SuspendedState::builder()
        .dynamic_scaling_in_suspended(to == ScaleIn::Suspended)
        .set_dynamic_scaling_out_suspended(before.and_then(SuspendedState::dynamic_scaling_out_suspended))
        .set_scheduled_scaling_suspended(before.and_then(SuspendedState::scheduled_scaling_suspended))
        .build();
    let call = || {
        let call = cx.aws.autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
        let call = call.resource_id(resource_id).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        call.suspended_state(suspended.clone()).send()
    };
    let set = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
        cx.mutate("application-autoscaling:RegisterScalableTarget", call).await
    });
    set.await.map(drop)
}
