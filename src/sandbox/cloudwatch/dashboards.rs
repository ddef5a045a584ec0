//! Dashboards.

use aws_sdk_cloudwatch::operation::delete_dashboards::{
    DeleteDashboardsError, DeleteDashboardsInput, DeleteDashboardsOutput,
};
use aws_sdk_cloudwatch::operation::get_dashboard::{GetDashboardError, GetDashboardInput, GetDashboardOutput};
use aws_sdk_cloudwatch::operation::list_dashboards::{ListDashboardsError, ListDashboardsInput, ListDashboardsOutput};
use aws_sdk_cloudwatch::operation::put_dashboard::{PutDashboardError, PutDashboardInput, PutDashboardOutput};
use aws_sdk_cloudwatch::types::DashboardEntry;
use serde_json::Value;

use super::tags;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::cloudwatch::Dashboard;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "cloudwatch",
        "PutDashboard",
        &["dashboard_name", "dashboard_body", "tags"],
        PutDashboardError::generic,
        put,
    );
    registry.on("cloudwatch", "GetDashboard", &["dashboard_name"], GetDashboardError::generic, get);
    registry.on("cloudwatch", "ListDashboards", &[], ListDashboardsError::generic, list);
    registry.on("cloudwatch", "DeleteDashboards", &["dashboard_names"], DeleteDashboardsError::generic, delete);
}

/// The code of `DashboardInvalidInputError` on the wire.
fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidParameterInput", why)
}

fn put(call: &mut Call<'_>, input: &PutDashboardInput) -> Result<PutDashboardOutput, Rejection> {
    let name = input.dashboard_name().unwrap_or_default();
    // "The maximum length is 255, and valid characters are A-Z, a-z, 0-9, "-", and "_"."
    if !(1..=255).contains(&name.len())
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return invalid(format!("The value {name} for field DashboardName contains invalid characters."));
    }
    let Ok(body) = serde_json::from_str::<Value>(input.dashboard_body().unwrap_or_default()) else {
        return invalid("The field DashboardBody must be a valid JSON object");
    };
    check_body(&body)?;
    let tags = tags::read(input.tags())?;
    let dashboards = &mut call.world.dashboards.0;
    // "If you specify Tags when updating an existing dashboard, the tag updates are ignored."
    let tags = dashboards.get(name).map_or(tags, |before| before.tags.clone());
    dashboards.insert(name.to_owned(), Dashboard { name: name.to_owned(), body, tags });
    Ok(PutDashboardOutput::builder().build())
}

fn list(call: &mut Call<'_>, _input: &ListDashboardsInput) -> Result<ListDashboardsOutput, Rejection> {
    let entries =
        call.world.dashboards.0.keys().map(|name| DashboardEntry::builder().dashboard_name(name).build()).collect();
    Ok(ListDashboardsOutput::builder().set_dashboard_entries(Some(entries)).build())
}

/// "Dashboard body structure and syntax": the required parts and the allowed values.
fn check_body(body: &Value) -> Result<(), Rejection> {
    let Some(widgets) = body.get("widgets").and_then(Value::as_array) else {
        return invalid("The dashboard body is invalid: widgets is required");
    };
    // "Each dashboard can have up to 500 widgets."
    if widgets.len() > 500 {
        return invalid("The dashboard body is invalid: more than 500 widgets");
    }
    for (index, widget) in widgets.iter().enumerate() {
        let at = |what: &str| {
            format!("The dashboard body is invalid, there are 1 validation errors: /widgets/{index}/{what}")
        };
        let within = |field: &str, range: std::ops::RangeInclusive<u64>| {
            widget.get(field).is_none_or(|value| value.as_u64().is_some_and(|value| range.contains(&value)))
        };
        if !within("x", 0..=23) || !within("y", 0..=u64::MAX) || !within("width", 1..=24) || !within("height", 1..=1000)
        {
            return invalid(at("position"));
        }
        let Some(properties) = widget.get("properties").and_then(Value::as_object) else {
            return invalid(at("properties"));
        };
        match widget.get("type").and_then(Value::as_str) {
            Some("metric") => check_metric(properties).or_else(|what| invalid(at(&what)))?,
            Some("text" | "log" | "alarm" | "explorer" | "custom") => {}
            _ => return invalid(at("type")),
        }
    }
    Ok(())
}

fn check_metric(properties: &serde_json::Map<String, Value>) -> Result<(), String> {
    let text = |field: &str| properties.get(field).and_then(Value::as_str);
    if text("region").is_none_or(str::is_empty) {
        return Err("properties/region: is required".to_owned());
    }
    if text("view").is_some_and(|view| !["timeSeries", "singleValue", "gauge", "bar", "pie", "table"].contains(&view)) {
        return Err("properties/view: is not one of the allowed values".to_owned());
    }
    let is_period = |period: u64| matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60));
    if properties.get("period").is_some_and(|period| !period.as_u64().is_some_and(is_period)) {
        return Err("properties/period: is not one of the allowed values".to_owned());
    }
    let Some(metrics) = properties.get("metrics").and_then(Value::as_array).filter(|metrics| !metrics.is_empty())
    else {
        return Err("properties/metrics: is required".to_owned());
    };
    for metric in metrics {
        let parts = metric.as_array().map(Vec::as_slice).unwrap_or_default();
        let named = match parts.split_last() {
            Some((Value::Object(_), rest)) => rest,
            _ => parts,
        };
        // Namespace and name, followed by alternating names and values of dimensions.
        if named.len() < 2
            || named.len() % 2 != 0
            || !named.iter().all(|part| part.as_str().is_some_and(|part| !part.is_empty()))
        {
            return Err("properties/metrics: should be [Namespace, MetricName, Dimension1Name, Dimension1Value, ...]"
                .to_owned());
        }
    }
    Ok(())
}

fn not_found<T>(name: &str) -> Result<T, Rejection> {
    // The code of `DashboardNotFoundError` on the wire.
    refuse("ResourceNotFound", format!("Dashboard {name} does not exist"))
}

fn get(call: &mut Call<'_>, input: &GetDashboardInput) -> Result<GetDashboardOutput, Rejection> {
    let name = input.dashboard_name().unwrap_or_default();
    let arn = format!("arn:{}:cloudwatch::{}:dashboard/{name}", call.region.partition(), call.account());
    match call.world.dashboards.0.get(name) {
        Some(dashboard) => Ok(GetDashboardOutput::builder()
            .dashboard_name(name)
            .dashboard_arn(arn)
            .dashboard_body(dashboard.body.to_string())
            .build()),
        None => not_found(name),
    }
}

fn delete(call: &mut Call<'_>, input: &DeleteDashboardsInput) -> Result<DeleteDashboardsOutput, Rejection> {
    let dashboards = &mut call.world.dashboards.0;
    // "You can specify up to 100 dashboards to delete. If there is an error during this call, no dashboards are
    // deleted."
    if let Some(missing) = input.dashboard_names().iter().find(|name| !dashboards.contains_key(*name)) {
        return not_found(missing);
    }
    dashboards.retain(|name, _| !input.dashboard_names().contains(name));
    Ok(DeleteDashboardsOutput::builder().build())
}
