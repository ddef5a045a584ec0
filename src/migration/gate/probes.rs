//! The requests of Route 53's health checkers, which a load balancer counts like those of clients.
//!
//! "Metrics for Application Load Balancers exclude health check requests" ("CloudWatch metrics for your Application
//! Load Balancer") is about the checks of its own targets. The checkers of Route 53 are clients to it.

/// Requests per minute of all checkers of one health check with an interval of 30 seconds: "A Route 53 health checker
/// in each health-checking region sends a health check request to an endpoint every 30 seconds. On average, your
/// endpoint receives a health check request about every two seconds" (`HealthCheckConfig`, AWS Cloud Map).
const PER_MINUTE_AT_30_SECONDS: f64 = 30.0;

/// Returns how many requests per minute a health check sends. "Each Route 53 health checker makes requests at this
/// interval" (`RequestInterval`), in seconds.
pub fn probes_per_minute(interval_seconds: i32) -> f64 {
    if interval_seconds <= 0 { 0.0 } else { PER_MINUTE_AT_30_SECONDS * 30.0 / f64::from(interval_seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_interval_sends_more_requests() {
        assert!((probes_per_minute(30) - 30.0).abs() < 1e-9 && (probes_per_minute(10) - 90.0).abs() < 1e-9);
        assert!(probes_per_minute(0).abs() < 1e-9);
    }
}
