//! Each event has a schema with its fields, and a line in docs/events.md.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use syn::{Field, Item, LitStr};

use super::read;
use crate::architecture::layers::files;

/// Fields of each event: whether they are always present.
type Events = BTreeMap<String, BTreeMap<String, bool>>;

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(char.to_lowercase());
    }
    text
}

/// Returns the name of a field in JSON, and whether it is always present.
fn field(field: &Field) -> (String, bool) {
    let mut name = field.ident.as_ref().expect("a named field").to_string();
    let mut is_always_present = true;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let read = attribute.parse_nested_meta(|meta| {
            let value: LitStr = meta.value()?.parse()?;
            if meta.path.is_ident("rename") {
                name = value.value();
            } else if meta.path.is_ident("skip_serializing_if") {
                is_always_present = false;
            }
            Ok(())
        });
        read.expect("an attribute of serde");
    }
    (name, is_always_present)
}

/// Returns the events of a run, as `src/core/events.rs` declares them.
fn declared() -> Events {
    let text = std::fs::read_to_string("src/core/events.rs").expect("the events");
    let file = syn::parse_file(&text).expect("Rust");
    let events = file.items.into_iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == "Event" => Some(item),
        _ => None,
    });
    let variants = events.expect("the type of the events").variants.into_iter();
    variants
        .map(|variant| (snake_case(&variant.ident.to_string()), variant.fields.iter().map(field).collect()))
        .collect()
}

/// Returns the events that have a schema.
fn described() -> Events {
    let schema = read("events");
    let choices = schema["oneOf"].as_array().expect("choices").iter();
    let names = choices.map(|choice| choice["$ref"].as_str().expect("a reference").trim_start_matches("#/$defs/"));
    names
        .map(|name| {
            let event = &schema["$defs"][name];
            assert_eq!(event["properties"]["event"]["const"], name);
            let required: BTreeSet<&str> =
                event["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            assert!(required.contains("event"), "{name}");
            let fields = event["properties"].as_object().expect("fields").keys().filter(|key| *key != "event");
            (name.to_owned(), fields.map(|key| (key.clone(), required.contains(key.as_str()))).collect())
        })
        .collect()
}

#[test]
fn each_event_of_a_run_has_a_schema_with_its_fields() {
    let (declared, mut described) = (declared(), described());
    assert!(declared.len() > 15, "{declared:?}");
    // `traffic shift` writes it, too, with a share that can be unknown.
    let shifted = described.get_mut("traffic_shifted").and_then(|fields| fields.get_mut("from"));
    *shifted.expect("the schema") = false;
    for (event, fields) in declared {
        assert_eq!(described.get(&event), Some(&fields), "docs/schemas/events.json: {event}");
    }
}

#[test]
fn each_event_that_a_command_writes_has_a_schema_and_a_line_in_the_documentation() {
    let described = described();
    let mut written = BTreeSet::new();
    for file in files("src/cli", &["rs"]) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for after in text.split("\"event\": \"").skip(1) {
            written.insert(after.split('"').next().unwrap_or_default().to_owned());
        }
    }
    assert!(written.remove("notification"), "it has its own schema");
    assert!(written.len() > 7, "{written:?}");
    let page = std::fs::read_to_string("docs/events.md").expect("the page");
    let missing: Vec<&String> = written.iter().filter(|event| !described.contains_key(*event)).collect();
    assert!(missing.is_empty(), "docs/schemas/events.json has not {missing:?}");
    for (event, fields) in described {
        let line = page.lines().find(|line| line.starts_with(&format!("| `{event}` |")));
        let line = line.unwrap_or_else(|| panic!("docs/events.md has no line for `{event}`"));
        for field in fields.keys() {
            assert!(line.contains(&format!("`{field}`")), "docs/events.md: `{event}` has no `{field}`");
        }
    }
}
