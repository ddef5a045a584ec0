//! Access to AWS: clients, classified errors, request budgets, cancellation, and waits as data.
//!
//! *May depend on* `infra-base` and the AWS SDK.
//! *Must never know* a resource kind, a plan or the state.

mod access;
mod budget;
mod clients;
mod cloud_error;
mod credentials;
mod endpoint;
mod error;
mod http;
mod iam_actions;
mod intent_guard;
mod metrics;
mod objects;
mod quota;
mod renewal;
mod tagged;
mod topic;
mod transient;
mod wait;

pub use access::Need;
pub use budget::{Budgets, Class};
pub use clients::{Clients, Cloud, Tenant};
pub use cloud_error::CloudError;
pub use credentials::{AssumedRole, CredentialsSource};
pub use endpoint::{CreateInterceptor, Endpoint, InProcess};
pub use error::{AwsError, CallOutcome, ErrorKind};
pub use http::CaBundleError;
pub use iam_actions::iam_actions;
pub use intent_guard::{CallGuard, intended, is_mutating, service_name};
pub use metrics::{CallCounter, Cancel};
pub use objects::{Expect, Object, Objects, WriteError, Written};
pub use quota::{Quota, quota, raise_command};
pub use tagged::{Tagged, tagged, tagged_roles};
pub use topic::Message;
pub use transient::{Transient, is_taken, transient};
pub use wait::{Progress, Wait};
