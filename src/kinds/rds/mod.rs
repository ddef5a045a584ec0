//! Amazon RDS.

mod attributes;
mod db_instance;
mod db_parameter_group;
mod db_subnet_group;
mod deletion;
mod describe;
mod group_deletion;
mod modify;
mod tagging;
mod version;

pub use db_instance::DbInstance;
pub use db_parameter_group::DbParameterGroup;
pub use db_subnet_group::DbSubnetGroup;
pub use deletion::FinalSnapshot;
