//! `traffic show`: the weights, and who answers.

use clap::Args;
use serde_json::{Value, json};

use super::health::told;
use super::place::{find_place, region, seen};
use super::{Zone, emergency};
use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals, OutputFormat};
use crate::cli::failure::CliError;
use crate::cli::run::line;
use crate::cli::{look, session};
use crate::config::Side;
use crate::migration::Split;
use crate::migration::scene::Scene;
use crate::migration::shift::address;
use crate::resource::describe;
use crate::resources::elbv2::health::{TargetHealth, targets};
use crate::resources::route53::change::Weighted;
use crate::state::{OpenShift, State};

/// Shows the weights, the health of both environments, and what is under way. Nothing is changed.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    zone: Zone,
}

pub(super) async fn run(globals: &Globals, args: &ShowArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = match &args.zone.zone_id {
        Some(_) => State::empty(),
        None => session::peek(globals, &config).await?,
    };
    let scene = Scene::of(&state);
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let region = region(&state, &config);
    let place = find_place(globals, &config, &looker, &region, &scene, args.zone.zone_id.as_deref()).await?;
    let live = seen(&looker, &region, &place).await?;
    let mut rows = Vec::new();
    for (side, record) in [Side::Source, Side::Target].into_iter().filter_map(|side| Some((side, live.record(side)?))) {
        let health = match scene.service(side) {
            Some(service) => Some(targets(&looker.reader(&address(), &service.region), &service.target_group).await),
            None => None,
        };
        rows.push((side, record, health));
    }
    let open = state.migration.shift.as_ref();
    let is_out = emergency::is_out(&looker, &config).await;
    if globals.output == OutputFormat::Json {
        let side = |(side, record, health): &(Side, &Weighted, Option<crate::resource::Result<TargetHealth>>)| {
            let health = health.as_ref().and_then(|health| health.as_ref().ok());
            let value = json!({
                "weight": record.weight,
                "alias": record.alias_dns_name,
                "healthy_targets": health.map(|health| health.healthy),
                "unhealthy_targets": health.map(|health| health.unhealthy.clone()),
            });
            (side.as_str().to_owned(), value)
        };
        let environments: serde_json::Map<String, Value> = rows.iter().map(side).collect();
        let percent = live.split().map(Split::percent);
        line(
            &json!({ "name": place.name, "zone_id": place.zone, "target_percent": percent, "environments": environments, "open_shift": open, "target_taken_out": is_out })
                .to_string(),
        );
        return Ok(0);
    }
    line(&format!("{} in the zone {}", place.name, place.zone));
    for (side, record, health) in &rows {
        let health = match health {
            None => "not in this state".to_owned(),
            Some(Err(error)) => format!("health unknown: {}", describe(error)),
            Some(Ok(health)) => told(health),
        };
        line(&format!("  {side:<6}  weight {:>3}  {}  {health}", record.weight, record.alias_dns_name));
    }
    match live.split() {
        Some(_) if live.is_alone() => line("the source has been taken out: all traffic goes to the target"),
        Some(split) => line(&format!("{split} of the traffic goes to the target")),
        None => line("the weights are no whole percent: something else has set them"),
    }
    if is_out {
        let next = again(globals, "traffic emergency --release", &Chosen::default());
        line(&format!("the target is taken out by the emergency switch, whatever the weights are: `{next}` puts it in again"));
    }
    if let Some(open) = open {
        line(&unfinished(globals, open));
    }
    Ok(0)
}

/// What to do about a shift that was begun.
pub(in crate::cli) fn unfinished(globals: &Globals, open: &OpenShift) -> String {
    let next = |command: &str| again(globals, command, &Chosen::default());
    let how = match open.to {
        0 => format!("`{}` finishes it", next("traffic rollback")),
        to => format!("`{}` finishes it, `{}` undoes it", next(&format!("traffic shift --to {to}")), next("traffic rollback")),
    };
    format!("a shift to {} % was begun and not seen to be live: {how}", open.to)
}
