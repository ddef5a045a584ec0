//! Gates that need a number of requests need fewer in a rehearsal: minutes of AWS are short, and clients work in real
//! time.

use infra_config::{Check, Gate};

/// Divides the numbers of requests that the gates need by the speed of the clock of AWS. At least one is needed.
pub(crate) fn scale(gates: &mut [Gate], speed: f64) {
    for gate in gates {
        let needed = match &mut gate.check {
            Check::ErrorRate(share) | Check::Latency { share, .. } => &mut share.min_requests,
            Check::TrafficShare { min_requests, .. } => min_requests,
            _ => continue,
        };
        *needed = scaled(*needed, speed);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the number itself")]
fn scaled(needed: u32, speed: f64) -> u32 {
    (f64::from(needed) / speed.max(1.0)).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_needs_fewer_requests() {
        assert_eq!(scaled(100, 60.0), 2);
        assert_eq!(scaled(100, 300.0), 1);
        assert_eq!(scaled(100, 1.0), 100);
        assert_eq!(scaled(100, 0.5), 100);
        assert_eq!(scaled(0, 60.0), 1);
    }
}
