//! What a cutover would do.

use crate::cli::ui::duration;
use infra_migration::cutover::{CutoverPlan, PersistedCutover};

/// Returns the steps and the gates of a cutover.
pub(super) fn overview(plan: &CutoverPlan, before: Option<&PersistedCutover>, has_switchover: bool) -> String {
    let steps = plan.steps.as_slice().iter().map(|split| split.percent().to_string()).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "steps: {steps} % of the traffic to the target, each observed for {}; about {} in total\n",
        duration(plan.bake_seconds),
        duration(plan.expected_seconds())
    );
    let gates = plan.gates.iter().map(|rule| format!("  {}: {}\n", rule.gate, rule.must)).collect::<String>();
    text += &format!("gates, every {}:\n{gates}", duration(plan.gate_interval_seconds));
    if !plan.pause_at.is_empty() {
        let pauses = plan.pause_at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        text += &format!("an approval is required after: {pauses}\n");
    }
    if has_switchover {
        text += "until the last step, both services use the source database; then the switchover makes the database of \
                 the target the primary\n";
    }
    if let Some(cutover) = before.filter(|cutover| cutover.can_resume()) {
        let progress = &cutover.progress;
        text += &format!("it resumes from {}, where it was {}\n", progress.live, progress.phase.as_str());
    }
    text
}
