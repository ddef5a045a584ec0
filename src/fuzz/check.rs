//! Runs a target: in the test process, which starts a child, and in that child.

use crate::target::Target;
use crate::{child, driver};

impl Target {
    /// Runs the target on many inputs.
    ///
    /// Three thousand inputs, or `MIGRATE_INFRA_FUZZ`; the seed is 1, or `MIGRATE_INFRA_FUZZ_SEED`. With
    /// `MIGRATE_INFRA_FUZZ_INPUT`, it runs only on the input in that file.
    ///
    /// # Panics
    /// An input failed, or the inputs were all accepted or all refused.
    #[expect(clippy::panic, reason = "a test fails with a panic")]
    pub fn check(&self) {
        match child::directory() {
            Some(directory) => child::run(self, &directory),
            None => {
                if let Err(failure) = driver::run(self) {
                    panic!("{failure}");
                }
            }
        }
    }
}
