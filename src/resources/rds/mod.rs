//! Amazon RDS.

mod db_instance;
mod db_parameter_group;
mod db_subnet_group;
mod deletion;
mod shown;
mod tagging;
mod users;

pub use db_instance::{DbInstance, FinalSnapshot};
pub use db_parameter_group::DbParameterGroup;
pub use db_subnet_group::DbSubnetGroup;
