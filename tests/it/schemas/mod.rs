//! The JSON schemas in `docs/schemas`: what programs that read the output of commands can rely on.

mod commands;
mod events;
mod notification;
mod validator;

use std::path::Path;

use serde_json::Value;

/// Reads a schema in `docs/schemas`, or another file of the repository that ends in `.json`.
fn read(name: &str) -> Value {
    let path =
        if Path::new(name).extension().is_some() { name.to_owned() } else { format!("docs/schemas/{name}.json") };
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Asserts that a value follows a schema.
pub fn check(schema: &str, value: &Value) {
    let problems = validator::problems(&read(schema), value);
    assert!(problems.is_empty(), "this does not follow the schema {schema}: {problems:#?}\n{value}");
}

/// Asserts that everything that a command has written is an event or follows `schema`. Returns how many values do.
pub fn check_output(schema: Option<&str>, output: &str) -> usize {
    let values = serde_json::Deserializer::from_str(output).into_iter::<Value>();
    let mut results = 0;
    for value in values {
        let value = value.unwrap_or_else(|error| panic!("not JSON: {error}\n{output}"));
        match schema {
            _ if value.get("event").is_some() => check("events", &value),
            Some(schema) => {
                check(schema, &value);
                results += 1;
            }
            None => panic!("this is no event: {value}"),
        }
    }
    results
}
