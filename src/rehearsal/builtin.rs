//! The built-in payment schema: its SQL, and the proportions of its tables.

use infra_postgres::ConnectionInfo;

use crate::error::Error;
use crate::session;

/// The schema as SQL. It is a file of its own, so that it can be loaded without this program.
pub const PAYMENT_SCHEMA: &str = include_str!("../../config/payment-schema.sql");

/// The balance of an account is the opening balance plus the sum of its entries. Generated rows do not know each other.
pub(crate) const BALANCE: &str = "UPDATE accounts a SET balance = a.opening_balance + coalesce(s.sum, 0) \
    FROM accounts b \
    LEFT JOIN (SELECT customer_id, currency, sum(amount) FROM entries GROUP BY 1, 2) s USING (customer_id, currency) \
    WHERE (a.customer_id, a.currency) = (b.customer_id, b.currency)";

/// Loads the schema into an empty database.
pub async fn load_payment_schema(connection: &ConnectionInfo) -> Result<(), Error> {
    let client = session::open(connection).await?;
    client
        .batch_execute(PAYMENT_SCHEMA)
        .await
        .map_err(|error| Error::database("load the built-in payment schema", &error))
}

/// Returns the number of rows of a table for a number of payments.
pub(crate) fn share(table: &str, payments: u64) -> u64 {
    match table {
        "payments" | "entries" => payments,
        "customers" | "accounts" | "refunds" | "payment_events" => (payments / 20).max(20),
        "payment notes" => (payments / 50).max(10),
        "exchange_rates" => (payments / 1000).clamp(20, 5_000),
        // A trigger writes it.
        _ => 0,
    }
}
