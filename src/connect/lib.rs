//! Connections to PostgreSQL: addresses, TLS, and the reasons why there is no connection; and what all who send
//! statements need: errors of the server, names of tables, quoting.
//!
//! [`open`] is for a caller that needs one connection and an error that names it. [`Connector`] is for a caller that
//! opens many, or has time limits of its own.
//!
//! *Guarantees*: Every parameter of libpq in a URL has its meaning or is refused by its name. No error contains a
//! password or a value of a row. A connection ends when its handle is dropped, and the query that it runs is cancelled.
//!
//! *Assumptions*: Time passes as on the wall: servers do not wait for a simulated clock.
//!
//! *Caveats*: The name of a host is resolved twice, by [`Connector`] to tell an unknown name from a silent server, and
//! by the client library. A message that an extension writes as an internal error of the server is kept.
//!
//! *May depend on* PostgreSQL client crates.
//!
//! *Knows of AWS* only the host names of RDS, and the authorities that sign its certificates.
//!
//! *Must never know* calls of AWS, the configuration, a stack, a command, or what a connection is used for.

mod connection;
mod connection_url;
mod connector;
mod database_error;
mod endpoint;
mod failure;
mod libpq;
mod open;
mod printable;
mod quoting;
mod rds;
mod table_name;
mod tls;
pub mod trust;
mod url_options;

pub use connection::{Connection, End};
pub use connection_url::UrlError;
pub use connector::Connector;
pub use database_error::DatabaseError;
pub use endpoint::{Endpoint, SslMode};
pub use failure::ConnectFailure;
pub use open::{ConnectError, open};
pub use printable::printable;
pub use quoting::{ident, literal};
pub use rds::rds_roots_pem;
pub use table_name::TableName;
