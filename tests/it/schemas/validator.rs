//! Validates a value against a JSON schema, as far as the schemas of this repository go. A keyword that it does not
//! know is an error, so no part of a schema is ignored.

use serde_json::Value;

/// Keywords that describe, and require nothing.
const ANNOTATIONS: [&str; 6] = ["$schema", "$defs", "title", "description", "default", "format"];

/// Returns what is wrong with a value.
pub(super) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    Validator { root: schema }.check(schema, value, "$", &mut problems);
    problems
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let schema = match schema {
            Value::Bool(true) => return,
            Value::Object(schema) => schema,
            other => return problems.push(format!("{at}: nothing fits {other}")),
        };
        for (keyword, rule) in schema {
            let mut fail = |what: &str| problems.push(format!("{at}: {what} `{rule}`: {value}"));
            match keyword.as_str() {
                "$ref" => {
                    let pointer = rule.as_str().and_then(|rule| rule.strip_prefix('#')).expect("a reference inside");
                    let found = self.root.pointer(pointer).unwrap_or_else(|| panic!("there is no {rule}"));
                    self.check(found, value, at, problems);
                }
                "type" if !has_type(rule, value) => fail("it has not the type"),
                "const" if rule != value => fail("it is not"),
                "enum" if !list(rule).contains(value) => fail("it is none of"),
                "minimum" if value.as_f64() < rule.as_f64() && value.is_number() => fail("it is below"),
                "maximum" if value.as_f64() > rule.as_f64() && value.is_number() => fail("it is above"),
                "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < number(rule)) => {
                    fail("it has fewer items than");
                }
                "maxItems" if value.as_array().is_some_and(|items| items.len() as u64 > number(rule)) => {
                    fail("it has more items than");
                }
                "required" => {
                    for key in list(rule).iter().filter_map(Value::as_str) {
                        if value.is_object() && value.get(key).is_none() {
                            problems.push(format!("{at}: it has no `{key}`"));
                        }
                    }
                }
                "properties" => {
                    for (key, inner) in rule.as_object().expect("properties") {
                        if let Some(found) = value.get(key) {
                            self.check(inner, found, &format!("{at}.{key}"), problems);
                        }
                    }
                }
                "additionalProperties" => {
                    let known = schema.get("properties").and_then(Value::as_object);
                    for (key, found) in value.as_object().into_iter().flatten() {
                        if known.is_none_or(|known| !known.contains_key(key)) {
                            self.check(rule, found, &format!("{at}.{key}"), problems);
                        }
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}[{index}]"), problems);
                    }
                }
                "anyOf" | "oneOf" => self.choose(keyword, list(rule), value, at, problems),
                "type" | "const" | "enum" | "minimum" | "maximum" | "minItems" | "maxItems" => {}
                annotation if ANNOTATIONS.contains(&annotation) => {}
                other => panic!("the validator does not know `{other}`"),
            }
        }
    }

    fn choose(&self, keyword: &str, choices: &[Value], value: &Value, at: &str, problems: &mut Vec<String>) {
        let tried = choices.iter().map(|choice| {
            let mut found = Vec::new();
            self.check(choice, value, at, &mut found);
            found
        });
        let tried: Vec<Vec<String>> = tried.collect();
        match tried.iter().filter(|found| found.is_empty()).count() {
            0 => problems.extend(tried.into_iter().min_by_key(Vec::len).unwrap_or_default()),
            1 => {}
            _ if keyword == "anyOf" => {}
            several => problems.push(format!("{at}: {several} choices fit: {value}")),
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("a list")
}

fn number(rule: &Value) -> u64 {
    rule.as_u64().expect("a number")
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().expect("the name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type `{other}`"),
    };
    match rule.as_array() {
        Some(names) => names.iter().any(is),
        None => is(rule),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "on": { "const": true },
                "percent": { "type": "integer", "minimum": 0, "maximum": 100 },
                "side": { "type": ["string", "null"], "enum": ["source", "target", null] },
                "tables": { "type": "array", "items": { "$ref": "#/$defs/name" }, "minItems": 1, "maxItems": 2 },
                "any": { "oneOf": [{ "type": "string" }, { "type": "number" }, { "type": "integer" }] },
            },
            "required": ["percent"],
            "additionalProperties": false,
            "$defs": { "name": { "type": "string" } },
        })
    }

    #[test]
    fn what_follows_the_schema_has_no_problems() {
        for value in [
            json!({ "percent": 100, "on": true, "side": null, "tables": ["a", "b"], "any": "x" }),
            json!({ "percent": 0, "side": "target", "any": 0.5 }),
        ] {
            assert_eq!(problems(&schema(), &value), [""; 0]);
        }
    }

    #[test]
    fn every_keyword_finds_its_problem() {
        for (value, problem) in [
            (json!([]), "$: it has not the type"),
            (json!({}), "$: it has no `percent`"),
            (json!({ "percent": 101 }), "$.percent: it is above"),
            (json!({ "percent": -1 }), "$.percent: it is below"),
            (json!({ "percent": 0.5 }), "$.percent: it has not the type"),
            (json!({ "percent": 1, "on": false }), "$.on: it is not"),
            (json!({ "percent": 1, "side": "both" }), "$.side: it is none of"),
            (json!({ "percent": 1, "tables": [] }), "$.tables: it has fewer items"),
            (json!({ "percent": 1, "tables": ["a", "b", "c"] }), "$.tables: it has more items"),
            (json!({ "percent": 1, "tables": [1] }), "$.tables[0]: it has not the type"),
            (json!({ "percent": 1, "any": true }), "$.any: it has not the type"),
            (json!({ "percent": 1, "any": 1 }), "$.any: 2 choices fit"),
            (json!({ "percent": 1, "more": 1 }), "$.more: nothing fits false"),
        ] {
            let found = problems(&schema(), &value);
            assert!(found.len() == 1 && found[0].starts_with(problem), "{value}: {found:?} instead of {problem}");
        }
    }

    #[test]
    #[should_panic(expected = "does not know `pattern`")]
    fn a_keyword_is_never_ignored() {
        problems(&json!({ "pattern": "a" }), &json!("a"));
    }
}
