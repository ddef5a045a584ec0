//! Amazon RDS and AWS DMS.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::{InstancePrice, Price, Usage};
use crate::resource::Resource;

/// Days for which Performance Insights keeps its data free of charge ("Performance Insights pricing").
const FREE_INSIGHTS_DAYS: i64 = 7;

/// In two zones, instance and storage exist twice ("Amazon RDS for PostgreSQL pricing", "AWS DMS pricing").
fn zones(resource: &Resource<'_>) -> Quantity {
    Quantity::whole(if resource.is_on("multi_az") { 2 } else { 1 })
}

/// A database: the instance, its storage, and what depends on its use.
pub(super) fn db_instance(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    let zones = zones(resource);
    match (resource.text("engine"), resource.text("instance_class")) {
        (Some("postgres"), Some(class)) => {
            bill.instance(format!("instance {class}"), InstancePrice::RdsPostgresHour, class, zones);
        }
        (Some("postgres"), None) => bill.unknown("instance", "its class is not known"),
        (engine, _) => bill.unknown("instance", format!("no prices of the engine {}", engine.unwrap_or("of it"))),
    }
    let storage = match resource.text("storage_type") {
        Some("gp2") => Some(Price::RdsGp2Gb),
        Some("gp3") => Some(Price::RdsGp3Gb),
        _ => None,
    };
    match (storage, resource.number("allocated_storage_gb")) {
        (Some(price), Some(size)) => {
            bill.monthly(format!("{size} GB of storage"), price, Quantity::whole(size).times(zones));
        }
        _ => bill.unknown("storage", "no price of its type"),
    }
    if let Some(days) = resource.number("performance_insights_days").filter(|days| *days > FREE_INSIGHTS_DAYS) {
        bill.unknown("Performance Insights", format!("no price of {days} days"));
    }
    bill.used("backups", Price::RdsBackupGb, Usage::BackupGb, Quantity::ONE);
    // Each direction is paid.
    bill.used("transfer between zones", Price::ZoneTransferGb, Usage::DatabaseGb, Quantity::whole(2));
}

/// Storage that is included in an instance ("AWS DMS pricing", storage): 50 GB for T2 and T3, 100 GB for the others.
fn included_gb(class: &str) -> i64 {
    if class.starts_with("dms.t") { 50 } else { 100 }
}

/// A replication instance and its storage.
pub(super) fn replication_instance(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    let zones = zones(resource);
    let Some(class) = resource.text("instance_class") else {
        return bill.unknown("instance", "its class is not known");
    };
    bill.instance(format!("instance {class}"), InstancePrice::DmsHour, class, zones);
    let more = resource.number("allocated_storage_gb").unwrap_or_default() - included_gb(class);
    if more > 0 {
        bill.monthly(format!("{more} GB of storage"), Price::DmsStorageGb, Quantity::whole(more).times(zones));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{amounts, bill, bill_in};
    use crate::bill::Bill;

    fn database(change: &Value) -> Bill {
        let mut spec = json!({
            "engine": "postgres", "instance_class": "db.r5.large", "storage_type": "gp2", "allocated_storage_gb": 100,
            "multi_az": false, "performance_insights_days": 7,
        });
        for (key, value) in change.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        bill("rds.db_instance", spec)
    }

    #[test]
    fn a_database_is_its_hours_and_its_storage() {
        // 730 × $0.25 + 100 × $0.115
        assert_eq!(amounts(&database(&json!({}))).0, "194.00");
        assert_eq!(amounts(&database(&json!({ "multi_az": true }))).0, "388.00", "a standby costs as much again");
        assert_eq!(amounts(&database(&json!({ "allocated_storage_gb": 200 }))).0, "205.50");
    }

    #[test]
    fn a_class_without_a_price_is_unknown_and_the_rest_is_not() {
        let bill = database(&json!({ "instance_class": "db.x9.large" }));
        let unknown: Vec<_> = bill.unknown().collect();
        assert_eq!(unknown, [("instance db.x9.large", "no price `rds_postgres_hour.\"db.x9.large\"` in us-east-1")]);
        assert_eq!(bill.monthly().text(2), "11.50");
        assert!(database(&json!({ "engine": "mysql" })).unknown().any(|(what, _)| what == "instance"));
        assert!(database(&json!({ "storage_type": "io2" })).unknown().any(|(what, _)| what == "storage"));
        assert!(database(&json!({ "performance_insights_days": 31 })).unknown().next().is_some());
    }

    #[test]
    fn storage_of_a_replication_instance_is_partly_included() {
        let of = |class: &str, size: i64, multi_az: bool| {
            let spec = json!({ "instance_class": class, "allocated_storage_gb": size, "multi_az": multi_az });
            amounts(&bill("dms.replication_instance", spec)).0
        };
        assert_eq!(of("dms.c5.large", 100, false), "112.42");
        assert_eq!(of("dms.c5.large", 110, false), "113.57");
        assert_eq!(of("dms.c5.large", 110, true), "227.14");
        assert_eq!(of("dms.t3.micro", 60, false), "14.73");
    }

    #[test]
    fn a_region_has_its_own_prices() {
        let spec = json!({ "engine": "postgres", "instance_class": "db.r5.large", "storage_type": "gp3",
            "allocated_storage_gb": 100 });
        let bill = bill_in("eu-west-1", &[("source/a/b", "rds.db_instance", spec, &[])]);
        assert_eq!(amounts(&bill).0, "217.10", "730 × $0.28 + 100 × $0.127");
    }
}
