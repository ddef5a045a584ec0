//! Amazon Route 53: DNS, for the whole account.

mod alarm_health_check;
mod calculated_health_check;
pub mod change;
mod checks;
mod health_check;
mod hosted_zone;
mod tagging;
mod weighted_record;
pub mod weights;

pub use alarm_health_check::AlarmHealthCheck;
pub use calculated_health_check::CalculatedHealthCheck;
pub use health_check::{HealthCheck, HealthCheckProtocol};
pub use hosted_zone::HostedZone;
pub use weighted_record::WeightedRecord;

use crate::aws::{Progress, Wait};
use crate::resource::{Cx, Result};

/// "If Route 53 can't process a request before the next request arrives, it rejects subsequent requests for the same hosted
/// zone" (PriorRequestNotComplete).
const BUSY: &[&str] = &["PriorRequestNotComplete"];
/// How long a zone may be busy, in seconds.
const BUSY_SECONDS: u64 = 120;

/// The SDK's builders fail when a required member was not set, which the callers here always set.
fn built<T>(result: Result<T, aws_smithy_types::error::operation::BuildError>) -> Result<T> {
    result.map_err(|error| crate::resource::Error::Refused(format!("a request to Route 53 is incomplete: {error}")))
}

/// Waits until all name servers know of a change ("GetChange").
pub async fn wait_in_sync(cx: &Cx, change: &str) -> Result<()> {
    cx.wait(Wait::new("the name servers to know of the change", 5, 10 * 60), || async {
        let found = cx.read("route53:GetChange", cx.aws.route53.get_change().id(change).send()).await?;
        Ok(match found.change_info().map(aws_sdk_route53::types::ChangeInfo::status) {
            Some(aws_sdk_route53::types::ChangeStatus::Insync) => Progress::Reached(()),
            status => Progress::Pending(status.map_or("unknown", aws_sdk_route53::types::ChangeStatus::as_str).to_owned()),
        })
    })
    .await
}

/// An id without what Route 53 writes before it in some answers (`/hostedzone/`, `/change/`).
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
