//! Whole switchovers on two real servers, with PostgreSQL's own logical replication in the place of DMS, and with
//! writers. A switch stands for load balancers and the connections of services.

mod broken;
mod driver;
mod ledger;
mod operations;
mod replication;
mod rows;
mod servers;
mod stage;
mod switch;
mod switchovers;
mod writers;
