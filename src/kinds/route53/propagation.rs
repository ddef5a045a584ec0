//! The propagation of a change to the name servers.

use aws_sdk_route53::types::{ChangeInfo, ChangeStatus};

use infra_aws::{Progress, Wait};
use infra_core::resource::{Result, StepContext, ignore_codes};

/// Waits until all name servers have a change ("GetChange").
pub async fn wait_in_sync(cx: &StepContext, change: &str) -> Result<()> {
    cx.wait(Wait::new("the name servers to receive the change", 5, 10 * 60), || async {
        let read = cx.read("route53:GetChange", cx.aws.route53.get_change().id(change).send()).await;
        // A new change may not be visible at once.
        let found = ignore_codes(read, &["NoSuchChange"])?;
        Ok(match found.as_ref().and_then(|found| found.change_info()).map(ChangeInfo::status) {
            Some(ChangeStatus::Insync) => Progress::Reached(()),
            status => Progress::Pending(status.map_or("unknown", ChangeStatus::as_str).to_owned()),
        })
    })
    .await
}
