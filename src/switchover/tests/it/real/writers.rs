//! Clients that make payments until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use infra_base::side::Side;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::servers::connect;
use super::stage::{SIDES, Stage};

pub struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The connections of a task of the service, which it keeps.
#[derive(Default)]
struct Pool(Option<Client>, Option<Client>);

impl Pool {
    fn slot(&mut self, side: Side) -> &mut Option<Client> {
        match side {
            Side::Source => &mut self.0,
            Side::Target => &mut self.1,
        }
    }

    async fn get(&mut self, stage: &Stage, side: Side, application: &str) -> Result<&Client, tokio_postgres::Error> {
        let slot = self.slot(side);
        if slot.as_ref().is_none_or(Client::is_closed) {
            *slot = Some(connect(side, &stage.name, &stage.name, application).await?);
        }
        Ok(slot.as_ref().expect("it was just opened"))
    }
}

const INSERT: &str = "INSERT INTO payments (uid, client) VALUES ($1, $2)";

impl Writers {
    /// Starts clients that go through the fences, and clients that reach both databases past every fence, as a job with
    /// an old address would.
    pub fn start(stage: &Arc<Stage>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for number in 0..4 {
            tasks.push(tokio::spawn(client(Arc::clone(stage), Arc::clone(&stop), number)));
        }
        for side in SIDES {
            tasks.push(tokio::spawn(stubborn(Arc::clone(stage), Arc::clone(&stop), side)));
        }
        Self { stop, tasks }
    }

    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

async fn client(stage: Arc<Stage>, stop: Arc<AtomicBool>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pools = (Pool::default(), Pool::default());
    while !stop.load(Ordering::Relaxed) {
        let environment = SIDES[random.usize(0..2)];
        let Some(request) = stage.switch.enter(environment) else {
            stage.ledger.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(3)).await;
            continue;
        };
        let id = stage.ledger.next_id();
        let pool = match environment {
            Side::Source => &mut pools.0,
            Side::Target => &mut pools.1,
        };
        let think = Duration::from_millis(random.u64(0..15));
        match pay(&stage, pool, request.database, &id, think).await {
            Ok(()) => stage.ledger.acknowledge(id),
            Err(_) => {
                stage.ledger.failed.fetch_add(1, Ordering::Relaxed);
                *pool.slot(request.database) = None;
            }
        }
        drop(request);
        tokio::time::sleep(Duration::from_millis(random.u64(0..5))).await;
    }
}

/// One payment in a transaction of several statements.
async fn pay(
    stage: &Stage,
    pool: &mut Pool,
    database: Side,
    id: &str,
    think: Duration,
) -> Result<(), tokio_postgres::Error> {
    let client = pool.get(stage, database, "payments-api").await?;
    client.batch_execute("BEGIN").await?;
    client.execute(INSERT, &[&id, &"service"]).await?;
    tokio::time::sleep(think).await;
    client.batch_execute("COMMIT").await
}

async fn stubborn(stage: Arc<Stage>, stop: Arc<AtomicBool>, side: Side) {
    let mut pool = Pool::default();
    while !stop.load(Ordering::Relaxed) {
        let id = stage.ledger.next_id();
        let paid = match pool.get(&stage, side, "old-job").await {
            Ok(client) => client.execute(INSERT, &[&id, &"job"]).await,
            Err(error) => Err(error),
        };
        match paid {
            Ok(_) => stage.ledger.acknowledge(id),
            Err(_) => *pool.slot(side) = None,
        }
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}
