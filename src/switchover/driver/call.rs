//! From a command to the method that carries it out, and from its result to an event.

use crate::evidence::Found;
use crate::failure::{Failure, UndoFailure};
use crate::machine::Input;
use crate::operations::{Operations, Task};
use crate::row::{Row, Undo};

pub(super) async fn row<O: Operations>(operations: &O, row: Row, task: Task<'_>) -> Input {
    let result = match row {
        Row::Prepare => operations.prepare(task).await.map(Found::Before),
        Row::Fence => operations.fence(task).await.map(|()| Found::Nothing),
        Row::Drain => operations.drain(task).await.map(Found::Drained),
        Row::Marker => operations.marker(task).await.map(Found::Marker),
        Row::Sequences => operations.sequences(task).await.map(Found::Sequences),
        Row::Check => operations.check(task).await.map(Found::Checked),
        Row::Fallback => operations.fallback(task).await.map(Found::FallbackStart),
        Row::Reconnect => operations.reconnect(task).await.map(|()| Found::Nothing),
        Row::Open => operations.open(task).await.map(|()| Found::Nothing),
    };
    match result {
        Ok(found) => Input::RowDone { row, found },
        Err(Failure::Failed { effect, why }) => Input::RowFailed { row, effect, why },
        Err(Failure::Inconclusive { why }) => Input::RowInconclusive { row, why },
    }
}

pub(super) async fn undo<O: Operations>(operations: &O, undo: Undo, task: Task<'_>) -> Input {
    let result = match undo {
        Undo::Reconnect => operations.undo_reconnect(task).await,
        Undo::Fallback => operations.undo_fallback(task).await,
        Undo::Drain => operations.undo_drain(task).await,
        Undo::Fence => operations.undo_fence(task).await,
    };
    match result {
        Ok(()) => Input::UndoDone { undo },
        Err(UndoFailure { why }) => Input::UndoFailed { undo, why },
    }
}
