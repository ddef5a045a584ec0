//! Grants, for roles that exist on the target.

use std::collections::BTreeSet;

use super::archive::Entry;

/// A grant that was left out, because the target has no such role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPrivilege {
    /// The object, as `ACL public.TABLE payments`.
    pub object: String,
    /// The role; empty if the statement was not understood.
    pub role: String,
}

/// Divides grants into statements that can be executed, and those whose role does not exist.
///
/// `pg_dump` writes one statement a line (`buildACLCommands` in `dumputils.c`). A statement of another grantor stands
/// between `SET SESSION AUTHORIZATION` and `RESET SESSION AUTHORIZATION`, which only superusers can execute: the user
/// of the connection becomes the grantor.
pub(super) fn divide(entry: &Entry, roles: &BTreeSet<String>) -> (Vec<String>, Vec<SkippedPrivilege>) {
    let (mut statements, mut skipped) = (Vec::new(), Vec::new());
    for line in entry.statement.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--")) {
        if line.starts_with("SET SESSION AUTHORIZATION ") || line.starts_with("RESET SESSION AUTHORIZATION") {
            continue;
        }
        let named = named_roles(line);
        let missing = match &named {
            Some(named) => named.iter().find(|role| !roles.contains(*role)).cloned(),
            None => Some(String::new()),
        };
        match missing {
            None => statements.push(line.to_owned()),
            Some(role) => skipped.push(SkippedPrivilege { object: entry.to_string(), role }),
        }
    }
    (statements, skipped)
}

/// Returns the roles that must exist. `None` if the statement is not understood.
fn named_roles(line: &str) -> Option<Vec<String>> {
    let mut roles = Vec::new();
    if let Some(rest) = line.strip_prefix("ALTER DEFAULT PRIVILEGES FOR ROLE ") {
        roles.push(first_identifier(rest)?);
    } else if !line.starts_with("GRANT ") && !line.starts_with("REVOKE ") {
        return None;
    }
    let line = line.strip_suffix(';')?;
    let line = line.strip_suffix(" WITH GRANT OPTION").unwrap_or(line);
    if !line.ends_with(" PUBLIC") {
        roles.push(last_identifier(line)?);
    }
    Some(roles)
}

fn first_identifier(text: &str) -> Option<String> {
    if !text.starts_with('"') {
        return text.split(' ').next().map(str::to_owned);
    }
    let mut name = String::new();
    let mut characters = text[1..].chars().peekable();
    while let Some(character) = characters.next() {
        if character == '"' && characters.next_if_eq(&'"').is_none() {
            return Some(name);
        }
        name.push(character);
    }
    None
}

fn last_identifier(text: &str) -> Option<String> {
    let Some(inner) = text.strip_suffix('"') else {
        return text.rsplit(' ').next().map(str::to_owned);
    };
    let mut name = Vec::new();
    let mut characters = inner.chars().rev().peekable();
    while let Some(character) = characters.next() {
        if character == '"' && characters.next_if_eq(&'"').is_none() {
            return Some(name.iter().rev().collect());
        }
        name.push(character);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Entry, divide};

    #[test]
    fn grants_to_roles_that_do_not_exist_are_left_out() {
        let statement = "REVOKE ALL ON SCHEMA public FROM PUBLIC;\nGRANT SELECT ON TABLE public.t TO reader;\n\
             GRANT SELECT(a),UPDATE(a) ON TABLE public.\"a TO b\" TO \"odd \"\"TO\"\" role\" WITH GRANT OPTION;\n\
             SET SESSION AUTHORIZATION \"other\";\nGRANT ALL ON TABLE public.t TO absent;\n\
             RESET SESSION AUTHORIZATION;\n\
             ALTER DEFAULT PRIVILEGES FOR ROLE \"Gone\" IN SCHEMA public GRANT SELECT ON TABLES  TO reader;";
        let entry = Entry {
            kind: "ACL".into(),
            schema: Some("public".into()),
            name: "TABLE t".into(),
            statement: statement.into(),
        };
        let roles = ["reader", "odd \"TO\" role"].map(str::to_owned).into();
        let (statements, skipped) = divide(&entry, &roles);
        assert_eq!(statements, statement.lines().take(3).collect::<Vec<_>>());
        let names: Vec<&str> = skipped.iter().map(|one| one.role.as_str()).collect();
        assert_eq!(names, ["absent", "Gone"]);
    }
}
