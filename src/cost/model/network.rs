//! Networks and load balancers.

use serde_json::Value;

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::{HOURS_PER_MONTH, Quantity};
use crate::prices::{Price, Usage};
use crate::resource::Resource;

/// An address is paid whether it is used or not ("Amazon VPC pricing", public IPv4 addresses).
pub(super) fn elastic_ip(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.hourly("public IPv4 address", Price::PublicIpv4Hour, Quantity::ONE);
}

/// The hours of a gateway, and what it processes.
pub(super) fn nat_gateway(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.hourly("NAT gateway", Price::NatGatewayHour, Quantity::ONE);
    bill.used("data processed", Price::NatGatewayGb, Usage::NatGb, Quantity::ONE);
}

/// A peering is free; transfer between zones is paid in each direction, transfer between regions by the sender
/// ("Amazon VPC pricing", "Data Transfer within the same AWS Region" of "Amazon EC2 On-Demand Pricing").
pub(super) fn peering(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    if resource.text("peer_region").is_none_or(|region| region == resource.region) {
        bill.used("transfer between zones", Price::ZoneTransferGb, Usage::PeeringGb, Quantity::whole(2));
    } else {
        bill.used("transfer between regions", Price::RegionTransferGb, Usage::PeeringGb, Quantity::ONE);
    }
}

/// The hours of a load balancer, its public addresses (at least one in each zone), its capacity units, and what it
/// sends to the internet.
pub(super) fn load_balancer(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.hourly("load balancer", Price::LoadBalancerHour, Quantity::ONE);
    let zones = resource.spec.get("subnets").and_then(Value::as_array).map_or(0, Vec::len);
    match i64::try_from(zones).ok().filter(|zones| *zones > 0) {
        Some(zones) => {
            bill.hourly(format!("{zones} public IPv4 addresses"), Price::PublicIpv4Hour, Quantity::whole(zones));
        }
        None => bill.unknown("public IPv4 addresses", "its subnets are not known"),
    }
    let month = Quantity::whole(HOURS_PER_MONTH);
    bill.used("capacity units", Price::LoadBalancerCapacityHour, Usage::LoadBalancerCapacity, month);
    bill.used("transfer to the internet", Price::InternetGb, Usage::InternetGb, Quantity::ONE);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{amounts, bill, bill_in};

    #[test]
    fn a_nat_gateway_is_its_hours_and_what_it_processes() {
        let (fixed, usage) = amounts(&bill("ec2.nat_gateway", json!({})));
        assert_eq!((fixed.as_str(), usage.as_str()), ("32.85", "0.45–22.50"), "10 to 500 GB");
        assert_eq!(amounts(&bill("ec2.elastic_ip", json!({}))).0, "3.65");
        let bill = bill_in("eu-central-1", &[("source/a/b", "ec2.nat_gateway", json!({}), &[])]);
        assert_eq!(amounts(&bill).0, "37.96");
    }

    #[test]
    fn a_load_balancer_has_an_address_in_each_zone() {
        let of = |subnets: &[&str]| bill("elbv2.load_balancer", json!({ "subnets": subnets }));
        // 730 × ($0.0225 + 2 × $0.005)
        assert_eq!(amounts(&of(&["a", "b"])).0, "23.73");
        assert_eq!(amounts(&of(&["a", "b", "c"])).0, "27.38");
        assert_eq!(of(&[]).unknown().count(), 1);
    }

    #[test]
    fn a_peering_to_another_region_costs_something_else() {
        let of = |region: &str| amounts(&bill("ec2.vpc_peering_connection", json!({ "peer_region": region }))).1;
        assert_eq!(of("us-east-1"), "0.20–10.00", "10 to 500 GB, $0.01 in each direction");
        assert_eq!(of("eu-west-1"), "0.20–10.00", "$0.02 for the sender");
        assert_eq!(amounts(&bill("ec2.vpc_peering_connection", json!({ "peer_region": "us-east-1" }))).0, "0.00");
    }
}
