//! A policy, as IAM has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// "The size of each managed policy cannot exceed 6,144 characters"; IAM does not count white space ("IAM and AWS STS
/// quotas", IAM User Guide).
pub const MAX_MANAGED_CHARACTERS: usize = 6_144;

/// Conditions: operator, key, values.
pub(crate) type Conditions = BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>;

/// One statement that allows something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its name: letters and digits only (`Sid`, IAM User Guide).
    pub sid: String,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// The resources.
    pub resources: BTreeSet<String>,
    /// What must hold.
    pub conditions: Conditions,
}

impl Statement {
    fn json(&self) -> Value {
        let mut value = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": self.actions,
            "Resource": self.resources,
        });
        if !self.conditions.is_empty() {
            value["Condition"] = json!(self.conditions);
        }
        value
    }
}

/// The policies of one account: as many as the size limit of IAM requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The account, if it is known.
    pub account: Option<String>,
    /// The documents, each within the limit.
    pub documents: Vec<Vec<Statement>>,
}

impl Policy {
    /// Distributes statements over documents. A statement that is too large by itself is split by its actions, or by
    /// its resources.
    pub(crate) fn new(account: Option<String>, statements: Vec<Statement>) -> Self {
        let mut documents: Vec<Vec<Statement>> = Vec::new();
        for statement in statements.into_iter().flat_map(split) {
            let fits = |document: &&mut Vec<Statement>| {
                let mut longer: Vec<Statement> = (*document).clone();
                longer.push(statement.clone());
                size(&document_json(&longer)) <= MAX_MANAGED_CHARACTERS
            };
            match documents.iter_mut().find(fits) {
                Some(document) => document.push(statement),
                None => documents.push(vec![statement]),
            }
        }
        Self { account, documents }
    }

    /// Returns the documents as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.documents.iter().map(|document| document_json(document)).collect()
    }

    /// Returns the documents with their names: `name` itself, or numbered ones.
    pub fn named(&self, name: &str) -> Vec<(String, Value)> {
        let documents = self.json();
        let is_single = documents.len() == 1;
        let name_of = |number: usize| if is_single { name.to_owned() } else { format!("{name}-{number}") };
        documents.into_iter().zip(1..).map(|(document, number)| (name_of(number), document)).collect()
    }

    /// Returns all statements.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.documents.iter().flatten()
    }
}

fn document_json(statements: &[Statement]) -> Value {
    let statements: Vec<Value> = statements.iter().map(Statement::json).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Returns how many characters IAM counts.
fn size(document: &Value) -> usize {
    document.to_string().chars().filter(|char| !char.is_whitespace()).count()
}

/// Splits a statement until each part fits into a document.
fn split(statement: Statement) -> Vec<Statement> {
    let longest = statement.actions.len().max(statement.resources.len());
    if longest < 2 || size(&document_json(std::slice::from_ref(&statement))) <= MAX_MANAGED_CHARACTERS {
        return vec![statement];
    }
    let (mut first, mut second) = (statement.clone(), statement);
    let (of_first, of_second) = if first.actions.len() >= first.resources.len() {
        (&mut first.actions, &mut second.actions)
    } else {
        (&mut first.resources, &mut second.resources)
    };
    let middle = of_first.iter().nth(longest / 2).cloned().unwrap_or_default();
    *of_second = of_first.split_off(&middle);
    first.sid.push('A');
    second.sid.push('B');
    [split(first), split(second)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sid: &str, actions: usize, resources: usize) -> Statement {
        Statement {
            sid: sid.to_owned(),
            actions: (0..actions).map(|number| format!("service:Action{number:05}")).collect(),
            resources: (0..resources).map(|number| format!("arn:aws:service:::resource/{number:05}")).collect(),
            conditions: Conditions::default(),
        }
    }

    #[test]
    fn documents_stay_within_the_limit_and_lose_nothing() {
        let all = vec![statement("a", 3, 2), statement("b", 900, 1), statement("c", 1, 700), statement("d", 3, 2)];
        let policy = Policy::new(None, all.clone());
        assert!(policy.json().iter().all(|document| size(document) <= MAX_MANAGED_CHARACTERS));
        let count = |statements: Vec<&Statement>| -> usize {
            statements.iter().map(|one| one.actions.len() * one.resources.len()).sum()
        };
        assert_eq!(count(policy.statements().collect()), count(all.iter().collect()));
        let mut sids: Vec<&str> = policy.statements().map(|one| one.sid.as_str()).collect();
        let before = sids.len();
        sids.sort_unstable();
        sids.dedup();
        assert_eq!(sids.len(), before, "each statement has its own name");
    }

    #[test]
    fn what_fits_is_one_document() {
        let policy = Policy::new(Some("1".into()), vec![statement("a", 1, 1), statement("b", 1, 1)]);
        assert_eq!(policy.documents.len(), 1);
    }
}
