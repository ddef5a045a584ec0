//! Compares the objects of one kind.

use super::difference::ObjectDifference;
use super::kind::{Kind, Objects, Weight};
use crate::canonical::{canonical, unqualified};

/// The versions of both servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions(pub(crate) i32, pub(crate) i32);

/// Since this version, a server writes the columns of a query on one table without the name of the table.
const UNQUALIFIED_VERSION: i32 = 160_000;

/// What stands around the text of a function in its definition.
const FUNCTION_QUOTES: [&str; 2] = ["$function", "$procedure"];

impl Versions {
    /// Returns whether two definitions mean the same.
    fn mean_the_same(self, source: &str, target: &str) -> bool {
        // The text of a function is not an expression: space can count, in literals and in comments.
        if source == target || [source, target].iter().any(|text| FUNCTION_QUOTES.iter().any(|q| text.contains(q))) {
            return source == target;
        }
        if canonical(source) == canonical(target) {
            return true;
        }
        let differ = (self.0 < UNQUALIFIED_VERSION) != (self.1 < UNQUALIFIED_VERSION);
        differ && unqualified(source) == unqualified(target)
    }
}

/// Returns the objects that differ.
pub(crate) fn differences(
    kind: &Kind,
    source: &Objects,
    target: &Objects,
    versions: Versions,
) -> Vec<ObjectDifference> {
    let [missing, different, additional] = kind.weights;
    let mut findings = Vec::new();
    let mut add = |weight, name: &String, definitions: (Option<&str>, Option<&str>), statements| {
        if weight != Weight::Ignored {
            findings.push(ObjectDifference {
                kind: kind.kind,
                name: name.clone(),
                finding: None,
                source: definitions.0.map(str::to_owned),
                target: definitions.1.map(str::to_owned),
                note: weight == Weight::Note,
                statements,
            });
        }
    };
    let mut ordered: Vec<_> = source.iter().collect();
    ordered.sort_by_key(|(_, object)| object.position);
    for (name, here) in ordered {
        match target.get(name) {
            None => add(missing, name, (Some(&here.definition), None), here.create.clone()),
            Some(there) if versions.mean_the_same(&here.definition, &there.definition) => {}
            Some(there) => {
                let statements = (kind.change)(here, there);
                add(different, name, (Some(&here.definition), Some(&there.definition)), statements);
            }
        }
    }
    for (name, there) in target.iter().filter(|(name, _)| !source.contains_key(*name)) {
        // What does no harm stays.
        let drop = there.drop.iter().filter(|_| additional == Weight::Difference).cloned().collect();
        add(additional, name, (None, Some(&there.definition)), drop);
    }
    findings
}
