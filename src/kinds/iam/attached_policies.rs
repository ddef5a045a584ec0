//! The managed policies that are attached to a role.

use infra_core::resource::{Result, StepContext, ignore_codes};

/// Returns the ARNs of the policies attached to a role, or `None` when the role does not exist.
pub(crate) async fn attached(cx: &StepContext, role: &str) -> Result<Option<Vec<String>>> {
    let mut arns = Vec::new();
    let mut marker = None;
    loop {
        let call = cx.aws.iam.list_attached_role_policies().role_name(role).set_marker(marker).send();
        let Some(page) = ignore_codes(cx.read("iam:ListAttachedRolePolicies", call).await, &["NoSuchEntity"])? else {
            return Ok(None);
        };
        arns.extend(page.attached_policies().iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)));
        match page.marker {
            Some(next) if page.is_truncated => marker = Some(next),
            _ => return Ok(Some(arns)),
        }
    }
}
