//! Faults that are injected on purpose: the verdict names exactly these.

use std::time::Duration;

use infra_rehearsal::{Database, Finding, Verdict};

use super::generator::payments;
use super::server::client;
use super::writers::Rehearsal;

/// Lets writers work, injects a fault, and returns the verdict.
async fn after(fault: &str) -> (Database, Verdict) {
    let database = payments(200, 11).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let recent = "SELECT (SELECT count(*) FROM refunds WHERE created_at > now() - interval '1 minute'), \
                  (SELECT count(*) FROM \"payment notes\" WHERE created_at > now() - interval '1 minute')";
    let client = client(&database).await;
    // Which requests the writers make depends on what they have made before. The faults need a refund and some notes.
    for _ in 0..10 {
        rehearsal.run(250.0, Duration::from_secs(1)).await;
        let row = client.query_one(recent, &[]).await.expect("the counts");
        if row.get::<_, i64>(0) > 0 && row.get::<_, i64>(1) > 5 {
            break;
        }
    }
    assert!(rehearsal.verdict(&database, &[]).await.is_clean());
    client.batch_execute(fault).await.unwrap_or_else(|error| panic!("{fault}: {error:?}"));
    let verdict = rehearsal.verdict(&database, &[]).await;
    (database, verdict)
}

/// The counts of lost, duplicated, changed and colliding rows.
fn counts(verdict: &Verdict) -> [u64; 4] {
    [verdict.lost.rows, verdict.duplicated.rows, verdict.changed.rows, verdict.colliding]
}

async fn marked(database: &Database) -> String {
    client(database).await.query_one("SELECT key FROM marked", &[]).await.expect("the marked row").get(0)
}

fn only(findings: &[Finding]) -> &Finding {
    assert_eq!(findings.len(), 1, "{findings:?}");
    &findings[0]
}

/// The last row that a writer made: those of the generator are not in the ledger.
const LAST_NOTE: &str = "CREATE TABLE marked AS SELECT id::text AS key FROM \"payment notes\" WHERE created_at = \
    (SELECT max(created_at) FROM \"payment notes\" WHERE created_at > now() - interval '1 minute');";
const LAST_REFUND: &str = "CREATE TABLE marked AS SELECT idempotency_key::text AS key FROM refunds WHERE created_at > \
    now() - interval '1 minute' ORDER BY id DESC LIMIT 1;";

#[tokio::test]
async fn a_deleted_row_is_lost() {
    let fault = format!("{LAST_NOTE} DELETE FROM \"payment notes\" WHERE id::text = (SELECT key FROM marked)");
    let (database, verdict) = after(&fault).await;
    assert_eq!((counts(&verdict), verdict.lost.requests), ([1, 0, 0, 0], 1), "{verdict:#?}");
    let lost = only(&verdict.lost.examples);
    assert_eq!(lost.table, "public.payment notes");
    assert_eq!(lost.key, [format!("id={}", marked(&database).await)]);
    assert!(!verdict.is_clean());
}

#[tokio::test]
async fn a_second_row_with_the_same_idempotency_key_is_a_duplicate() {
    let fault = format!(
        "{LAST_REFUND} ALTER TABLE refunds DROP CONSTRAINT refunds_idempotency_key_key;
         INSERT INTO refunds (idempotency_key, payment_id, amount, reason, created_at)
         SELECT idempotency_key, payment_id, amount, reason, created_at FROM refunds
         WHERE idempotency_key::text = (SELECT key FROM marked)"
    );
    let (database, verdict) = after(&fault).await;
    assert_eq!((counts(&verdict), verdict.duplicated.requests), ([0, 1, 0, 0], 1), "{verdict:#?}");
    let duplicated = only(&verdict.duplicated.examples);
    assert_eq!((duplicated.table.as_str(), duplicated.copies), ("public.refunds", 2));
    assert_eq!(duplicated.key, [format!("idempotency_key={}", marked(&database).await)]);
}

#[tokio::test]
async fn a_change_in_the_last_column_names_the_column() {
    let fault = format!(
        "{LAST_NOTE} UPDATE \"payment notes\" SET created_at = created_at + interval '1 microsecond'
         WHERE id::text = (SELECT key FROM marked)"
    );
    let (database, verdict) = after(&fault).await;
    assert_eq!((counts(&verdict), verdict.changed.requests), ([0, 0, 1, 0], 1), "{verdict:#?}");
    let changed = only(&verdict.changed.examples);
    assert_eq!((changed.columns.as_slice(), changed.is_stale), (["created_at".to_owned()].as_slice(), false));
    assert_eq!(changed.key, [format!("id={}", marked(&database).await)]);
}

#[tokio::test]
async fn a_missing_update_is_the_earlier_state() {
    let database = payments(200, 12).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let writers = rehearsal.start(250.0);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let client = client(&database).await;
    client.batch_execute("CREATE TABLE before AS SELECT * FROM payments").await.expect("a copy");
    tokio::time::sleep(Duration::from_millis(800)).await;
    writers.stop().await.expect("the ledger was written");
    // The state before the capture comes back, as if the update had not been replicated.
    let fault = "CREATE TABLE marked AS SELECT p.id::text AS key FROM payments p JOIN before b ON b.id = p.id \
         WHERE b.status = 'authorized' AND p.status = 'captured' LIMIT 1;
         ALTER TABLE payments DISABLE TRIGGER USER;
         UPDATE payments p SET status = b.status, captured_at = b.captured_at, version = b.version, \
         updated_at = b.updated_at FROM before b WHERE b.id = p.id AND p.id::text = (SELECT key FROM marked)";
    client.batch_execute(fault).await.expect("the fault");
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert_eq!(counts(&verdict), [0, 0, 1, 0], "{verdict:#?}");
    let changed = only(&verdict.changed.examples);
    assert!(changed.is_stale, "{changed:?}");
    assert_eq!(changed.key, [format!("id={}", marked(&database).await)]);
    assert_eq!(changed.columns, ["status", "captured_at", "version", "updated_at"]);
}

#[tokio::test]
async fn a_missing_table_and_a_wrong_balance_are_found() {
    let fault = "DROP TABLE \"payment notes\"; \
         UPDATE accounts SET balance = balance + 0.01 WHERE (customer_id, currency) = \
         (SELECT customer_id, currency FROM accounts WHERE balance <> 'NaN' ORDER BY 1 LIMIT 1)";
    let (_, verdict) = after(fault).await;
    assert!(verdict.lost.rows > 5 && verdict.lost.rows == verdict.lost.requests, "{verdict:#?}");
    assert!(verdict.lost.examples.iter().all(|lost| lost.table == "public.payment notes"));
    let balances = verdict.balances.expect("they were checked");
    assert_eq!(balances.wrong, 1, "{balances:?}");
}
