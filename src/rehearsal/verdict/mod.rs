//! The verdict: what the ledger says, compared with what the databases contain.

mod balances;
mod check;
mod differences;
mod expected;
mod findings;
mod lookup;
mod truncated;

pub use balances::{Balances, WrongBalance};
pub use check::{VerifyOptions, verify};
pub use differences::{Differences, DifferencesOptions, differences};
pub use findings::{Collision, Finding, Findings, Verdict};
pub use truncated::TruncatedColumn;
