//! Amazon Route 53.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::GlobalPrice;
use crate::resource::Resource;

/// An interval that costs extra ("Amazon Route 53 pricing", health checks).
const FAST_SECONDS: i64 = 10;

/// A zone. Queries for aliases of load balancers, the only ones that the stack causes, are free.
pub(super) fn hosted_zone(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.global("hosted zone", GlobalPrice::HostedZoneMonth, Quantity::ONE);
}

/// A check on a load balancer, which is an endpoint in AWS, and its optional features.
pub(super) fn health_check(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.global("health check", GlobalPrice::HealthCheckMonth, Quantity::ONE);
    let options = [
        ("HTTPS", resource.text("protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"))),
        ("an interval of 10 s", resource.number("interval_seconds") == Some(FAST_SECONDS)),
    ];
    for (option, _) in options.into_iter().filter(|(_, is_on)| *is_on) {
        bill.global(option, GlobalPrice::HealthCheckOptionMonth, Quantity::ONE);
    }
}

/// A check on an alarm, or on other checks.
pub(super) fn derived_health_check(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.global("health check", GlobalPrice::DerivedHealthCheckMonth, Quantity::ONE);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{amounts, bill};

    #[test]
    fn features_of_a_health_check_cost_extra() {
        let of = |protocol: &str, seconds: i64| {
            amounts(&bill("route53.health_check", json!({ "protocol": protocol, "interval_seconds": seconds }))).0
        };
        assert_eq!([of("http", 30), of("https", 30), of("https", 10)], ["0.50", "1.50", "2.50"]);
        assert_eq!(amounts(&bill("route53.hosted_zone", json!({}))).0, "0.50");
    }

    #[test]
    fn a_price_that_is_not_in_the_table_is_unknown() {
        let unknown = bill("route53.alarm_health_check", json!({}));
        assert_eq!(
            unknown.unknown().collect::<Vec<_>>(),
            [("health check", "no price `global.health_check_derived_month`")]
        );
    }
}
