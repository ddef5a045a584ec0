//! Names and ARNs that contain the account, region or partition, which are known only when a step runs.

use infra_core::resource::StepContext;

/// Fills in `{account}`, `{region}` and `{partition}`.
pub(super) fn fill(cx: &StepContext, text: &str) -> String {
    text.replace("{account}", cx.account.as_str())
        .replace("{region}", cx.region.as_str())
        .replace("{partition}", cx.region.partition())
}
