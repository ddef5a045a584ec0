//! Request budgets: a token bucket for each service and class of call. It stays below the published limits of AWS, and
//! slows down when AWS throttles anyway, because other programs share the limits of the account.

use std::collections::HashMap;
use std::sync::Mutex;
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
    service: &'static str,
    class: Class,
    burst: f64,
    per_second: f64,
}

/// About three quarters of the documented limits. EC2: "Request throttling for the Amazon EC2 API"; Route 53: "Quotas"
/// (five requests a second for the account); DMS: "Quotas" (200, refilled at 8 a second); CloudWatch: "CloudWatch
/// service quotas" (PutMetricAlarm 3 a second, DescribeAlarms 9); Elastic Load Balancing: "Request throttling for the
/// ELB API".
const LIMITS: &[Limit] = &[
    Limit { service: "ec2", class: Class::Read, burst: 40.0, per_second: 15.0 },
    Limit { service: "ec2", class: Class::Mutate, burst: 40.0, per_second: 4.0 },
    Limit { service: "elasticloadbalancing", class: Class::Read, burst: 30.0, per_second: 8.0 },
    Limit { service: "elasticloadbalancing", class: Class::Mutate, burst: 15.0, per_second: 3.0 },
    Limit { service: "route53", class: Class::Read, burst: 4.0, per_second: 2.0 },
    Limit { service: "route53", class: Class::Mutate, burst: 4.0, per_second: 2.0 },
    Limit { service: "dms", class: Class::Read, burst: 100.0, per_second: 5.0 },
    Limit { service: "dms", class: Class::Mutate, burst: 50.0, per_second: 2.0 },
    Limit { service: "cloudwatch", class: Class::Read, burst: 9.0, per_second: 6.0 },
    Limit { service: "cloudwatch", class: Class::Mutate, burst: 3.0, per_second: 2.5 },
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

/// The budgets of one account and region.
pub struct Budgets {
    clock: Clock,
    buckets: Mutex<HashMap<(String, Class), Bucket>>,
}

impl Budgets {
    /// Returns full buckets for every service.
    pub fn new(clock: Clock) -> Self {
        Self { clock, buckets: Mutex::new(HashMap::new()) }
    }

    /// Waits until one more call to `service` fits into its budget. First come, first served.
    pub async fn acquire(&self, service: &str, class: Class) {
        let wait = self.reserve(service, class);
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }

    /// Slows the service down because AWS throttled a call.
    pub fn throttled(&self, service: &str, class: Class) {
        self.with(service, class, |bucket| {
            bucket.share = (bucket.share / 2.0).max(LEAST_SHARE);
            bucket.tokens = bucket.tokens.min(0.0);
        });
    }

    fn reserve(&self, service: &str, class: Class) -> Duration {
        let now = self.clock.now();
        self.with(service, class, |bucket| {
            let rate = bucket.per_second * bucket.share;
            let passed = now.saturating_sub(bucket.at).as_secs_f64();
            bucket.tokens = (bucket.tokens + passed * rate).min(bucket.burst);
            bucket.at = now;
            bucket.tokens -= 1.0;
            bucket.share = (bucket.share + RECOVERY).min(1.0);
            if bucket.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-bucket.tokens / rate) }
        })
    }

    fn with<T>(&self, service: &str, class: Class, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bucket = buckets.entry((service.to_owned(), class)).or_insert_with(|| {
            let limit = LIMITS.iter().find(|limit| limit.service == service && limit.class == class);
            let (burst, per_second) =
                limit.map_or((DEFAULT_BURST, DEFAULT_PER_SECOND), |limit| (limit.burst, limit.per_second));
            Bucket { burst, per_second, share: 1.0, tokens: burst, at: self.clock.now() }
        });
        change(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_rate_applies() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock);
        for _ in 0..40 {
            budgets.acquire("ec2", Class::Mutate).await;
        }
        assert_eq!(clock.now(), Duration::ZERO);
        for _ in 0..8 {
            budgets.acquire("ec2", Class::Mutate).await;
        }
        let took = clock.now().as_secs_f64();
        assert!((1.9..2.2).contains(&took), "8 calls at 4 a second took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_it_recovers() {
        let clock = Clock::real();
        let budgets = Budgets::new(clock);
        budgets.acquire("ec2", Class::Mutate).await;
        budgets.throttled("ec2", Class::Mutate);
        budgets.acquire("ec2", Class::Mutate).await;
        assert!(clock.now().as_secs_f64() > 0.4, "the next call waits for a token at half the rate");
        for _ in 0..60 {
            budgets.acquire("ec2", Class::Mutate).await;
        }
        let before = clock.now();
        budgets.acquire("ec2", Class::Mutate).await;
        let gap = clock.now().saturating_sub(before).as_secs_f64();
        assert!(gap < 0.3, "recovered to the full rate, gap {gap}");
    }
}
