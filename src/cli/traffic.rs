//! `traffic`: where traffic goes, shifting it, and bringing it back.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::emergency::{self, EmergencyArgs};
use super::failure::{CliError, Exit};
use super::report::Reporter;
use super::run::line;
use super::session::{self, Session};
use super::{down, look};
use crate::address::Region;
use crate::aws::Cancel;
use crate::config::{Config, Side};
use crate::engine::{Context, Looker};
use crate::events::Event;
use crate::migration::Split;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::{Effect, Quiesce};
use crate::migration::shift::{self, Shifted, address};
use crate::migration::traffic::{Live, Place, look as read};
use crate::resource::describe;
use crate::resources::elbv2::health::{TargetHealth, targets};
use crate::resources::route53::weights::zone_called;
use crate::state::{OpenShift, State};

/// Where clients are sent, and how many of them.
///
/// The name in the hosted zone has two weighted records, one for each load balancer. Both weights are always changed together, in one batch
/// that Route 53 carries out as a whole.
#[derive(Debug, Subcommand)]
pub enum TrafficCommand {
    /// Show the weights, the health of both environments, and what is under way.
    Show(ShowArgs),
    /// Send a share of the traffic to the target, and return once it is live.
    Shift(ShiftArgs),
    /// Send all traffic to the source again. Works from any state, also without one.
    Rollback(RollbackArgs),
    /// Take the target out of the answers, without Route 53's control plane.
    Emergency(EmergencyArgs),
}

/// Shows the weights, the health of both environments, and what is under way. Nothing is changed.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    zone: Zone,
}

/// Sends a share of the traffic to the target.
///
/// Both weights are set in one batch; then it waits until all name servers know of it, and reads the records back. It is refused when an
/// environment that gets more traffic has no healthy target. A shift that was killed is finished, or replaced, by the next one.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic shift --to 10\n  migrate-infra traffic shift --to 50 --dry-run")]
pub struct ShiftArgs {
    /// The share of the target, in percent; the source has the rest.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    to: u8,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Shift also to an environment without a healthy target.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Sends all traffic to the source again.
///
/// It asks no gate and waits for nobody: when another run holds the lock, or the state can not be used, it goes on without writing anything
/// down, and says so. With `--zone-id` it needs no state at all.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic rollback -y\n  migrate-infra traffic rollback --zone-id Z1D633PJN98FT9 -y")]
pub struct RollbackArgs {
    #[command(flatten)]
    zone: Zone,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Zone {
    /// The hosted zone; without it, that of the state.
    #[arg(long, value_name = "ID")]
    zone_id: Option<String>,
}

pub(super) async fn run(globals: &Globals, command: &TrafficCommand) -> Result<u8, CliError> {
    match command {
        TrafficCommand::Show(args) => show(globals, args).await,
        TrafficCommand::Shift(args) => shift(globals, args).await,
        TrafficCommand::Rollback(args) => roll_back(globals, args).await,
        TrafficCommand::Emergency(args) => emergency::run(globals, args).await,
    }
}

/// The region of Route 53's control plane, as the state has it for the records.
pub(super) fn region(state: &State, config: &Config) -> Region {
    let record = state.resources.values().find(|entry| entry.kind == "route53.weighted_record");
    record.map_or_else(|| config.home_region(), |entry| entry.region.clone())
}

/// The name that clients use, as the state knows it. Only those of AWS itself have name servers that know of it.
pub(super) fn place_of(globals: &Globals, scene: &Scene) -> Result<Place, CliError> {
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
pub(super) async fn live(globals: &Globals, config: &Config, state: &State, looker: &Looker) -> Result<Option<Split>, CliError> {
    let scene = Scene::of(state);
    if scene.place.is_none() {
        return Ok(None);
    }
    let place = place_of(globals, &scene)?;
    Ok(Some(seen(looker, &region(state, config), &place).await?.nearest()))
}

async fn show(globals: &Globals, args: &ShowArgs) -> Result<u8, CliError> {
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
    for side in [Side::Source, Side::Target] {
        let health = match scene.service(side) {
            Some(service) => Some(targets(&looker.reader(&address(), &service.region), &service.target_group).await),
            None => None,
        };
        rows.push((side, live.weight(side), health));
    }
    let open = state.migration.shift.as_ref();
    let is_out = emergency::is_out(&looker, &config).await;
    if globals.output == OutputFormat::Json {
        let side = |(side, weight, health): &(Side, i64, Option<crate::resource::Result<TargetHealth>>)| {
            let health = health.as_ref().and_then(|health| health.as_ref().ok());
            let value = json!({
                "weight": weight,
                "alias": live.record(*side).alias_dns_name,
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
    for (side, weight, health) in &rows {
        let health = match health {
            None => "not in this state".to_owned(),
            Some(Err(error)) => format!("health unknown: {}", describe(error)),
            Some(Ok(health)) => told(health),
        };
        line(&format!("  {side:<6}  weight {weight:>3}  {}  {health}", live.record(*side).alias_dns_name));
    }
    match live.split() {
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
pub(super) fn unfinished(globals: &Globals, open: &OpenShift) -> String {
    let next = again(globals, &format!("traffic shift --to {}", open.to), &Chosen::default());
    format!("a shift to {} % was begun and not seen to be live: `{next}` finishes it, `traffic rollback` undoes it", open.to)
}

fn told(health: &TargetHealth) -> String {
    let mut parts = vec![format!("{} healthy", health.healthy)];
    parts.extend((health.initial > 0).then(|| format!("{} on their way", health.initial)));
    parts.extend(health.unhealthy.iter().cloned());
    parts.join(", ")
}

async fn shift(globals: &Globals, args: &ShiftArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let Some(to) = Split::new(args.to) else { return Err(CliError::new(Exit::Usage, format!("{} is no percent", args.to))) };
    let state = session::peek(globals, &config).await?;
    let scene = Scene::of(&state);
    let (place, region) = (place_of(globals, &scene)?, region(&state, &config));
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let live = seen(&looker, &region, &place).await?;
    let sick = if args.force { Vec::new() } else { sick(&looker, &scene, live.split(), to).await };
    if args.dry_run {
        for why in &sick {
            down::say(globals, &format!("note: this would be refused: {why}"));
        }
        line(&batch(&live, to));
        return Ok(0);
    }
    if let Some(why) = sick.first() {
        return Err(CliError::new(Exit::Refused, format!("traffic would go where nobody answers: {why}"))
            .remains("nothing was changed")
            .hint(format!("`{}` shows more", again(globals, "traffic show", &Chosen::default())))
            .hint("`--force` shifts all the same"));
    }
    if to != Split::SOURCE && !args.force && emergency::is_out(&looker, &config).await {
        return Err(CliError::new(Exit::Refused, "the target is taken out by the emergency switch, so no traffic would go there")
            .remains("nothing was changed")
            .hint(format!("`{}` puts it in again", again(globals, "traffic emergency --release", &Chosen::default()))));
    }
    refuse_beside_cutover(globals, &state)?;
    confirm(&format!("{} Shift to {to}?", now(&live)), args.yes)?;
    // The sandbox's world can be taken up by one at a time.
    drop(looker);
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "traffic shift", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let done = shift::shift(&session.context, &region, &place, to, "asked for").await;
    reporter.finish();
    session.close().await;
    let command = format!("traffic shift --to {to}", to = to.percent());
    end(globals, done, to, &command)
}

/// A cutover that has not ended shifts traffic itself.
fn refuse_beside_cutover(globals: &Globals, state: &State) -> Result<(), CliError> {
    let saved = Saved::of(state);
    let Some(saved) = saved.filter(Saved::is_under_way) else { return Ok(()) };
    Err(CliError::new(Exit::Refused, format!("a cutover is under way, at {}", saved.progress.live)).remains("nothing was changed").hint(format!(
        "`{}` goes on with it, `{}` ends it, `traffic rollback` brings all traffic back",
        again(globals, "cutover", &Chosen::default()),
        again(globals, "cutover --abort", &Chosen::default())
    )))
}

async fn roll_back(globals: &Globals, args: &RollbackArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let zone = args.zone.zone_id.as_deref();
    // What is wrong with the state must not stand in the way.
    let (state, trouble) = match zone {
        Some(_) => (State::empty(), None),
        None => match session::peek(globals, &config).await {
            Ok(state) => (state, None),
            Err(error) => (State::empty(), Some(error.what)),
        },
    };
    let scene = Scene::of(&state);
    let region = region(&state, &config);
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let place = find_place(globals, &config, &looker, &region, &scene, zone).await?;
    let live = seen(&looker, &region, &place).await?;
    if args.dry_run {
        line(&batch(&live, Split::SOURCE));
        return Ok(0);
    }
    confirm(&format!("{} Send all of it to the source?", now(&live)), args.yes)?;
    let command = match zone {
        Some(zone) => format!("traffic rollback --zone-id {zone}"),
        None => "traffic rollback".to_owned(),
    };
    let by_hand = Saved::of(&state).is_some_and(|saved| saved.progress.quiesce != Quiesce::NotRun && !config.cutover.release_command.is_empty());
    let unwritten = async |looker: &Looker| {
        let done = shift::bring_back(looker, &region, &place, shift::Send::WhenNeeded).await;
        if by_hand {
            down::say(globals, "note: the quiesce command of the cutover was run: run its release command by hand");
        }
        done.map_err(|error| shift::Failed { effect: Effect::Unknown, error })
    };
    if zone.is_some() || trouble.is_some() || scene.place.is_none() {
        if let Some(trouble) = trouble {
            down::say(globals, &format!("note: {trouble}; it goes on without a state"));
        }
        return end(globals, unwritten(&looker).await, Split::SOURCE, &command);
    }
    drop(looker);
    let reporter = Reporter::start(globals);
    let session = match Session::open(globals, &config, "traffic rollback", reporter.events()).await {
        Ok(session) => session,
        Err(error) => {
            // Whoever holds the lock may hang; it sees that the weights are others, and stops.
            reporter.finish();
            down::say(globals, &format!("note: {}; it goes on without writing anything down", error.what));
            let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
            return end(globals, unwritten(&looker).await, Split::SOURCE, &command);
        }
    };
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let done = shift::shift(&session.context, &region, &place, Split::SOURCE, "rolled back by hand").await;
    let (done, ended) = match done {
        Ok(shifted) => (Ok(shifted), super::cutover::rolled_back_by_hand(globals, &config, &session.context).await),
        // That it can not be written down must not stand in the way.
        Err(failed) if matches!(failed.error, crate::resource::Error::Journal(_)) => {
            let text = format!("{}; it goes on without writing anything down", describe(&failed.error));
            session.context.events.send(Event::Notice { address: None, text });
            let context = Context { cancel: Cancel::default(), ..session.context.clone() };
            (unwritten(&context.looker()).await, Ok(()))
        }
        Err(failed) => (Err(failed), Ok(())),
    };
    reporter.finish();
    session.close().await;
    ended?;
    end(globals, done, Split::SOURCE, &command)
}

/// Sums up.
fn end(globals: &Globals, done: Result<Shifted, shift::Failed>, to: Split, command: &str) -> Result<u8, CliError> {
    let next = again(globals, command, &Chosen::default());
    match done {
        Ok(shifted) => {
            let from = shifted.from.map(Split::percent);
            if globals.output == OutputFormat::Json {
                line(&json!({ "event": "traffic_shifted", "from": from, "to": to.percent(), "changed": shifted.changed }).to_string());
            }
            let was = shifted.from.map(|from| format!(", before it was {from}")).unwrap_or_default();
            down::say(
                globals,
                &match shifted.changed {
                    true => format!("done: {to} of the traffic goes to the target{was}; the records were read back"),
                    false => format!("nothing to do: {to} of the traffic goes to the target"),
                },
            );
            Ok(0)
        }
        Err(failed) => {
            let what = if to == Split::SOURCE { "traffic was not brought back".to_owned() } else { format!("traffic was not shifted to {to}") };
            let error = CliError::new(Exit::of(&failed.error), what).because_text(&describe(&failed.error));
            let remains = match failed.effect {
                Effect::Unknown => "the change may have been made all the same: `traffic show` tells",
                Effect::Overridden(_) => "traffic goes where the other change has sent it",
                Effect::None => "traffic goes where it went before",
            };
            Err(error.remains(remains).hint(format!("run `{next}` again")))
        }
    }
}

/// Where the records are: in the state, in the zone that was named, in that of the configuration, or in the one zone with its name.
async fn find_place(
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

async fn seen(looker: &Looker, region: &Region, place: &Place) -> Result<Live, CliError> {
    read(&looker.reader(&address(), region), place).await.map_err(|error| unreadable(&error))
}

fn unreadable(error: &crate::resource::Error) -> CliError {
    CliError::new(Exit::Failed, "the records can not be read").because_text(&describe(error)).remains("nothing was changed")
}

/// Environments that would get more traffic and have no healthy target, in words.
pub(super) async fn sick(looker: &Looker, scene: &Scene, from: Option<Split>, to: Split) -> Vec<String> {
    let mut sick = Vec::new();
    for side in [Side::Source, Side::Target].into_iter().filter(|side| to.gains(*side, from)) {
        match scene.service(side) {
            None => sick.push(format!("the state knows no service in `{side}`")),
            Some(service) => match targets(&looker.reader(&address(), &service.region), &service.target_group).await {
                Ok(health) if health.healthy > 0 => {}
                Ok(health) => sick.push(format!("no target of `{side}` is healthy ({})", told(&health))),
                Err(error) => sick.push(format!("the health of `{side}` is not known: {}", describe(&error))),
            },
        }
    }
    sick
}

fn now(live: &Live) -> String {
    live.split().map_or_else(|| "The weights are no whole percent.".to_owned(), |split| format!("{split} of the traffic goes to the target."))
}

/// The change batch as Route 53 takes it.
fn batch(live: &Live, to: Split) -> String {
    let change = |record: &crate::resources::route53::change::Weighted| {
        json!({
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": record.name,
                "Type": "A",
                "SetIdentifier": record.set_identifier,
                "Weight": record.weight,
                "AliasTarget": {
                    "DNSName": record.alias_dns_name,
                    "HostedZoneId": record.alias_zone_id,
                    "EvaluateTargetHealth": record.evaluate_target_health,
                },
                "HealthCheckId": record.health_check_id,
            },
        })
    };
    let changes: Vec<Value> = live.with(to).iter().map(change).collect();
    serde_json::to_string_pretty(&json!({ "Changes": changes })).unwrap_or_default()
}
