//! The one clock of the program.
//!
//! All waiting goes through [`Clock`], in *AWS seconds*: the seconds that the thing waited for would take on AWS.
//! Against real AWS the two are the same. The sandbox may scale them (`--sandbox-timing fast`), or the runtime's time is
//! paused, so that a wait of seven minutes costs nothing (`instant`, and every test).

use std::time::Duration;

use tokio::time::Instant;

/// Returns the wall-clock time as RFC 3339 in UTC, to the second.
pub fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Measures and spends time in AWS seconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// Wall seconds for one AWS second.
    scale: f64,
}

impl Clock {
    /// A clock on which an AWS second is a second of the runtime (which may itself be paused).
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// A clock on which an AWS second takes `scale` seconds.
    pub fn scaled(scale: f64) -> Self {
        Self { origin: Instant::now(), scale }
    }

    /// Returns the AWS time since this clock was made.
    pub fn now(&self) -> Duration {
        self.origin.elapsed().div_f64(self.scale)
    }

    /// Waits for `duration` of AWS time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.mul_f64(self.scale)).await;
    }
}
