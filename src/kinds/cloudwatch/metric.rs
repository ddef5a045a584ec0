//! Values of metrics: reading them with GetMetricData, and writing a custom one.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    Dimension, Metric as Named, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StatusCode,
};
use aws_smithy_types::DateTime;

use infra_base::metric::{Metric, Query};
use infra_core::resource::{Error, Result, StepContext};

/// One value: when the period that it covers begins, in seconds since 1970, and the value.
pub type Value = (i64, f64);

/// A query.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The id of the result: a lower-case letter, then letters, digits and underscores.
    pub id: String,
    /// The metric or expression.
    pub query: Query,
    /// The period of one value, in seconds.
    pub period_seconds: u32,
}

/// Returns the values between two instants, in seconds since 1970, by id. A query without values has an empty list.
///
/// # Errors
/// The error of CloudWatch, including the error of a single query.
pub async fn read(cx: &StepContext, asked: &[Asked], from: i64, to: i64) -> Result<BTreeMap<String, Vec<Value>>> {
    let queries: Vec<MetricDataQuery> = asked.iter().flat_map(queries).collect();
    let mut found: BTreeMap<String, Vec<Value>> = asked.iter().map(|one| (one.id.clone(), Vec::new())).collect();
    let mut next = None;
    loop {
        let call = cx
            .aws
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .scan_by(ScanBy::TimestampAscending);
        let call = call.start_time(DateTime::from_secs(from)).end_time(DateTime::from_secs(to)).set_next_token(next);
        let page = cx.read("cloudwatch:GetMetricData", call.send()).await?;
        for result in page.metric_data_results() {
            if matches!(result.status_code(), Some(StatusCode::InternalError | StatusCode::Forbidden)) {
                let why = result.messages().iter().filter_map(|message| message.value()).collect::<Vec<_>>().join("; ");
                let status = result.status_code().map_or("unknown", StatusCode::as_str);
                return Err(Error::Refused(
                    format!("CloudWatch returns {status} for a metric {why}").trim_end().to_owned(),
                ));
            }
            if let Some(values) = result.id().and_then(|id| found.get_mut(id)) {
                values.extend(result.timestamps().iter().map(DateTime::secs).zip(result.values().iter().copied()));
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Writes a value of a metric with the current time. A second write does not change the maximum or minimum.
///
/// # Errors
/// The error of CloudWatch.
pub async fn put(cx: &StepContext, metric: &Metric, value: f64) -> Result<()> {
    let datum =
        MetricDatum::builder().metric_name(&metric.name).set_dimensions(Some(dimensions(metric))).value(value).build();
    let call = || cx.aws.cloudwatch.put_metric_data().namespace(&metric.namespace).metric_data(datum.clone()).send();
    cx.mutate("cloudwatch:PutMetricData", call).await.map(drop)
}

fn dimensions(metric: &Metric) -> Vec<Dimension> {
    metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn queries(asked: &Asked) -> Vec<MetricDataQuery> {
    let metric = |id: &str, metric: &Metric, current: bool| {
        let named = Named::builder()
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .set_dimensions(Some(dimensions(metric)))
            .build();
        let period = i32::try_from(asked.period_seconds).unwrap_or(i32::MAX);
        let stat = MetricStat::builder().metric(named).period(period).stat(metric.statistic.as_str()).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).return_data(current).build()
    };
    match &asked.query {
        Query::Metric(one) => vec![metric(&asked.id, one, true)],
        Query::Expression { expression, metrics } => {
            let parts = metrics.iter().map(|(id, one)| metric(id, one, false));
            let period = i32::try_from(asked.period_seconds).unwrap_or(i32::MAX);
            parts
                .chain([MetricDataQuery::builder()
                    .id(&asked.id)
                    .expression(expression)
                    .period(period)
                    .return_data(true)
                    .build()])
                .collect()
        }
    }
}
