//! What clients must know of a hosted zone to reach its records.

use super::request::bare;
use infra_core::resource::{Error, Result, StepContext};

/// A hosted zone, which the stack need not own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its id, without `/hostedzone/`.
    pub id: String,
    /// The domain, without a trailing dot.
    pub name: String,
    /// Whether only resolvers in its VPCs know it.
    pub is_private: bool,
    /// The VPCs of a private zone, each with its region.
    pub vpcs: Vec<String>,
    /// Its name servers. Another zone of the same name has others.
    pub name_servers: Vec<String>,
}

/// Reads a zone.
///
/// # Errors
/// The error of Route 53.
pub async fn describe(cx: &StepContext, id: &str) -> Result<Zone> {
    let found = cx.read("route53:GetHostedZone", cx.aws.route53.get_hosted_zone().id(id).send()).await?;
    let zone = found.hosted_zone.ok_or(Error::MissingField { call: "route53:GetHostedZone", what: "the zone" })?;
    let vpc = |vpc: &aws_sdk_route53::types::Vpc| {
        let region = vpc.vpc_region().map_or("?", aws_sdk_route53::types::VpcRegion::as_str);
        format!("{} in {region}", vpc.vpc_id().unwrap_or("?"))
    };
    Ok(Zone {
        id: bare(zone.id()).to_owned(),
        name: zone.name().trim_end_matches('.').to_owned(),
        is_private: zone.config().is_some_and(aws_sdk_route53::types::HostedZoneConfig::private_zone),
        vpcs: found.vpcs.unwrap_or_default().iter().map(vpc).collect(),
        name_servers: found.delegation_set.map(|set| set.name_servers).unwrap_or_default(),
    })
}
