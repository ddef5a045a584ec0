//! Whole switchovers under load. At the end, each acknowledged payment is in the primary exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use infra_base::side::Side;
use infra_database::{Database, guard, sequences, slots};
use infra_switchover::machine::{AfterKill, Outcome};
use infra_switchover::sql::{self, Finish, MarkerWait, OldGuard, Service};
use infra_switchover::{Direction, Row};
use infra_test_server::ADMIN;

use super::driver::Kill;
use super::replication::Replication;
use super::servers::connect;
use super::stage::{SIDES, Stage};
use super::writers::Writers;

/// Long enough for payments before and after each switchover.
const WORK: Duration = Duration::from_millis(400);

/// Runs a switchover to its end without a kill.
async fn switch_over(stage: &Arc<Stage>, direction: Direction) {
    let progress = stage.drive(direction, AfterKill::Complete, None).await.unwrap();
    assert_eq!(progress.outcome(), Some(Outcome::Completed), "{:?}", progress.reasons);
    assert_eq!(progress.durations_ms.len(), Row::ALL.len());
    let evidence = progress.evidence;
    assert!(evidence.marker.is_some() && evidence.fallback_start.is_some());
    assert_eq!(evidence.checked.unwrap().equal, 1);
    tokio::time::sleep(WORK).await;
}

/// Checks everything after a number of switchovers that were completed, the last one in this direction.
async fn verify(stage: &Arc<Stage>, last: Direction, completed: usize) {
    let (old, new) = (last.from(), last.to());
    let [old_client, new_client] = [stage.master(old).await.unwrap(), stage.master(new).await.unwrap()];
    let (old_database, new_database) = (Database::new("old", &old_client), Database::new("new", &new_client));
    // The fallback has carried everything, so that going back would lose nothing either.
    let wait = MarkerWait { limit: Duration::from_secs(10), pause: Duration::from_millis(20), markers: 1 };
    sql::marker(new_database, old_database, wait).await.unwrap();

    let acknowledged = stage.ledger.acknowledged();
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    for (side, client) in [(old, &old_client), (new, &new_client)] {
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for row in client.query("SELECT uid FROM payments", &[]).await.unwrap() {
            *times.entry(row.get(0)).or_default() += 1;
        }
        let missing: Vec<_> = acknowledged.iter().filter(|id| times.get(*id) != Some(&1)).collect();
        assert!(missing.is_empty(), "not exactly once in the database of the {side}: {missing:?}");
    }
    one_database_at_a_time(&new_client, completed).await;

    let (before, now) = (sequences::read(old_database).await.unwrap(), sequences::read(new_database).await.unwrap());
    for (name, position) in before.iter() {
        assert!(!now.get(name).unwrap().is_behind(*position.unwrap()), "{name}");
    }
    assert!(guard::is_guarded(old_database, &stage.name).await.unwrap());
    assert!(!guard::is_guarded(new_database, &stage.name).await.unwrap());
    assert!(!stage.switch.is_open(old) && stage.switch.is_open(new));
    let (refused, failed) = (stage.ledger.refused.load(Ordering::Relaxed), stage.ledger.failed.load(Ordering::Relaxed));
    println!("{}: {} acknowledged, {refused} refused, {failed} failed", stage.name, acknowledged.len());
}

/// Each row says on which server the service wrote it, and when. In the order of time, the servers take turns as often
/// as there were switchovers; a moment with two primaries would add a turn.
async fn one_database_at_a_time(client: &tokio_postgres::Client, completed: usize) {
    let sql = "SELECT written_on, client FROM payments ORDER BY written_at";
    let mut turns: Vec<String> = Vec::new();
    let mut clients = BTreeSet::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let on: String = row.get(0);
        clients.insert((on.clone(), row.get::<_, String>(1)));
        if turns.last() != Some(&on) {
            turns.push(on);
        }
    }
    assert_eq!(turns.len(), completed + 1, "{turns:?}");
    assert_eq!(clients.len(), 4, "clients of both kinds wrote on both servers: {clients:?}");
}

/// Ends the migration, and looks for what it left.
async fn finish(stage: &Arc<Stage>, last: Direction) {
    let (old, new) = (last.from(), last.to());
    Replication::connect(&stage.name, new).await.unwrap().remove().await.unwrap();
    for side in SIDES {
        stage.master(side).await.unwrap().batch_execute("DROP PUBLICATION payments").await.unwrap();
    }
    let [old_client, new_client] = [stage.master(old).await.unwrap(), stage.master(new).await.unwrap()];
    let (old_database, new_database) = (Database::new("old", &old_client), Database::new("new", &new_client));
    let service = Service { role: &stage.name, excluded_applications: &[] };
    let slots = SIDES.map(|side| format!("{}_from_{side}", stage.name));
    let slots = slots.each_ref().map(String::as_str);
    for old_guard in [OldGuard::Keep, OldGuard::Remove] {
        let order = Finish { service, slots: &slots, old_guard };
        let finished = sql::finish(old_database, new_database, order).await.unwrap();
        assert_eq!((finished.removed.len(), finished.others.len()), (0, 0));
        let is_guarded = guard::is_guarded(old_database, &stage.name).await.unwrap();
        assert_eq!(is_guarded, old_guard == OldGuard::Keep);
    }
    for side in SIDES {
        let admin = connect(side, &stage.name, ADMIN, "test").await.unwrap();
        assert_eq!(slots::verify_clean(Database::new("test", &admin)).await.unwrap(), []);
        let count = "SELECT (SELECT count(*) FROM pg_subscription WHERE subname LIKE $1 || '%') + \
             (SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE $1 || '%') + \
             (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_db_role_setting s \
             JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = $1)";
        assert_eq!(admin.query_one(count, &[&stage.name]).await.unwrap().get::<_, i64>(0), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forward() {
    let stage = Stage::build().await;
    let writers = Writers::start(&stage);
    tokio::time::sleep(WORK).await;
    switch_over(&stage, Direction::FORWARD).await;
    writers.stop().await;
    verify(&stage, Direction::FORWARD, 1).await;
    finish(&stage, Direction::FORWARD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forward_back_and_forward_again() {
    let stage = Stage::build().await;
    let writers = Writers::start(&stage);
    tokio::time::sleep(WORK).await;
    let there = Direction::FORWARD;
    for direction in [there, there.reversed(), there] {
        switch_over(&stage, direction).await;
    }
    writers.stop().await;
    verify(&stage, there, 3).await;
    finish(&stage, there).await;
}

/// Kills the driver at random moments, and starts it again with either way to recover, until both directions are
/// completed.
async fn killed(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let stage = Stage::build().await;
    let writers = Writers::start(&stage);
    tokio::time::sleep(WORK).await;
    let (mut kills, mut undone) = (0, 0);
    for direction in [Direction::FORWARD, Direction::FORWARD.reversed()] {
        let mut left = 5;
        loop {
            let way = if random.u8(0..3) > 0 { AfterKill::Complete } else { AfterKill::Undo };
            // Most rows take less than a tenth of a second; the drain takes longer.
            let longest = if random.u8(0..4) == 0 { 1_000 } else { 80 };
            let after = Duration::from_millis(random.u64(0..longest));
            let kill = (left > 0).then(|| Kill { writes: random.usize(0..=stage.writes_left()), after });
            match stage.drive(direction, way, kill).await {
                None => {
                    left -= 1;
                    kills += 1;
                }
                Some(progress) if progress.outcome() == Some(Outcome::Completed) => break,
                Some(_) => undone += 1,
            }
            assert!(undone < 20, "it is undone again and again");
        }
        tokio::time::sleep(WORK).await;
    }
    writers.stop().await;
    println!("seed {seed}: {kills} kills, {undone} undone");
    verify(&stage, Direction::FORWARD.reversed(), 2).await;
    finish(&stage, Direction::to_side(Side::Source)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_1() {
    killed(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_2() {
    killed(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_3() {
    killed(3).await;
}

/// Run it for as long as you like: `MIGRATE_INFRA_SEEDS=100..200 cargo test -p infra-switchover many -- --ignored`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes"]
async fn killed_at_random_moments_with_many_seeds() {
    let seeds = std::env::var("MIGRATE_INFRA_SEEDS").unwrap_or_else(|_| "100..110".to_owned());
    let (first, end) = seeds.split_once("..").expect("a range");
    for seed in first.parse().unwrap()..end.parse().unwrap() {
        killed(seed).await;
    }
}
