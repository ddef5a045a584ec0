//! Request budgets: a token bucket for each service and class of call, or for one operation. It stays below the
//! published limits of AWS, and slows down when AWS throttles anyway, because other programs share the limits of the
//! account.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra_base::clock::Clock;

/// The class of a call. Reading and mutating calls have separate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Describe, Get, List, Head.
    Read,
    /// Everything else.
    Mutate,
}

struct Limit {
    /// The beginning of the names of the calls that share it.
    calls: &'static str,
    class: Class,
    burst: f64,
    per_second: f64,
}

const fn limit(calls: &'static str, class: Class, burst: f64, per_second: f64) -> Limit {
    Limit { calls, class, burst, per_second }
}

/// About three quarters of the documented limits; the first that fits applies. EC2: "Request throttling for the Amazon
/// EC2 API"; Route 53: "Quotas" (five requests a second for the account); DMS: "Quotas" (200, refilled at 8 a second);
/// CloudWatch: "CloudWatch service quotas" (for each operation: PutMetricAlarm and DeleteAlarms 3 a second,
/// DescribeAlarms 9, those of dashboards 10); Elastic Load Balancing: "Request throttling for the ELB API".
const LIMITS: &[Limit] = &[
    limit("ec2:", Class::Read, 40.0, 15.0),
    limit("ec2:", Class::Mutate, 40.0, 4.0),
    limit("elasticloadbalancing:", Class::Read, 30.0, 8.0),
    limit("elasticloadbalancing:", Class::Mutate, 15.0, 3.0),
    limit("route53:", Class::Read, 4.0, 2.0),
    limit("route53:", Class::Mutate, 4.0, 2.0),
    limit("dms:", Class::Read, 100.0, 5.0),
    limit("dms:", Class::Mutate, 50.0, 2.0),
    limit("cloudwatch:GetDashboard", Class::Read, 10.0, 7.0),
    limit("cloudwatch:PutDashboard", Class::Mutate, 10.0, 7.0),
    limit("cloudwatch:DeleteDashboards", Class::Mutate, 10.0, 7.0),
    limit("cloudwatch:PutMetricAlarm", Class::Mutate, 3.0, 2.5),
    limit("cloudwatch:DeleteAlarms", Class::Mutate, 3.0, 2.5),
    limit("cloudwatch:", Class::Read, 9.0, 6.0),
    limit("cloudwatch:", Class::Mutate, 3.0, 2.5),
];

const DEFAULT_BURST: f64 = 20.0;
const DEFAULT_PER_SECOND: f64 = 8.0;
/// A throttled call halves the rate, down to this share of the normal rate. Each granted call restores a little of it.
const LEAST_SHARE: f64 = 0.05;
const RECOVERY: f64 = 0.02;

struct Bucket {
    burst: f64,
    per_second: f64,
    /// Share of the normal rate in use; 1 unless AWS has throttled recently.
    share: f64,
    /// May be negative: earlier callers wait for tokens that are still to come.
    tokens: f64,
    at: Duration,
}

type Buckets = HashMap<(String, Class), Bucket>;

/// The budgets of one account and region.
pub struct Budgets {
    clock: Clock,
    /// Whether a bucket exists only once a call is throttled.
    is_emulator: bool,
    buckets: Mutex<Buckets>,
}

impl Budgets {
    /// Returns full buckets for all calls. An emulator has no limits: its budget is used only after it has throttled.
    pub fn new(clock: Clock, is_emulator: bool) -> Self {
        Self { clock, is_emulator, buckets: Mutex::new(HashMap::new()) }
    }

    /// Waits until one more call (`service:Operation`) fits into its budget. First come, first served.
    pub async fn acquire(&self, call: &str, class: Class) {
        let wait = self.reserve(call, class);
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }

    /// Slows down the calls that share a budget with this one, because AWS throttled it.
    pub fn throttled(&self, call: &str, class: Class) {
        self.with(call, class, |bucket| {
            bucket.share = (bucket.share / 2.0).max(LEAST_SHARE);
            bucket.tokens = bucket.tokens.min(0.0);
        });
    }

    fn reserve(&self, call: &str, class: Class) -> Duration {
        if self.is_emulator && !self.lock().contains_key(&key(call, class)) {
            return Duration::ZERO;
        }
        let now = self.clock.now();
        self.with(call, class, |bucket| {
            let rate = bucket.per_second * bucket.share;
            let passed = now.saturating_sub(bucket.at).as_secs_f64();
            bucket.tokens = (bucket.tokens + passed * rate).min(bucket.burst);
            bucket.at = now;
            bucket.tokens -= 1.0;
            bucket.share = (bucket.share + RECOVERY).min(1.0);
            if bucket.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-bucket.tokens / rate) }
        })
    }

    fn with<T>(&self, call: &str, class: Class, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.lock();
        let bucket = buckets.entry(key(call, class)).or_insert_with(|| {
            let (burst, per_second) = limit_of(call, class)
                .map_or((DEFAULT_BURST, DEFAULT_PER_SECOND), |limit| (limit.burst, limit.per_second));
            Bucket { burst, per_second, share: 1.0, tokens: burst, at: self.clock.now() }
        });
        change(bucket)
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit_of(call: &str, class: Class) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.class == class && call.starts_with(limit.calls))
}

/// Returns what calls with the same budget have in common.
fn key(call: &str, class: Class) -> (String, Class) {
    let service = || call.split_once(':').map_or(call, |(service, _)| service);
    (limit_of(call, class).map_or_else(service, |limit| limit.calls).to_owned(), class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_rate_applies() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock, false);
        for _ in 0..40 {
            budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        }
        assert_eq!(clock.now(), Duration::ZERO);
        for _ in 0..8 {
            budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        }
        let took = clock.now().as_secs_f64();
        assert!((1.9..2.2).contains(&took), "8 calls at 4 a second took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_it_recovers() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock, false);
        budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        budgets.throttled("ec2:RunInstances", Class::Mutate);
        budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        assert!(clock.now().as_secs_f64() > 0.4, "the next call waits for a token at half the rate");
        for _ in 0..60 {
            budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        }
        let before = clock.now();
        budgets.acquire("ec2:RunInstances", Class::Mutate).await;
        let gap = clock.now().saturating_sub(before).as_secs_f64();
        assert!(gap < 0.3, "recovered to the full rate, gap {gap}");
    }

    #[tokio::test(start_paused = true)]
    async fn operations_of_cloudwatch_have_limits_of_their_own() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock, false);
        for call in ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:PutDashboard"] {
            for _ in 0..3 {
                budgets.acquire(call, Class::Mutate).await;
            }
        }
        assert_eq!(clock.now(), Duration::ZERO);
        budgets.acquire("cloudwatch:PutMetricAlarm", Class::Mutate).await;
        assert!(clock.now() >= Duration::from_millis(390), "the fourth alarm in a second waits");
    }

    #[tokio::test(start_paused = true)]
    async fn an_emulator_has_no_limit_until_it_throttles() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock, true);
        for _ in 0..1000 {
            budgets.acquire("cloudwatch:PutMetricAlarm", Class::Mutate).await;
        }
        assert_eq!(clock.now(), Duration::ZERO);
        budgets.throttled("cloudwatch:PutMetricAlarm", Class::Mutate);
        budgets.acquire("cloudwatch:PutMetricAlarm", Class::Mutate).await;
        assert!(clock.now() >= Duration::from_millis(390), "now at half of the rate of AWS");
    }
}
