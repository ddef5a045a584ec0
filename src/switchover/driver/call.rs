//! From a command to the method that carries it out, and from its result to an event. The futures of the methods are
//! large, so each has a place of its own.

use crate::evidence::Found;
use crate::failure::{Failure, UndoFailure};
use crate::machine::Input;
use crate::operations::{Operations, Task};
use crate::row::{Row, Undo};

pub(super) async fn row<O: Operations>(operations: &O, row: Row, task: Task<'_>) -> Input {
    let result = match row {
        Row::Prepare => Box::pin(operations.prepare(task)).await.map(Found::Before),
        Row::Fence => Box::pin(operations.fence(task)).await.map(|()| Found::Nothing),
        Row::Drain => Box::pin(operations.drain(task)).await.map(Found::Drained),
        Row::Marker => Box::pin(operations.marker(task)).await.map(Found::Marker),
        Row::Sequences => Box::pin(operations.sequences(task)).await.map(Found::Sequences),
        Row::Check => Box::pin(operations.check(task)).await.map(Found::Checked),
        Row::Fallback => Box::pin(operations.fallback(task)).await.map(Found::FallbackStart),
        Row::Reconnect => Box::pin(operations.reconnect(task)).await.map(|()| Found::Nothing),
        Row::Open => Box::pin(operations.open(task)).await.map(|()| Found::Nothing),
    };
    match result {
        Ok(found) => Input::RowDone { row, found },
        Err(Failure::Failed { effect, why }) => Input::RowFailed { row, effect, why },
        Err(Failure::Inconclusive { why }) => Input::RowInconclusive { row, why },
    }
}

pub(super) async fn undo<O: Operations>(operations: &O, undo: Undo, task: Task<'_>) -> Input {
    let result = match undo {
        Undo::Reconnect => Box::pin(operations.undo_reconnect(task)).await,
        Undo::Fallback => Box::pin(operations.undo_fallback(task)).await,
        Undo::Drain => Box::pin(operations.undo_drain(task)).await,
        Undo::Fence => Box::pin(operations.undo_fence(task)).await,
    };
    match result {
        Ok(()) => Input::UndoDone { undo },
        Err(UndoFailure { why }) => Input::UndoFailed { undo, why },
    }
}
