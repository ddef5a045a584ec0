//! AWS Secrets Manager.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::{Price, Usage};
use crate::resource::Resource;

/// Calls that have one price.
const CALLS: i64 = 10_000;

/// A secret, and the calls that read it.
pub(super) fn secret(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.monthly("secret", Price::SecretMonth, Quantity::ONE);
    bill.used("calls", Price::SecretCalls, Usage::SecretCalls, Quantity::fraction(1, CALLS));
}

/// A replica is paid like a secret, in its region ("AWS Secrets Manager pricing").
pub(super) fn replica(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    match resource.text("region") {
        Some(region) => bill.monthly_in(region, "replica", Price::SecretMonth, Quantity::ONE),
        None => bill.unknown("replica", "its region is not known"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{amounts, bill};

    #[test]
    fn a_replica_costs_as_much_as_a_secret() {
        assert_eq!(amounts(&bill("secretsmanager.secret", json!({}))), ("0.40".into(), "0.00–0.05".into()));
        assert_eq!(amounts(&bill("secretsmanager.secret_replica", json!({ "region": "eu-west-1" }))).0, "0.40");
        let nowhere = bill("secretsmanager.secret_replica", json!({ "region": "xx-nowhere-1" }));
        assert_eq!(nowhere.unknown().collect::<Vec<_>>(), [("replica", "no price `secret_month` in xx-nowhere-1")]);
    }
}
