//! Alarms.

use aws_sdk_cloudwatch::operation::delete_alarms::{DeleteAlarmsError, DeleteAlarmsInput, DeleteAlarmsOutput};
use aws_sdk_cloudwatch::operation::describe_alarms::{DescribeAlarmsError, DescribeAlarmsInput, DescribeAlarmsOutput};
use aws_sdk_cloudwatch::operation::put_metric_alarm::{PutMetricAlarmError, PutMetricAlarmInput, PutMetricAlarmOutput};
use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Dimension, MetricAlarm, Statistic};

use super::alarm_state::{State, state};
use super::dimensions::dimensions;
use super::tags;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::cloudwatch::Alarm;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "alarm_name",
        "alarm_description",
        "alarm_actions",
        "insufficient_data_actions",
        "metric_name",
        "namespace",
        "statistic",
        "extended_statistic",
        "dimensions",
        "period",
        "evaluation_periods",
        "datapoints_to_alarm",
        "threshold",
        "comparison_operator",
        "treat_missing_data",
        "tags",
    ];
    registry.on("cloudwatch", "PutMetricAlarm", fields, PutMetricAlarmError::generic, put);
    let fields = &["alarm_names", "alarm_name_prefix", "alarm_types", "state_value"];
    registry.on("cloudwatch", "DescribeAlarms", fields, DescribeAlarmsError::generic, describe);
    registry.on("cloudwatch", "DeleteAlarms", &["alarm_names"], DeleteAlarmsError::generic, delete);
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("ValidationError", why)
}

fn put(call: &mut Call<'_>, input: &PutMetricAlarmInput) -> Result<PutMetricAlarmOutput, Rejection> {
    let name = input.alarm_name().unwrap_or_default();
    if !(1..=255).contains(&name.chars().count()) {
        return invalid(
            "1 validation error detected: Value at 'alarmName' failed to satisfy constraint: length 1 to 255",
        );
    }
    let (Some(namespace), Some(metric_name)) = (input.namespace(), input.metric_name()) else {
        return invalid("The parameters MetricName and Namespace are required");
    };
    let statistic = input.statistic().map(|statistic| statistic.as_str().to_owned());
    if statistic.as_deref().is_some_and(|statistic| !Statistic::values().contains(&statistic)) {
        return invalid("Value at 'statistic' failed to satisfy constraint: Member must satisfy enum value set");
    }
    // "When you call PutMetricAlarm and specify a MetricName, you must specify either Statistic or ExtendedStatistic
    // but not both."
    let extended = input.extended_statistic().map(str::to_owned);
    if statistic.is_some() == extended.is_some() {
        return invalid("Exactly one of Statistic and ExtendedStatistic must be specified");
    }
    if extended.as_deref().is_some_and(|extended| !is_extended_statistic(extended)) {
        return invalid("The value for parameter ExtendedStatistic is invalid");
    }
    // "Valid values are 10, 20, 30, and any multiple of 60."
    let period = input.period().unwrap_or_default();
    if !matches!(period, 10 | 20 | 30) && (period <= 0 || period % 60 != 0) {
        return invalid("Period must be 10, 20, 30 or a multiple of 60");
    }
    let evaluation_periods = input.evaluation_periods().unwrap_or_default();
    if evaluation_periods < 1 {
        return invalid("EvaluationPeriods must be at least 1");
    }
    // "An alarm's total current evaluation period can be no longer than seven days"; one day for periods below an hour.
    let longest = if period >= 3600 { 7 * 86_400 } else { 86_400 };
    if i64::from(period) * i64::from(evaluation_periods) > longest {
        return invalid(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)",
        );
    }
    if input.datapoints_to_alarm().is_some_and(|points| !(1..=evaluation_periods).contains(&points)) {
        return invalid("DatapointsToAlarm must be between 1 and EvaluationPeriods");
    }
    let operator =
        input.comparison_operator().map(aws_sdk_cloudwatch::types::ComparisonOperator::as_str).unwrap_or_default();
    if !ComparisonOperator::values().contains(&operator) {
        return invalid(
            "Value at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set",
        );
    }
    let Some(threshold) = input.threshold() else { return invalid("The parameter Threshold is required") };
    if input
        .treat_missing_data()
        .is_some_and(|value| !["breaching", "notBreaching", "ignore", "missing"].contains(&value))
    {
        return invalid("The value for parameter TreatMissingData is invalid");
    }
    if let Some(action) =
        input.alarm_actions().iter().chain(input.insufficient_data_actions()).find(|action| !action.starts_with("arn:"))
    {
        return invalid(format!("Invalid arn syntax: {action}"));
    }
    let dimensions = dimensions(input.dimensions())?;
    let (now, tags) = (call.now(), tags::read(input.tags())?);
    let alarms = &mut call.region_state().cloudwatch.alarms;
    // "You can use this parameter only when creating a new alarm. If you specify Tags when updating an existing alarm,
    // the tag updates are ignored."
    let tags = alarms.get(name).map_or(tags, |before| before.tags.clone());
    let created_at = alarms.get(name).map_or(now, |before| before.created_at);
    let alarm = Alarm {
        name: name.to_owned(),
        description: input.alarm_description().map(str::to_owned),
        namespace: namespace.to_owned(),
        metric_name: metric_name.to_owned(),
        dimensions,
        statistic,
        extended_statistic: extended,
        period,
        evaluation_periods,
        datapoints_to_alarm: input.datapoints_to_alarm(),
        threshold,
        comparison_operator: operator.to_owned(),
        treat_missing_data: input.treat_missing_data().map(str::to_owned),
        alarm_actions: input.alarm_actions().to_vec(),
        insufficient_data_actions: input.insufficient_data_actions().to_vec(),
        created_at,
        tags,
    };
    alarms.insert(name.to_owned(), alarm);
    Ok(PutMetricAlarmOutput::builder().build())
}

/// "p0.0 and p100", and the trimmed statistics `tm`, `wm`, `tc`, `ts`, `pr` and `IQM` ("CloudWatch statistics
/// definitions").
fn is_extended_statistic(text: &str) -> bool {
    let number = |rest: &str| rest.parse::<f64>().is_ok_and(|number| (0.0..=100.0).contains(&number));
    let names = ["tm", "wm", "tc", "ts", "p"];
    text == "IQM" || text.starts_with("PR(") || names.iter().any(|name| text.strip_prefix(name).is_some_and(number))
}

fn describe(call: &mut Call<'_>, input: &DescribeAlarmsInput) -> Result<DescribeAlarmsOutput, Rejection> {
    // "Composite alarms are returned only if you ask for them": the model has none.
    if !input.alarm_types().is_empty() && !input.alarm_types().contains(&AlarmType::MetricAlarm) {
        return Ok(DescribeAlarmsOutput::builder().build());
    }
    let (names, prefix) = (input.alarm_names(), input.alarm_name_prefix());
    if !names.is_empty() && prefix.is_some() {
        return invalid("AlarmNamePrefix and AlarmNames must not both be specified");
    }
    let (world, region) = (&*call.world, call.region.as_str());
    let timeline = world.timeline();
    let wanted = |alarm: &&Alarm| {
        (names.is_empty() || names.contains(&alarm.name)) && alarm.name.starts_with(prefix.unwrap_or_default())
    };
    let alarms = world
        .existing_region(region)
        .into_iter()
        .flat_map(|region_state| region_state.cloudwatch.alarms.values())
        .filter(wanted);
    let described = alarms.map(|alarm| (alarm, state(world, region, &timeline, alarm)));
    let described = described.filter(|(_, state)| input.state_value().is_none_or(|wanted| *wanted == state.value));
    let described = described.map(|(alarm, state)| to_sdk(call, alarm, state)).collect();
    Ok(DescribeAlarmsOutput::builder().set_metric_alarms(Some(described)).build())
}

fn to_sdk(call: &Call<'_>, alarm: &Alarm, state: State) -> MetricAlarm {
    let dimension = |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
    MetricAlarm::builder()
        .alarm_name(&alarm.name)
        .alarm_arn(call.arn("cloudwatch", &format!("alarm:{}", alarm.name)))
        .set_alarm_description(alarm.description.clone())
        .actions_enabled(true)
        .set_alarm_actions(Some(alarm.alarm_actions.clone()))
        .set_insufficient_data_actions(Some(alarm.insufficient_data_actions.clone()))
        .state_value(state.value)
        .state_reason(state.reason)
        .namespace(&alarm.namespace)
        .metric_name(&alarm.metric_name)
        .set_dimensions(Some(alarm.dimensions.iter().map(dimension).collect()))
        .set_statistic(alarm.statistic.as_deref().map(Statistic::from))
        .set_extended_statistic(alarm.extended_statistic.clone())
        .period(alarm.period)
        .evaluation_periods(alarm.evaluation_periods)
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
        .threshold(alarm.threshold)
        .comparison_operator(ComparisonOperator::from(alarm.comparison_operator.as_str()))
        .set_treat_missing_data(alarm.treat_missing_data.clone())
        .build()
}

fn delete(call: &mut Call<'_>, input: &DeleteAlarmsInput) -> Result<DeleteAlarmsOutput, Rejection> {
    let alarms = &mut call.region_state().cloudwatch.alarms;
    // "If you specify even one incorrect alarm name, no alarms are deleted" applies to composite alarms; a name that
    // does not exist is `ResourceNotFound`.
    if let Some(missing) = input.alarm_names().iter().find(|name| !alarms.contains_key(*name)) {
        return refuse("ResourceNotFound", format!("Unknown alarm names [{missing}]"));
    }
    alarms.retain(|name, _| !input.alarm_names().contains(name));
    Ok(DeleteAlarmsOutput::builder().build())
}
