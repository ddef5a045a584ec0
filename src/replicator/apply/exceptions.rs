//! Records of exceptions. "The Apply Exceptions table is always created on database targets" (DMS user guide, "Control
//! table task settings"); its columns are documented there.

use super::statement::Statement;
use crate::model::TableName;
use crate::sql::qualified;

const NAME: &str = "awsdms_apply_exceptions";

/// Returns the statement that records an exception.
pub(super) fn record(control_schema: &str, task: &str, table: &TableName, statement: &str, error: &str) -> Statement {
    let exceptions = qualified(&TableName::new(control_schema, NAME));
    let sql = format!(
        "INSERT INTO {exceptions} (\"TASK_NAME\", \"TABLE_OWNER\", \"TABLE_NAME\", \"ERROR_TIME\", \"STATEMENT\", \
         \"ERROR\") VALUES ($1, $2, $3, clock_timestamp() AT TIME ZONE 'UTC', $4, $5)"
    );
    let values = [task, &table.schema, &table.name, statement, error];
    Statement { sql: sql.into(), values: values.iter().map(|value| Some((*value).to_owned())).collect() }
}
