//! Connections to PostgreSQL: addresses, TLS, and the reasons why there is no connection; and what all who send
//! statements need: errors of the server, names of tables, quoting.
//!
//! [`open`] is for a caller that needs one connection and an error that names it. [`Connector`] is for a caller that
//! opens many, or has time limits of its own.
//!
//! *Guarantees*: Every parameter of libpq in a URL has its meaning or is refused by its name. A password in clear text
//! goes only to a server that is verified or on this machine, and a hash of it only through TLS. No error contains a
//! password, a value of a row, or a control character. A connection is open within its time limit or not at all, and
//! ends when its handle is dropped; the query that it runs is cancelled.
//!
//! *Assumptions*: Time passes as on the wall: servers do not wait for a simulated clock.
//!
//! *Caveats*: A server that is not verified can be anybody, also one that asks for no password at all. A message that
//! an extension writes as an internal error of the server is kept.
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
mod guard;
mod libpq;
mod open;
mod plain_text;
mod quoting;
mod rds;
mod refusal;
mod stream;
mod table_name;
mod tls;
pub mod transport;
pub mod trust;
mod url_options;

pub use connection::{Connection, End};
pub use connection_url::UrlError;
pub use connector::Connector;
pub use database_error::DatabaseError;
pub use endpoint::{Endpoint, SslMode};
pub use failure::{ClientFailure, ConnectFailure};
pub use open::{ConnectError, open};
pub use quoting::{ident, literal};
pub use rds::rds_roots_pem;
pub use table_name::TableName;
