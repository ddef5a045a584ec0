//! What a step calls.

use super::{Action, Change, Step};
use crate::resource::{about, kind};

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

    /// Returns the name under which programs find them, and the operations.
    pub fn named(&self) -> (&'static str, &[&'static str]) {
        match self {
            Self::These(operations) => ("calls", operations),
            Self::Among(operations) => ("may_call", operations),
        }
    }
}

/// Returns what a step calls. Operations that only read are left out, and so are those that set or take off tags when there are none to be, and those
/// that a specification like this one never takes.
pub fn calls(step: &Step) -> Calls {
    let about = about(&step.kind);
    let taken = |operations: &[&'static str]| -> Vec<&'static str> {
        let takes = |operation: &&&str| kind(&step.kind).is_none_or(|kind| kind.takes(&step.spec, operation));
        operations.iter().filter(takes).copied().collect()
    };
    match &step.action {
        Action::Create | Action::Replace { .. } => {
            let makes = |operation: &&str| kind(&step.kind).is_none_or(|kind| kind.makes(&step.spec, operation));
            Calls::These(taken(about.creates).into_iter().filter(makes).collect())
        }
        Action::Resume { changes } if changes.is_empty() => Calls::Among(taken(&[about.creates, about.changes].concat())),
        Action::Update { changes } | Action::Resume { changes } => {
            let tags = Tagging::of(changes);
            let fields: Vec<&str> = changes.iter().filter(|change| !change.is_tags()).map(Change::input).collect();
            let inputs_of = |operation: &str| about.called_for.iter().find(|(name, _)| *name == operation).map(|(_, inputs)| *inputs);
            // What was seen to differ may be called otherwise than the input that it follows from. That a tag is set for it tells not what else is.
            let known = |field: &&str| about.called_for.iter().any(|(name, inputs)| !sets_tags(name) && inputs.contains(field));
            let exact = fields.iter().all(known);
            let is_for = |inputs: &[&str]| fields.iter().any(|field| inputs.contains(field));
            let fits = |operation: &&'static str| match inputs_of(operation) {
                inputs if sets_tags(operation) => tags.calls(operation) || inputs.is_some_and(is_for),
                Some(inputs) if exact => is_for(inputs),
                None if exact => false,
                _ => !fields.is_empty(),
            };
            let operations: Vec<_> = taken(about.changes).into_iter().filter(fits).collect();
            // With one there is no choice, unless it was called already.
            let begun = matches!(step.action, Action::Resume { .. });
            if !begun && (exact || operations.len() == 1) { Calls::These(operations) } else { Calls::Among(operations) }
        }
        Action::Delete => Calls::These(taken(about.deletes)),
        Action::Nothing | Action::Restore | Action::Stuck { .. } => Calls::These(Vec::new()),
    }
}

fn sets_tags(operation: &str) -> bool {
    operation.contains("Tag") || operation.contains("Untag")
}

/// What becomes of the tags.
struct Tagging {
    sets: bool,
    drops: bool,
}

impl Tagging {
    fn of(changes: &[Change]) -> Self {
        let (wanted, outside): (Vec<&Change>, Vec<&Change>) =
            changes.iter().filter(|change| change.is_tags()).partition(|change| change.field == "tags");
        let each: Vec<Change> = wanted.into_iter().filter_map(Change::inside).flatten().collect();
        // What others have changed or taken off is set again.
        Self { sets: !outside.is_empty() || each.iter().any(|tag| !tag.new.is_null()), drops: each.iter().any(|tag| tag.new.is_null()) }
    }

    fn calls(&self, operation: &str) -> bool {
        match operation {
            // They do both.
            "route53:ChangeTagsForResource" | "s3:PutBucketTagging" => self.sets || self.drops,
            _ if ["Untag", "DeleteTags", "RemoveTags"].iter().any(|word| operation.contains(word)) => self.drops,
            _ => self.sets,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_is_set_and_taken_off_by_operations_of_its_own() {
        let called = |old, new| {
            let tagging = Tagging::of(&[Change::new("tags", old, new)]);
            ["ec2:CreateTags", "ec2:DeleteTags", "s3:PutBucketTagging"].map(|operation| tagging.calls(operation))
        };
        assert_eq!(called(json!({ "a": "1" }), json!({ "a": "2" })), [true, false, true]);
        assert_eq!(called(json!({ "a": "1" }), json!({})), [false, true, true]);
        assert_eq!(called(json!({ "a": "1" }), json!({ "b": "1" })), [true, true, true]);
        assert!(!Tagging::of(&[Change::new("tags.a", "1".into(), json!(null))]).drops, "it was taken off by hand");
    }
}
