//! Whether two things are equal, as far as that is known.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are rows, and they are equal on both sides.
    Equal,
    /// There are differences.
    Different,
    /// There are no rows on either side, which proves nothing.
    Empty,
    /// No difference was found, but something could not be compared.
    Incomplete,
}

impl Verdict {
    /// Combines several verdicts. `Different` takes precedence over `Incomplete`, which takes precedence over `Equal`.
    /// No verdicts are `Empty`.
    pub fn of(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().fold(Self::Empty, |so_far, next| match (so_far, next) {
            (Self::Different, _) | (_, Self::Different) => Self::Different,
            (Self::Incomplete, _) | (_, Self::Incomplete) => Self::Incomplete,
            (Self::Equal, _) | (_, Self::Equal) => Self::Equal,
            (Self::Empty, Self::Empty) => Self::Empty,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Empty => "empty",
            Self::Incomplete => "incomplete",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_not_equal_and_a_difference_takes_precedence() {
        use Verdict::{Different, Empty, Equal, Incomplete};
        assert_eq!(Verdict::of([]), Empty);
        for (verdicts, expected) in [
            (vec![Empty, Empty], Empty),
            (vec![Empty, Equal], Equal),
            (vec![Equal, Incomplete, Empty], Incomplete),
            (vec![Incomplete, Different, Equal], Different),
        ] {
            assert_eq!(Verdict::of(verdicts.clone()), expected, "{verdicts:?}");
            assert_eq!(Verdict::of(verdicts.into_iter().rev()), expected);
        }
    }
}
