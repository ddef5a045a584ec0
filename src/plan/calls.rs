//! What a step calls.

use super::{Action, Step};
use crate::resource::{About, kind};

/// Returns the operations that change something and that a step makes, or may make when it changes something in place: which of them
/// depends on what differs. Those that only read are left out.
pub fn calls(step: &Step) -> &'static [&'static str] {
    let about = kind(&step.kind).map_or(&About::PLAIN, |kind| kind.about());
    match step.action {
        Action::Create | Action::Replace { .. } => about.creates,
        Action::Update { .. } | Action::Resume => about.changes,
        Action::Delete => about.deletes,
        Action::Nothing | Action::Restore => &[],
    }
}
