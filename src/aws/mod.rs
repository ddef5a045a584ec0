//! Everything between a resource kind and AWS: clients, error classes, request budgets, cancellation and waits as data.

mod budget;
mod clients;
mod error;
mod guard;
mod objects;
mod run;
mod tagged;
mod tags;
mod wait;

pub use budget::{Budgets, Class};
pub use clients::{Clients, Cloud, CloudError, Endpoint, Plug, partition};
pub use error::{AwsError, Fate, Trouble};
pub use guard::{CallGuard, is_mutating, permitted, service_name};
pub use objects::{Expect, Object, Objects, WriteError, Written};
pub use run::{Cancel, Meter};
pub use tagged::{Tagged, tagged, tagged_roles};
pub use tags::{OWNER_ADDRESS, OWNER_STACK, SHARED_MARK, SHARED_USER, address_of, is_mark, owner_of};
pub use wait::{Progress, Wait};
