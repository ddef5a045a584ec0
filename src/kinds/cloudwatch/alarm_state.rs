//! The states of alarms, as DescribeAlarms returns them.

use aws_sdk_cloudwatch::types::StateValue;

use infra_core::resource::{Result, StepContext};

/// The number of alarms per call: as many as one response holds (DescribeAlarms, `MaxRecords`: 50 by default).
const AT_ONCE: usize = 50;

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// It is not raised.
    Ok,
    /// It is raised.
    Alarm,
    /// It has insufficient data, or an unknown state.
    InsufficientData,
}

/// Returns the states of alarms by name. It leaves out alarms that do not exist.
///
/// # Errors
/// The error of CloudWatch.
pub async fn states(cx: &StepContext, names: &[String]) -> Result<Vec<(String, AlarmState)>> {
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
