//! AWS's table of actions: the resources that each acts on, and the conditions that it knows.
//!
//! `actions.txt` is written by `tests/iam/extract.py` from the Service Authorization Reference.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const TEXT: &str = include_str!("actions.txt");

/// How far an action reaches, as AWS classifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It lists or reads.
    Read,
    /// It changes tags.
    Tagging,
    /// It changes something else.
    Write,
}

/// A resource type that an action acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActedOn {
    /// The type, without its service.
    pub name: &'static str,
    /// Whether a call always names one.
    pub required: bool,
    /// Whether conditions on the tags of the request apply.
    pub request_tags: bool,
    /// Whether conditions on the tags of the resource apply.
    pub resource_tags: bool,
}

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    /// `service:Action`.
    pub name: &'static str,
    /// How far it reaches.
    pub level: Level,
    /// The types that it acts on. None: it cannot be limited to resources.
    pub types: Vec<ActedOn>,
}

/// Returns an action, unless the table does not have it.
pub fn action(name: &str) -> Option<&'static Action> {
    table().actions.get(name)
}

/// Returns the names of all actions.
pub fn actions() -> impl Iterator<Item = &'static str> {
    table().actions.keys().copied()
}

/// Returns the format of the ARN of a type, `service:type`.
pub fn arn_format(resource_type: &str) -> Option<&'static str> {
    table().types.get(resource_type).copied()
}

struct Table {
    actions: BTreeMap<&'static str, Action>,
    types: BTreeMap<&'static str, &'static str>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table { actions: BTreeMap::new(), types: BTreeMap::new() };
        for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&'static str> = line.split(' ').collect();
            match words.as_slice() {
                ["type", name, arn] => drop(table.types.insert(name, arn)),
                [name, level, flags, types @ ..] => drop(table.actions.insert(name, read(name, level, flags, types))),
                _ => {}
            }
        }
        table
    })
}

fn read(name: &'static str, level: &str, of_action: &str, types: &[&'static str]) -> Action {
    let level = match level.split('+').next() {
        Some("Read" | "List") => Level::Read,
        Some("Tagging") => Level::Tagging,
        _ => Level::Write,
    };
    let types = types.iter().filter_map(|word| word.split_once('=')).map(|(name, flags)| {
        // Amazon EC2 documents conditions at each type.
        let has = |flag| flags.contains(flag) || of_action.contains(flag);
        ActedOn { name, required: flags.contains('!'), request_tags: has('q'), resource_tags: has('r') }
    });
    Action { name, level, types: types.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(table().actions.len() + table().types.len(), lines);
        assert!(actions().count() > 250, "{}", actions().count());
    }

    #[test]
    fn every_type_of_an_action_has_an_arn() {
        for action in table().actions.values() {
            let (service, _) = action.name.split_once(':').expect("a service");
            for one in &action.types {
                let name = format!("{service}:{}", one.name);
                assert!(arn_format(&name).is_some_and(|arn| arn.starts_with("arn:")), "{}: {name}", action.name);
            }
        }
    }

    #[test]
    fn conditions_are_those_of_the_type_and_of_the_action() {
        let subnet = action("ec2:CreateSubnet").expect("it is known");
        let of = |name| *subnet.types.iter().find(|one| one.name == name).expect("the type");
        assert!(of("subnet").required && of("subnet").request_tags && !of("subnet").resource_tags);
        assert!(of("vpc").resource_tags && !of("vpc").request_tags && !of("ipam-pool").required);
        assert_eq!(subnet.level, Level::Write);
        assert_eq!(action("ec2:DescribeVpcs").map(|action| action.level), Some(Level::Read));
    }
}
