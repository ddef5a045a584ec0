//! What DMS creates on the source: the objects that capture statements about tables, and the heartbeat.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::failure::{Failure, is_environmental, text};
use crate::sql::{ident, literal};

/// Whether the objects exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DdlCapture {
    /// Statements about tables are captured.
    Ready,
    /// The user must not create the objects.
    Denied(String),
}

/// Creates the objects that capture statements about tables, as "Migrating an Amazon RDS for PostgreSQL database
/// without using the master user account" lists them: a table, a function, and an event trigger.
pub async fn capture_ddls(client: &Client, schema: &str) -> Result<DdlCapture, Failure> {
    let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'awsdms_intercept_ddl')";
    let row = client.query_one(exists, &[]).await.map_err(|error| failed(&error))?;
    if row.try_get(0).map_err(|error| failed(&error))? {
        return Ok(DdlCapture::Ready);
    }
    let schema_name = ident(schema);
    let statements = format!(
        "BEGIN; CREATE TABLE IF NOT EXISTS {schema_name}.awsdms_ddl_audit (c_key bigserial PRIMARY KEY, \
         c_time timestamp, c_user varchar(64), c_txn varchar(16), c_tag varchar(24), c_oid integer, c_name \
         varchar(64), \
         c_schema varchar(64), c_ddlqry text); \
         CREATE OR REPLACE FUNCTION {schema_name}.awsdms_intercept_ddl() RETURNS event_trigger LANGUAGE plpgsql \
         SECURITY DEFINER AS {}; \
         CREATE EVENT TRIGGER awsdms_intercept_ddl ON ddl_command_end \
         EXECUTE PROCEDURE {schema_name}.awsdms_intercept_ddl(); COMMIT",
        literal(&function_body(&schema_name))
    );
    let Err(error) = client.batch_execute(&statements).await else { return Ok(DdlCapture::Ready) };
    if !client.is_closed() {
        client.batch_execute("ROLLBACK").await.map_err(|error| failed(&error))?;
    }
    match error.code() {
        // Another task was faster.
        Some(state) if *state == SqlState::DUPLICATE_OBJECT || *state == SqlState::UNIQUE_VIOLATION => {
            Ok(DdlCapture::Ready)
        }
        Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => Ok(DdlCapture::Denied(text(&error))),
        _ if is_environmental(&error) => Err(failed(&error)),
        _ => Ok(DdlCapture::Denied(text(&error))),
    }
}

/// The statement is inserted and deleted at once, so that the log has it and the table stays empty.
fn function_body(schema: &str) -> String {
    format!(
        "declare _qry text; begin \
         if (tg_tag = 'CREATE TABLE' or tg_tag = 'ALTER TABLE' or tg_tag = 'DROP TABLE' or tg_tag = 'CREATE TABLE AS') \
         then select current_query() into _qry; \
         insert into {schema}.awsdms_ddl_audit values (default, current_timestamp, current_user, \
         cast(txid_current() as varchar(16)), tg_tag, 0, '', current_schema, _qry); \
         delete from {schema}.awsdms_ddl_audit; \
         end if; end;"
    )
}

fn failed(error: &tokio_postgres::Error) -> Failure {
    Failure::of("Failed to create the DDL artifacts on the source", error)
}

/// Writes a heartbeat: a small transaction, so that the slot of an idle database moves.
pub async fn beat(client: &Client, schema: &str) -> Result<(), Failure> {
    let table = format!("{}.awsdms_heartbeat", ident(schema));
    let beat = format!(
        "INSERT INTO {table} (hb_key, hb_created_at, hb_created_by, hb_last_heartbeat_at, hb_last_heartbeat_by) \
         VALUES (1, now(), current_user, now(), current_user) ON CONFLICT (hb_key) DO UPDATE \
         SET hb_last_heartbeat_at = now(), hb_last_heartbeat_by = current_user"
    );
    let failed = |error: tokio_postgres::Error| Failure::of("Failed to write the heartbeat", &error);
    match client.batch_execute(&beat).await {
        Err(error)
            if error.code() == Some(&SqlState::UNDEFINED_TABLE)
                || error.code() == Some(&SqlState::INVALID_SCHEMA_NAME) => {}
        other => return other.map_err(failed),
    }
    if schema != "public" {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", ident(schema));
        client.batch_execute(&create).await.map_err(failed)?;
    }
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (hb_key serial PRIMARY KEY, hb_created_at timestamp, \
         hb_created_by varchar(64), hb_last_heartbeat_at timestamp, hb_last_heartbeat_by varchar(64))"
    );
    client.batch_execute(&create).await.map_err(failed)?;
    client.batch_execute(&beat).await.map_err(failed)
}
