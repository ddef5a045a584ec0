//! The names and policy documents that IAM accepts ("IAM and AWS STS quotas", "Grammar of the IAM JSON policy
//! language").

use std::collections::BTreeSet;

use serde_json::Value;

use crate::registry::{Rejection, refuse};

/// `[\w+=,.@-]+`, up to `max_length` characters.
pub(super) fn check_name(what: &str, name: &str, max_length: usize) -> Result<(), Rejection> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (1..=max_length).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    refuse(
        "ValidationError",
        format!("1 validation error detected: Value '{name}' at '{what}' failed to satisfy constraint"),
    )
}

fn malformed<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("MalformedPolicyDocument", why)
}

/// Parses a document and checks the rules that apply to all documents.
fn statements(document: &str) -> Result<(Value, Vec<Value>), Rejection> {
    let Ok(policy) = serde_json::from_str::<Value>(document) else {
        return malformed("This policy contains invalid Json");
    };
    if !matches!(policy.get("Version").and_then(Value::as_str), Some("2012-10-17" | "2008-10-17")) {
        return malformed("The policy failed legacy parsing: Version");
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(several)) if !several.is_empty() => several.clone(),
        Some(Value::Object(one)) => vec![Value::Object(one.clone())],
        _ => return malformed("Missing required field Statement"),
    };
    let mut sids = BTreeSet::new();
    for statement in &statements {
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return malformed("Missing required field Effect");
        }
        if let Some(sid) = statement.get("Sid").and_then(Value::as_str) {
            // "The Sid element supports ASCII uppercase letters, lowercase letters, and numbers"; unique within the
            // policy.
            if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return malformed(format!("Statement IDs (SID) must be alpha-numeric: {sid}"));
            }
            if !sid.is_empty() && !sids.insert(sid.to_owned()) {
                return malformed("Statement IDs (SID) in a single policy must be unique.");
            }
        }
        for action in string_list(statement.get("Action")) {
            if action != "*" && action.split_once(':').is_none_or(|(vendor, name)| vendor.is_empty() || name.is_empty())
            {
                return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
            }
        }
        if statement.get("Condition").is_some_and(|condition| !condition.is_object()) {
            return malformed("Syntax errors in policy.");
        }
    }
    Ok((policy, statements))
}

/// Returns a string or a list of strings as a list.
fn string_list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Checks a policy that states who can assume a role.
pub(super) fn check_trust(document: &str) -> Result<Value, Rejection> {
    // "Role trust policy length: 2,048 characters" (adjustable).
    if document.len() > 2048 {
        return refuse("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048");
    }
    let (policy, statements) = statements(document)?;
    for statement in &statements {
        if statement.get("Resource").is_some() {
            return malformed("Has prohibited field Resource");
        }
        let Some(principal) = statement.get("Principal") else { return malformed("Missing required field Principal") };
        for service in string_list(principal.get("Service")) {
            if !service.ends_with(".amazonaws.com") && !service.ends_with(".amazonaws.com.cn") {
                return malformed(format!("Invalid principal in policy: \"SERVICE\":\"{service}\""));
            }
        }
        let actions = string_list(statement.get("Action"));
        if actions.is_empty() {
            return malformed("Missing required field Action");
        }
        if !actions.iter().all(|action| action.starts_with("sts:")) {
            return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
        }
    }
    Ok(policy)
}

/// Checks a policy that states which actions are allowed.
pub(super) fn check_permissions(document: &str) -> Result<Value, Rejection> {
    let (policy, statements) = statements(document)?;
    for statement in &statements {
        if statement.get("Principal").is_some() {
            return malformed("Policy document should not specify a principal.");
        }
        if string_list(statement.get("Action")).is_empty() && string_list(statement.get("NotAction")).is_empty() {
            return malformed("Policy statement must contain actions.");
        }
        let resources = string_list(statement.get("Resource"));
        if resources.is_empty() && string_list(statement.get("NotResource")).is_empty() {
            return malformed("Policy statement must contain resources.");
        }
        for resource in resources {
            let is_arn = resource.starts_with("arn:") && resource.split(':').count() >= 6;
            if resource != "*" && !is_arn {
                return malformed(format!("Resource {resource} must be in ARN format or \"*\"."));
            }
        }
    }
    Ok(policy)
}

/// "The policy document is URL-encoded compliant with RFC 3986" (GetRole).
pub(super) fn encode(document: &Value) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let to_sdk = |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    document.to_string().bytes().map(to_sdk).collect()
}
