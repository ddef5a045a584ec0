//! Requests, what a task answers, and what a client remembers.

use std::collections::VecDeque;

use crate::ledger::{Intent, Kind, Written};

/// A request with its idempotency key.
#[derive(Debug)]
pub(crate) struct Request {
    /// The idempotency key.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// The rows that it will write, as far as their keys are known before.
    pub(crate) intents: Vec<Intent<'static>>,
    pub(crate) body: Body,
    /// Whether a second attempt has no second effect. Without it, an attempt without an answer is the last one.
    pub(crate) is_idempotent: bool,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Body {
    /// Values of the built-in payment system, in the order of the parameters of its statement.
    Payment { payment: Payment, values: Vec<Option<String>> },
    /// A row of a table of the user.
    Insert { table: usize, key: Vec<Option<String>>, values: Vec<Option<String>> },
    /// A new value for one column of such a row.
    Update { table: usize, column: usize, key: Vec<String>, value: Option<String> },
}

/// A payment as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) id: String,
    /// The amount in hundredths.
    pub(crate) amount: u32,
}

/// What a task did.
#[derive(Debug)]
pub(crate) enum Performed {
    /// It is done, now or by an earlier attempt.
    Done { created: bool, rows: Vec<Written<'static>> },
    /// What it refers to does not exist.
    NotFound,
    /// Something else has the key.
    Conflict,
}

/// The number of payments or rows that a client remembers of each type.
const REMEMBERED: usize = 2_000;

/// What a client remembers of what was acknowledged. Nobody else changes these payments and rows, so that the last
/// acknowledged state is the one that must be in the database.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) authorized: VecDeque<Payment>,
    pub(crate) captured: VecDeque<Payment>,
    /// Tables and keys of rows.
    pub(crate) rows: VecDeque<(usize, Vec<String>)>,
}

impl Memory {
    /// Adds one; the oldest is forgotten.
    pub(crate) fn add<T>(all: &mut VecDeque<T>, one: T) {
        if all.len() >= REMEMBERED {
            all.pop_front();
        }
        all.push_back(one);
    }

    /// Takes one out, so that only one request at a time changes it.
    pub(crate) fn take<T>(all: &mut VecDeque<T>, rng: &mut fastrand::Rng) -> Option<T> {
        if all.is_empty() { None } else { all.swap_remove_back(rng.usize(..all.len())) }
    }
}
