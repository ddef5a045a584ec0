//! Inputs of a resource as they follow from its attributes, if a specification can express them.
//!
//! Attributes have the form that AWS shows, which is not always the form of the input. So a value counts only if the
//! kind can parse the specification that contains it.

use serde_json::Value;

use super::kind::Kind;
use super::schema::Comparison;
use crate::plan::Change;

/// Returns the observed value of an input. Some kinds nest what AWS shows in objects.
pub fn observed_input(kind: &dyn Kind, attrs: &Value, input: &str) -> Option<Value> {
    if let Some((_, value)) = kind.inputs_from_attrs(attrs).into_iter().find(|(name, _)| *name == input) {
        return Some(value);
    }
    let inner = || attrs.as_object()?.values().filter_map(Value::as_object).find_map(|group| group.get(input));
    attrs.get(input).or_else(inner).cloned()
}

/// Returns the specification with another value of an input, if the kind can parse it.
pub fn with_input(kind: &dyn Kind, spec: &Value, input: &str, value: Value) -> Option<Value> {
    let mut other = spec.clone();
    *other.get_mut(input)? = value;
    kind.parses(&other).then_some(other)
}

/// Returns the input that a field of the attributes, as named by drift, comes from.
pub fn input_of(kind: &dyn Kind, field: &str) -> Option<&'static str> {
    let name = field.rsplit('.').next().unwrap_or(field);
    let schema = kind.schema();
    let can_change = |input: &&str| !schema.immutable.contains(input) || schema.replace_on_change.contains(input);
    kind.inputs().iter().find(|input| **input == name && can_change(input)).copied()
}

/// Returns the specification with the observed value of the input that a field comes from, if there is such an input.
pub fn with_observed_field(kind: &dyn Kind, spec: &Value, attrs: &Value, field: &str) -> Option<Value> {
    let input = input_of(kind, field)?;
    with_input(kind, spec, input, observed_input(kind, attrs, input)?)
}

/// Returns the observed value of an immutable input, if the attributes contain it.
pub fn observed_immutable(kind: &dyn Kind, attrs: &Value, input: &str) -> Option<Value> {
    let said = kind.inputs_from_attrs(attrs).into_iter().find(|(name, _)| *name == input).map(|(_, value)| value);
    said.or_else(|| attrs.get(input).cloned()).filter(|value| !value.is_null())
}

/// Returns whether a new value of an input only names what was chosen when the resource was created, or no longer names
/// it.
pub fn keeps_choice(kind: &dyn Kind, attrs: Option<&Value>, input: &str, new: &Value) -> bool {
    let chosen = || observed_immutable(kind, attrs?, input);
    kind.schema().comparison(input) == Comparison::Chosen && (new.is_null() || chosen().as_ref() == Some(new))
}

/// Returns the immutable inputs that differ, if AWS shows them, with observed and configured values.
pub fn immutable_diff(kind: &dyn Kind, spec: &Value, attrs: &Value) -> Vec<Change> {
    let wanted = |input: &str| spec.get(input).filter(|wanted: &&Value| !wanted.is_null());
    // AWS chooses the value of an input that is not configured.
    kind.schema()
        .immutable
        .iter()
        .filter_map(|input| difference(kind, input, wanted(input)?, &observed_immutable(kind, attrs, input)?))
        .collect()
}

/// Returns the specification with the observed values of all differing inputs, if it can express all of them.
pub fn with_observed(kind: &dyn Kind, spec: &Value, differing: &[Change]) -> Option<Value> {
    differing.iter().try_fold(spec.clone(), |known, change| with_input(kind, &known, &change.field, change.old.clone()))
}

/// Returns a description of the differences.
pub fn describe(differing: &[Change]) -> String {
    differing
        .iter()
        .map(|change| format!("`{}` is {} and not {}", change.field, change.old, change.new))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the observed and the configured value of an input, if they differ.
pub fn difference(kind: &dyn Kind, input: &str, wanted: &Value, shown: &Value) -> Option<Change> {
    let comparison = kind.schema().comparison(input);
    (!equivalent(comparison, wanted, shown)).then(|| Change::new(input, shown.clone(), wanted.clone()))
}

/// Returns whether the observed value matches the configured one. AWS does not keep the order of lists.
fn equivalent(comparison: Comparison, wanted: &Value, shown: &Value) -> bool {
    match (wanted, shown) {
        (Value::String(wanted), Value::String(shown)) => match comparison {
            Comparison::Exact | Comparison::Chosen => wanted == shown,
            Comparison::IgnoreCase => wanted.eq_ignore_ascii_case(shown),
            Comparison::VersionPrefix => wanted == shown || shown.starts_with(&format!("{wanted}.")),
            Comparison::Template => wanted == shown || wanted.contains('{'),
        },
        (Value::Array(wanted), Value::Array(shown)) => {
            let matches = |one: &Value| shown.iter().any(|other| equivalent(comparison, one, other));
            wanted.len() == shown.len() && wanted.iter().all(matches)
        }
        (Value::Object(wanted), Value::Object(shown)) => {
            let matches =
                |key: &String, one: &Value| shown.get(key).is_some_and(|other| equivalent(comparison, one, other));
            wanted.len() == shown.len() && wanted.iter().all(|(key, one)| matches(key, one))
        }
        _ => wanted == shown,
    }
}

/// Returns the name in drift for a difference that no attribute contains: the operation that corrects it.
pub fn by_call(call: &str) -> &str {
    call.split_once(':').map_or(call, |(_, operation)| operation)
}

/// Returns the value of a field of the attributes, as named by drift.
pub fn get_field<'a>(attrs: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(attrs, |inner, name| inner.get(name))
}

/// Returns the attributes with another value of a field.
pub fn set_field(mut attrs: Value, field: &str, value: &Value) -> Value {
    let place = field.split('.').try_fold(&mut attrs, |inner, name| inner.get_mut(name));
    if let Some(place) = place {
        place.clone_from(value);
    }
    attrs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_and_changed_by_its_way() {
        let attrs = json!({ "settings": { "threshold": 1.0 }, "name": "a" });
        assert_eq!(get_field(&attrs, "settings.threshold"), Some(&json!(1.0)));
        assert_eq!(
            set_field(attrs, "settings.threshold", &json!(2.0)),
            json!({ "settings": { "threshold": 2.0 }, "name": "a" })
        );
    }
}
