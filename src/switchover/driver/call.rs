//! From a command to the method that carries it out, and from its result to an event. The futures of the methods are
//! large, so each has a place of its own.

use infra_base::on_heap::on_heap;

use crate::evidence::Found;
use crate::failure::{Failure, UndoFailure};
use crate::machine::Input;
use crate::operations::{Operations, Task};
use crate::row::{Row, Undo};

pub(super) async fn row<O: Operations>(operations: &O, row: Row, task: Task<'_>) -> Input {
    let result = match row {
        Row::Prepare => on_heap(|| operations.prepare(task)).await.map(Found::Before),
        Row::Fence => on_heap(|| operations.fence(task)).await.map(|()| Found::Nothing),
        Row::Drain => on_heap(|| operations.drain(task)).await.map(Found::Drained),
        Row::Marker => on_heap(|| operations.marker(task)).await.map(Found::Marker),
        Row::Sequences => on_heap(|| operations.sequences(task)).await.map(Found::Sequences),
        Row::Check => on_heap(|| operations.check(task)).await.map(Found::Checked),
        Row::Fallback => on_heap(|| operations.fallback(task)).await.map(Found::FallbackStart),
        Row::Reconnect => on_heap(|| operations.reconnect(task)).await.map(|()| Found::Nothing),
        Row::Open => on_heap(|| operations.open(task)).await.map(|()| Found::Nothing),
    };
    match result {
        Ok(found) => Input::RowDone { row, found },
        Err(Failure::Failed { effect, why }) => Input::RowFailed { row, effect, why },
        Err(Failure::Inconclusive { why }) => Input::RowInconclusive { row, why },
    }
}

pub(super) async fn undo<O: Operations>(operations: &O, undo: Undo, task: Task<'_>) -> Input {
    let result = match undo {
        Undo::Reconnect => on_heap(|| operations.undo_reconnect(task)).await,
        Undo::Fallback => on_heap(|| operations.undo_fallback(task)).await,
        Undo::Drain => on_heap(|| operations.undo_drain(task)).await,
        Undo::Fence => on_heap(|| operations.undo_fence(task)).await,
    };
    match result {
        Ok(()) => Input::UndoDone { undo },
        Err(UndoFailure { why }) => Input::UndoFailed { undo, why },
    }
}
