//! Where the records are, and what they say.

use crate::address::Region;
use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals};
use crate::cli::failure::{CliError, Exit};
use crate::config::Config;
use crate::engine::Looker;
use crate::migration::Split;
use crate::migration::scene::Scene;
use crate::migration::shift::address;
use crate::migration::traffic::{Live, Place, view};
use crate::resource::describe;
use crate::resources::route53::weights::zone_called;
use crate::state::State;

/// The region of Route 53's control plane, as the state has it for the records.
pub(in crate::cli) fn region(state: &State, config: &Config) -> Region {
    let record = state.resources.values().find(|entry| entry.kind == "route53.weighted_record");
    record.map_or_else(|| config.home_region(), |entry| entry.region.clone())
}

/// The name that clients use, as the state knows it. Only those of AWS itself have name servers that know of it.
pub(in crate::cli) fn place_of(globals: &Globals, scene: &Scene) -> Result<Place, CliError> {
    let is_aws = !globals.sandbox && globals.endpoint_url.is_none() && std::env::var_os("AWS_ENDPOINT_URL").is_none();
    let servers = if is_aws { scene.name_servers.clone() } else { Vec::new() };
    scene.place.clone().map(|place| Place { servers, ..place }).ok_or_else(|| {
        CliError::new(Exit::Refused, "there is no routing yet: the state knows no weighted records").remains("nothing was changed").hint(format!(
            "`{}` makes it, and `--zone-id ID` works without a state",
            again(globals, "up", &Chosen { environments: vec!["routing".into()], ..Chosen::default() })
        ))
    })
}

/// How traffic is divided just now, to the nearest percent; nothing where there is no routing.
pub(in crate::cli) async fn live(globals: &Globals, config: &Config, state: &State, looker: &Looker) -> Result<Option<Split>, CliError> {
    let scene = Scene::of(state);
    if scene.place.is_none() {
        return Ok(None);
    }
    let place = place_of(globals, &scene)?;
    Ok(Some(seen(looker, &region(state, config), &place).await?.nearest()))
}

/// Where the records are: in the state, in the zone that was named, in that of the configuration, or in the one zone with its name.
pub(super) async fn find_place(
    globals: &Globals,
    config: &Config,
    looker: &Looker,
    region: &Region,
    scene: &Scene,
    zone: Option<&str>,
) -> Result<Place, CliError> {
    if scene.place.is_some() && zone.is_none() {
        return place_of(globals, scene);
    }
    let Some(routing) = &config.routing else { return place_of(globals, scene) };
    let name = routing.domain_name();
    let known = zone.map(str::to_owned).or_else(|| Some(routing.zone_id.clone()).filter(|id| !id.is_empty()));
    if let Some(zone) = known {
        return Ok(Place { zone, name, servers: Vec::new() });
    }
    let found = zone_called(&looker.reader(&address(), region), &routing.zone_name).await;
    match found.map_err(|error| unreadable(&error))? {
        Some(zone) => Ok(Place { zone, name, servers: Vec::new() }),
        None => place_of(globals, scene),
    }
}

pub(super) async fn seen(looker: &Looker, region: &Region, place: &Place) -> Result<Live, CliError> {
    view(&looker.reader(&address(), region), place).await.map_err(|error| unreadable(&error))
}

/// Both records, where traffic is to be shifted.
pub(super) async fn seen_both(looker: &Looker, region: &Region, place: &Place) -> Result<Live, CliError> {
    let live = seen(looker, region, place).await?;
    if live.is_alone() { Err(without_source(&place.name)) } else { Ok(live) }
}

/// There is nothing to shift any more.
pub(in crate::cli) fn without_source(name: &str) -> CliError {
    CliError::new(Exit::Refused, "the source has been taken out: all traffic goes to the target, and there is nowhere else to go")
        .because_text(&format!("{name} has no record `source`"))
        .remains("nothing was changed")
}

fn unreadable(error: &crate::resource::Error) -> CliError {
    CliError::new(Exit::Failed, "the records can not be read").because_text(&describe(error)).remains("nothing was changed")
}
