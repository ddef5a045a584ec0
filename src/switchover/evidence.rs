//! What the rows found. It is stored with the progress, and later rows and undos use it.

use infra_base::side::Side;
use infra_database::Lsn;
use infra_database::TableName;
use infra_database::marker::MarkerId;
use serde::{Deserialize, Serialize};

use crate::forecast::Forecast;

/// How it was before the switchover. Undoing leads back to exactly this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The sides whose environments were open to clients.
    pub open: Vec<Side>,
    /// The side whose database the service of the new side used. With the strategy `compute-first`, it is the old side.
    pub new_side_uses: Side,
    /// How long the rows will probably take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

/// What was in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// The number of sessions that were ended.
    pub ended: usize,
    /// A position in the log of the old database behind everything that the service has committed. Earlier versions
    /// have not recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Lsn>,
    /// Transactions that were ended because they had not ended within the limit: pid, application, user and age.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminated: Vec<String>,
}

/// What became of the sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedSequences {
    /// The number of sequences that were moved.
    pub advanced: usize,
    /// The number of sequences that were at or past the old position already.
    pub kept: usize,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The tables that changed since the last validation, as the statistics of the old server know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<TableName>,
    /// The number of tables with the same number of rows on both sides.
    pub equal: usize,
    /// Tables that were not counted, because they are too large or must not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<TableName>,
    /// When both databases were found equal before, RFC 3339; `None` if `changed` is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated_at: Option<String>,
    /// Tables that were compared row by row, and are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<TableName>,
    /// Tables that have changed, or may have, and of which only the rows were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_counted: Vec<TableName>,
    /// Tables that have changed, or may have, and were neither compared nor counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<TableName>,
}

/// The result of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The row is done, and there is nothing to remember.
    Nothing,
    /// Of row `Prepare`.
    Before(Before),
    /// Of row `Drain`.
    Drained(Drained),
    /// Of row `Marker`.
    Marker(MarkerId),
    /// Of row `Sequences`.
    Sequences(MovedSequences),
    /// Of row `Check`.
    Checked(Checked),
    /// Of row `Fallback`: the position on the new primary from which changes are replicated back.
    FallbackStart(Lsn),
}

/// The results so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// How it was before; known from the end of row `Prepare` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What was in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<Drained>,
    /// The last marker that has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<MarkerId>,
    /// What became of the sequences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequences: Option<MovedSequences>,
    /// What was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
    /// The position on the new primary from which changes are replicated back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_start: Option<Lsn>,
}

impl Evidence {
    pub(crate) fn add(&mut self, found: Found) {
        match found {
            Found::Nothing => {}
            Found::Before(before) => self.before = Some(before),
            Found::Drained(drained) => self.drained = Some(drained),
            Found::Marker(marker) => self.marker = Some(marker),
            Found::Sequences(sequences) => self.sequences = Some(sequences),
            Found::Checked(checked) => self.checked = Some(checked),
            Found::FallbackStart(lsn) => self.fallback_start = Some(lsn),
        }
    }
}
