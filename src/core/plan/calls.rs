//! The calls of a step.

use super::action::Action;
use super::diff::Change;
use super::step::Step;
use crate::resource::KindSchema;

/// The mutating operations of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All of these, except those that are done already.
    These(Vec<&'static str>),
    /// Some of these, depending on what differs.
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

    /// Returns the field name in JSON output, and the operations.
    pub fn named(&self) -> (&'static str, &[&'static str]) {
        match self {
            Self::These(operations) => ("calls", operations),
            Self::Among(operations) => ("may_call", operations),
        }
    }
}

/// Returns the calls of a step. Omits operations that only read, tag operations that are not necessary, and operations
/// that do not apply to the specification.
pub fn calls(step: &Step) -> Calls {
    let schema = step.handler.map_or(&KindSchema::PLAIN, |kind| kind.get().schema());
    let applicable = |operations: &[&'static str]| -> Vec<&'static str> {
        let applies = |operation: &&&str| step.handler.is_none_or(|kind| kind.operation_applies(&step.spec, operation));
        operations.iter().filter(applies).copied().collect()
    };
    match &step.action {
        Action::Create | Action::Replace { .. } => {
            let creates = |operation: &&str| step.handler.is_none_or(|kind| kind.creation_calls(&step.spec, operation));
            Calls::These(applicable(schema.creates).into_iter().filter(creates).collect())
        }
        Action::Resume { changes } if changes.is_empty() => {
            Calls::Among(applicable(&[schema.creates, schema.changes].concat()))
        }
        Action::Update { changes } | Action::Resume { changes } => {
            let tags = Tagging::of(changes, schema.tag_calls);
            let sets_tags = |operation: &str| schema.tag_calls.contains(&operation);
            let fields: Vec<&str> = changes.iter().filter(|change| !change.is_tags()).map(Change::input).collect();
            let inputs_of = |operation: &str| {
                schema.call_triggers.iter().find(|(name, _)| *name == operation).map(|(_, inputs)| *inputs)
            };
            // An observed difference may have another name than the input that it comes from. A tag operation does not
            // show which other operations follow.
            let known = |field: &&str| {
                schema.call_triggers.iter().any(|(name, inputs)| !sets_tags(name) && inputs.contains(field))
            };
            let exact = fields.iter().all(known);
            let is_for = |inputs: &[&str]| fields.iter().any(|field| inputs.contains(field));
            let fits = |operation: &&'static str| match inputs_of(operation) {
                inputs if sets_tags(operation) => tags.calls(operation) || inputs.is_some_and(is_for),
                Some(inputs) if exact => is_for(inputs),
                None if exact => false,
                _ => !fields.is_empty(),
            };
            let operations: Vec<_> = applicable(schema.changes).into_iter().filter(fits).collect();
            // A single operation leaves no choice, unless it was called already.
            let resumed = matches!(step.action, Action::Resume { .. });
            if !resumed && (exact || operations.len() == 1) {
                Calls::These(operations)
            } else {
                Calls::Among(operations)
            }
        }
        Action::Delete => Calls::These(applicable(schema.deletes)),
        Action::NoOp | Action::Restore | Action::Manual { .. } => Calls::These(Vec::new()),
    }
}

/// Which of the tag operations of a kind a step needs.
struct Tagging {
    sets: Option<&'static str>,
    removes: Option<&'static str>,
}

impl Tagging {
    fn of(changes: &[Change], tag_calls: &[&'static str]) -> Self {
        let (wanted, outside): (Vec<&Change>, Vec<&Change>) =
            changes.iter().filter(|change| change.is_tags()).partition(|change| change.field == "tags");
        let each: Vec<Change> = wanted.into_iter().filter_map(Change::inside).flatten().collect();
        // A tag that was changed or removed outside this tool is set again.
        let sets = !outside.is_empty() || each.iter().any(|tag| !tag.new.is_null());
        let removes = each.iter().any(|tag| tag.new.is_null());
        Self {
            sets: tag_calls.first().copied().filter(|_| sets),
            removes: tag_calls.last().copied().filter(|_| removes),
        }
    }

    fn calls(&self, operation: &str) -> bool {
        [self.sets, self.removes].contains(&Some(operation))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn separate_operations_set_and_remove_a_tag() {
        let called = |old, new| {
            let change = [Change::new("tags", old, new)];
            let calls = |tag_calls: &[&'static str], operation| Tagging::of(&change, tag_calls).calls(operation);
            let two = ["ec2:CreateTags", "ec2:DeleteTags"];
            [calls(&two, two[0]), calls(&two, two[1]), calls(&["s3:PutBucketTagging"], "s3:PutBucketTagging")]
        };
        assert_eq!(called(json!({ "a": "1" }), json!({ "a": "2" })), [true, false, true]);
        assert_eq!(called(json!({ "a": "1" }), json!({})), [false, true, true]);
        assert_eq!(called(json!({ "a": "1" }), json!({ "b": "1" })), [true, true, true]);
        let removed_manually = [Change::new("tags.a", "1".into(), json!(null))];
        assert_eq!(Tagging::of(&removed_manually, &["ec2:CreateTags", "ec2:DeleteTags"]).removes, None);
    }
}
