//! Policy documents: reading what IAM returns, and comparing by meaning.

use serde_json::{Map, Value};

/// Reads a document as IAM returns it: JSON, percent-encoded "compliant with RFC 3986" (GetRole, GetRolePolicy).
///
/// A document that cannot be read is `null`. It differs from every wanted document, so it is written again.
pub(crate) fn read(encoded: &str) -> Value {
    serde_json::from_str(&decode(encoded)).map_or(Value::Null, canonical)
}

/// Returns the canonical form of a document, in which documents of the same meaning are equal: IAM treats a text as a
/// list of one text and a statement as a list of one statement, and ignores the order of a list of texts.
pub(crate) fn canonical(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, inner)| (key, canonical(inner))).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(canonical).collect();
            if items.iter().all(Value::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                items.dedup();
            }
            match <[Value; 1]>::try_from(items) {
                Ok([one]) => one,
                Err(items) => Value::Array(items),
            }
        }
        // Conditions hold booleans as texts; IAM accepts both.
        Value::Bool(truth) => Value::String(truth.to_string()),
        other => other,
    }
}

fn decode(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| encoded.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .flatten();
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_of_the_same_meaning_are_equal() {
        let one = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Action": ["s3:PutObject", "s3:GetObject"], "Resource": ["*"] }],
        });
        let other = json!({
            "Statement": { "Resource": "*", "Action": ["s3:GetObject", "s3:PutObject"] },
            "Version": "2012-10-17",
        });
        assert_eq!(canonical(one), canonical(other));
    }

    #[test]
    fn an_encoded_document_is_read() {
        assert_eq!(read("%7B%22a%22%3A%22100%25%20%C3%A9%22%7D"), json!({ "a": "100% é" }));
        assert_eq!(read("no json"), Value::Null);
    }
}
