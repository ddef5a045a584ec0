//! GetMetricData: data points of metrics, and math over them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataError, GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::types::{MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StandardUnit, StatusCode};
use aws_smithy_types::DateTime;

use super::dimensions::dimensions;
use super::expression::{Expression, Points, Value, is_id};
use super::points::{PointQuery, Reader, period_starts, points};
use super::statistic::Stat;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::metrics::MetricName;

/// "The maximum number of data points the request should return before paginating. If you omit this, the default of
/// 100,800 is used."
const PAGE: usize = 100_800;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["metric_data_queries", "start_time", "end_time", "next_token", "scan_by", "max_datapoints"];
    registry.on("cloudwatch", "GetMetricData", fields, GetMetricDataError::generic, get);
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("ValidationError", why)
}

/// A validated query.
struct Query {
    id: String,
    label: String,
    is_returned: bool,
    kind: QueryKind,
}

enum QueryKind {
    Metric(PointQuery),
    Math(Expression),
}

/// "The period can be 1, 5, 10, 20, 30, 60, or any multiple of 60."
fn period(seconds: Option<i32>) -> Result<u64, Rejection> {
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0) {
        Some(seconds) if matches!(seconds, 1 | 5 | 10 | 20 | 30) || seconds % 60 == 0 => Ok(seconds * 1000),
        _ => invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60."),
    }
}

fn metric(stat: &MetricStat) -> Result<PointQuery, Rejection> {
    let metric = stat.metric();
    let name = metric.and_then(|metric| Some((metric.namespace()?, metric.metric_name()?)));
    let (Some(metric), Some((namespace, name))) = (metric, name) else {
        return invalid("The parameters Namespace and MetricName are required.");
    };
    let unit = stat.unit().map(StandardUnit::as_str);
    if unit.is_some_and(|unit| !StandardUnit::values().contains(&unit)) {
        return invalid("The parameter Unit is not valid.");
    }
    if unit.is_some() && namespace.starts_with("AWS/") {
        return refuse("SandboxUnknownMember", "the sandbox does not model the units of service metrics");
    }
    let metric = MetricName::new(namespace, name, dimensions(metric.dimensions())?);
    Ok(PointQuery {
        metric,
        stat: Stat::read(stat.stat().unwrap_or_default())?,
        period: period(stat.period())?,
        unit: unit.map(str::to_owned),
    })
}

fn read(query: &MetricDataQuery) -> Result<Query, Rejection> {
    let id = query.id().unwrap_or_default();
    if !is_id(id) || id.len() > 255 {
        return invalid(format!("The value for parameter Id is not valid: '{id}'"));
    }
    if query.account_id().is_some() {
        return refuse("SandboxUnknownMember", "the sandbox does not model metrics of other accounts");
    }
    let kind = match (query.metric_stat(), query.expression()) {
        (Some(_), None) if query.period().is_some() => {
            return invalid("Period must not be given for a query with MetricStat.");
        }
        (Some(stat), None) => QueryKind::Metric(metric(stat)?),
        // "Expression: Length Constraints: Minimum length of 1. Maximum length of 2048."
        (None, Some(text)) if !(1..=2048).contains(&text.len()) => {
            return invalid("The parameter Expression must have 1 to 2048 characters.");
        }
        (None, Some(text)) => QueryKind::Math(Expression::read(text)?),
        _ => return invalid("Exactly one of MetricStat and Expression must be given."),
    };
    let default = match &kind {
        QueryKind::Metric(wanted) => wanted.metric.name.clone(),
        QueryKind::Math(_) => id.to_owned(),
    };
    let label = query.label().map_or(default, str::to_owned);
    Ok(Query { id: id.to_owned(), label, is_returned: query.return_data().unwrap_or(true), kind })
}

/// Returns the queries in dependency order: each after those that it refers to.
fn sort_by_dependency(queries: &[MetricDataQuery]) -> Result<Vec<Query>, Rejection> {
    if !(1..=500).contains(&queries.len()) {
        return invalid("The collection MetricDataQueries must have 1 to 500 items.");
    }
    let mut rest = queries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let ids: BTreeSet<String> = rest.iter().map(|query| query.id.clone()).collect();
    if ids.len() != rest.len() {
        return invalid("The values for parameter Id in MetricDataQueries must be unique.");
    }
    for query in &rest {
        if let QueryKind::Math(expression) = &query.kind
            && let Some(unknown) = expression.ids().into_iter().find(|id| !ids.contains(*id))
        {
            return invalid(format!("Error in expression '{}': unknown id '{unknown}'", query.id));
        }
    }
    let mut ordered: Vec<Query> = Vec::new();
    while !rest.is_empty() {
        let is_ready = |query: &Query| match &query.kind {
            QueryKind::Metric(_) => true,
            QueryKind::Math(expression) => expression.ids().iter().all(|id| ordered.iter().any(|done| done.id == **id)),
        };
        let Some(at) = rest.iter().position(is_ready) else {
            return invalid("The expressions form a dependency cycle.");
        };
        ordered.push(rest.remove(at));
    }
    Ok(ordered)
}

fn millis(time: Option<&DateTime>) -> Result<u64, Rejection> {
    match time.and_then(|time| time.to_millis().ok()).and_then(|at| u64::try_from(at).ok()) {
        Some(at) => Ok(at),
        None => refuse("MissingParameter", "The parameters StartTime and EndTime are required."),
    }
}

fn get(call: &mut Call<'_>, input: &GetMetricDataInput) -> Result<GetMetricDataOutput, Rejection> {
    let (from, to) = (millis(input.start_time())?, millis(input.end_time())?);
    if from >= to {
        return invalid("The parameter StartTime must be less than the parameter EndTime.");
    }
    let queries = sort_by_dependency(input.metric_data_queries())?;
    let (world, region) = (&*call.world, call.region.as_str());
    let timeline = world.timeline();
    let mut found: BTreeMap<String, (Points, u64)> = BTreeMap::new();
    for query in &queries {
        let result = match &query.kind {
            QueryKind::Metric(wanted) => {
                (points(world, region, &timeline, wanted, (from, to), Reader::Caller), wanted.period)
            }
            QueryKind::Math(expression) => {
                let periods: BTreeSet<u64> =
                    expression.ids().iter().filter_map(|id| found.get(*id)).map(|(_, period)| *period).collect();
                let (Some(period), true) = (periods.first().copied(), periods.len() <= 1) else {
                    return match periods.is_empty() {
                        // "The result of an expression must be a time series".
                        true => invalid(format!("Error in expression '{}': it must return a time series", query.id)),
                        false => refuse(
                            "SandboxUnknownMember",
                            "the sandbox models expressions over metrics of one period only",
                        ),
                    };
                };
                let of = |id: &str| found.get(id).map(|(points, _)| points.clone());
                match expression.value(&of, &period_starts(world, period, from, to)) {
                    Some(Value::Points(points)) => (points, period),
                    _ => return invalid(format!("Error in expression '{}': it must return a time series", query.id)),
                }
            }
        };
        found.insert(query.id.clone(), result);
    }
    let ascending = input.scan_by() == Some(&ScanBy::TimestampAscending);
    let returned = input
        .metric_data_queries()
        .iter()
        .filter_map(|requested| queries.iter().find(|query| Some(query.id.as_str()) == requested.id()));
    let series = returned.filter(|query| query.is_returned).map(|query| {
        let mut points: Vec<(u64, f64)> =
            found.get(&query.id).into_iter().flat_map(|(points, _)| points).map(|(at, value)| (*at, *value)).collect();
        if !ascending {
            points.reverse();
        }
        (query, points)
    });
    page(&series.collect::<Vec<_>>(), input)
}

/// Returns the page that a token names. A result that continues on a later page is `PartialData` ("MetricDataResult",
/// StatusCode).
fn page(series: &[(&Query, Vec<(u64, f64)>)], input: &GetMetricDataInput) -> Result<GetMetricDataOutput, Rejection> {
    let size = match input.max_datapoints().map(usize::try_from) {
        None => PAGE,
        Some(Ok(size)) if (1..=PAGE).contains(&size) => size,
        Some(_) => return invalid("The parameter MaxDatapoints must be between 1 and 100800."),
    };
    let Ok(start) = input.next_token().unwrap_or("0").parse::<usize>() else {
        return refuse("InvalidNextToken", "The token is not valid.");
    };
    let total: usize = series.iter().map(|(_, points)| points.len()).sum();
    let end = start.saturating_add(size).min(total);
    let mut answer =
        GetMetricDataOutput::builder().set_metric_data_results(Some(Vec::new())).set_messages(Some(Vec::new()));
    let mut first = 0;
    for (query, points) in series {
        let last = first + points.len();
        let page_points = &points[start.clamp(first, last) - first..end.clamp(first, last) - first];
        // Later pages contain only the results that have points left.
        if start == 0 || !page_points.is_empty() {
            let status = if last > end { StatusCode::PartialData } else { StatusCode::Complete };
            let result = MetricDataResult::builder().id(&query.id).label(&query.label).status_code(status);
            let time = |(at, _): &(u64, f64)| DateTime::from_millis(i64::try_from(*at).unwrap_or(i64::MAX));
            let result = result
                .set_timestamps(Some(page_points.iter().map(time).collect()))
                .set_values(Some(page_points.iter().map(|(_, value)| *value).collect()));
            answer = answer.metric_data_results(result.build());
        }
        first = last;
    }
    Ok(answer.set_next_token((end < total).then(|| end.to_string())).build())
}
