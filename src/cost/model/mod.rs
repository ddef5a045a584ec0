//! What is paid for each kind: every kind of the registry is either priced or free.

mod containers;
mod database;
mod dns;
mod monitoring;
mod network;
mod resources;
mod security;
mod storage;

use std::collections::{BTreeMap, BTreeSet};

use infra_base::address::Address;

use self::resources::Resources;
use crate::bill::{Bill, Writer};
use crate::prices::{Prices, Usage};
use crate::resource::Resource;

/// Writes the bill of a resource, given all resources.
type Model = fn(&Resource<'_>, &Resources<'_>, &mut Writer<'_>);

/// How a kind is paid for.
#[derive(Clone, Copy)]
enum Billing {
    /// It has a price.
    Priced(Model),
    /// It is free, and why.
    Free(&'static str),
}

const NETWORK: Billing = Billing::Free("settings of a VPC are free");
const IAM: Billing = Billing::Free("IAM is free");
const OF_BALANCER: Billing = Billing::Free("part of its load balancer");
const OF_SERVICE: Billing = Billing::Free("part of its service");
const OF_DATABASE: Billing = Billing::Free("part of its database");
const OF_REPLICATION: Billing = Billing::Free("part of its replication instance");
const OF_SECRET: Billing = Billing::Free("part of its secret");

/// How each kind is paid for.
const TABLE: &[(&str, Billing)] = &[
    ("autoscaling.scalable_target", OF_SERVICE),
    ("autoscaling.scaling_policy", Billing::Free("AWS does not charge for its alarms")),
    ("cloudwatch.alarm", Billing::Priced(monitoring::alarm)),
    ("cloudwatch.dashboard", Billing::Priced(monitoring::dashboard)),
    ("dms.account_role", IAM),
    ("dms.certificate", OF_REPLICATION),
    ("dms.endpoint", OF_REPLICATION),
    ("dms.replication_instance", Billing::Priced(database::replication_instance)),
    ("dms.replication_subnet_group", OF_REPLICATION),
    ("dms.replication_task", OF_REPLICATION),
    ("ec2.default_security_group", NETWORK),
    ("ec2.elastic_ip", Billing::Priced(network::elastic_ip)),
    ("ec2.gateway_endpoint", Billing::Free("gateway endpoints are free")),
    ("ec2.internet_gateway", Billing::Free("only its traffic is paid, with the load balancer")),
    ("ec2.nat_gateway", Billing::Priced(network::nat_gateway)),
    ("ec2.route", NETWORK),
    ("ec2.route_table", NETWORK),
    ("ec2.route_table_association", NETWORK),
    ("ec2.security_group", NETWORK),
    ("ec2.security_group_rule", NETWORK),
    ("ec2.subnet", NETWORK),
    ("ec2.vpc", NETWORK),
    ("ec2.vpc_peering_acceptance", Billing::Free("part of its peering")),
    ("ec2.vpc_peering_connection", Billing::Priced(network::peering)),
    ("ec2.vpc_peering_dns", Billing::Free("part of its peering")),
    ("ecs.cluster", Billing::Priced(containers::cluster)),
    ("ecs.service", Billing::Priced(containers::service)),
    ("ecs.task_definition", OF_SERVICE),
    ("elbv2.fence", OF_BALANCER),
    ("elbv2.forward_rule", OF_BALANCER),
    ("elbv2.listener", OF_BALANCER),
    ("elbv2.load_balancer", Billing::Priced(network::load_balancer)),
    ("elbv2.target_group", OF_BALANCER),
    ("iam.role", IAM),
    ("iam.role_policy", IAM),
    ("iam.role_policy_attachment", IAM),
    ("lambda.function", Billing::Priced(containers::function)),
    ("lambda.permission", IAM),
    ("logs.log_group", Billing::Priced(monitoring::log_group)),
    ("rds.db_instance", Billing::Priced(database::db_instance)),
    ("rds.db_parameter_group", OF_DATABASE),
    ("rds.db_subnet_group", OF_DATABASE),
    ("route53.alarm_health_check", Billing::Priced(dns::derived_health_check)),
    ("route53.calculated_health_check", Billing::Priced(dns::derived_health_check)),
    ("route53.health_check", Billing::Priced(dns::health_check)),
    ("route53.hosted_zone", Billing::Priced(dns::hosted_zone)),
    ("route53.weighted_record", Billing::Free("queries for aliases of load balancers are free")),
    ("s3.bucket", Billing::Priced(storage::bucket)),
    ("s3.bucket_policy_statement", Billing::Free("part of its bucket")),
    ("s3.bucket_replication", Billing::Priced(storage::replication)),
    ("secretsmanager.secret", Billing::Priced(security::secret)),
    ("secretsmanager.secret_content", OF_SECRET),
    ("secretsmanager.secret_policy", OF_SECRET),
    ("secretsmanager.secret_replica", Billing::Priced(security::replica)),
    ("secretsmanager.secret_rotation", OF_SECRET),
];

/// Returns how a kind is paid for, if this version knows it.
fn billing(kind: &str) -> Option<Billing> {
    TABLE.iter().find(|(name, _)| *name == kind).map(|(_, billing)| *billing)
}

/// Returns why a kind is free, if it is.
pub(crate) fn why_free(kind: &str) -> Option<&'static str> {
    match billing(kind) {
        Some(Billing::Free(why)) => Some(why),
        Some(Billing::Priced(_)) | None => None,
    }
}

/// Returns the bills of resources by address, without those that are free, and what was assumed.
pub(crate) fn bills<'a>(
    resources: impl IntoIterator<Item = Resource<'a>>,
    prices: &Prices,
) -> (BTreeMap<&'a Address, Bill>, BTreeSet<Usage>) {
    let all = Resources(resources.into_iter().map(|resource| (resource.address, resource)).collect());
    let (mut bills, mut assumed) = (BTreeMap::new(), BTreeSet::new());
    for (address, resource) in &all.0 {
        let mut writer = Writer::new(prices, resource.region);
        match billing(resource.kind) {
            Some(Billing::Priced(model)) => model(resource, &all, &mut writer),
            Some(Billing::Free(_)) => continue,
            None => writer.unknown(resource.kind, "this version does not know the kind"),
        }
        let (bill, usage) = writer.finish();
        assumed.extend(usage);
        bills.insert(*address, bill);
    }
    (bills, assumed)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::bill::Amount;
    use crate::money::{Money, Range};

    #[test]
    fn every_kind_is_priced_or_free() {
        let known: Vec<&str> = infra_kinds::KINDS.iter().map(|kind| kind.get().name()).collect();
        let missing: Vec<_> = known.iter().filter(|kind| billing(kind).is_none()).collect();
        assert!(missing.is_empty(), "say in `TABLE` how these kinds are paid for: {missing:?}");
        let gone: Vec<_> = TABLE.iter().filter(|(kind, _)| !known.contains(kind)).map(|(kind, _)| *kind).collect();
        assert!(gone.is_empty(), "there are no such kinds: {gone:?}");
        assert!(TABLE.is_sorted_by(|one, next| one.0 < next.0), "it is sorted, and has each kind once");
    }

    /// A resource of a test: its address, kind, specification and dependencies.
    pub(crate) type Described = (&'static str, &'static str, Value, &'static [&'static str]);

    /// Returns the bill of the first resource.
    pub(crate) fn bill_in(region: &str, described: &[Described]) -> Bill {
        let addresses: Vec<Address> = described.iter().map(|(address, ..)| Address::new(address)).collect();
        let needs: Vec<Vec<Address>> =
            described.iter().map(|(.., needs)| needs.iter().map(Address::new).collect()).collect();
        let resources = described.iter().zip(&addresses).zip(&needs).map(|(((_, kind, spec, _), address), needs)| {
            Resource { address, kind, region, spec, needs: needs.iter().collect() }
        });
        let prices = Prices::included().expect("a table");
        bills(resources, &prices).0.remove(&addresses[0]).expect("a bill")
    }

    /// Returns the bill of one resource in us-east-1.
    pub(crate) fn bill(kind: &'static str, spec: Value) -> Bill {
        bill_in("us-east-1", &[("source/a/b", kind, spec, &[])])
    }

    /// Returns the fixed amount of a bill, which must know everything, and its usage.
    pub(crate) fn amounts(bill: &Bill) -> (String, String) {
        assert_eq!(bill.unknown().next(), None);
        let Range { low, high } = bill.usage();
        (bill.monthly().text(2), format!("{}–{}", low.text(2), high.text(2)))
    }

    #[test]
    fn a_kind_of_another_version_is_unknown() {
        let bill = bill("sns.topic", json!({}));
        assert_eq!(bill.unknown().collect::<Vec<_>>(), [("sns.topic", "this version does not know the kind")]);
        assert_eq!(bill.monthly(), Money::ZERO);
    }

    #[test]
    fn in_an_unknown_region_everything_is_unknown_and_nothing_is_zero() {
        for (kind, billing) in TABLE {
            let spec = json!({
                "instance_class": "db.r5.large", "allocated_storage_gb": 100, "engine": "postgres",
                "storage_type": "gp3", "subnets": ["a", "b"], "container_insights": true, "region": "xx-nowhere-1",
                "period_seconds": 60, "retention_days": 7, "memory_mb": 128, "desired_count": 1,
                "peer_region": "xx-nowhere-1", "cpu": "256", "memory": "512",
            });
            // Their prices are the same everywhere.
            if matches!(billing, Billing::Free(_)) || kind.starts_with("route53.") || *kind == "cloudwatch.dashboard" {
                continue;
            }
            let task = ("source/a/task", "ecs.task_definition", json!({ "cpu": "256", "memory": "512" }), &[][..]);
            let bill = bill_in("xx-nowhere-1", &[("source/a/b", *kind, spec, &["source/a/task"]), task]);
            assert!(!bill.items.is_empty(), "{kind}");
            let known: Vec<_> = bill.items.iter().filter(|item| !matches!(item.amount, Amount::Unknown(_))).collect();
            assert!(known.is_empty(), "{kind}: {known:?}");
        }
    }
}
