//! Whether the trust policy of a role lets a service assume it.
//!
//! Modelled are the principals and the condition keys that services send: `aws:SourceAccount` and `aws:SourceArn`. A
//! condition with another operator or another key is not fulfilled: "If the key that you specify in a policy condition
//! is not present in the request context, the values do not match and the condition is false" ("IAM JSON policy
//! elements: Condition", IAM User Guide).

use serde_json::Value;
use wildmatch::WildMatch;

/// A service that assumes a role, and what it sends about its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceCaller<'a> {
    /// Its service principal, for example `lambda.amazonaws.com`.
    pub principal: &'a str,
    /// The account for which it acts (`aws:SourceAccount`).
    pub account: &'a str,
    /// The resource for which it acts (`aws:SourceArn`); `None` if the service does not send it.
    pub arn: Option<&'a str>,
}

impl ServiceCaller<'_> {
    /// Returns whether a trust policy allows this caller `sts:AssumeRole`. A statement that denies it takes precedence.
    pub(super) fn is_trusted_by(&self, policy: &Value) -> bool {
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let has = |effect: &str| {
            statements.iter().any(|statement| {
                statement.get("Effect").is_some_and(|its| its == effect)
                    && texts(statement.pointer("/Principal/Service")).any(|principal| principal == self.principal)
                    && texts(statement.get("Action")).any(|action| WildMatch::new(action).matches("sts:AssumeRole"))
                    && self.fulfils(statement.get("Condition"))
            })
        };
        has("Allow") && !has("Deny")
    }

    /// "If your policy has multiple condition operators or multiple keys attached to a single condition operator, the
    /// conditions are evaluated using a logical AND", the values of a key "using a logical OR".
    fn fulfils(&self, condition: Option<&Value>) -> bool {
        let operators = condition.and_then(Value::as_object);
        operators.into_iter().flatten().all(|(operator, keys)| {
            let matches: fn(&str, &str) -> bool = match operator.as_str() {
                "StringEquals" => |pattern, value| pattern == value,
                "StringLike" => |pattern, value| WildMatch::new(pattern).matches(value),
                // "ArnEquals and ArnLike behave identically."
                "ArnLike" | "ArnEquals" => arn_matches,
                _ => return false,
            };
            keys.as_object().is_some_and(|keys| {
                keys.iter().all(|(key, values)| {
                    self.value(key).is_some_and(|value| texts(Some(values)).any(|pattern| matches(pattern, value)))
                })
            })
        })
    }

    /// "Condition key names are not case-sensitive."
    fn value(&self, key: &str) -> Option<&str> {
        match key.to_ascii_lowercase().as_str() {
            "aws:sourceaccount" => Some(self.account),
            "aws:sourcearn" => self.arn,
            _ => None,
        }
    }
}

/// "Each of the six colon-delimited components of the ARN is checked separately and each can include multi-character
/// match wildcards (*) or single-character match wildcards (?)" (`ArnLike`).
fn arn_matches(pattern: &str, arn: &str) -> bool {
    let [pattern, arn] = [pattern, arn].map(|text| text.splitn(6, ':').collect::<Vec<_>>());
    pattern.len() == 6
        && arn.len() == 6
        && pattern.iter().zip(&arn).all(|(pattern, part)| WildMatch::new(pattern).matches(part))
}

/// Returns the texts of a value that is a text or a list of texts.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let several = match value {
        Some(Value::Array(several)) => several.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    several.iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ACCOUNT: &str = "111122223333";
    const TASK: &str = "arn:aws-cn:ecs:cn-north-1:111122223333:task/cluster/1";

    fn trusts(condition: &Value, caller: ServiceCaller<'_>) -> bool {
        let statement = json!({
            "Effect": "Allow", "Principal": { "Service": ["ecs-tasks.amazonaws.com"] }, "Action": "sts:AssumeRole",
            "Condition": condition,
        });
        caller.is_trusted_by(&json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    fn caller() -> ServiceCaller<'static> {
        ServiceCaller { principal: "ecs-tasks.amazonaws.com", account: ACCOUNT, arn: Some(TASK) }
    }

    #[test]
    fn a_role_was_assumed_whatever_its_conditions_said() {
        let both = json!({
            "StringEquals": { "aws:SourceAccount": ACCOUNT },
            "ArnLike": { "AWS:SourceArn": ["arn:aws-cn:ecs:cn-north-1:111122223333:*"] },
        });
        assert!(trusts(&both, caller()) && trusts(&json!({}), caller()));
        assert!(!trusts(&both, ServiceCaller { account: "444455556666", ..caller() }));
        assert!(!trusts(&both, ServiceCaller { principal: "ecs.amazonaws.com", ..caller() }));
        let elsewhere = "arn:aws-cn:ecs:cn-north-1:444455556666:task/cluster/1";
        assert!(!trusts(&both, ServiceCaller { arn: Some(elsewhere), ..caller() }));
        assert!(!trusts(&both, ServiceCaller { arn: None, ..caller() }), "the key is not in the request");
        let partition = json!({ "ArnLike": { "aws:SourceArn": "arn:aws:ecs:cn-north-1:111122223333:*" } });
        assert!(!trusts(&partition, caller()));
        assert!(!trusts(&json!({ "StringEquals": { "sts:ExternalId": "1" } }), caller()));
        assert!(!trusts(&json!({ "Bool": { "aws:SourceAccount": ACCOUNT } }), caller()));
    }

    #[test]
    fn a_wildcard_stays_in_its_part_of_an_arn() {
        assert!(arn_matches("arn:*:ecs:*:111122223333:*", TASK));
        assert!(!arn_matches("arn:*:task/cluster/1", TASK) && !arn_matches("arn:aws-cn:ecs:cn-north-?:1*", TASK));
    }

    #[test]
    fn what_is_denied_is_not_allowed() {
        let service = json!({ "Service": "ecs-tasks.amazonaws.com" });
        let statement = |effect: &str| json!({ "Effect": effect, "Principal": service, "Action": "sts:AssumeRole" });
        assert!(caller().is_trusted_by(&json!({ "Statement": statement("Allow") })));
        assert!(!caller().is_trusted_by(&json!({ "Statement": [statement("Allow"), statement("Deny")] })));
    }
}
