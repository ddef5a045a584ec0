//! `cutover --dry-run`: the plan, and the current verdicts of the gates.

use super::overview::overview;
use super::switchover;
use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_core::state::State;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{CutoverPlan, PersistedCutover};
use infra_migration::gate::probe::Probe;
use infra_migration::topology::Topology;
use infra_workflow::switchover::Stage;

pub(super) async fn run(
    app: &App,
    plan: &CutoverPlan,
    stage: &Stage,
    topology: &Topology,
    state: &State,
) -> Result<u8, Failure> {
    let context = app.workspace.connect_read_only().await?;
    let now = context.cloud.unix_now();
    let live = state.migration.live.and_then(TrafficSplit::new).unwrap_or(TrafficSplit::SOURCE);
    let probe = Probe { read_context: &context, topology, now };
    let (judgements, _) = probe.evaluate(&app.workspace.config.gates, &plan.eval_context(live, None, now)).await;
    if app.options.is_json() {
        stdout(&serde_json::json!({ "schedule": plan, "gates": judgements }).to_string());
        return Ok(0);
    }
    match stage {
        Stage::Steps | Stage::StepsThenSwitchover => {
            let has_switchover = *stage == Stage::StepsThenSwitchover;
            stdout(overview(plan, PersistedCutover::of(state).as_ref(), has_switchover).trim_end());
        }
        Stage::Switchover(record) => stdout(switchover::overview(app, record).trim_end()),
        Stage::Settle(_) => stdout("the switchover is completed; what follows it is repeated"),
        Stage::Moved => stdout("nothing to do: the database of the target is the primary"),
        Stage::Finished => stdout("nothing to do: the migration is finished"),
    }
    stdout("now:");
    for one in &judgements {
        stdout(&format!("  {:<8}  {}: {}", one.verdict.as_str(), one.gate, one.text));
    }
    Ok(0)
}
