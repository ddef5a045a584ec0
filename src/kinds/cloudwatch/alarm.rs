//! An alarm on one metric.
//!
//! PutMetricAlarm creates or overwrites. So the owner of an existing alarm is checked first.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{self as sdk, AlarmType, ComparisonOperator, MetricAlarm, Statistic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tagging;
use super::widgets::Dimension;
use crate::ownership::classify;
use crate::tag_index;
use infra_base::address::Arn;
use infra_core::resource::{Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of an alarm.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "cloudwatch.alarm",
    summary = "an alarm on a metric",
    repeat = "setting",
    arns("cloudwatch:alarm:"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::CloudWatch,
    delete_blockers = "foreign composite alarms that refer to it",
    reads("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "tag:GetResources"),
    creates("cloudwatch:PutMetricAlarm"),
    updates("cloudwatch:PutMetricAlarm"),
    deletes("cloudwatch:DeleteAlarms"),
)]
pub struct Alarm {
    /// Its name.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it means, for the person on call.
    pub description: String,
    /// The metric that it watches.
    #[weak_ref]
    pub metric: AlarmMetric,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`.
    pub statistic: String,
    /// The period of one data point, in seconds.
    pub period_seconds: i32,
    /// The number of data points that are evaluated.
    pub evaluation_periods: i32,
    /// How many of them must breach the threshold.
    pub datapoints_to_alarm: i32,
    /// The threshold.
    pub threshold: f64,
    /// The comparison that counts as a breach, for example `GreaterThanThreshold`.
    pub comparison: String,
    /// How a missing data point counts: `breaching`, `notBreaching`, `ignore` or `missing`.
    pub treat_missing_data: String,
    /// The ARNs of SNS topics that are notified when it is raised.
    pub actions: Vec<String>,
    /// The ARNs of SNS topics that are notified when data is missing.
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
}

/// The metric of an alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlarmMetric {
    /// For example `AWS/RDS`.
    pub namespace: String,
    /// For example `CPUUtilization`.
    pub name: String,
    /// Its dimensions.
    pub dimensions: Vec<Dimension>,
}

/// What is known of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct AlarmAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[tag_target]
    #[output(created)]
    pub arn: Arn,
    /// Its settings.
    pub settings: AlarmSettings,
}

/// The settings of an alarm. Observed and wanted settings have the same form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the specification")]
pub struct AlarmSettings {
    pub description: String,
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    pub statistic: String,
    pub period_seconds: i32,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: i32,
    pub threshold: f64,
    pub comparison: String,
    pub treat_missing_data: String,
    pub actions: Vec<String>,
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
}

#[async_trait]
impl Resource for Alarm {
    async fn observe(&self, cx: &StepContext, _known: Option<&AlarmAttrs>) -> Result<Observed<AlarmAttrs>> {
        let Some(alarm) = self.find(cx).await? else { return Ok(Observed::Absent) };
        let arn = Arn(alarm.alarm_arn().unwrap_or_default().to_owned());
        let Some(tags) = tagging::list(cx, arn.as_str()).await? else { return Ok(Observed::Absent) };
        let attrs = || AlarmAttrs { name: self.name.clone(), arn, settings: settings_of(alarm) };
        Ok(classify(cx, &tags, &self.name, attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<AlarmAttrs>) -> Result<AlarmAttrs> {
        let wanted = self.settings()?;
        Ok(match seen {
            Some(attrs) if attrs.settings == wanted => attrs,
            Some(attrs) => {
                self.put(cx, &wanted).await?;
                AlarmAttrs { settings: wanted, ..attrs }
            }
            None => {
                self.put(cx, &wanted).await?;
                // The response is empty; the ARN follows from the name.
                let arn = cx.arn("cloudwatch", &format!("alarm:{}", self.name));
                AlarmAttrs { name: self.name.clone(), arn, settings: wanted }
            }
        })
    }

    async fn delete(&self, cx: &StepContext, attrs: &AlarmAttrs) -> Result<()> {
        let call = || cx.aws.cloudwatch.delete_alarms().alarm_names(&attrs.name).send();
        ignore_codes(cx.mutate("cloudwatch:DeleteAlarms", call).await, &["ResourceNotFound"]).map(drop)
    }

    fn inputs_from_attrs(attrs: &AlarmAttrs) -> Vec<(&'static str, Value)> {
        let AlarmSettings { namespace, metric, dimensions, .. } = &attrs.settings;
        let dimensions: Vec<Value> =
            dimensions.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        vec![("metric", json!({ "namespace": namespace, "name": metric, "dimensions": dimensions }))]
    }
}

const DESCRIBE: &str = "cloudwatch:DescribeAlarms";

/// How many alarms one call describes: a page of the answer has 50 by default (DescribeAlarms, `MaxRecords`).
const DESCRIBED_AT_ONCE: usize = 50;

/// Returns the alarms with these names.
async fn describe(cx: &StepContext, names: &[String]) -> Result<Vec<MetricAlarm>> {
    let mut all = Vec::new();
    for names in names.chunks(DESCRIBED_AT_ONCE) {
        let call = cx.aws.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec()));
        let call = call.alarm_types(AlarmType::MetricAlarm).send();
        all.extend(cx.read(DESCRIBE, call).await?.metric_alarms.unwrap_or_default());
    }
    Ok(all)
}

impl Alarm {
    async fn find(&self, cx: &StepContext) -> Result<Option<MetricAlarm>> {
        let is_this = |alarm: &MetricAlarm| alarm.alarm_name() == Some(&self.name);
        let prefix = "cloudwatch:alarm:";
        let of_stack = |arns: Vec<Arn>| async move {
            let names: Vec<String> = arns.iter().filter_map(|arn| arn.id_after(prefix).map(str::to_owned)).collect();
            describe(cx, &names).await
        };
        let listed = tag_index::described(cx, DESCRIBE, prefix, of_stack, is_this).await?;
        if listed.is_some() {
            return Ok(listed);
        }
        Ok(describe(cx, std::slice::from_ref(&self.name)).await?.into_iter().find(is_this))
    }

    fn settings(&self) -> Result<AlarmSettings> {
        let dimension = |dimension: &Dimension| Ok((dimension.name.clone(), dimension.value.get()?.clone()));
        Ok(AlarmSettings {
            description: self.description.clone(),
            namespace: self.metric.namespace.clone(),
            metric: self.metric.name.clone(),
            dimensions: self.metric.dimensions.iter().map(dimension).collect::<Result<_>>()?,
            statistic: self.statistic.clone(),
            period_seconds: self.period_seconds,
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            threshold: self.threshold,
            comparison: self.comparison.clone(),
            treat_missing_data: self.treat_missing_data.clone(),
            actions: sorted(self.actions.clone()),
            insufficient_data_actions: sorted(self.insufficient_data_actions.clone()),
        })
    }

    async fn put(&self, cx: &StepContext, wanted: &AlarmSettings) -> Result<()> {
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let dimensions: Vec<_> = wanted
            .dimensions
            .iter()
            .map(|(name, value)| sdk::Dimension::builder().name(name).value(value).build())
            .collect();
        let call = || {
            let call =
                cx.aws.cloudwatch.put_metric_alarm().alarm_name(&self.name).alarm_description(&wanted.description);
            let call =
                call.namespace(&wanted.namespace).metric_name(&wanted.metric).set_dimensions(Some(dimensions.clone()));
            // A percentile has a member of its own.
            let call = match Statistic::values().contains(&wanted.statistic.as_str()) {
                true => call.statistic(Statistic::from(wanted.statistic.as_str())),
                false => call.extended_statistic(&wanted.statistic),
            };
            let call = call
                .period(wanted.period_seconds)
                .evaluation_periods(wanted.evaluation_periods)
                .datapoints_to_alarm(wanted.datapoints_to_alarm);
            let call = call
                .threshold(wanted.threshold)
                .comparison_operator(ComparisonOperator::from(wanted.comparison.as_str()));
            let call =
                call.treat_missing_data(&wanted.treat_missing_data).set_alarm_actions(Some(wanted.actions.clone()));
            let call = call.set_insufficient_data_actions(Some(wanted.insufficient_data_actions.clone()));
            // CloudWatch ignores the tags when the alarm exists.
            call.set_tags(Some(tags.clone())).send()
        };
        cx.mutate("cloudwatch:PutMetricAlarm", call).await.map(drop)
    }
}

/// Returns the settings of an alarm. Missing members have the defaults of CloudWatch.
fn settings_of(alarm: MetricAlarm) -> AlarmSettings {
    let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
    AlarmSettings {
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric: alarm.metric_name.unwrap_or_default(),
        dimensions: alarm
            .dimensions
            .unwrap_or_default()
            .into_iter()
            .filter_map(|dimension| Some((dimension.name?, dimension.value?)))
            .collect(),
        statistic: alarm
            .statistic
            .map(|statistic| statistic.as_str().to_owned())
            .or(alarm.extended_statistic)
            .unwrap_or_default(),
        period_seconds: alarm.period.unwrap_or_default(),
        evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm.unwrap_or(evaluation_periods),
        threshold: alarm.threshold.unwrap_or_default(),
        comparison: alarm.comparison_operator.map(|operator| operator.as_str().to_owned()).unwrap_or_default(),
        treat_missing_data: alarm.treat_missing_data.unwrap_or_else(|| "missing".to_owned()),
        actions: sorted(alarm.alarm_actions.unwrap_or_default()),
        insufficient_data_actions: sorted(alarm.insufficient_data_actions.unwrap_or_default()),
    }
}

fn sorted(mut arns: Vec<String>) -> Vec<String> {
    arns.sort();
    arns
}
