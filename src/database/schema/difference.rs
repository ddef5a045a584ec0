//! An object that differs.

use std::fmt;

/// An object that both sides have, in different words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The object, as `TABLE public.payments`.
    pub object: String,
    /// The first line that differs, on the source.
    pub source: String,
    /// The first line that differs, on the target.
    pub target: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: `{}` on the source, `{}` on the target", self.object, self.source, self.target)
    }
}
