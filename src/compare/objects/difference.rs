//! A difference of an object that is not a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// The database itself: how it orders texts.
    Database,
    /// A schema.
    Schema,
    /// An extension.
    Extension,
    /// An enum, with its labels in their order.
    Enum,
    /// A domain, with its default and its checks.
    Domain,
    /// A composite type.
    CompositeType,
    /// The type and the limits of a sequence.
    Sequence,
    /// A function or a procedure.
    Function,
    /// A partition, with its bounds and what it has of its own.
    Partition,
    /// A view or a materialized view.
    View,
    /// A trigger, and when it is enabled.
    Trigger,
    /// Whether row-level security is on.
    RowSecurity,
    /// A policy of row-level security.
    Policy,
    /// A privilege.
    Grant,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Enum => "enum",
            Self::Domain => "domain",
            Self::CompositeType => "composite type",
            Self::Sequence => "sequence",
            Self::Function => "function",
            Self::Partition => "partition",
            Self::View => "view",
            Self::Trigger => "trigger",
            Self::RowSecurity => "row security of",
            Self::Policy => "policy",
            Self::Grant => "privilege",
        })
    }
}

/// An object that differs, or that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDifference {
    /// The kind.
    pub kind: ObjectKind,
    /// The object, with its schema or its table.
    pub name: String,
    /// What differs, if the object as a whole does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// The definition on the source; `None` if the source has no such object.
    pub source: Option<String>,
    /// The definition on the target.
    pub target: Option<String>,
    /// Whether this is a note, not a difference: the service works with it.
    pub note: bool,
    /// The statements that mend it on the target, in their order. Some differences have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

impl ObjectDifference {
    /// Returns whether this is a note, not a difference.
    pub fn is_note(&self) -> bool {
        self.note
    }
}

/// Longer definitions are not shown as text.
const LONGEST_SHOWN: usize = 200;

impl fmt::Display for ObjectDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if let Some(finding) = &self.finding {
            return write!(f, ": {finding}");
        }
        f.write_str(": ")?;
        let is_short = |text: &String| !text.is_empty() && text.len() <= LONGEST_SHOWN && !text.contains('\n');
        match (&self.source, &self.target) {
            (Some(_), None) => f.write_str("the target does not have it"),
            (None, _) => f.write_str("only the target has it"),
            (Some(source), Some(target)) if is_short(source) && is_short(target) => {
                write!(f, "`{source}` on the source, `{target}` on the target")
            }
            (Some(_), Some(_)) => f.write_str("the definitions differ"),
        }
    }
}
