//! What the attributes of a thing tell of its inputs, as far as a specification can say it.
//!
//! Attributes are what AWS shows, and not every one of them has the form of the input that it comes from. So whatever is put into a
//! specification in this way is tried: it counts only if the kind can read it.

use serde_json::Value;

use super::kind::Kind;
use crate::plan::Change;

/// Returns what an input is in AWS. Some kinds keep what AWS shows in groups.
pub fn told(kind: &dyn Kind, attrs: &Value, input: &str) -> Option<Value> {
    if let Some((_, value)) = kind.as_inputs(attrs).into_iter().find(|(name, _)| *name == input) {
        return Some(value);
    }
    let inner = || attrs.as_object()?.values().filter_map(Value::as_object).find_map(|group| group.get(input));
    attrs.get(input).or_else(inner).cloned()
}

/// Returns a specification with another value of one input, if the kind can read it.
pub fn with(kind: &dyn Kind, spec: &Value, input: &str, value: Value) -> Option<Value> {
    let mut other = spec.clone();
    *other.get_mut(input)? = value;
    kind.reads(&other).then_some(other)
}

/// Returns the input that a field of the attributes, as drift names it, comes from.
pub fn input_of(kind: &dyn Kind, field: &str) -> Option<&'static str> {
    let name = field.rsplit('.').next().unwrap_or(field);
    let about = kind.about();
    let can_change = |input: &&str| !about.immutable.contains(input) || about.taken_over.contains(input);
    kind.inputs().iter().find(|input| **input == name && can_change(input)).copied()
}

/// Returns a specification in which the input that a field comes from is as the attributes show it, if there is such an input.
pub fn as_shown(kind: &dyn Kind, spec: &Value, attrs: &Value, field: &str) -> Option<Value> {
    let input = input_of(kind, field)?;
    with(kind, spec, input, told(kind, attrs, input)?)
}

/// Returns what an immutable input is in AWS, if the attributes show it.
pub fn shown(kind: &dyn Kind, attrs: &Value, input: &str) -> Option<Value> {
    let said = kind.as_inputs(attrs).into_iter().find(|(name, _)| *name == input).map(|(_, value)| value);
    said.or_else(|| attrs.get(input).cloned()).filter(|value| !value.is_null())
}

/// Returns the immutable inputs that differ, as far as AWS shows them: each as it is, and as it is specified.
pub fn fixed(kind: &dyn Kind, spec: &Value, attrs: &Value) -> Vec<Change> {
    let wanted = |input: &str| spec.get(input).filter(|wanted: &&Value| !wanted.is_null());
    // What is not specified is left to AWS.
    kind.about().immutable.iter().filter_map(|input| difference(input, wanted(input)?, &shown(kind, attrs, input)?)).collect()
}

/// Returns a specification in which everything that differs is as it is, if it can say all of it.
pub fn as_it_is(kind: &dyn Kind, spec: &Value, differing: &[Change]) -> Option<Value> {
    differing.iter().try_fold(spec.clone(), |known, change| with(kind, &known, &change.field, change.old.clone()))
}

/// Says what differs, in words.
pub fn in_words(differing: &[Change]) -> String {
    differing.iter().map(|change| format!("`{}` is {} and not {}", change.field, change.old, change.new)).collect::<Vec<_>>().join(", ")
}

/// Returns how an input is and how it is wanted, if that is not the same.
pub fn difference(input: &str, wanted: &Value, shown: &Value) -> Option<Change> {
    (!same(wanted, shown)).then(|| Change::new(input, shown.clone(), wanted.clone()))
}

/// Whether AWS shows what is wanted. It does not keep to an order, and fills in what was left to it.
fn same(wanted: &Value, shown: &Value) -> bool {
    match (wanted, shown) {
        (Value::String(wanted), Value::String(shown)) => {
            wanted.eq_ignore_ascii_case(shown) || wanted.contains('{') || shown.starts_with(&format!("{wanted}."))
        }
        (Value::Array(wanted), Value::Array(shown)) => {
            wanted.len() == shown.len() && wanted.iter().all(|one| shown.iter().any(|other| same(one, other)))
        }
        (Value::Object(wanted), Value::Object(shown)) => {
            wanted.len() == shown.len() && wanted.iter().all(|(key, one)| shown.get(key).is_some_and(|other| same(one, other)))
        }
        _ => wanted == shown,
    }
}

/// Returns the name that drift has for what no attribute tells: that of the operation which puts it right.
pub fn by_call(call: &str) -> &str {
    call.split_once(':').map_or(call, |(_, operation)| operation)
}

/// Returns the value of a field of the attributes, as drift names it.
pub fn at<'a>(attrs: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(attrs, |inner, name| inner.get(name))
}

/// Returns the attributes with another value of a field.
pub fn put(mut attrs: Value, field: &str, value: &Value) -> Value {
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
    use crate::resource::kind;

    #[test]
    fn an_attribute_of_another_form_was_taken_for_the_input_of_its_name() {
        let alarm = kind("cloudwatch.alarm").expect("it is registered");
        let spec = json!({
            "name": "a", "description": "", "metric": { "namespace": "n", "name": "m", "dimensions": [] }, "statistic": "Sum",
            "period_seconds": 60, "evaluation_periods": 1, "datapoints_to_alarm": 1, "threshold": 1.0,
            "comparison": "GreaterThanThreshold", "treat_missing_data": "missing", "actions": [],
        });
        assert!(alarm.reads(&spec));
        assert!(with(alarm, &spec, "metric", json!("m")).is_none(), "a metric is more than its name");
        assert_eq!(with(alarm, &spec, "threshold", json!(2.0)).map(|spec| spec["threshold"].clone()), Some(json!(2.0)));
    }

    #[test]
    fn a_field_is_found_and_changed_by_its_way() {
        let attrs = json!({ "settings": { "threshold": 1.0 }, "name": "a" });
        assert_eq!(at(&attrs, "settings.threshold"), Some(&json!(1.0)));
        assert_eq!(put(attrs, "settings.threshold", &json!(2.0)), json!({ "settings": { "threshold": 2.0 }, "name": "a" }));
    }
}
