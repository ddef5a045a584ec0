//! The propagation of a change to the name servers.

use aws_sdk_route53::types::{ChangeInfo, ChangeStatus};

use infra_aws::{Progress, Wait};
use infra_core::resource::{Result, StepContext};

/// Waits until all name servers have a change ("GetChange").
pub async fn wait_in_sync(cx: &StepContext, change: &str) -> Result<()> {
    cx.wait(Wait::new("the name servers to receive the change", 5, 10 * 60), || async {
        let found = cx.read("route53:GetChange", cx.aws.route53.get_change().id(change).send()).await?;
        Ok(match found.change_info().map(ChangeInfo::status) {
            Some(ChangeStatus::Insync) => Progress::Reached(()),
            status => Progress::Pending(status.map_or("unknown", ChangeStatus::as_str).to_owned()),
        })
    })
    .await
}
