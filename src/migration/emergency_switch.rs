//! The emergency switch: removes the target from the answers of Route 53, or restores it, without the Route 53 control
//! plane.
//!
//! The switch sends only a value of a metric. A health check of the target's record follows the metric. Route 53 then
//! answers with the source's record, regardless of the weights ("How Amazon Route 53 chooses records when health
//! checking is configured").

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::retry_idempotent::retry_idempotent;
use infra_aws::CallOutcome;
use infra_base::address::{Address, Location};
use infra_core::engine::{Context, NoLog, Operation, ReadContext};
use infra_core::resource::{Error, Result, StepContext};
use infra_core::state::Record;
use infra_kinds::cloudwatch::alarm_state::{AlarmState, states};
use infra_kinds::cloudwatch::metric::put;
use infra_payment::stack::{EmergencySwitch, ROUTING};

/// The period of the alarm. The values of a period are evaluated together.
const PERIOD: Duration = Duration::from_mins(1);
/// The interval at which the alarm is polled.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// How long CloudWatch may take.
const TIMEOUT: Duration = Duration::from_mins(10);

/// A position of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The target gets no traffic, regardless of the weights.
    Out,
    /// The weights determine where traffic goes.
    In,
}

impl Position {
    /// Returns the value of the metric.
    pub fn value(self) -> f64 {
        match self {
            Self::Out => 1.0,
            Self::In => 0.0,
        }
    }

    fn matches(self, state: AlarmState) -> bool {
        match self {
            Self::Out => state == AlarmState::Alarm,
            Self::In => state == AlarmState::Ok,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "remove the target from DNS answers",
            Self::In => "restore the target in DNS answers",
        })
    }
}

/// Returns the address under which calls about the switch are shown.
pub fn switch_address() -> Address {
    Address::of("routing", "dns", "target-switch")
}

/// Returns the state of the switch's alarm: raised while the target is removed, without data until the switch is used
/// for the first time. Returns `None` if there is no switch.
///
/// # Errors
/// The error of CloudWatch.
pub async fn alarm_state(cx: &StepContext, switch: &EmergencySwitch) -> Result<Option<AlarmState>> {
    let found = states(cx, std::slice::from_ref(&switch.alarm)).await?;
    Ok(found.into_iter().next().map(|(_, state)| state))
}

/// Sets the switch. Returns when CloudWatch shows the position, which takes up to two minutes, or three minutes to
/// restore the target. The operation is recorded before the value is sent.
///
/// # Errors
/// When there is no switch, or the error of CloudWatch.
pub async fn set_position(context: &Context, switch: &EmergencySwitch, to: Position) -> Result<()> {
    let read_context = context.read_context();
    let intent = Record::OperationIntent { address: switch_address(), what: to.to_string() };
    let call = |call: &str| Record::OperationCall { address: switch_address(), call: call.to_owned() };
    let cx = read_context.writer(
        &switch_address(),
        location(&read_context, switch),
        Arc::new(Operation::new(&context.journal, intent, call)),
    );
    let result = send_until_effective(&cx, switch, to).await;
    // Every value that was sent has a result, so nothing is open.
    if result.as_ref().err().is_none_or(|error| error.outcome() != CallOutcome::Unknown) {
        context.journal.write(vec![Record::OperationEnded { address: switch_address() }]).await?;
    }
    result
}

/// Sets the switch without a state: nothing is recorded, and no lock is necessary.
///
/// # Errors
/// When there is no switch, or the error of CloudWatch.
pub async fn set_position_without_state(
    read_context: &ReadContext,
    switch: &EmergencySwitch,
    to: Position,
) -> Result<()> {
    let cx = read_context.writer(&switch_address(), location(read_context, switch), Arc::new(NoLog));
    send_until_effective(&cx, switch, to).await
}

/// Returns where the switch is: in the account of the zone.
pub fn location(context: &ReadContext, switch: &EmergencySwitch) -> Location {
    context.cloud.location(ROUTING, &switch.region)
}

/// Sends the value once per period until CloudWatch permanently shows the position.
///
/// The maximum of a period counts. If the target was removed just before, the first value that restores it may share
/// its period with a value that removes it, and that period may not have been evaluated yet, so the alarm does not show
/// it. The target is therefore restored only when later periods, which contain no other value, are over and had time to
/// be evaluated.
async fn send_until_effective(cx: &StepContext, switch: &EmergencySwitch, to: Position) -> Result<()> {
    let settles_after = match to {
        Position::Out => Duration::ZERO,
        Position::In => 3 * PERIOD,
    };
    let mut waited = Duration::ZERO;
    loop {
        if waited.as_secs().is_multiple_of(PERIOD.as_secs()) {
            retry_idempotent(cx, "sending the value again", || put(cx, &switch.metric, to.value())).await?;
        }
        match alarm_state(cx, switch).await? {
            None => {
                return Err(Error::Refused(format!(
                    "there is no alarm `{}` in {}: the switch was never created",
                    switch.alarm, cx.location
                )));
            }
            Some(state) if to.matches(state) && waited >= settles_after => return Ok(()),
            Some(state) if waited >= TIMEOUT => {
                return Err(Error::Timeout {
                    what: format!("the alarm `{}`", switch.alarm),
                    status: format!("{state:?}"),
                    after: TIMEOUT,
                });
            }
            Some(_) => {}
        }
        if waited.is_zero() {
            cx.notice("waiting for CloudWatch to evaluate the emergency switch");
        }
        cx.pause(POLL_INTERVAL).await?;
        waited += POLL_INTERVAL;
    }
}
