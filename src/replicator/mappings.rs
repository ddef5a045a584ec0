//! Table mappings: which tables a task migrates.
//!
//! Selection rules, and transformation rules that remove a column, are supported. Everything else that a table mapping
//! document can contain is refused, because a rule that is ignored would make a migration look right that is not.

use infra_base::terminal_text::inline;
use serde_json::Value;

use crate::model::TableName;
use crate::wildcard::Pattern;

/// The rules of a task.
#[derive(Clone, Debug)]
pub struct Mappings {
    rules: Vec<Rule>,
    removed: Vec<Removed>,
}

/// A column that is not migrated.
#[derive(Clone, Debug)]
struct Removed {
    schema: Pattern,
    table: Pattern,
    column: Pattern,
}

#[derive(Clone, Debug)]
struct Rule {
    schema: Pattern,
    table: Pattern,
    includes: bool,
    load_order: i64,
}

/// Table mappings that DMS, or this implementation, refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingsError {
    /// The document is not of the form that DMS expects.
    #[error("Invalid table mappings document: {}", inline(.0))]
    Invalid(String),
    /// DMS accepts it, but it is not implemented here.
    #[error("the table mapping rule {rule} is not supported here: {}", inline(.what))]
    Unsupported {
        /// The id of the rule.
        rule: String,
        /// What is not supported.
        what: String,
    },
}

impl Mappings {
    /// Parses a table mapping document.
    pub fn parse(document: &Value) -> Result<Self, MappingsError> {
        let rules = document.get("rules").and_then(Value::as_array);
        let Some(rules) = rules else { return invalid("there is no list of rules") };
        let (mut parsed, mut removed) = (Vec::new(), Vec::new());
        let mut ids: Vec<String> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for rule in rules {
            let id = match rule.get("rule-id") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return invalid("a rule has no rule-id"),
            };
            // "rule-id: A unique numeric value to identify the rule" ("Selection rules and actions").
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                return invalid(&format!("the rule-id {id} is not numeric"));
            }
            if ids.contains(&id) {
                return invalid(&format!("the rule-id {id} is not unique"));
            }
            // "rule-name: A unique name to identify the rule".
            let Some(name) = rule.get("rule-name").and_then(Value::as_str) else {
                return invalid(&format!("the rule {id} has no rule-name"));
            };
            if names.contains(&name) {
                return invalid(&format!("the rule-name {name} is not unique"));
            }
            match rule.get("rule-type").and_then(Value::as_str) {
                Some("transformation") => removed.push(parse_removed(rule, &id)?),
                _ => parsed.push(parse_rule(rule, &id)?),
            }
            ids.push(id);
            names.push(name);
        }
        if !parsed.iter().any(|rule| rule.includes) {
            return invalid("no selection rule includes a table");
        }
        Ok(Self { rules: parsed, removed })
    }

    /// Returns whether the rules select a table.
    pub fn selects(&self, table: &TableName) -> bool {
        // "When multiple rules apply to one table, exclude rules are applied after include rules" (ibid.).
        let mut matching = self.matching(table).peekable();
        matching.peek().is_some() && matching.all(|rule| rule.includes)
    }

    /// Returns whether a column is not migrated: `remove-column` ("Transformation rules and actions").
    pub fn removes(&self, table: &TableName, column: &str) -> bool {
        self.removed.iter().any(|rule| {
            rule.schema.matches(&table.schema) && rule.table.matches(&table.name) && rule.column.matches(column)
        })
    }

    /// Returns the priority of a table: "The tables with higher values are loaded first" (`load-order`).
    pub fn load_order(&self, table: &TableName) -> i64 {
        self.matching(table).map(|rule| rule.load_order).max().unwrap_or_default()
    }

    fn matching<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.schema.matches(&table.schema) && rule.table.matches(&table.name))
    }
}

fn invalid<T>(what: &str) -> Result<T, MappingsError> {
    Err(MappingsError::Invalid(what.to_owned()))
}

/// Parses a rule that removes a column: `"rule-target": "column"`, `"rule-action": "remove-column"`, and a locator with
/// `column-name` ("Transformation rules and actions").
fn parse_removed(rule: &Value, id: &str) -> Result<Removed, MappingsError> {
    let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
    if (text("rule-target"), text("rule-action")) != ("column", "remove-column") {
        let what = format!("the action `{}` on a `{}`", text("rule-action"), text("rule-target"));
        return Err(MappingsError::Unsupported { rule: id.to_owned(), what });
    }
    let locator = |name: &str| rule.pointer(&format!("/object-locator/{name}")).and_then(Value::as_str);
    match (locator("schema-name"), locator("table-name"), locator("column-name")) {
        (Some(schema), Some(table), Some(column)) if ![schema, table, column].contains(&"") => {
            Ok(Removed { schema: Pattern::parse(schema), table: Pattern::parse(table), column: Pattern::parse(column) })
        }
        _ => invalid(&format!("the object-locator of the rule {id} names no schema, table or column")),
    }
}

fn parse_rule(rule: &Value, id: &str) -> Result<Rule, MappingsError> {
    let unsupported = |what: String| Err(MappingsError::Unsupported { rule: id.to_owned(), what });
    match rule.get("rule-type").and_then(Value::as_str) {
        Some("selection") => {}
        Some(kind @ ("table-settings" | "validation" | "post-processing")) => {
            return unsupported(format!("rules of the type {kind}"));
        }
        Some(kind) => return invalid(&format!("the rule {id} has the unknown rule-type {kind}")),
        None => return invalid(&format!("the rule {id} has no rule-type")),
    }
    if rule.get("filters").is_some_and(|filters| filters.as_array().is_none_or(|filters| !filters.is_empty())) {
        return unsupported("source filters".to_owned());
    }
    let locator = |name: &str| rule.pointer(&format!("/object-locator/{name}")).and_then(Value::as_str);
    match locator("table-type") {
        None | Some("table" | "all") => {}
        Some(other) => return unsupported(format!("the table-type {other}")),
    }
    let (Some(schema), Some(table)) = (locator("schema-name"), locator("table-name")) else {
        return invalid(&format!("the object-locator of the rule {id} has no schema-name or no table-name"));
    };
    if schema.is_empty() || table.is_empty() {
        return invalid(&format!("the object-locator of the rule {id} has an empty name"));
    }
    let action = rule.get("rule-action").and_then(Value::as_str).unwrap_or_default();
    let pattern = match action {
        "include" | "exclude" => Pattern::parse,
        // "If the rule-action is explicit, specify the exact name of the schema and the table" (ibid.).
        "explicit" if schema.contains('%') || table.contains('%') => {
            return invalid(&format!("the explicit rule {id} contains a wildcard"));
        }
        "explicit" => Pattern::exactly,
        other => return invalid(&format!("the rule {id} has the unknown rule-action `{other}`")),
    };
    let load_order = match rule.get("load-order") {
        None | Some(Value::Null) => 0,
        Some(value) => match value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok())) {
            Some(number) => number,
            None => return invalid(&format!("the load-order of the rule {id} is not a number")),
        },
    };
    Ok(Rule { schema: pattern(schema), table: pattern(table), includes: action != "exclude", load_order })
}
