//! The secret of a database and its rotation on the sandbox.

use std::process::Command;
use std::sync::{Arc, Mutex};

use migrate_infra::events::Events;
use migrate_infra::resource::Error;
use migrate_infra::sandbox::world::secretsmanager::{Rotation, Secret, Version};
use migrate_infra::state::Store;
use serde_json::Value;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind, survives_kills};
use crate::kinds::database::{Parts, SECRET, calls, database, failure, prerequisites, settle, value};

#[tokio::test(start_paused = true)]
async fn a_secret_with_a_recovery_window_is_restored_after_any_kill() {
    let parts = Parts { recovery_window_days: Some(7), ..Parts::default() };
    let mut fixture = prerequisites();
    let bare = fixture.world.inventory();
    settle(&mut fixture, &parts).await;
    let password = value(&mut fixture)["password"].clone();
    assert!(survives_kills(&parts.graph(), &fixture, RunKind::Down, bare.len(), &[]).await > 0);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), bare);
    let ran = settle(&mut fixture, &parts).await;
    assert_eq!((calls(&ran, "secretsmanager:RestoreSecret"), calls(&ran, "secretsmanager:CreateSecret")), (1, 0));
    assert_eq!(value(&mut fixture)["password"], password);
    assert_eq!(value(&mut fixture)["password"], database(&mut fixture).settings.master_password.as_str());
}

#[tokio::test(start_paused = true)]
async fn up_after_a_killed_down_recreates_everything() {
    for recovery_window_days in [None, Some(7)] {
        let mut parts = Parts { recovery_window_days, ..Parts::default() };
        parts.database.deletion_protection = false;
        let graph = parts.graph();
        let mut before = prerequisites();
        settle(&mut before, &parts).await;
        let made = before.world.inventory().len();
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let Some(mut fixture) = before.killed(&graph, RunKind::Down, crash_points).await else { continue };
            settle(&mut fixture, &parts).await;
            assert_eq!(fixture.world.inventory().len(), made, "down killed at point {point}, then up");
            assert_eq!(
                value(&mut fixture)["password"],
                database(&mut fixture).settings.master_password.as_str(),
                "killed at point {point}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_secret_that_is_scheduled_for_deletion_is_refused() {
    let parts = Parts { recovery_window_days: Some(7), ..Parts::default() };
    let mut fixture = prerequisites();
    settle(&mut fixture, &parts).await;
    fixture.down().await.must_succeed();
    fixture.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap().tags.clear();
    let ran = fixture.up(&parts.graph()).await;
    assert!(matches!(failure(&ran), Error::Foreign { .. }), "{:?}", failure(&ran));
}

#[tokio::test(start_paused = true)]
async fn the_password_exists_only_in_aws() {
    let events: Arc<Mutex<String>> = Arc::default();
    let keep = Arc::clone(&events);
    let listener = Events::to(move |event| {
        *keep.lock().unwrap() += &format!("{}\n{event:?}\n", serde_json::to_string(&event).unwrap());
    });
    let before = Fixture { listener: Some(listener), ..prerequisites() };
    let mut journal = 0;
    // A run compacts its journal when it ends, so the test reads what a killed run leaves at every point.
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&Parts::default().graph(), RunKind::Up, crash_points.clone()).await;
        let (text, snapshot) = (fixture.store.text(), fixture.store.snapshot().await.unwrap().unwrap_or_default());
        journal = journal.max(text.len());
        for secret in fixture.world.region("us-east-1").secretsmanager.secrets.values() {
            for version in secret.versions.values() {
                let value: Value = serde_json::from_str(&version.value).unwrap();
                let password = value["password"].as_str().unwrap();
                assert_eq!(password.len(), 32);
                for (what, text) in [
                    ("journal", text.as_str()),
                    ("snapshot", &String::from_utf8_lossy(&snapshot)),
                    ("events", &events.lock().unwrap()),
                ] {
                    assert!(!text.contains(password), "the password is in the {what}, killed at point {point}");
                }
            }
        }
        if !crash_points.is_dead() {
            assert!(String::from_utf8_lossy(&snapshot).contains(SECRET));
        }
    }
    assert!(journal > 5_000, "the longest journal has {journal} bytes");
    assert!(events.lock().unwrap().contains("secretsmanager:CreateSecret"));
}

#[tokio::test(start_paused = true)]
async fn a_recreated_secret_sets_the_password_of_the_database() {
    let mut fixture = prerequisites();
    let parts = Parts::default();
    settle(&mut fixture, &parts).await;
    fixture.world.region("us-east-1").secretsmanager.secrets.remove(SECRET);
    fixture.up(&parts.graph()).await.must_succeed();
    settle(&mut fixture, &parts).await;
    assert_eq!(value(&mut fixture)["password"], database(&mut fixture).settings.master_password.as_str());
    assert_eq!(value(&mut fixture)["host"], database(&mut fixture).host.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_rotated_password_and_a_held_rotation_are_left_alone() {
    let mut fixture = prerequisites();
    let parts = Parts::default();
    settle(&mut fixture, &parts).await;
    let mut rotated = value(&mut fixture);
    rotated["password"] = "Rotated0Rotated0Rotated0Rotated0".into();
    let secret = fixture.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap();
    secret.versions.values_mut().find(|version| version.stages.contains("AWSCURRENT")).unwrap().value =
        rotated.to_string();
    secret.tags.insert("migrate-infra:hold-rotation".into(), "a replication runs".into());
    let before = fixture.store.text();
    let again = fixture.up(&parts.graph()).await;
    again.must_succeed();
    assert_eq!(again.calls.mutations(), 0, "{:?}", again.calls.by_call());
    assert!(
        !fixture.store.text()[before.len()..].contains("intent"),
        "a look at a held secret was written down as a change"
    );
    assert_eq!(value(&mut fixture), rotated);
}

/// The version of a rotation that has not ended. Such ids have 32 to 64 characters (`RotateSecret`).
const UNFINISHED: &str = "a1b2c3d4-5678-90ab-cdef-unfinished00";

fn secret(fixture: &mut Fixture) -> &mut Secret {
    fixture.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).expect("the secret")
}

/// Leaves the label of a rotation on a version with this value.
fn leave_label(fixture: &mut Fixture, value: &str) {
    let version = Version { value: value.to_owned(), stages: ["AWSPENDING".to_owned()].into() };
    secret(fixture).versions.insert(UNFINISHED.to_owned(), version);
}

/// Begins a rotation that takes twenty minutes. Returns the value that it brings, and when that is the current one.
fn begin_rotation(fixture: &mut Fixture) -> (Value, u64) {
    let mut next = value(fixture);
    next["password"] = "Rotated0Rotated0Rotated0Rotated0".into();
    leave_label(fixture, &next.to_string());
    let current_at = fixture.world.now + 20 * 60 * 1000;
    let rotation = Rotation { token: UNFINISHED.to_owned(), value_at: fixture.world.now, current_at };
    secret(fixture).rotation = Some(rotation);
    (next, current_at)
}

#[tokio::test(start_paused = true)]
pub async fn the_label_of_a_failed_rotation_is_removed() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    leave_label(&mut fixture, "");
    let ran = settle(&mut fixture, &Parts { every_days: 60, ..Parts::default() }).await;
    assert_eq!(calls(&ran, "secretsmanager:UpdateSecretVersionStage"), 1);
}

/// "When rotation is unsuccessful, the AWSPENDING staging label might be attached to an empty secret version"
/// (RotateSecret).
#[tokio::test(start_paused = true)]
async fn the_label_of_a_failed_rotation_does_not_prevent_a_change_of_the_schedule() {
    let changed = Parts { every_days: 60, ..Parts::default() };
    let mut before = prerequisites();
    settle(&mut before, &Parts::default()).await;
    leave_label(&mut before, "");
    let again = before.up(&Parts::default().graph()).await;
    assert_eq!(again.must_succeed().calls.mutations(), 0, "without a change, nothing is in the way");
    let mut matrix = Matrix::complete(1, 1);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&changed.graph(), RunKind::Up, crash_points).await;
        settle(&mut fixture, &changed).await;
        assert!(secret(&mut fixture).version("AWSPENDING").is_none(), "killed at point {point}");
        assert_eq!(secret(&mut fixture).rotation_days, Some(60), "killed at point {point}");
    }
    assert!(matrix.points() >= 6, "{}", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_schedule_waits_for_a_rotation_in_progress() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let (next, current_at) = begin_rotation(&mut fixture);
    settle(&mut fixture, &Parts { every_days: 60, ..Parts::default() }).await;
    assert!(fixture.world.now >= current_at);
    assert_eq!(value(&mut fixture), next);
    assert_eq!(database(&mut fixture).settings.master_password, "Rotated0Rotated0Rotated0Rotated0");
    assert_eq!(secret(&mut fixture).rotation_days, Some(60));
}

/// "You also need to determine whether to roll back to the previous version of the secret" (CancelRotateSecret): the
/// program cannot, because the database does not show its password.
#[tokio::test(start_paused = true)]
async fn a_rotation_that_was_turned_off_in_the_middle_is_left_to_a_person() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let next = value(&mut fixture).to_string();
    leave_label(&mut fixture, &next);
    secret(&mut fixture).rotation_enabled = false;
    let ran = fixture.up(&Parts::default().graph()).await;
    let message = failure(&ran).to_string();
    let command = format!("--version-stage AWSPENDING --remove-from-version-id {UNFINISHED}");
    assert!(message.contains(&command), "{message}");
    assert!(secret(&mut fixture).version("AWSPENDING").is_some(), "its value may be the password of the database");
    secret(&mut fixture).versions.remove(UNFINISHED);
    settle(&mut fixture, &Parts::default()).await;
    assert!(secret(&mut fixture).rotation_enabled);
}

/// A rotation that is cancelled leaves the database with either password.
#[tokio::test(start_paused = true)]
async fn rotation_was_turned_off_in_the_middle_of_one() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let (next, current_at) = begin_rotation(&mut fixture);
    settle(&mut fixture, &Parts { rotates: false, ..Parts::default() }).await;
    assert!(fixture.world.now >= current_at);
    assert!(!secret(&mut fixture).rotation_enabled);
    assert_eq!(value(&mut fixture), next);
    assert_eq!(database(&mut fixture).settings.master_password, "Rotated0Rotated0Rotated0Rotated0");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_does_not_end_is_not_turned_off() {
    let without = Parts { rotates: false, ..Parts::default() };
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let next = value(&mut fixture).to_string();
    leave_label(&mut fixture, &next);
    let ran = fixture.up(&without.graph()).await;
    let message = failure(&ran).to_string();
    assert!(message.contains("does not end") && message.contains(UNFINISHED), "{message}");
    assert_eq!(calls(&ran, "secretsmanager:CancelRotateSecret"), 0);
    assert!(secret(&mut fixture).rotation_enabled);
    secret(&mut fixture).versions.remove(UNFINISHED);
    settle(&mut fixture, &without).await;
    assert!(!secret(&mut fixture).rotation_enabled);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_does_not_end_does_not_delay_the_deletion_of_its_secret() {
    let mut fixture = prerequisites();
    let bare = fixture.world.inventory();
    settle(&mut fixture, &Parts::default()).await;
    let next = value(&mut fixture).to_string();
    leave_label(&mut fixture, &next);
    let ran = fixture.down().await;
    assert_eq!(calls(ran.must_succeed(), "secretsmanager:CancelRotateSecret"), 1);
    assert_eq!(fixture.world.inventory(), bare);
}

#[tokio::test(start_paused = true)]
pub async fn another_user_name_keeps_the_password() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let before = value(&mut fixture);
    settle(&mut fixture, &Parts { username: "another", ..Parts::default() }).await;
    let after = value(&mut fixture);
    assert_eq!(
        (&after["username"], &after["password"], &after["host"]),
        (&"another".into(), &before["password"], &before["host"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_waits_for_its_role() {
    let mut fixture = prerequisites();
    let ran = settle(&mut fixture, &Parts::default()).await;
    assert!(calls(&ran, "lambda:CreateFunction") > 1, "the role could be assumed at once");
}

#[test]
fn the_rotation_function_passes_its_tests() {
    let run = Command::new("python3")
        .args(["-m", "unittest", "tests/rotation/test_rotation.py"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = run.expect("the tests of the rotation function need `python3` in the PATH");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("OK"), "{text}");
}
