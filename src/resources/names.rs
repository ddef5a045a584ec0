//! Names and ARNs that hold the account, region or partition, which are known only when a step runs.

use crate::aws::partition;
use crate::resource::Cx;

/// Fills in `{account}`, `{region}` and `{partition}`.
pub(super) fn fill(cx: &Cx, text: &str) -> String {
    text.replace("{account}", cx.account.as_str()).replace("{region}", cx.region.as_str()).replace("{partition}", partition(&cx.region))
}
