//! Operations on two real databases and the switch: what an implementation for AWS does, with other calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infra_base::side::Side;
use infra_database::marker::MarkerId;
use infra_database::{Database, Lsn};
use infra_switchover::sql::{self, Compared, MarkerWait, Overdue, Patience, Service};
use infra_switchover::{Before, Checked, Drained, Failure, Moment, MovedSequences, Operations, Task, UndoFailure};
use infra_test_server::ADMIN;
use tokio_postgres::Client;

use super::replication::Replication;
use super::servers::{SWITCHOVER, connect};
use super::stage::{SIDES, Stage};

pub struct RealOperations {
    pub stage: Arc<Stage>,
}

/// Connections for one operation.
struct Clients {
    from: Client,
    to: Client,
}

impl Clients {
    fn databases(&self) -> [Database<'_>; 2] {
        [Database::new("old", &self.from), Database::new("new", &self.to)]
    }
}

const OWN: &[&str] = &[SWITCHOVER];

fn failed(error: impl std::fmt::Debug) -> Failure {
    Failure::with_unknown_effect(format!("{error:?}"))
}

impl RealOperations {
    fn service(&self) -> Service<'_> {
        Service { role: &self.stage.name, excluded_applications: &[] }
    }

    /// Ends what a killed driver has left, and connects.
    async fn clients(&self, task: Task<'_>) -> Result<Clients, Failure> {
        // First, because it ends every connection with this name.
        self.end_predecessors().await?;
        Ok(Clients {
            from: self.stage.master(task.direction.from()).await.map_err(failed)?,
            to: self.stage.master(task.direction.to()).await.map_err(failed)?,
        })
    }

    /// The connections of the replication are those of a superuser, which only a superuser can end.
    async fn end_predecessors(&self) -> Result<(), Failure> {
        for side in SIDES {
            let admin = connect(side, &self.stage.name, ADMIN, "predecessors").await;
            sql::end_predecessors(Database::new(side.as_str(), &admin.map_err(failed)?), SWITCHOVER).await?;
        }
        Ok(())
    }

    async fn replication(&self, from: Side) -> Result<Replication, Failure> {
        Replication::connect(&self.stage.name, from).await.map_err(failed)
    }
}

const WAIT: MarkerWait = MarkerWait { limit: Duration::from_secs(10), pause: Duration::from_millis(20), markers: 2 };

impl Operations for RealOperations {
    fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Moment::default().after(since)
    }

    async fn prepare(&self, task: Task<'_>) -> Result<Before, Failure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        sql::prepare(old_database, new_database, self.service(), WAIT).await?;
        let switch = &self.stage.switch;
        let open = SIDES.into_iter().filter(|side| switch.is_open(*side)).collect();
        Ok(Before { open, new_side_uses: switch.uses(task.direction.to()), forecast: None })
    }

    async fn fence(&self, task: Task<'_>) -> Result<(), Failure> {
        self.clients(task).await?;
        for side in SIDES {
            self.stage.switch.open(side, false);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn drain(&self, task: Task<'_>) -> Result<Drained, Failure> {
        let clients = self.clients(task).await?;
        let [old_database, _] = clients.databases();
        self.stage.switch.idle().await;
        let patience = Patience { limit: Duration::from_secs(2), overdue: Overdue::Terminate };
        Ok(sql::drain(old_database, self.service(), patience, OWN).await?)
    }

    async fn marker(&self, task: Task<'_>) -> Result<MarkerId, Failure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        Ok(sql::marker(old_database, new_database, WAIT).await?)
    }

    async fn sequences(&self, task: Task<'_>) -> Result<MovedSequences, Failure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        Ok(sql::sequences(old_database, new_database).await?)
    }

    async fn check(&self, task: Task<'_>) -> Result<Checked, Failure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        let compared = Compared { validated: None, largest_bytes: u64::MAX, excluded: &[] };
        Ok(sql::check(old_database, new_database, compared).await?)
    }

    async fn fallback(&self, task: Task<'_>) -> Result<Lsn, Failure> {
        let clients = self.clients(task).await?;
        let [_, new_database] = clients.databases();
        let (old, new) = (task.direction.from(), task.direction.to());
        self.replication(old).await?.request_stop().await.map_err(failed)?;
        let start = sql::fallback_start(new_database, self.service(), OWN).await?;
        self.replication(new).await?.create_slot().await.map_err(failed)?;
        Ok(start)
    }

    async fn reconnect(&self, task: Task<'_>) -> Result<(), Failure> {
        self.clients(task).await?;
        self.stage.switch.idle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.stage.switch.connect(task.direction.to(), task.direction.to());
        Ok(())
    }

    async fn open(&self, task: Task<'_>) -> Result<(), Failure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        let forward = self.replication(task.direction.from()).await?;
        // Its reader is a superuser.
        let admin = connect(task.direction.from(), &self.stage.name, ADMIN, SWITCHOVER).await.map_err(failed)?;
        sql::cut_off(Database::new("old", &admin), &[forward.slot()]).await?;
        sql::open_new(old_database, new_database, self.service()).await?;
        self.stage.switch.open(task.direction.to(), true);
        Ok(())
    }

    async fn undo_reconnect(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.clients(task).await?;
        let before = task.evidence.before.as_ref().unwrap();
        self.stage.switch.connect(task.direction.to(), before.new_side_uses);
        Ok(())
    }

    async fn undo_fallback(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.clients(task).await?;
        let (old, new) = (task.direction.from(), task.direction.to());
        self.replication(new).await?.remove().await.map_err(UndoFailure::new)?;
        self.replication(old).await?.resume().await.map_err(UndoFailure::new)
    }

    async fn undo_drain(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        let clients = self.clients(task).await?;
        let [old_database, new_database] = clients.databases();
        Ok(sql::reopen_old(old_database, new_database, self.service()).await?)
    }

    async fn undo_fence(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.clients(task).await?;
        for side in &task.evidence.before.as_ref().unwrap().open {
            self.stage.switch.open(*side, true);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
