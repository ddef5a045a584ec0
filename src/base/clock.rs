//! The one clock of the program.
//!
//! All waiting uses [`Clock`], in *AWS seconds*: the time that the operation takes on AWS. With real AWS, an AWS second
//! is a wall-clock second. The sandbox can scale it (`--sandbox-timing fast`), or the time of the runtime is paused, so
//! that a wait of seven minutes takes no time (`instant`, and every test).

use std::time::Duration;

use tokio::time::Instant;

/// Returns the wall-clock time as RFC 3339 in UTC, to the second.
pub fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns how long ago a time of [`timestamp`] was; nothing for text in another form, or for a time in the future.
pub fn age(at: &str) -> Option<Duration> {
    let at: jiff::Timestamp = at.parse().ok()?;
    Duration::try_from(jiff::Timestamp::now().duration_since(at)).ok()
}

/// Measures AWS seconds and waits for them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// Wall-clock seconds for one AWS second.
    scale: f64,
}

impl Clock {
    /// Returns a clock on which an AWS second is a second of the runtime (which may itself be paused).
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// Returns a clock on which an AWS second takes `scale` seconds.
    pub fn scaled(scale: f64) -> Self {
        Self { origin: Instant::now(), scale }
    }

    /// Returns the AWS time since this clock was created.
    pub fn now(&self) -> Duration {
        self.origin.elapsed().div_f64(self.scale)
    }

    /// Returns how long `duration` of AWS time takes on the wall.
    pub fn in_wall_time(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale)
    }

    /// Waits for `duration` of AWS time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.mul_f64(self.scale)).await;
    }
}
