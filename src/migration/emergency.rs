//! The emergency switch: takes the target out of the answers of Route 53, or puts it in again, without Route 53's control plane.
//!
//! One value of a metric is all that is sent. A health check of the target's record follows it, and Route 53 then answers with the
//! source's record whatever the weights are ("How Amazon Route 53 chooses records when health checking is configured").

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::insist::insist;
use crate::address::Address;
use crate::aws::Fate;
use crate::engine::{Context, Looker, Operation, Unwritten};
use crate::resource::{Cx, Error, Result};
use crate::resources::cloudwatch::alarm_state::{AlarmState, states};
use crate::resources::cloudwatch::metric::put;
use crate::stack::Switch;
use crate::state::Record;

/// The period of the switch's alarm: its values count together.
const PERIOD: Duration = Duration::from_mins(1);
/// How often it is looked what CloudWatch shows.
const EVERY: Duration = Duration::from_secs(10);
/// How long CloudWatch may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Where the switch is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The target gets no traffic, whatever the weights are.
    Out,
    /// Traffic goes where the weights say.
    In,
}

impl Position {
    /// The value of the metric.
    pub fn value(self) -> f64 {
        match self {
            Self::Out => 1.0,
            Self::In => 0.0,
        }
    }

    fn is(self, state: AlarmState) -> bool {
        match self {
            Self::Out => state == AlarmState::Alarm,
            Self::In => state == AlarmState::Ok,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "take the target out",
            Self::In => "put the target in again",
        })
    }
}

/// The address that calls about the switch are shown under.
pub fn address() -> Address {
    Address::of("routing", "dns", "target-switch")
}

/// Returns the state of the switch's alarm: raised once the target was taken out, unknown as long as nobody has ever used the switch;
/// nothing when there is no switch.
///
/// # Errors
/// What CloudWatch answered.
pub async fn position(cx: &Cx, switch: &Switch) -> Result<Option<AlarmState>> {
    let found = states(cx, std::slice::from_ref(&switch.alarm)).await?;
    Ok(found.into_iter().next().map(|(_, state)| state))
}

/// Moves the switch, and returns once CloudWatch shows it, which takes up to two minutes, or three to put the target in again. What is sent is
/// written down before.
///
/// # Errors
/// That there is no switch; or what CloudWatch answered.
pub async fn turn(context: &Context, switch: &Switch, to: Position) -> Result<()> {
    let looker = context.looker();
    let intent = Record::OperationIntent { address: address(), what: to.to_string() };
    let call = |call: &str| Record::OperationCall { address: address(), call: call.to_owned() };
    let cx = looker.operator(&address(), &switch.region, Arc::new(Operation::new(&context.journal, intent, call)));
    let turned = turned(&cx, switch, to).await;
    // Every value that was sent has an answer: there is nothing to settle.
    if turned.as_ref().err().is_none_or(|error| error.fate() != Fate::Unknown) {
        context.journal.write(vec![Record::OperationEnded { address: address() }]).await?;
    }
    turned
}

/// Moves the switch without a state: nothing is written down, and nobody's lock is waited for.
///
/// # Errors
/// That there is no switch; or what CloudWatch answered.
pub async fn turn_unwritten(looker: &Looker, switch: &Switch, to: Position) -> Result<()> {
    let cx = looker.operator(&address(), &switch.region, Arc::new(Unwritten));
    turned(&cx, switch, to).await
}

/// Sends the value, once in each period, until CloudWatch shows it for good.
///
/// The highest value of a period counts. When the target was taken out just before, the first value that puts it in again may share its period
/// with one that takes it out, and that period may not have been evaluated yet: the alarm shows nothing of it. So the target is in again only
/// when later periods, which hold nothing else, are over and had time to be evaluated.
async fn turned(cx: &Cx, switch: &Switch, to: Position) -> Result<()> {
    let settles_after = match to {
        Position::Out => Duration::ZERO,
        Position::In => 3 * PERIOD,
    };
    let mut waited = Duration::ZERO;
    loop {
        if waited.as_secs().is_multiple_of(PERIOD.as_secs()) {
            insist(cx, "the value is sent again", || put(cx, &switch.metric, to.value())).await?;
        }
        match position(cx, switch).await? {
            None => return Err(Error::Refused(format!("there is no alarm `{}` in {}: the switch was never made", switch.alarm, switch.region))),
            Some(state) if to.is(state) && waited >= settles_after => return Ok(()),
            Some(state) if waited >= PATIENCE => {
                return Err(Error::Timeout { what: format!("the alarm `{}`", switch.alarm), status: format!("{state:?}"), after: PATIENCE });
            }
            Some(_) => {}
        }
        if waited.is_zero() {
            cx.notice("waiting for CloudWatch to see the emergency switch");
        }
        cx.pause(EVERY).await?;
        waited += EVERY;
    }
}
