//! Fault injection: the failures that a network and a busy service cause.
//!
//! The faults sit between the SDK and the model, so the SDK's retries, timeouts and error classes remain part of what
//! is tested. A fault is injected into one given call, or at random with a seed: the same seed and the same calls in
//! the same order give the same faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a fault occurs before or after the effect of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// The call has no effect.
    BeforeEffect,
    /// The call takes effect, and the reply is lost.
    AfterEffect,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection broke.
    ConnectionLost(FaultPoint),
    /// No response came in time.
    TimedOut(FaultPoint),
    /// The service returns this status, 500 or more, and a meaningless body.
    Status(u16, FaultPoint),
    /// The call takes effect, and its response cannot be read.
    Malformed,
    /// AWS rejects the call with this code, for a temporary reason. The call has no effect.
    Refused(&'static str),
    /// The credentials have expired; the service is given. The call has no effect.
    Expired(&'static str),
    /// The sandbox itself cannot continue, for example because the disk is full.
    Internal(String),
}

impl Fault {
    /// Returns whether the fault occurs before or after the effect.
    pub fn point(&self) -> FaultPoint {
        match self {
            Self::ConnectionLost(point) | Self::TimedOut(point) | Self::Status(_, point) => *point,
            Self::Malformed => FaultPoint::AfterEffect,
            Self::Refused(_) | Self::Expired(_) | Self::Internal(_) => FaultPoint::BeforeEffect,
        }
    }
}

/// How often random faults occur, per thousand calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRates {
    /// Lost connections, timeouts, 5xx statuses and unreadable responses.
    pub failures: u32,
    /// Throttling, which then affects the next calls of the service too.
    pub throttling: u32,
    /// Temporary rejections: a busy bucket, a zone with a pending change, an entity that is being changed.
    pub busy: u32,
    /// Reads that return a state some seconds old, in services that are documented as eventually consistent.
    pub stale_reads: u32,
}

impl FaultRates {
    /// High rates: about every tenth call fails, and every fifth read of an eventually consistent service is stale.
    pub const HIGH: Self = Self { failures: 60, throttling: 10, busy: 30, stale_reads: 200 };
}

/// Decides which calls fail. By default, none.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Mutex<FaultSource>>>);

enum FaultSource {
    /// One mutating call, counted from 1.
    AtCall {
        at: u64,
        seen: u64,
        fault: Fault,
    },
    Random {
        random: fastrand::Rng,
        rates: FaultRates,
        throttled: HashMap<&'static str, u32>,
    },
    /// The answer to one mutating call is lost, and for some time reads of its service do not see its effect.
    LostAndUnseen {
        at: u64,
        seen: u64,
        millis: u64,
        /// The service, and the time of the call.
        lost: Option<(&'static str, u64)>,
    },
    /// The next reads of one operation see nothing.
    Blind {
        operation: &'static str,
        left: u32,
    },
    /// The next reads of one operation see the state of so many milliseconds ago.
    Late {
        operation: &'static str,
        lag: u64,
        left: u32,
    },
}

/// Reads of these services may be some seconds old: "Eventual consistency in the Amazon EC2 API"; "changes that I make
/// are not always immediately visible" (IAM user guide); "the Amazon ECS API follows an eventual consistency model"
/// (RunTask), which Application Auto Scaling asks.
const EVENTUALLY_CONSISTENT: &[&str] = &["ec2", "iam", "ecs", "application-autoscaling"];
/// The maximum lag of a stale read, in milliseconds of AWS time.
const MAX_READ_LAG: u64 = 4_000;
/// The maximum number of calls that one burst of throttling affects.
const MAX_THROTTLED_CALLS: u32 = 4;

impl Faults {
    /// Injects a fault into the `at`-th mutating call, and no other.
    pub fn at_call(at: u64, fault: Fault) -> Self {
        Self(Some(Arc::new(Mutex::new(FaultSource::AtCall { at, seen: 0, fault }))))
    }

    /// Loses the answer to the `at`-th mutating call. Reads of its service do not see its effect, nor later ones, for
    /// this many seconds: an eventually consistent service that is late.
    pub fn lost_and_unseen(at: u64, seconds: u64) -> Self {
        let millis = seconds * 1000;
        Self(Some(Arc::new(Mutex::new(FaultSource::LostAndUnseen { at, seen: 0, millis, lost: None }))))
    }

    /// Lets the first `count` calls of an operation see an empty account, as a read that is very old does.
    pub fn blind(operation: &'static str, count: u32) -> Self {
        Self(Some(Arc::new(Mutex::new(FaultSource::Blind { operation, left: count }))))
    }

    /// Lets the first `count` calls of an operation see the state of `lag` milliseconds ago.
    pub fn late(operation: &'static str, lag: u64, count: u32) -> Self {
        Self(Some(Arc::new(Mutex::new(FaultSource::Late { operation, lag, left: count }))))
    }

    /// Returns whether a call of this operation sees an empty account.
    pub(super) fn is_blind(&self, called: &str) -> bool {
        self.with(|source| match source {
            FaultSource::Blind { operation, left } if *operation == called && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
        .unwrap_or(false)
    }

    /// Injects random faults.
    pub fn random(seed: u64, rates: FaultRates) -> Self {
        Self(Some(Arc::new(Mutex::new(FaultSource::Random {
            random: fastrand::Rng::with_seed(seed),
            rates,
            throttled: HashMap::new(),
        }))))
    }

    /// Returns whether the fault was injected, that is, whether the run made that many calls.
    pub fn was_injected(&self) -> bool {
        self.with(|source| match source {
            FaultSource::AtCall { at, seen, .. } | FaultSource::LostAndUnseen { at, seen, .. } => *seen >= *at,
            FaultSource::Random { .. } | FaultSource::Blind { .. } | FaultSource::Late { .. } => false,
        })
        .unwrap_or(false)
    }

    /// Returns the fault to inject into one call, if any.
    pub(super) fn next_fault(&self, service: &'static str, mutating: bool, now: u64) -> Option<Fault> {
        self.with(|source| source.next_fault(service, mutating, now)).flatten()
    }

    /// Returns by how many milliseconds a read of this operation of a service is stale.
    pub(super) fn read_lag(&self, service: &str, called: &str, now: u64) -> Option<u64> {
        self.with(|source| match source {
            FaultSource::Random { random, rates, .. } => {
                let late = EVENTUALLY_CONSISTENT.contains(&service) && random.u32(..1000) < rates.stale_reads;
                late.then(|| random.u64(1..=MAX_READ_LAG))
            }
            FaultSource::Late { operation, lag, left }
                if *left > 0 && operation.split_once(':') == Some((service, called)) =>
            {
                *left -= 1;
                Some(*lag)
            }
            FaultSource::LostAndUnseen { millis, lost: Some((late, at)), .. } => {
                // A little more than the time since the call: the state before it.
                let age = now.saturating_sub(*at);
                (*late == service && age < *millis).then_some(age + 1)
            }
            FaultSource::AtCall { .. }
            | FaultSource::LostAndUnseen { .. }
            | FaultSource::Blind { .. }
            | FaultSource::Late { .. } => None,
        })
        .flatten()
    }

    /// Returns how far back a stale read can reach, in milliseconds.
    pub(super) fn max_read_lag(&self) -> Option<u64> {
        self.with(|source| match source {
            FaultSource::Random { rates, .. } => (rates.stale_reads > 0).then_some(MAX_READ_LAG),
            FaultSource::Late { lag, .. } => Some(*lag),
            FaultSource::LostAndUnseen { at, seen, millis, .. } if *seen >= *at => Some(*millis),
            FaultSource::AtCall { .. } | FaultSource::LostAndUnseen { .. } | FaultSource::Blind { .. } => None,
        })
        .flatten()
    }

    fn with<T>(&self, work: impl FnOnce(&mut FaultSource) -> T) -> Option<T> {
        let source = self.0.as_ref()?;
        Some(work(&mut source.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl FaultSource {
    fn next_fault(&mut self, service: &'static str, mutating: bool, now: u64) -> Option<Fault> {
        match self {
            Self::LostAndUnseen { at, seen, lost, .. } => {
                *seen += u64::from(mutating);
                (mutating && seen == at).then(|| {
                    *lost = Some((service, now));
                    Fault::ConnectionLost(FaultPoint::AfterEffect)
                })
            }
            Self::AtCall { at, seen, fault } => {
                *seen += u64::from(mutating);
                (mutating && seen == at).then(|| fault.clone())
            }
            Self::Blind { .. } | Self::Late { .. } => None,
            Self::Random { random, rates, throttled } => {
                let burst = throttled.entry(service).or_default();
                if *burst > 0 {
                    *burst -= 1;
                    return Some(Fault::Refused(throttling(service)));
                }
                let draw = random.u32(..1000);
                if draw < rates.failures {
                    return Some(failure(random));
                }
                if draw < rates.failures + rates.throttling {
                    *burst = random.u32(..MAX_THROTTLED_CALLS);
                    return Some(Fault::Refused(throttling(service)));
                }
                (mutating && draw < rates.failures + rates.throttling + rates.busy)
                    .then(|| busy(service))
                    .flatten()
                    .map(Fault::Refused)
            }
        }
    }
}

fn failure(random: &mut fastrand::Rng) -> Fault {
    let point = if random.bool() { FaultPoint::BeforeEffect } else { FaultPoint::AfterEffect };
    match random.u32(..5) {
        0 => Fault::TimedOut(point),
        1 => Fault::Status(500, point),
        2 => Fault::Status(503, point),
        3 => Fault::Malformed,
        _ => Fault::ConnectionLost(point),
    }
}

/// Returns the throttling code of each service ("Common errors" of its API reference).
fn throttling(service: &str) -> &'static str {
    match service {
        "ec2" => "RequestLimitExceeded",
        "s3" => "SlowDown",
        "lambda" => "TooManyRequestsException",
        "iam" | "rds" | "route53" | "elasticloadbalancing" => "Throttling",
        _ => "ThrottlingException",
    }
}

/// Returns the code with which some services report a concurrent change of the same resource.
fn busy(service: &str) -> Option<&'static str> {
    match service {
        "s3" => Some("OperationAborted"),
        "iam" => Some("ConcurrentModification"),
        "route53" => Some("PriorRequestNotComplete"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_at_a_call_affects_one_mutating_call() {
        let faults = Faults::at_call(2, Fault::Malformed);
        let faulted: Vec<bool> =
            [true, false, true, true].map(|mutating| faults.next_fault("ec2", mutating, 0).is_some()).into();
        assert_eq!(faulted, [false, false, true, false]);
        assert!(faults.was_injected());
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let draw = |seed| {
            let faults = Faults::random(seed, FaultRates::HIGH);
            let draw = |call| (faults.next_fault("s3", call % 3 == 0, 0), faults.read_lag("ec2", "DescribeVpcs", 0));
            (0..500).map(draw).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn throttling_comes_in_bursts_of_its_service() {
        let faults = Faults::random(1, FaultRates { failures: 0, throttling: 300, busy: 0, stale_reads: 0 });
        let codes: Vec<Option<Fault>> = (0..50).map(|_| faults.next_fault("ec2", false, 0)).collect();
        assert!(
            codes.windows(2).any(|pair| pair[0] == pair[1] && pair[0] == Some(Fault::Refused("RequestLimitExceeded")))
        );
        assert!(codes.iter().any(Option::is_none));
    }
}
