//! The embedded AWS: a strict model of the part of AWS that the tool uses, inside the process.
//!
//! It plugs in below the typed operations of the SDK. [`Sandbox::in_process`] gives each client an interceptor that
//! passes the typed input to a handler. The handler's typed output, or AWS's error code, replaces the response. The
//! model rejects what AWS rejects, with AWS's code. What takes AWS minutes is in progress until the clock says
//! otherwise.
//!
//! `world/` contains the data, one file per service. The other files contain the handlers, one function per operation.
//!
//! *May depend on* `infra-base`, `infra-aws` (whose clients call it), `infra-replicator` (what DMS accepts) and the AWS
//! SDK.
//! *Must never know* a resource kind, a plan or a command: it models AWS, not this tool.

mod account_attributes;
mod acm;
mod autoscaling;
mod call_attempt;
mod cloudwatch;
mod disk;
mod dms;
mod ec2;
mod ecs;
mod elbv2;
mod fault;
mod iam;
mod in_process;
mod input_fields;
mod interceptor;
mod kms;
mod lambda;
mod logs;
mod operations;
mod paging;
mod quotas;
mod rds;
mod read_lag;
mod registry;
mod route53;
mod s3;
mod sandbox;
mod script;
mod secretsmanager;
mod service_quotas;
mod sts;
mod tagging;
pub mod world;

pub use disk::{Disk, DiskError};
pub use fault::{Fault, FaultPoint, FaultRates, Faults};
pub use registry::{Call, Registry, Rejection};
pub use sandbox::{Sandbox, WatchedCall};
pub use script::ScriptError;
pub use world::World;
pub use world::script::Script;
