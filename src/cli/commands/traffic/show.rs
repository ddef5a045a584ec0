//! `traffic show`: the weights, and the health of both environments.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_config::Side;
use infra_core::resource::describe;
use infra_core::state::{OpenShift, State};
use infra_kinds::autoscaling::scale_in::ScaleIn;
use infra_kinds::elbv2::fence_position::FencePosition;
use infra_kinds::elbv2::health::{TargetHealth, targets};
use infra_kinds::route53::change::Weighted;
use infra_migration::TrafficSplit;
use infra_migration::fence;
use infra_migration::records::{RecordName, RecordSet};
use infra_migration::scale_in;
use infra_migration::serving::{database_side, serving};
use infra_migration::shift::traffic_address;
use infra_migration::topology::Topology;
use infra_workflow::traffic::{
    describe_health, find_records, is_target_taken_out, location, reach_warning, read_records,
};

/// Show the weights, the health of both environments, and what is in progress.
///
/// Nothing is changed.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The hosted zone [default: the zone in the state].
    #[arg(long, value_name = "ID")]
    zone_id: Option<String>,
}

/// One environment: its record, and the health of its targets if the state contains them.
struct Row<'a> {
    side: Side,
    record: &'a Weighted,
    health: Option<infra_core::resource::Result<TargetHealth>>,
    /// The position of the fence, if there is one.
    fence: Option<infra_core::resource::Result<Option<FencePosition>>>,
    /// Whether its tasks may be removed, if it scales and this can be read.
    scale_in: Option<ScaleIn>,
    /// The side whose database its service uses, if it can be read.
    uses: Option<Side>,
}

/// Everything that the command shows.
struct View<'a> {
    name: RecordName,
    records: &'a RecordSet,
    rows: Vec<Row<'a>>,
    open_shift: Option<&'a OpenShift>,
    target_taken_out: bool,
    /// Why clients do not see the records, or not all of them.
    warning: Option<String>,
}

pub(super) async fn run(app: &App, args: &ShowArgs) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let state = match &args.zone_id {
        Some(_) => State::empty(),
        None => workspace.read_state().await?,
    };
    let topology = Topology::of(&state);
    let context = workspace.connect_read_only().await?;
    let location = location(&state, &context.cloud, config);
    let name = find_records(workspace, &context, &location, &topology, args.zone_id.as_deref()).await?;
    let records = &read_records(&context, &location, &name).await?;
    let mut rows = Vec::new();
    for side in [Side::Source, Side::Target] {
        let Some(record) = records.record(side) else { continue };
        let health = match topology.service(side) {
            Some(service) => {
                let reader = context.reader(&traffic_address(), &service.location);
                Some(match serving(&context, service).await {
                    Ok(serving) => targets(&reader, serving.target_group).await,
                    Err(error) => Err(error),
                })
            }
            None => None,
        };
        let fence = match topology.service(side).filter(|service| service.fence.is_some()) {
            Some(service) => Some(fence::position(&context, service).await),
            None => None,
        };
        let scale_in = match topology.service(side) {
            Some(service) => scale_in::position(&context, service).await.ok().flatten(),
            None => None,
        };
        let uses = match topology.service(side) {
            Some(service) => database_side(&context, service).await.ok().flatten(),
            None => None,
        };
        rows.push(Row { side, record, health, fence, scale_in, uses });
    }
    let open_shift = state.migration.shift.as_ref();
    let target_taken_out = is_target_taken_out(&context, config, &state).await;
    let warning = reach_warning(workspace, &context, &location, &name).await;
    let view = View { name, records, rows, open_shift, target_taken_out, warning };
    if app.options.is_json() {
        stdout(&view.json().to_string());
    } else {
        view.show(app);
    }
    Ok(0)
}

impl View<'_> {
    fn json(&self) -> Value {
        let environment = |row: &Row<'_>| {
            let health = row.health.as_ref().and_then(|health| health.as_ref().ok());
            let value = json!({
                "weight": row.record.weight,
                "database": row.uses,
                "alias": row.record.alias_dns_name,
                "healthy_targets": health.map(|health| health.healthy),
                "unhealthy_targets": health.map(|health| health.unhealthy.clone()),
                "fence": row.fence.as_ref().and_then(|fence| fence.as_ref().ok()),
                "scale_in": row.scale_in,
            });
            (row.side.as_str().to_owned(), value)
        };
        let environments: serde_json::Map<String, Value> = self.rows.iter().map(environment).collect();
        json!({
            "name": self.name.name,
            "zone_id": self.name.zone,
            "target_percent": self.records.split().map(TrafficSplit::percent),
            "environments": environments,
            "open_shift": self.open_shift,
            "target_taken_out": self.target_taken_out,
            "warning": self.warning,
        })
    }

    fn show(&self, app: &App) {
        stdout(&format!("{} in the zone {}", self.name.name, self.name.zone));
        for Row { side, record, health, fence, scale_in, uses } in &self.rows {
            let health = match health {
                None => "not in this state".to_owned(),
                Some(Err(error)) => format!("health unknown: {}", describe(error)),
                Some(Ok(health)) => describe_health(health),
            };
            let fence = match fence {
                Some(Ok(Some(FencePosition::Closed))) => ", its fence is closed: clients get 503".to_owned(),
                Some(Ok(None)) => ", its fence was changed outside of this tool: `up` opens it".to_owned(),
                Some(Err(error)) => format!(", fence unknown: {}", describe(error)),
                Some(Ok(Some(FencePosition::Open))) | None => String::new(),
            };
            let database = match uses {
                Some(other) if other != side => format!(", its service uses the database of the {other}"),
                _ => String::new(),
            };
            let scale_in = match scale_in {
                Some(ScaleIn::Suspended) => ", scale-in is suspended for the cutover",
                Some(ScaleIn::Allowed) | None => "",
            };
            let (weight, alias) = (record.weight, &record.alias_dns_name);
            stdout(&format!("  {side:<6}  weight {weight:>3}  {alias}  {health}{fence}{database}{scale_in}"));
        }
        match self.records.split() {
            Some(_) if self.records.lacks_source() => stdout("the source was removed: all traffic goes to the target"),
            Some(split) => stdout(&format!("{split} of the traffic goes to the target")),
            None => stdout("the weights are not a whole percentage: something else has set them"),
        }
        if self.target_taken_out {
            stdout(&format!(
                "the target is taken out by the emergency switch, regardless of the weights: `{}` restores it",
                app.command("traffic emergency --release")
            ));
        }
        if let Some(warning) = &self.warning {
            stdout(warning);
        }
        if let Some(open) = self.open_shift {
            stdout(&unfinished_shift(app, open));
        }
    }
}

/// Returns what to do about a shift that was started.
pub(in crate::cli) fn unfinished_shift(app: &App, open: &OpenShift) -> String {
    let rollback = app.command("traffic rollback");
    let resolution = match open.to {
        0 => format!("`{rollback}` finishes it"),
        to => format!("`{}` finishes it, `{rollback}` undoes it", app.command(&format!("traffic shift --to {to}"))),
    };
    format!("a shift to {} % was started, and its end was not observed: {resolution}", open.to)
}
