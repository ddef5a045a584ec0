//! What could not be compared, and why.

use std::fmt;

use infra_connect::DatabaseError;
use serde::{Deserialize, Serialize};

use super::error::Side;

/// A part of the databases, apart from tables, that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// The part, for example `sequences`.
    pub what: String,
    /// The side that could not be read.
    pub side: Side,
    /// The cause.
    pub reason: String,
}

impl fmt::Display for NotCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not compared: on the {}: {}", self.what, self.side, self.reason)
    }
}

/// Collects what could not be compared.
#[derive(Debug, Default)]
pub(super) struct Gaps(pub(super) Vec<NotCompared>);

impl Gaps {
    /// Returns a result, or notes the failure.
    pub(super) fn one<T>(&mut self, what: &str, result: Result<T, (Side, DatabaseError)>) -> Option<T> {
        result.map_err(|(side, error)| self.add(what, side, error.to_string())).ok()
    }

    /// Adds a part. Parts with one cause are told together.
    fn add(&mut self, what: &str, side: Side, reason: String) {
        match self.0.iter_mut().find(|other| other.side == side && other.reason == reason) {
            Some(other) => other.what = format!("{}, {what}", other.what),
            None => self.0.push(NotCompared { what: what.to_owned(), side, reason }),
        }
    }

    /// Returns both results, or notes the failures.
    pub(super) fn both<T>(
        &mut self,
        what: &str,
        (source, target): (Result<T, DatabaseError>, Result<T, DatabaseError>),
    ) -> Option<(T, T)> {
        for (side, result) in [(Side::Source, &source), (Side::Target, &target)] {
            if let Err(error) = result {
                self.add(what, side, error.to_string());
            }
        }
        Some((source.ok()?, target.ok()?))
    }
}
