//! `cutover --dry-run`: the plan, and the current verdicts of the gates.

use super::overview::overview;
use super::switchover::{self, closed_text};
use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_config::Strategy;
use infra_core::state::State;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{CutoverPlan, PersistedCutover};
use infra_migration::gate::probe::Probe;
use infra_migration::switchover::expected;
use infra_migration::topology::Topology;
use infra_workflow::databases::reach;
use infra_workflow::refusal::MigrationRefusal;
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
    let probe = Probe::new(&context, topology, state, now);
    let (judgements, _) = probe.evaluate(&app.workspace.config.gates, &plan.eval_context(live, None, now)).await;
    if app.options.is_json() {
        let forecast = expected(state, &app.workspace.config);
        stdout(&serde_json::json!({ "schedule": plan, "gates": judgements, "forecast": forecast }).to_string());
        return Ok(0);
    }
    match stage {
        Stage::Steps | Stage::StepsThenSwitchover => {
            let has_switchover = *stage == Stage::StepsThenSwitchover;
            let before = PersistedCutover::of(state).map_err(MigrationRefusal::from)?;
            stdout(overview(plan, before.as_ref(), has_switchover).trim_end());
            if has_switchover {
                stdout(&format!("in the switchover, clients get 503 {}", closed_text(state, &app.workspace.config)));
            }
        }
        Stage::Switchover(record) => stdout(switchover::overview(app, state, record).trim_end()),
        Stage::Settle(_) => stdout("the switchover is completed; what follows it is repeated"),
        Stage::Moved => stdout("nothing to do: the database of the target is the primary"),
        Stage::Finished => stdout("nothing to do: the migration is finished"),
    }
    if app.workspace.config.strategy().is_some_and(Strategy::has_switchover)
        && let Some(reached) = reach(&app.workspace, &context, topology).await
    {
        stdout(&match reached {
            Ok(()) => "both databases can be reached".to_owned(),
            Err(reason) => format!("a database CANNOT be reached, so the cutover would be refused: {reason}"),
        });
    }
    stdout("now:");
    for one in &judgements {
        stdout(&format!("  {:<8}  {}: {}", one.verdict.as_str(), one.gate, one.text));
    }
    Ok(0)
}
