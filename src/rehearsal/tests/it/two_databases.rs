//! Two databases that both accept writes: the fault of today's procedure.

use std::time::Duration;

use infra_rehearsal::{Database, DifferencesOptions, Route, differences};

use super::generator::payments;
use super::server::client;
use super::writers::Rehearsal;

/// Runs statements on a database.
async fn run(database: &Database, sql: &str) {
    client(database).await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

#[tokio::test]
async fn payments_on_the_other_database_are_lost_and_their_numbers_collide() {
    // The same seed: the target is a complete copy, as after a load.
    let (source, target) = (payments(150, 21).await, payments(150, 21).await);
    let rehearsal = Rehearsal::new(&source, &target, 0.5).await;
    let live = rehearsal.run(200.0, Duration::from_secs(2)).await;
    let verdict = rehearsal.verdict(&target, std::slice::from_ref(&source)).await;
    assert!(!verdict.is_clean() && verdict.colliding > 20, "{verdict:?}");
    // Both databases assigned the same numbers, and only one of two rows is here.
    let collision = &verdict.collisions[0];
    let mut databases = collision.databases.clone();
    databases.sort();
    let mut expected = [source.id.to_string(), target.id.to_string()];
    expected.sort();
    assert_eq!(databases, expected);
    let created = live.sides["source"].acknowledged;
    assert!(verdict.lost.requests > created / 2, "{} of {created}", verdict.lost.requests);
    let lost = &verdict.lost.examples[0];
    assert_eq!((lost.found_in.as_slice(), &*lost.database), ([source.id.to_string()].as_slice(), &*source.id));
    assert!(verdict.lost.examples.iter().any(|lost| lost.number_taken_by.is_some()));
    // On the source, it is the other way round: what the target accepted is lost.
    let verdict = rehearsal.verdict(&source, std::slice::from_ref(&target)).await;
    assert!(verdict.lost.examples.iter().all(|lost| *lost.database == *target.id), "{verdict:?}");
}

#[tokio::test]
async fn a_bare_copy_differs_in_indexes_sequences_and_truncated_texts() {
    let (source, target) = (payments(400, 22).await, payments(400, 22).await);
    // What DMS makes of a table: no sequence, no secondary index, no constraint but the key, and texts cut at 32 KB.
    let bare = "
        ALTER TABLE payments DISABLE TRIGGER next_version; ALTER TABLE payments DISABLE TRIGGER audit;
        UPDATE payments SET description = left(description, 32768) WHERE octet_length(description) > 32768;
        DROP INDEX payments_by_account; DROP INDEX \"notes of a payment\";
        ALTER TABLE refunds DROP CONSTRAINT refunds_amount_check;
        ALTER TABLE entries ALTER COLUMN id DROP IDENTITY;
        SELECT setval('refunds_id_seq', 1)";
    run(&target, bare).await;
    run(&source, "ALTER TABLE payments DISABLE TRIGGER USER").await;
    // What the clock assigned is not the same on both, because each was filled on its own.
    for table in ["payments", "entries", "refunds", "\"payment notes\"", "audit_log", "customers", "accounts"] {
        let columns = client(&source).await;
        let sql = "SELECT coalesce(string_agg(format('%I = ''2025-01-01''', attname), ', '), '') FROM pg_attribute \
                   WHERE attrelid = $1::text::regclass \
                   AND attname IN ('at', 'updated_at', 'booked_at', 'created_at', 'opened_on')";
        let set: String = columns.query_one(sql, &[&table]).await.expect("columns").get(0);
        if !set.is_empty() {
            for database in [&source, &target] {
                run(database, &format!("UPDATE {table} SET {set}")).await;
            }
        }
    }
    let found = differences(&source, &target, &DifferencesOptions::default()).await.expect("a comparison");
    assert!(!found.is_equal, "{found:#?}");
    assert!(found.indexes_missing.iter().any(|index| index.starts_with("public.payments:")), "{found:#?}");
    assert!(found.indexes_missing.iter().any(|index| index.starts_with("public.payment notes:")), "{found:#?}");
    assert!(found.constraints_missing.iter().any(|of| of.starts_with("public.refunds:")), "{found:#?}");
    assert!(found.sequences_missing.iter().any(|of| of.starts_with("public.entries_id_seq")), "{found:#?}");
    assert!(found.sequences_behind.iter().any(|of| of.starts_with("public.refunds_id_seq")), "{found:#?}");
    let truncated = found.truncated.iter().find(|of| of.column == "description").expect("a truncated column");
    assert!(truncated.rows >= 1 && truncated.longest == 32_768, "{truncated:?}");
    let same = differences(&source, &source, &DifferencesOptions::default()).await;
    assert!(same.is_err(), "one database is not two");
}

#[tokio::test]
async fn a_target_without_defaults_answers_errors_that_are_counted() {
    let (source, target) = (payments(100, 23).await, payments(100, 23).await);
    run(&target, "ALTER TABLE entries ALTER COLUMN id DROP IDENTITY").await;
    let mut rehearsal = Rehearsal::new(&source, &target, 1.0).await;
    rehearsal.deadline = Duration::from_millis(500);
    rehearsal.cloud.set("source", Route::Unreachable);
    let live = rehearsal.run(40.0, Duration::from_millis(500)).await;
    assert!(live.refused > 3, "{live:?}");
    // not_null_violation
    assert!(rehearsal.summary().sql_states["23502"] > 3, "{:?}", rehearsal.summary().sql_states);
    assert!(rehearsal.verdict(&target, &[]).await.is_clean());
}
