//! The invariant of the built-in schema: a balance is the opening balance plus the sum of the entries.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::Error;

/// The result of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    /// The number of accounts.
    pub accounts: u64,
    /// The number of accounts whose balance is wrong.
    pub wrong: u64,
    /// Some of them.
    pub examples: Vec<WrongBalance>,
}

/// An account whose balance is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongBalance {
    /// The customer and the currency.
    pub account: String,
    /// The balance.
    pub balance: String,
    /// The opening balance plus the sum of the entries.
    pub expected: String,
}

/// The number of accounts that are listed.
const EXAMPLES: i64 = 20;

const CHECK: &str = "SELECT count(*) OVER (), a.customer_id::text || ' ' || a.currency::text, a.balance::text, \
    (a.opening_balance + coalesce(s.sum, 0))::text \
    FROM public.accounts a LEFT JOIN (SELECT customer_id, currency::text AS currency, sum(amount) AS sum \
    FROM public.entries GROUP BY 1, 2) s ON s.customer_id = a.customer_id AND s.currency = a.currency::text \
    WHERE a.balance IS DISTINCT FROM a.opening_balance + coalesce(s.sum, 0) ORDER BY 2 LIMIT $1";

/// Checks all accounts. `None`: the amounts cannot be added up, because DMS has turned their types into text.
pub(super) async fn check(client: &Client) -> Result<Option<Balances>, Error> {
    let failed = |error: tokio_postgres::Error| Error::database("check the balances of the accounts", &error);
    let accounts = client.query_one("SELECT count(*) FROM public.accounts", &[]).await.map_err(failed)?;
    let wrong = match client.query(CHECK, &[&EXAMPLES]).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => return Ok(None),
        result => result.map_err(failed)?,
    };
    Ok(Some(Balances {
        accounts: accounts.get::<_, i64>(0).unsigned_abs(),
        wrong: wrong.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()),
        examples: wrong
            .iter()
            .map(|row| WrongBalance { account: row.get(1), balance: row.get(2), expected: row.get(3) })
            .collect(),
    }))
}
