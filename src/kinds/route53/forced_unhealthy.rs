//! Calculated health checks that are unhealthy whatever their children say.
//!
//! "If you specify a number greater than the number of child health checks, Route 53 always considers this health check
//! to be unhealthy" (`HealthThreshold`, HealthCheckConfig). So more than the number of children is added to the
//! threshold, and the threshold that applies later can be read back.

use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType};

use infra_core::resource::{Result, StepContext, ignore_codes};

/// Returns the threshold to send.
pub(super) fn threshold(threshold: i32, children: usize, forced_unhealthy: bool) -> i32 {
    if forced_unhealthy { threshold + above(children) } else { threshold }
}

/// Returns the threshold that applies, and whether the check is unhealthy whatever its children say.
pub(super) fn split(threshold: i32, children: usize) -> (i32, bool) {
    let above = above(children);
    if threshold >= above { (threshold - above, true) } else { (threshold, false) }
}

/// Returns the lowest threshold that is higher than the number of children, of which there are at most 255.
fn above(children: usize) -> i32 {
    i32::try_from(children).map_or(i32::MAX, |children| children.saturating_add(1))
}

/// Returns the threshold that lets a check follow its children. `None` if it follows them already, is no calculated
/// check, or does not exist.
///
/// # Errors
/// The error of Route 53.
pub async fn released_threshold(cx: &StepContext, health_check_id: &str) -> Result<Option<i32>> {
    let call = cx.aws.route53.get_health_check().health_check_id(health_check_id).send();
    let found = ignore_codes(cx.read("route53:GetHealthCheck", call).await, &["NoSuchHealthCheck"])?;
    let config = found.and_then(|found| found.health_check?.health_check_config);
    let calculated = config.filter(|config| *config.r#type() == HealthCheckType::Calculated);
    Ok(calculated.and_then(|config| {
        let threshold = config.health_threshold().unwrap_or_default();
        let (threshold, forced_unhealthy) = split(threshold, HealthCheckConfig::child_health_checks(&config).len());
        forced_unhealthy.then_some(threshold)
    }))
}

/// Lets a check follow its children. It can be repeated.
///
/// # Errors
/// The error of Route 53.
pub async fn release(cx: &StepContext, health_check_id: &str) -> Result<()> {
    let Some(threshold) = released_threshold(cx, health_check_id).await? else { return Ok(()) };
    let call =
        || cx.aws.route53.update_health_check().health_check_id(health_check_id).health_threshold(threshold).send();
    cx.mutate("route53:UpdateHealthCheck", call).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_that_applies_later_can_be_read_back() {
        for (wanted, children) in [(0, 1), (1, 1), (1, 2), (2, 2), (3, 7)] {
            assert_eq!(split(threshold(wanted, children, true), children), (wanted, true));
            assert_eq!(split(threshold(wanted, children, false), children), (wanted, false));
        }
    }
}
