//! Writers against databases of which some things go wrong.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use infra_rehearsal::{
    Application, Database, Ledger, Live, Route, ServiceOptions, Summary, Verdict, VerifyOptions, WriterOptions,
    Writers, verify,
};

use super::cloud::FakeCloud;
use super::generator::payments;
use super::server::{Server, client};

/// A rehearsal: a cloud, a ledger, and writers.
pub struct Rehearsal {
    pub cloud: Arc<FakeCloud>,
    pub path: PathBuf,
    /// How long a request is tried.
    pub deadline: Duration,
    application: Arc<Application>,
    ledger: Option<Arc<Ledger>>,
    _directory: tempfile::TempDir,
}

impl Rehearsal {
    /// Prepares a rehearsal; `weight` is the share of the target.
    pub async fn new(source: &Database, target: &Database, weight: f64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.jsonl");
        Self {
            cloud: Arc::new(FakeCloud::new(source, target, weight)),
            application: Arc::new(Application::payments(&source.connection).await.expect("the payment system")),
            ledger: Some(Arc::new(Ledger::open(&path).expect("a ledger"))),
            path,
            deadline: Duration::from_secs(3),
            _directory: directory,
        }
    }

    /// Starts writers.
    pub fn start(&self, rate: f64) -> Writers {
        let options = WriterOptions {
            writers: 8,
            rate,
            deadline: self.deadline,
            request_timeout: Duration::from_secs(2),
            keep_alive: Duration::from_millis(200),
            ..WriterOptions::default()
        };
        let cloud = Arc::clone(&self.cloud);
        let ledger = self.ledger.clone().expect("the ledger is open");
        let application = Arc::clone(&self.application);
        Writers::start(options, ServiceOptions::default(), application, cloud, ledger).expect("writers")
    }

    /// Lets writers work for a time.
    pub async fn run(&self, rate: f64, time: Duration) -> Live {
        let writers = self.start(rate);
        tokio::time::sleep(time).await;
        writers.stop().await.expect("the ledger was written")
    }

    /// Returns the verdict. The rows are checked in small parts, as those of a large ledger would be.
    pub async fn verdict(&self, primary: &Database, others: &[Database]) -> Verdict {
        let options = VerifyOptions { rows_in_memory: 300, balances: true, ..VerifyOptions::default() };
        verify(&self.path, primary, others, &options).await.expect("a verdict")
    }

    pub fn summary(&self) -> Summary {
        Summary::read(&self.path, Duration::from_millis(500)).expect("a ledger")
    }
}

#[tokio::test]
async fn without_faults_every_acknowledged_payment_is_there_once() {
    let database = payments(500, 1).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.3).await;
    let live = rehearsal.run(300.0, Duration::from_secs(2)).await;
    assert!(live.acknowledged > 200 && live.refused + live.unknown == 0 && live.in_flight == 0, "{live:?}");
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.acknowledged, live.acknowledged);
    assert!(verdict.rows_checked > live.acknowledged && verdict.unacknowledged == 0, "{verdict:?}");
    let summary = rehearsal.summary();
    assert_eq!((summary.acknowledged, summary.sent, summary.unknown), (live.acknowledged, live.sent, 0));
    assert_eq!(summary.by_kind.len(), 4, "{:?}", summary.by_kind);
    // Clients choose the side by the weight.
    let target = summary.by_side["target"].acknowledged as f64 / live.acknowledged as f64;
    assert!((0.1..0.6).contains(&target), "{:?}", summary.by_side);
    let answered = rehearsal.cloud.observed.load(std::sync::atomic::Ordering::Relaxed);
    assert!(answered >= live.acknowledged, "{answered}");
}

#[tokio::test]
async fn a_closed_fence_refuses_and_loses_nothing() {
    let database = payments(200, 2).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let writers = rehearsal.start(200.0);
    tokio::time::sleep(Duration::from_millis(700)).await;
    rehearsal.cloud.close("source");
    // What was in flight when the fence closed is finished; nothing else is.
    let mut before = writers.live();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = writers.live();
        if now.acknowledged == before.acknowledged {
            break;
        }
        before = now;
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    let during = writers.live();
    assert_eq!(during.acknowledged, before.acknowledged);
    assert!(during.turned_away > before.turned_away && during.in_flight > 50, "{during:?}");
    rehearsal.cloud.deploy("source", "v1", &database);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let live = writers.stop().await.expect("the ledger was written");
    assert!(live.acknowledged > during.acknowledged + 100 && live.refused + live.unknown == 0, "{live:?}");
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert!(verdict.is_clean() && verdict.unacknowledged == 0, "{verdict:#?}");
    let summary = rehearsal.summary();
    assert!((0.8..2.5).contains(&summary.gaps.longest_seconds), "{:?}", summary.gaps);
    assert!(summary.gaps.total_seconds >= summary.gaps.longest_seconds, "{:?}", summary.gaps);
    assert!(summary.by_side["source"].answers["503"] > 50, "{:?}", summary.by_side);
}

#[tokio::test]
async fn a_fence_that_stays_closed_refuses_payments_after_their_deadline() {
    let database = payments(100, 3).await;
    let mut rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    rehearsal.deadline = Duration::from_millis(500);
    rehearsal.cloud.close("source");
    let live = rehearsal.run(50.0, Duration::from_millis(300)).await;
    assert!(live.refused > 3 && live.acknowledged + live.unknown == 0, "{live:?}");
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert!(verdict.is_clean() && verdict.unacknowledged == 0 && verdict.acknowledged == 0, "{verdict:#?}");
}

#[tokio::test]
async fn an_unreachable_side_is_left_when_the_name_has_another_address() {
    let database = payments(100, 4).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let writers = rehearsal.start(100.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    rehearsal.cloud.set("source", Route::Unreachable);
    rehearsal.cloud.weigh(1.0);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let live = writers.stop().await.expect("the ledger was written");
    assert!(live.sides["source"].acknowledged > 10 && live.sides["target"].acknowledged > 50, "{live:?}");
    assert_eq!(live.refused + live.unknown, 0, "{live:?}");
    assert!(rehearsal.verdict(&database, &[]).await.is_clean());
}

#[tokio::test]
async fn a_rolling_deployment_drains_and_closes_the_connections_of_old_tasks() {
    let database = payments(100, 5).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let writers = rehearsal.start(150.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    rehearsal.cloud.deploy("source", "v2", &database);
    rehearsal.cloud.deploy("target", "v2", &database);
    tokio::time::sleep(Duration::from_millis(500)).await;
    rehearsal.cloud.set("source", Route::Targets([].into()));
    rehearsal.cloud.set("target", Route::Targets([].into()));
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND backend_type = 'client backend'";
    let client = client(&database).await;
    let began = std::time::Instant::now();
    while client.query_one(sql, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
        assert!(began.elapsed() < Duration::from_secs(2), "the connections of stopped tasks stay open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rehearsal.cloud.deploy("source", "v3", &database);
    let live = writers.stop().await.expect("the ledger was written");
    assert!(live.acknowledged > 100 && live.unknown + live.refused == 0, "{live:?}");
    assert!(rehearsal.verdict(&database, &[]).await.is_clean());
}

#[tokio::test]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    let server = Arc::new(tokio::task::spawn_blocking(Server::start).await.expect("a server"));
    let database = server.database().await;
    infra_rehearsal::load_payment_schema(&database.connection).await.expect("the schema loads");
    let what = infra_rehearsal::Fill { rows: 200, seed: 6, builtin: true };
    infra_rehearsal::fill(&database.connection, &what, &|_, _| ()).await.expect("rows");
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let writers = rehearsal.start(300.0);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        let killed = Arc::clone(&server);
        tokio::task::spawn_blocking(move || killed.kill_and_restart()).await.expect("the server starts again");
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    let live = writers.stop().await.expect("the ledger was written");
    assert!(live.acknowledged > 300, "{live:?}");
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert!(verdict.is_clean(), "{verdict:#?}");
    let summary = rehearsal.summary();
    let answers = &summary.by_side["source"].answers;
    assert!(answers.keys().any(|answer| answer.starts_with("500:") || answer.starts_with("503:")), "{answers:?}");
    assert!(summary.repeated > 0, "{summary:?}");
}

#[tokio::test]
async fn a_ledger_continues_after_its_process_was_killed() {
    let database = payments(200, 7).await;
    let mut rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    let first = rehearsal.run(150.0, Duration::from_secs(1)).await;
    // A process that is killed leaves a part of a line, and no `stop`.
    let mut bytes = std::fs::read(&rehearsal.path).expect("the ledger");
    bytes.truncate(bytes.len() - "{\"stop\":".len());
    std::fs::write(&rehearsal.path, &bytes).expect("the ledger");
    assert!(Ledger::open(&rehearsal.path).is_err(), "two processes must not write one ledger");
    rehearsal.ledger = None;
    let ledger = Ledger::open(&rehearsal.path).expect("the ledger is free");
    let torn = std::fs::read(ledger.torn().expect("it is kept")).expect("a file");
    assert!(!torn.is_empty() && bytes.ends_with(&torn), "{torn:?}");
    rehearsal.ledger = Some(Arc::new(ledger));
    let second = rehearsal.run(150.0, Duration::from_secs(1)).await;
    let summary = rehearsal.summary();
    assert_eq!((summary.processes, summary.acknowledged), (2, first.acknowledged + second.acknowledged));
    let verdict = rehearsal.verdict(&database, &[]).await;
    assert!(verdict.is_clean() && verdict.acknowledged == summary.acknowledged, "{verdict:#?}");
}
