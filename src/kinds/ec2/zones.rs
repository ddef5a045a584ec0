//! The availability zones of a region, as the account sees them, and what they offer.
//!
//! The letter of a zone differs between accounts, its id does not ("Availability Zone IDs for your AWS resources", AWS
//! RAM User Guide). Letters can be missing: `us-west-1` shows two of three zones to newer accounts.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_databasemigration::types::OrderableReplicationInstance;
use aws_sdk_ec2::types::{AvailabilityZone, AvailabilityZoneOptInStatus, AvailabilityZoneState, Filter};
use aws_sdk_rds::types::OrderableDbInstanceOption;
use serde::{Deserialize, Serialize};

use infra_core::resource::{Error, Result, StepContext};

const CALL: &str = "ec2:DescribeAvailabilityZones";

/// The zones that have Fargate, by id, in regions in which not all do ("Supported Regions for Amazon ECS on AWS
/// Fargate", Amazon ECS Developer Guide).
const FARGATE_ONLY: &[(&str, &[&str])] = &[
    ("us-west-1", &["usw1-az1", "usw1-az3"]),
    ("ap-northeast-1", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("cn-north-1", &["cnn1-az1", "cnn1-az2"]),
];

/// What a zone must offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneOffers {
    /// Tasks on Fargate.
    pub fargate: bool,
    /// Database instances.
    pub database: Option<DatabaseOffer>,
    /// The class of a replication instance.
    pub replication_class: Option<String>,
}

/// The database instances that a zone must offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseOffer {
    /// The engine.
    pub engine: String,
    /// Its version, or the first part of it.
    pub version: String,
    /// The instance class.
    pub class: String,
}

impl fmt::Display for DatabaseOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} on {}", self.engine, self.version, self.class)
    }
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Zone {
    /// The name in this account, for example `us-east-1a`.
    pub(super) name: String,
    /// The id in all accounts, for example `use1-az1`.
    pub(super) id: String,
    /// Whether the account can use it at present.
    pub(super) available: bool,
}

/// The zones of the region, by name.
pub(super) struct Zones {
    region: String,
    all: Vec<Zone>,
}

/// Reads the zones of the account. It leaves out local and wavelength zones, which load balancers and databases cannot
/// use.
///
/// # Errors
/// Those of the read.
pub(super) async fn zones(cx: &StepContext) -> Result<Zones> {
    let region = cx.region.to_string();
    let all = cx.facts(CALL, || read_zones(cx)).await?;
    Ok(Zones { region, all })
}

async fn read_zones(cx: &StepContext) -> Result<Vec<Zone>> {
    let regular = Filter::builder().name("zone-type").values("availability-zone").build();
    let call = cx.aws.ec2.describe_availability_zones().filters(regular).send();
    let found = cx.read(CALL, call).await?;
    let mut all: Vec<Zone> = found.availability_zones().iter().filter_map(zone).collect();
    all.sort_unstable();
    Ok(all)
}

fn zone(zone: &AvailabilityZone) -> Option<Zone> {
    let opted_in = zone.opt_in_status() != Some(&AvailabilityZoneOptInStatus::NotOptedIn);
    Some(Zone {
        name: zone.zone_name()?.to_owned(),
        id: zone.zone_id().unwrap_or_default().to_owned(),
        available: opted_in && zone.state() == Some(&AvailabilityZoneState::Available),
    })
}

/// Returns the names of zones.
pub(super) fn zone_names<'a>(zones: impl IntoIterator<Item = &'a Zone>) -> impl Iterator<Item = &'a str> {
    zones.into_iter().map(|zone| zone.name.as_str())
}

impl Zones {
    /// Returns all zones.
    pub(super) fn all(&self) -> &[Zone] {
        &self.all
    }

    /// Returns the name of the zone with an id.
    pub(super) fn name_of(&self, id: &str) -> Option<&str> {
        zone_names(self.all.iter().filter(|zone| zone.id == id)).next()
    }

    /// Returns the zone with an id, or the one with a number among those that offer what is needed. If that is taken,
    /// because the zones offered something else when the other subnets were created, another one that is not.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such zone, with the zones that there are.
    pub(super) async fn choose(
        self,
        cx: &StepContext,
        number: usize,
        id: Option<&str>,
        offers: &ZoneOffers,
        taken: &[String],
    ) -> Result<Zone> {
        if let Some(id) = id {
            return match self.all.iter().find(|zone| zone.id == id) {
                Some(zone) if zone.available => Ok(zone.clone()),
                Some(_) => Err(Error::Refused(format!(
                    "the zone {id} is not available to this account at present; `network.zones` can name another: {}",
                    self.describe()
                ))),
                None => Err(Error::Refused(format!(
                    "{id} is not an availability zone of {} in this account; `network.zones` can name {}",
                    self.region,
                    self.describe()
                ))),
            };
        }
        let usable = self.usable(cx, offers).await?;
        let is_free = |zone: &&Zone| !taken.contains(&zone.name);
        let wanted = usable.get(number).filter(is_free).or_else(|| usable.iter().find(is_free));
        let wanted = wanted.or_else(|| usable.get(number));
        wanted.cloned().filter(|_| number < usable.len()).ok_or_else(|| {
            let list: Vec<&str> = usable.iter().map(|zone| zone.id.as_str()).collect();
            Error::Refused(format!(
                "{} has {} availability zones that this stack can use{}, and the configuration asks for number {}{}; \
                 the zones of the account are {}; use another region or instance class, or name the zones in \
                 `network.zones`",
                self.region,
                usable.len(),
                if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) },
                number + 1,
                offers.describe(),
                self.describe(),
            ))
        })
    }

    /// Returns the available zones that offer what is needed.
    ///
    /// # Errors
    /// Those of the reads.
    pub(super) async fn usable(&self, cx: &StepContext, offers: &ZoneOffers) -> Result<Vec<Zone>> {
        let mut usable: Vec<Zone> = self.all.iter().filter(|zone| zone.available).cloned().collect();
        if offers.fargate
            && let Some((_, ids)) = FARGATE_ONLY.iter().find(|(region, _)| *region == self.region)
        {
            usable.retain(|zone| ids.contains(&zone.id.as_str()));
        }
        if let Some(database) = &offers.database {
            keep(&mut usable, &once(cx, database.to_string(), || with_database(cx, database)).await?);
        }
        if let Some(class) = &offers.replication_class {
            keep(&mut usable, &once(cx, format!("replication {class}"), || with_replication(cx, class)).await?);
        }
        Ok(usable)
    }

    fn describe(&self) -> String {
        let one = |zone: &Zone| match zone.available {
            true => format!("{} ({})", zone.id, zone.name),
            false => format!("{} ({}, not available)", zone.id, zone.name),
        };
        self.all.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl ZoneOffers {
    /// Returns what is needed, as the rest of a sentence about zones.
    fn describe(&self) -> String {
        let mut needs = Vec::new();
        needs.extend(self.fargate.then(|| "Fargate".to_owned()));
        needs.extend(self.database.as_ref().map(ToString::to_string));
        needs.extend(self.replication_class.as_ref().map(|class| format!("replication instances of {class}")));
        if needs.is_empty() { String::new() } else { format!(", with {}", needs.join(", ")) }
    }
}

/// What zones offer is advice. If it cannot be read, for example because the credentials do not allow it, or because an
/// emulator does not know it, it stays open.
fn known(cx: &StepContext, offering: Result<Vec<String>>) -> Result<Vec<String>> {
    match offering {
        Err(Error::Aws(error)) => {
            if !cx.dry_run {
                cx.notice(format!("the zones that offer the instance classes are not known: {error}"));
            }
            Ok(Vec::new())
        }
        other => other,
    }
}

/// A class that no zone offers is not offered in the region. The service that creates the instance says so, with the
/// classes that it has.
fn keep(usable: &mut Vec<Zone>, offering: &BTreeSet<String>) {
    if !offering.is_empty() {
        usable.retain(|zone| offering.contains(&zone.name));
    }
}

/// The names of zones, which are read once, also if they cannot be read.
async fn once<F>(cx: &StepContext, what: String, read: impl Fn() -> F + Send + Sync) -> Result<BTreeSet<String>>
where
    F: Future<Output = Result<Vec<String>>> + Send,
{
    Ok(cx.facts(what, || async { known(cx, read().await) }).await?.into_iter().collect())
}

/// Returns the options to order these database instances.
///
/// # Errors
/// Those of the read.
pub async fn database_options(cx: &StepContext, wanted: &DatabaseOffer) -> Result<Vec<OrderableDbInstanceOption>> {
    let pages = cx
        .aws
        .rds
        .describe_orderable_db_instance_options()
        .engine(&wanted.engine)
        .db_instance_class(&wanted.class)
        .vpc(true)
        .into_paginator()
        .items()
        .send();
    let mut options = cx.read("rds:DescribeOrderableDBInstanceOptions", pages.collect::<Result<Vec<_>, _>>()).await?;
    options.retain(|option| {
        let version = option.engine_version().unwrap_or_default();
        version == wanted.version || version.starts_with(&format!("{}.", wanted.version))
    });
    Ok(options)
}

async fn with_database(cx: &StepContext, wanted: &DatabaseOffer) -> Result<Vec<String>> {
    let options = database_options(cx, wanted).await?;
    let zones = options.iter().flat_map(OrderableDbInstanceOption::availability_zones);
    Ok(zones.filter_map(|zone| Some(zone.name()?.to_owned())).collect())
}

/// Returns the options to order replication instances of a class.
///
/// # Errors
/// Those of the read.
pub async fn replication_options(cx: &StepContext, class: &str) -> Result<Vec<OrderableReplicationInstance>> {
    let pages = cx.aws.dms.describe_orderable_replication_instances().into_paginator().send();
    let pages = cx.read("dms:DescribeOrderableReplicationInstances", pages.collect::<Result<Vec<_>, _>>()).await?;
    let options = pages.into_iter().flat_map(|page| page.orderable_replication_instances.unwrap_or_default());
    Ok(options.filter(|one| one.replication_instance_class() == Some(class)).collect())
}

async fn with_replication(cx: &StepContext, class: &str) -> Result<Vec<String>> {
    let options = replication_options(cx, class).await?;
    Ok(options.iter().flat_map(|one| one.availability_zones().iter().cloned()).collect())
}
