//! Amazon CloudWatch.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::{GlobalPrice, Price, Usage};
use crate::resource::Resource;

/// The shortest period of a metric of standard resolution ("Amazon CloudWatch pricing").
const STANDARD_SECONDS: i64 = 60;

/// Days of a month, for the share of the logs that is still stored.
const DAYS_PER_MONTH: i64 = 30;

/// An alarm on one metric.
pub(super) fn alarm(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    match resource.number("period_seconds") {
        Some(seconds) if seconds >= STANDARD_SECONDS => bill.monthly("alarm", Price::AlarmMonth, Quantity::ONE),
        _ => bill.unknown("alarm", "no price of an alarm of high resolution"),
    }
}

/// A dashboard.
pub(super) fn dashboard(_: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.global("dashboard", GlobalPrice::DashboardMonth, Quantity::ONE);
}

/// What is written into a log group, and what of it is still stored.
pub(super) fn log_group(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.used("logs written", Price::LogIngestedGb, Usage::LogGb, Quantity::ONE);
    match resource.number("retention_days") {
        Some(days) => {
            bill.used("logs stored", Price::LogStoredGb, Usage::LogGb, Quantity::fraction(days, DAYS_PER_MONTH));
        }
        None => bill.unknown("logs stored", "their retention is not known"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{amounts, bill};

    #[test]
    fn alarms_and_dashboards_have_fixed_prices() {
        assert_eq!(amounts(&bill("cloudwatch.alarm", json!({ "period_seconds": 60 }))).0, "0.10");
        assert_eq!(bill("cloudwatch.alarm", json!({ "period_seconds": 10 })).unknown().count(), 1);
        assert_eq!(amounts(&bill("cloudwatch.dashboard", json!({}))).0, "3.00");
    }

    #[test]
    fn logs_are_paid_when_written_and_while_stored() {
        let of = |days: i64| amounts(&bill("logs.log_group", json!({ "retention_days": days }))).1;
        assert_eq!(of(30), "0.05–5.30", "0.1 to 10 GB, $0.50 and $0.03");
        assert_eq!(of(300), "0.08–8.00");
    }
}
