//! One connection of a task to its database, with its prepared statements.

use std::collections::HashMap;

use infra_postgres::ConnectionInfo;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::session;

/// A connection.
pub(crate) struct Connection {
    pub(crate) client: Client,
    prepared: HashMap<usize, Statement>,
}

impl Connection {
    /// Connects. The error is the SQLSTATE, if the server answered with one.
    pub(crate) async fn open(connection: &ConnectionInfo) -> Result<Self, Option<String>> {
        let client =
            connection.connect().await.map_err(|error| error.sql_state().map(|code| code.code().to_owned()))?;
        session::prepare(&client).await.map_err(|error| error.code().map(|code| code.code().to_owned()))?;
        Ok(Self { client, prepared: HashMap::new() })
    }

    /// Runs a statement that the application knows by a number. All parameters are texts.
    pub(crate) async fn run(&mut self, number: usize, sql: &str, values: &[Option<&str>]) -> Result<Vec<Row>, Error> {
        let statement = match self.prepared.get(&number) {
            Some(statement) => statement.clone(),
            None => {
                let statement = self.client.prepare(sql).await?;
                self.prepared.insert(number, statement.clone());
                statement
            }
        };
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.client.query(&statement, &values).await
    }
}
