//! An alarm on one metric.
//!
//! PutMetricAlarm creates or overwrites without asking, so whose an alarm of that name is has to be found out before.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{self as sdk, AlarmType, ComparisonOperator, MetricAlarm, Statistic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tagging;
use super::widgets::Dimension;
use crate::address::Arn;
use crate::aws::partition;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{missing, other_owner};

/// The specification of an alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it means, for whoever is woken by it.
    pub description: String,
    /// What it watches.
    pub metric: AlarmMetric,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`.
    pub statistic: String,
    /// Seconds that one point stands for.
    pub period_seconds: i32,
    /// How many points are looked at.
    pub evaluation_periods: i32,
    /// How many of them must be bad.
    pub datapoints_to_alarm: i32,
    /// The limit.
    pub threshold: f64,
    /// On which side of the limit it is bad, for example `GreaterThanThreshold`.
    pub comparison: String,
    /// What a missing point counts as: `breaching`, `notBreaching`, `ignore` or `missing`.
    pub treat_missing_data: String,
    /// What is told when it goes off: ARNs of SNS topics.
    pub actions: Vec<String>,
    /// What is told when there is no data any more to judge by: ARNs of SNS topics.
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
}

/// A metric, as an alarm watches it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlarmMetric {
    /// For example `AWS/RDS`.
    pub namespace: String,
    /// For example `CPUUtilization`.
    pub name: String,
    /// Of which thing.
    pub dimensions: Vec<Dimension>,
}

/// What is known of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// How it is set up.
    pub settings: AlarmSettings,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: BTreeMap<String, String>,
}

/// How an alarm is set up; what CloudWatch shows and what is wanted have the same form.
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

impl Handle<Alarm> {
    /// The alarm's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The alarm's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for Alarm {
    const KIND: &'static str = "cloudwatch.alarm";
    const ABOUT: About = About {
        summary: "an alarm on a metric",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
            "cloudwatch:DeleteAlarms",
        ],
        creates: &["cloudwatch:PutMetricAlarm"],
        changes: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        deletes: &["cloudwatch:DeleteAlarms"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "composite alarms that somebody else has built on it",
        unique: &[&["name"]],
        mentions: &["metric"],
        ..About::PLAIN
    };
    type Attrs = AlarmAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&AlarmAttrs>) -> Result<Observed<AlarmAttrs>> {
        let call = cx.aws.cloudwatch.describe_alarms().alarm_names(&self.name).alarm_types(AlarmType::MetricAlarm).send();
        let found = cx.read("cloudwatch:DescribeAlarms", call).await?.metric_alarms.unwrap_or_default();
        let Some(alarm) = found.into_iter().find(|alarm| alarm.alarm_name() == Some(&self.name)) else {
            return Ok(Observed::Absent);
        };
        let arn = Arn(alarm.alarm_arn().unwrap_or_default().to_owned());
        let Some(tags) = tagging::of(cx, arn.as_str()).await? else { return Ok(Observed::Absent) };
        if let Some(owner) = other_owner(cx, &tags) {
            return Ok(Observed::Foreign { id: self.name.clone(), owner });
        }
        Ok(Observed::Ours(AlarmAttrs { name: self.name.clone(), arn, settings: shown(alarm), missing_tags: missing(cx, &tags) }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<AlarmAttrs>) -> Result<AlarmAttrs> {
        let wanted = self.settings()?;
        let mut attrs = match seen {
            Some(attrs) if attrs.settings == wanted => attrs,
            Some(attrs) => {
                self.put(cx, &wanted).await?;
                AlarmAttrs { settings: wanted, ..attrs }
            }
            None => {
                self.put(cx, &wanted).await?;
                // The answer is empty; the ARN follows from the name.
                let arn = format!("arn:{}:cloudwatch:{}:{}:alarm:{}", partition(&cx.region), cx.region, cx.account, self.name).into();
                AlarmAttrs { name: self.name.clone(), arn, settings: wanted, missing_tags: BTreeMap::new() }
            }
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &AlarmAttrs) -> Result<()> {
        let call = || cx.aws.cloudwatch.delete_alarms().alarm_names(&attrs.name).send();
        settled(cx.mutate("cloudwatch:DeleteAlarms", call).await, &["ResourceNotFound"]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &AlarmAttrs) -> Result<()> {
        tagging::bring(cx, attrs.arn.as_str(), &attrs.missing_tags).await
    }

    fn as_inputs(attrs: &AlarmAttrs) -> Vec<(&'static str, Value)> {
        let AlarmSettings { namespace, metric, dimensions, .. } = &attrs.settings;
        let dimensions: Vec<Value> = dimensions.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        vec![("metric", json!({ "namespace": namespace, "name": metric, "dimensions": dimensions }))]
    }

    fn id(attrs: &AlarmAttrs) -> String {
        attrs.name.clone()
    }
}

impl Alarm {
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

    async fn put(&self, cx: &Cx, wanted: &AlarmSettings) -> Result<()> {
        let tags = tagging::list(&cx.identity.all_tags());
        let dimensions: Vec<_> = wanted.dimensions.iter().map(|(name, value)| sdk::Dimension::builder().name(name).value(value).build()).collect();
        let call = || {
            let call = cx.aws.cloudwatch.put_metric_alarm().alarm_name(&self.name).alarm_description(&wanted.description);
            let call = call.namespace(&wanted.namespace).metric_name(&wanted.metric).set_dimensions(Some(dimensions.clone()));
            // A percentile goes into another member than the plain statistics.
            let call = match Statistic::values().contains(&wanted.statistic.as_str()) {
                true => call.statistic(Statistic::from(wanted.statistic.as_str())),
                false => call.extended_statistic(&wanted.statistic),
            };
            let call =
                call.period(wanted.period_seconds).evaluation_periods(wanted.evaluation_periods).datapoints_to_alarm(wanted.datapoints_to_alarm);
            let call = call.threshold(wanted.threshold).comparison_operator(ComparisonOperator::from(wanted.comparison.as_str()));
            let call = call.treat_missing_data(&wanted.treat_missing_data).set_alarm_actions(Some(wanted.actions.clone()));
            let call = call.set_insufficient_data_actions(Some(wanted.insufficient_data_actions.clone()));
            // Of an alarm that exists, CloudWatch ignores the tags.
            call.set_tags(Some(tags.clone())).send()
        };
        cx.mutate("cloudwatch:PutMetricAlarm", call).await.map(drop)
    }
}

/// Reads the settings of an alarm. What CloudWatch leaves out has its default.
fn shown(alarm: MetricAlarm) -> AlarmSettings {
    let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
    AlarmSettings {
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric: alarm.metric_name.unwrap_or_default(),
        dimensions: alarm.dimensions.unwrap_or_default().into_iter().filter_map(|dimension| Some((dimension.name?, dimension.value?))).collect(),
        statistic: alarm.statistic.map(|statistic| statistic.as_str().to_owned()).or(alarm.extended_statistic).unwrap_or_default(),
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
