//! From which side to which.

use std::fmt;

use infra_base::side::Side;
use serde::{Deserialize, Serialize};

/// The direction of a switchover. Its two sides always differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Sides", into = "Sides")]
pub struct Direction {
    to: Side,
}

impl Direction {
    /// Returns the direction of a migration: from the source to the target.
    pub const FORWARD: Self = Self { to: Side::Target };

    /// Returns the direction that makes the database of this side the primary.
    pub const fn to_side(to: Side) -> Self {
        Self { to }
    }

    /// Returns the side whose database is the primary before.
    pub fn from(self) -> Side {
        match self.to {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }

    /// Returns the side whose database becomes the primary.
    pub fn to(self) -> Side {
        self.to
    }

    /// Returns the way back.
    pub fn reversed(self) -> Self {
        Self { to: self.from() }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", self.from(), self.to)
    }
}

#[derive(Serialize, Deserialize)]
struct Sides {
    from: Side,
    to: Side,
}

/// Both sides are the same.
#[derive(Debug, thiserror::Error)]
#[error("a switchover needs two different sides")]
struct SameSide;

impl TryFrom<Sides> for Direction {
    type Error = SameSide;

    fn try_from(sides: Sides) -> Result<Self, SameSide> {
        if sides.from == sides.to { Err(SameSide) } else { Ok(Self { to: sides.to }) }
    }
}

impl From<Direction> for Sides {
    fn from(direction: Direction) -> Self {
        Self { from: direction.from(), to: direction.to }
    }
}
