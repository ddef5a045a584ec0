//! The states of alarms, as DescribeAlarms tells them.

use aws_sdk_cloudwatch::types::StateValue;

use crate::resource::{Cx, Result};

/// How many alarms one call asks for: not more than one answer holds (DescribeAlarms, `MaxRecords`: 50 unless told).
const AT_ONCE: usize = 50;

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// It is quiet.
    Ok,
    /// It is raised.
    Alarm,
    /// It has too few data, or a state that nobody has heard of.
    InsufficientData,
}

/// Asks for the states of alarms by name. One that is not there is not in the answer.
///
/// # Errors
/// What CloudWatch answered.
pub async fn states(cx: &Cx, names: &[String]) -> Result<Vec<(String, AlarmState)>> {
    let mut found = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let call = cx.aws.cloudwatch.describe_alarms().set_alarm_names(Some(some.to_vec())).send();
        let page = cx.read("cloudwatch:DescribeAlarms", call).await?;
        found.extend(page.metric_alarms().iter().map(|alarm| {
            let state = match alarm.state_value() {
                Some(StateValue::Ok) => AlarmState::Ok,
                Some(StateValue::Alarm) => AlarmState::Alarm,
                _ => AlarmState::InsufficientData,
            };
            (alarm.alarm_name().unwrap_or_default().to_owned(), state)
        }));
    }
    Ok(found)
}
