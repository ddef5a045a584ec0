//! Schema and data of the source database.

use infra_config::{Replication, SchemaSource as ConfiguredSchema, TablePreparation};
use infra_postgres::{ClientProgram, Programs};
use infra_rehearsal::{
    Application, Database, Fill, FilledTable, fill, load_dump, load_dump_schema, load_payment_schema, load_schema,
};

use crate::error::RehearseError;
use crate::options::{RehearsalOptions, SchemaSource};

/// Loads the schema and the data into a database. Returns the tables that were filled with generated rows.
pub(crate) async fn load(options: &RehearsalOptions, database: &Database) -> Result<Vec<FilledTable>, RehearseError> {
    let connection = &database.connection;
    match &options.schema {
        SchemaSource::Builtin => load_payment_schema(connection).await?,
        SchemaSource::Sql(file) => load_schema(connection, &programs().await?, file).await?,
        SchemaSource::Dump(file) => {
            load_dump(connection, &programs().await?, file).await?;
            return Ok(Vec::new());
        }
    }
    if options.rows == 0 {
        return Ok(Vec::new());
    }
    let builtin = options.schema == SchemaSource::Builtin;
    let what = Fill { rows: options.rows, seed: options.seed, builtin };
    Ok(fill(connection, &what, &|_, _| {}).await?)
}

/// Loads the schema, without rows, into the target database if the configuration says that it is there already: an
/// operator has created it. Returns whether that was necessary. Otherwise the migration transfers it.
pub(crate) async fn prepare_target(options: &RehearsalOptions, database: &Database) -> Result<bool, RehearseError> {
    let is_expected = |one: &Replication| {
        one.schema == ConfiguredSchema::Existing && one.table_preparation != TablePreparation::DropAndCreate
    };
    if !options.config.environments.iter().any(|environment| is_expected(&environment.replication)) {
        return Ok(false);
    }
    let connection = &database.connection;
    match &options.schema {
        SchemaSource::Builtin => load_payment_schema(connection).await?,
        SchemaSource::Sql(file) => load_schema(connection, &programs().await?, file).await?,
        SchemaSource::Dump(file) => {
            load_dump_schema(connection, &programs().await?, file).await?;
        }
    }
    Ok(true)
}

/// Prepares the requests of the writers.
pub(crate) async fn application(options: &RehearsalOptions, database: &Database) -> Result<Application, RehearseError> {
    Ok(match options.schema {
        SchemaSource::Builtin => Application::payments(&database.connection).await?,
        _ => Application::rows(&database.connection, options.seed).await?,
    })
}

/// Finds the programs that read schemas and dumps.
async fn programs() -> Result<infra_rehearsal::Programs, RehearseError> {
    let found = tokio::task::spawn_blocking(|| {
        let all = Programs::all();
        let (psql, _) = all.client(ClientProgram::Psql, 0)?;
        let (pg_restore, _) = all.client(ClientProgram::PgRestore, 0)?;
        Ok(infra_rehearsal::Programs { psql, pg_restore })
    });
    found.await.map_err(|error| RehearseError::Ended(error.to_string()))?
}
