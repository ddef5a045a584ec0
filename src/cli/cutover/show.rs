//! What would be done, and the gates as they are just now.

use crate::cli::args::{Globals, OutputFormat};
use crate::cli::failure::CliError;
use crate::cli::report::duration;
use crate::cli::run::line;
use crate::cli::{look, session};
use crate::config::Config;
use crate::migration::Split;
use crate::migration::measure::Measure;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::Schedule;
use crate::state::State;

pub(super) fn told(schedule: &Schedule, before: Option<&Saved>) -> String {
    let steps = schedule.steps.as_slice().iter().map(|split| split.percent().to_string()).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "steps: {steps} % of the traffic to the target, each watched for {}; about {} in all\n",
        duration(schedule.bake_seconds),
        duration(schedule.expected_seconds())
    );
    let gates = schedule.gates.iter().map(|rule| format!("  {}: {}\n", rule.gate, rule.must)).collect::<String>();
    text += &format!("gates, every {}:\n{gates}", duration(schedule.gate_interval_seconds));
    if !schedule.pause_at.is_empty() {
        let pauses = schedule.pause_at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        text += &format!("a person has to approve after: {pauses}\n");
    }
    if let Some(saved) = before.filter(|saved| saved.can_go_on()) {
        text += &format!("it goes on from {}, where it was {}\n", saved.progress.live, saved.progress.phase.as_str());
    }
    text
}

/// Shows the schedule and the gates as they are just now.
pub(super) async fn show(globals: &Globals, config: &Config, schedule: &Schedule, scene: &Scene, state: &State) -> Result<u8, CliError> {
    let cloud = session::connect(globals, config).await?;
    let now = cloud.unix_now();
    let looker = look::looker(globals, config, cloud);
    let live = state.migration.live.and_then(Split::new).unwrap_or(Split::SOURCE);
    let (judgements, _) = Measure { looker: &looker, scene, now }.judge(&config.gates, schedule, live).await;
    if globals.output == OutputFormat::Json {
        line(&serde_json::json!({ "schedule": schedule, "gates": judgements }).to_string());
        return Ok(0);
    }
    line(told(schedule, Saved::of(state).as_ref()).trim_end());
    line("now:");
    for one in &judgements {
        line(&format!("  {:<8}  {}: {}", one.verdict.as_str(), one.gate, one.text));
    }
    Ok(0)
}
