//! Sessions whose texts of values are the same on every server, so that hashes of these texts can be compared.

pub(crate) use infra_connect::ident as quoted;
use infra_postgres::ConnectionInfo;
use tokio_postgres::Client;

use super::error::Error;

/// The settings that change the text of a value ("Client Connection Defaults", PostgreSQL documentation). Servers can
/// have other defaults, and so can a role or a database.
const SETTINGS: &[(&str, &str)] = &[
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("lc_monetary", "C"),
];

/// Opens a session.
pub(crate) async fn open(connection: &ConnectionInfo) -> Result<Client, Error> {
    let client = connection.connect().await?;
    prepare(&client).await.map_err(|error| Error::database("set the text formats of a session", &error))?;
    Ok(client)
}

/// Sets the text formats of a session that is open already.
pub(crate) async fn prepare(client: &Client) -> Result<(), tokio_postgres::Error> {
    let settings: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect();
    client.batch_execute(&settings.join("; ")).await
}
