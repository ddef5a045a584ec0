//! What a step calls.

use super::{Action, Step};
use crate::resource::about;

/// The operations of a step that change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All of these, unless part of it is done already.
    These(Vec<&'static str>),
    /// Some of these: which ones depends on what differs.
    Among(Vec<&'static str>),
}

impl Calls {
    /// Returns one line for each operation.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let (word, operations) = match self {
            Self::These(operations) => ("calls", operations),
            Self::Among(operations) => ("may call", operations),
        };
        operations.iter().map(move |operation| format!("{word} {operation}"))
    }
}

/// Returns what a step calls. Operations that only read are left out, and so are those that set tags when no tag changes.
pub fn calls(step: &Step) -> Calls {
    let about = about(&step.kind);
    match &step.action {
        Action::Create | Action::Replace { .. } => Calls::These(about.creates.to_vec()),
        Action::Resume => Calls::Among(about.creates.iter().chain(about.changes).copied().collect()),
        Action::Update { changes } => {
            let tags = changes.iter().any(|change| change.field.starts_with("tags"));
            let others = changes.iter().any(|change| !change.field.starts_with("tags"));
            let fits = |operation: &&&str| if operation.contains("Tag") { tags } else { others };
            let operations: Vec<_> = about.changes.iter().filter(fits).copied().collect();
            // With one there is no choice.
            if operations.len() == 1 { Calls::These(operations) } else { Calls::Among(operations) }
        }
        Action::Delete => Calls::These(about.deletes.to_vec()),
        Action::Nothing | Action::Restore | Action::Stuck { .. } => Calls::These(Vec::new()),
    }
}
