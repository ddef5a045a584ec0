//! What can be done to a call on purpose: everything that a network and a busy service do to one.
//!
//! The faults sit between the SDK and the model, so the SDK's retries, its time-outs and its error classes stay in play. They are
//! either aimed at one call, or drawn with a seed: the same seed and the same calls in the same order give the same faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call has no effect.
    Before,
    /// The call takes effect, and the reply is lost.
    After,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection broke.
    ConnectionLost(Moment),
    /// No answer came in time.
    TimedOut(Moment),
    /// The service answers with this status, 500 or more, and a body that says nothing.
    Status(u16, Moment),
    /// The call takes effect, and its answer can not be read.
    Malformed,
    /// AWS refuses with this code, for a reason that passes by itself. The call has no effect.
    Refused(&'static str),
    /// The sandbox itself cannot go on, for example because the disk is full.
    OutOfOrder(String),
}

impl Fault {
    /// Returns whether the call takes effect.
    pub fn moment(&self) -> Moment {
        match self {
            Self::ConnectionLost(moment) | Self::TimedOut(moment) | Self::Status(_, moment) => *moment,
            Self::Malformed => Moment::After,
            Self::Refused(_) | Self::OutOfOrder(_) => Moment::Before,
        }
    }
}

/// How often drawn faults strike, in parts of a thousand calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// Lost connections, time-outs, 5xx and answers that can not be read.
    pub failures: u32,
    /// Throttling, which then lasts for some calls of the service.
    pub throttling: u32,
    /// Refusals that pass by themselves: a busy bucket, a zone with an earlier change, an entity that is being changed.
    pub busy: u32,
    /// Reads that see the world as it was some seconds ago, in the services that say that they do so.
    pub lagging: u32,
}

impl Odds {
    /// Bad weather: about every tenth call fails in some way, and every fifth read of a service that lags does.
    pub const STORMY: Self = Self { failures: 60, throttling: 10, busy: 30, lagging: 200 };
}

/// Decides which calls are struck. Without faults by default.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Mutex<Source>>>);

enum Source {
    /// One mutating call, counted from 1.
    Aimed {
        at: u64,
        seen: u64,
        fault: Fault,
    },
    Drawn {
        random: fastrand::Rng,
        odds: Odds,
        throttled: HashMap<&'static str, u32>,
    },
}

/// Reads of these services may be some seconds old: "Eventual consistency in the Amazon EC2 API"; "changes that I make are not always
/// immediately visible" (IAM user guide); "the Amazon ECS API follows an eventual consistency model" (RunTask).
const LAGGING: &[&str] = &["ec2", "iam", "ecs"];
/// The longest lag, in milliseconds of AWS.
const LONGEST_LAG: u64 = 4_000;
/// How many calls a burst of throttling hits at most.
const LONGEST_BURST: u32 = 4;

impl Faults {
    /// Strikes the `at`-th mutating call, and no other.
    pub fn aimed(at: u64, fault: Fault) -> Self {
        Self(Some(Arc::new(Mutex::new(Source::Aimed { at, seen: 0, fault }))))
    }

    /// Strikes at random.
    pub fn drawn(seed: u64, odds: Odds) -> Self {
        Self(Some(Arc::new(Mutex::new(Source::Drawn { random: fastrand::Rng::with_seed(seed), odds, throttled: HashMap::new() }))))
    }

    /// Returns whether the aimed fault has struck: the run made as many calls.
    pub fn has_struck(&self) -> bool {
        self.with(|source| match source {
            Source::Aimed { at, seen, .. } => *seen >= *at,
            Source::Drawn { .. } => false,
        })
        .unwrap_or(false)
    }

    /// Decides about one call.
    pub(super) fn strike(&self, service: &'static str, mutating: bool) -> Option<Fault> {
        self.with(|source| source.strike(service, mutating)).flatten()
    }

    /// Returns by how many milliseconds a read of this service is late.
    pub(super) fn lag(&self, service: &str) -> Option<u64> {
        self.with(|source| match source {
            Source::Drawn { random, odds, .. } => {
                let late = LAGGING.contains(&service) && random.u32(..1000) < odds.lagging;
                late.then(|| random.u64(1..=LONGEST_LAG))
            }
            Source::Aimed { .. } => None,
        })
        .flatten()
    }

    /// Returns how much of the past a lagging read may want to see, in milliseconds.
    pub(super) fn longest_lag(&self) -> Option<u64> {
        self.with(|source| matches!(source, Source::Drawn { odds, .. } if odds.lagging > 0)).unwrap_or(false).then_some(LONGEST_LAG)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Source) -> T) -> Option<T> {
        let source = self.0.as_ref()?;
        Some(work(&mut source.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Source {
    fn strike(&mut self, service: &'static str, mutating: bool) -> Option<Fault> {
        match self {
            Self::Aimed { at, seen, fault } => {
                *seen += u64::from(mutating);
                (mutating && seen == at).then(|| fault.clone())
            }
            Self::Drawn { random, odds, throttled } => {
                let burst = throttled.entry(service).or_default();
                if *burst > 0 {
                    *burst -= 1;
                    return Some(Fault::Refused(throttling(service)));
                }
                let draw = random.u32(..1000);
                if draw < odds.failures {
                    return Some(failure(random));
                }
                if draw < odds.failures + odds.throttling {
                    *burst = random.u32(..LONGEST_BURST);
                    return Some(Fault::Refused(throttling(service)));
                }
                (mutating && draw < odds.failures + odds.throttling + odds.busy).then(|| busy(service)).flatten().map(Fault::Refused)
            }
        }
    }
}

fn failure(random: &mut fastrand::Rng) -> Fault {
    let moment = if random.bool() { Moment::Before } else { Moment::After };
    match random.u32(..5) {
        0 => Fault::TimedOut(moment),
        1 => Fault::Status(500, moment),
        2 => Fault::Status(503, moment),
        3 => Fault::Malformed,
        _ => Fault::ConnectionLost(moment),
    }
}

/// How each service says that there are too many requests ("Common errors" of its API reference).
fn throttling(service: &str) -> &'static str {
    match service {
        "ec2" => "RequestLimitExceeded",
        "s3" => "SlowDown",
        "lambda" => "TooManyRequestsException",
        "iam" | "rds" | "route53" | "elasticloadbalancing" => "Throttling",
        _ => "ThrottlingException",
    }
}

/// How some services say that they are busy with the same thing.
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
    fn an_aimed_fault_strikes_one_mutating_call() {
        let faults = Faults::aimed(2, Fault::Malformed);
        let struck: Vec<bool> = [true, false, true, true].map(|mutating| faults.strike("ec2", mutating).is_some()).into();
        assert_eq!(struck, [false, false, true, false]);
        assert!(faults.has_struck());
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let draw = |seed| {
            let faults = Faults::drawn(seed, Odds::STORMY);
            (0..500).map(|call| (faults.strike("s3", call % 3 == 0), faults.lag("ec2"))).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn throttling_comes_in_bursts_of_its_service() {
        let faults = Faults::drawn(1, Odds { failures: 0, throttling: 300, busy: 0, lagging: 0 });
        let codes: Vec<Option<Fault>> = (0..50).map(|_| faults.strike("ec2", false)).collect();
        assert!(codes.windows(2).any(|pair| pair[0] == pair[1] && pair[0] == Some(Fault::Refused("RequestLimitExceeded"))));
        assert!(codes.iter().any(Option::is_none));
    }
}
