//! A rehearsal: writers make payments while a migration runs, and a ledger proves what happened to each of them.
//!
//! *May depend on* PostgreSQL client crates, `infra-compare`, the quoting of `infra-connect`, and the connection data
//! of `infra-postgres`.
//! *Must never know* AWS, a sandbox world or a command: load balancers are reached through a trait.

mod application;
mod builtin;
mod catalog;
mod cloud;
mod connection;
mod error;
mod fingerprint;
mod generate;
mod ledger;
mod load;
mod report;
mod service;
mod session;
mod traffic;
mod verdict;

pub use application::{Application, SkippedTable};
pub use builtin::{PAYMENT_SCHEMA, load_payment_schema};
pub use cloud::{Cloud, Database, Resolved, Route, TaskTarget};
pub use error::Error;
pub use generate::{Fill, FilledTable, fill};
pub use ledger::{Kind, Ledger, Outcome, now};
pub use load::{DumpFormat, Programs, dump_format, load_dump, load_dump_schema, load_schema};
pub use report::{
    Bucket, Conclusion, Gaps, GateVerdict, Lag, Latency, Phase, REPORT_VERSION, Report, SideCount, Summary, WriteSpan,
};
pub use service::ServiceOptions;
pub use traffic::{Live, LiveSide, WriterOptions, Writers};
pub use verdict::{
    Balances, Collision, Differences, DifferencesOptions, Finding, Findings, TruncatedColumn, Verdict, VerifyOptions,
    WrongBalance, differences, verify,
};
