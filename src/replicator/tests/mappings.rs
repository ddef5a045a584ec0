//! Which tables mappings select, and which mappings are refused.

use serde_json::{Value, json};

use super::world::mappings;
use crate::mappings::{Mappings, MappingsError};
use crate::model::TableName;
use crate::wildcard::Pattern;

fn selects(rules: &[(&str, &str, &str)], schema: &str, name: &str) -> bool {
    mappings(rules).selects(&TableName::new(schema, name))
}

#[test]
fn wildcards_are_those_of_the_documentation() {
    let matches = |pattern: &str, name: &str| Pattern::parse(pattern).matches(name);
    assert!(matches("%", "") && matches("a%z", "abcz") && !matches("a%z", "abc"));
    assert!(matches("a_c", "abc") && !matches("a_c", "ac"));
    assert!(matches("a[_]c", "a_c") && !matches("a[_]c", "abc"));
    assert!(matches("[ab]1", "b1") && !matches("[ab]1", "c1"));
    assert!(matches("[a-d]1", "c1") && !matches("[a-d]1", "e1"));
    assert!(!matches("Payments", "payments"), "names are compared with their case");
    assert!(matches("a[b", "a[b"));
}

#[test]
fn an_exclude_rule_wins_wherever_it_stands() {
    let rules = [("public", "audit%", "exclude"), ("public", "%", "include")];
    assert!(selects(&rules, "public", "payment"));
    assert!(!selects(&rules, "public", "audit_log"));
    assert!(!selects(&rules, "other", "payment"));
    assert!(selects(&[("public", "a_b", "explicit")], "public", "a_b"));
    assert!(!selects(&[("public", "a_b", "explicit")], "public", "axb"), "an explicit rule has no wildcards");
}

fn refused(document: &Value) -> String {
    Mappings::parse(document).expect_err("the document is refused").to_string()
}

#[test]
fn what_is_not_supported_or_not_valid_is_refused() {
    let rule = |change: &dyn Fn(&mut Value)| {
        let mut rule = json!({"rule-type": "selection", "rule-id": "1", "rule-name": "a",
            "object-locator": {"schema-name": "public", "table-name": "%"}, "rule-action": "include"});
        change(&mut rule);
        json!({"rules": [rule]})
    };
    let kind = rule(&|rule| rule["rule-type"] = json!("table-settings"));
    assert!(matches!(Mappings::parse(&kind), Err(MappingsError::Unsupported { .. })));
    let renames = rule(&|rule| {
        (rule["rule-type"], rule["rule-target"]) = (json!("transformation"), json!("column"));
        rule["rule-action"] = json!("rename");
    });
    assert!(matches!(Mappings::parse(&renames), Err(MappingsError::Unsupported { .. })));
    let filtered = rule(&|rule| rule["filters"] = json!([{"filter-type": "source"}]));
    assert!(matches!(Mappings::parse(&filtered), Err(MappingsError::Unsupported { .. })));
    assert!(refused(&rule(&|rule| rule["rule-action"] = json!("exclude"))).contains("no selection rule includes"));
    assert!(refused(&rule(&|rule| rule["rule-id"] = json!("x"))).contains("not numeric"));
    assert!(refused(&rule(&|rule| rule["object-locator"] = json!({"schema-name": "s"}))).contains("no table-name"));
    assert!(refused(&json!({"rules": []})).contains("no selection rule"));
    assert!(refused(&json!({})).contains("no list of rules"));
}

#[test]
fn a_column_can_be_removed() {
    let document = json!({"rules": [
        {"rule-type": "selection", "rule-id": "1", "rule-name": "1",
         "object-locator": {"schema-name": "public", "table-name": "%"}, "rule-action": "include"},
        {"rule-type": "transformation", "rule-id": "2", "rule-name": "2", "rule-target": "column",
         "object-locator": {"schema-name": "public", "table-name": "payments", "column-name": "total"},
         "rule-action": "remove-column"},
    ]});
    let mappings = Mappings::parse(&document).expect("it is valid");
    let payments = TableName::new("public", "payments");
    assert!(mappings.selects(&payments) && mappings.removes(&payments, "total"));
    assert!(!mappings.removes(&payments, "id") && !mappings.removes(&TableName::new("public", "x"), "total"));
}
