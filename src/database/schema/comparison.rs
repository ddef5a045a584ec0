//! Compares two schemas, object by object.

use std::collections::BTreeMap;

use super::archive::{Entry, Schema};
use super::difference::Difference;
use super::section::Section;

/// How the schema of the target compares with that of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The number of objects that are equal.
    pub equal: usize,
    /// Objects that only the source has, in an order in which they can be created.
    pub missing: Vec<Entry>,
    /// Objects that only the target has, as `TABLE public.payments`.
    pub additional: Vec<String>,
    /// Objects that differ.
    pub different: Vec<Difference>,
    /// Grants that differ. They are no difference of the object: owners and roles of the sides can differ.
    pub different_privileges: Vec<Entry>,
    /// Objects in different words whose kind is deparsed by the server, while the versions of the servers differ, for
    /// example a view. Later versions write the same definition in other words, so nothing is proved.
    pub unproven: Vec<Difference>,
}

type Key<'e> = (&'e str, Option<&'e str>, &'e str);

fn key(entry: &Entry) -> Key<'_> {
    (&entry.kind, entry.schema.as_deref(), &entry.name)
}

/// Kinds whose statement the server makes of a parse tree.
const DEPARSED: [&str; 11] = [
    "VIEW",
    "MATERIALIZED VIEW",
    "RULE",
    "POLICY",
    "TRIGGER",
    "INDEX",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "DEFAULT",
    "STATISTICS",
    "FUNCTION",
];

impl Comparison {
    /// Compares a section of two schemas.
    pub fn of(section: Section, source: &Schema, target: &Schema) -> Self {
        let mut result = Self::default();
        let mut others: BTreeMap<Key<'_>, Vec<&Entry>> = BTreeMap::new();
        for entry in target.section(section) {
            others.entry(key(entry)).or_default().push(entry);
        }
        // Operators of the same name are different objects: first what is equal, then what is left.
        let mut left = Vec::new();
        for entry in source.section(section) {
            let same = others.get_mut(&key(entry));
            match same.and_then(|same| Some((same.iter().position(|one| one.statement == entry.statement)?, same))) {
                Some((at, same)) => {
                    same.remove(at);
                    result.equal += 1;
                }
                None => left.push(entry),
            }
        }
        for entry in left {
            let other = others.get_mut(&key(entry)).and_then(Vec::pop);
            match other {
                _ if entry.is_privileges() => result.different_privileges.push(entry.clone()),
                None => result.missing.push(entry.clone()),
                Some(other) => {
                    let difference = difference(entry, other);
                    let is_deparsed = DEPARSED.contains(&entry.kind.as_str());
                    if is_deparsed && source.version != target.version {
                        result.unproven.push(difference);
                    } else {
                        result.different.push(difference);
                    }
                }
            }
        }
        result.additional = others.into_values().flatten().map(ToString::to_string).collect();
        result
    }
}

fn difference(source: &Entry, target: &Entry) -> Difference {
    let (mut ours, mut theirs) = (source.statement.lines(), target.statement.lines());
    loop {
        let pair = (ours.next(), theirs.next());
        if pair.0 != pair.1 || pair.0.is_none() {
            let line = |line: Option<&str>| line.map_or("nothing more", str::trim).to_owned();
            return Difference { object: source.to_string(), source: line(pair.0), target: line(pair.1) };
        }
    }
}
