//! Operations on the model.

use std::sync::{Arc, LazyLock};

use infra_database::Lsn;
use infra_database::marker::MarkerId;
use infra_switchover::{
    Before, Checked, Drained, Failure, Moment, MovedSequences, Operations, Row, Task, Undo, UndoFailure,
};
use tokio::time::Instant;

use super::model::{Fault, Model};
use super::world::{Part, parts_of_row, parts_of_undo};

pub struct ModelOperations {
    pub model: Arc<Model>,
}

impl ModelOperations {
    async fn apply(&self, parts: &[Part], task: Task<'_>) {
        for part in parts {
            self.model.world.lock().unwrap().apply(*part, task.evidence.before.as_ref());
            self.model.point().await;
        }
    }

    async fn row(&self, row: Row, task: Task<'_>) -> Result<(), Failure> {
        let parts = parts_of_row(row);
        self.model.point().await;
        // It happens once. A hanging operation hangs in each attempt that the same driver makes.
        let fault = self.model.faults.lock().unwrap().row.take_if(|(of, _)| *of == row).map(|(_, fault)| fault);
        match fault {
            None => {
                self.apply(parts, task).await;
                Ok(())
            }
            Some(Fault::Before) => Err(Failure::without_effect("a fault")),
            Some(Fault::After(number)) => {
                self.apply(&parts[..number], task).await;
                Err(Failure::with_unknown_effect("a fault"))
            }
            Some(Fault::Inconclusive(number)) => {
                self.apply(&parts[..number], task).await;
                Err(Failure::inconclusive("no data"))
            }
            Some(Fault::Hangs(number)) => {
                self.apply(&parts[..number], task).await;
                std::future::pending().await
            }
        }
    }

    async fn undo(&self, undo: Undo, task: Task<'_>) -> Result<(), UndoFailure> {
        let parts = parts_of_undo(undo);
        self.model.point().await;
        let fault = self.model.faults.lock().unwrap().undo.filter(|(of, _)| *of == undo).map(|(_, fault)| fault);
        let fails = fault.is_some() && {
            let mut failures = self.model.undo_failures.lock().unwrap();
            let before = *failures;
            *failures = before.saturating_sub(1);
            before > 0
        };
        match fault.filter(|_| fails) {
            None => {
                self.apply(parts, task).await;
                Ok(())
            }
            Some(Fault::Hangs(number)) => {
                self.apply(&parts[..number], task).await;
                std::future::pending().await
            }
            Some(Fault::Before) => Err(UndoFailure::new("a fault")),
            Some(Fault::After(number) | Fault::Inconclusive(number)) => {
                self.apply(&parts[..number], task).await;
                Err(UndoFailure::new("a fault"))
            }
        }
    }
}

fn marker() -> MarkerId {
    serde_json::from_str("\"e7a3b1f0-0000-4000-8000-000000000000\"").unwrap()
}

impl Operations for ModelOperations {
    fn now(&self) -> Moment {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let began = *BEGAN;
        Moment::from_unix_millis(1_000_000).after(began.elapsed())
    }

    async fn prepare(&self, task: Task<'_>) -> Result<Before, Failure> {
        let before = self.model.world.lock().unwrap().before();
        self.row(Row::Prepare, task).await.map(|()| before)
    }

    async fn fence(&self, task: Task<'_>) -> Result<(), Failure> {
        self.row(Row::Fence, task).await
    }

    async fn drain(&self, task: Task<'_>) -> Result<Drained, Failure> {
        self.row(Row::Drain, task).await.map(|()| Drained::default())
    }

    async fn marker(&self, task: Task<'_>) -> Result<MarkerId, Failure> {
        self.row(Row::Marker, task).await.map(|()| marker())
    }

    async fn sequences(&self, task: Task<'_>) -> Result<MovedSequences, Failure> {
        self.row(Row::Sequences, task).await.map(|()| MovedSequences::default())
    }

    async fn check(&self, task: Task<'_>) -> Result<Checked, Failure> {
        self.row(Row::Check, task).await.map(|()| Checked::default())
    }

    async fn fallback(&self, task: Task<'_>) -> Result<Lsn, Failure> {
        self.row(Row::Fallback, task).await.map(|()| "0/1".parse().unwrap())
    }

    async fn reconnect(&self, task: Task<'_>) -> Result<(), Failure> {
        self.row(Row::Reconnect, task).await
    }

    async fn open(&self, task: Task<'_>) -> Result<(), Failure> {
        self.row(Row::Open, task).await
    }

    async fn undo_reconnect(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.undo(Undo::Reconnect, task).await
    }

    async fn undo_fallback(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.undo(Undo::Fallback, task).await
    }

    async fn undo_drain(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.undo(Undo::Drain, task).await
    }

    async fn undo_fence(&self, task: Task<'_>) -> Result<(), UndoFailure> {
        self.undo(Undo::Fence, task).await
    }
}
