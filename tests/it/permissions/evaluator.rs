//! IAM's evaluation of identity-based policies, as far as the derived policies use it ("Policy evaluation logic" and
//! "IAM JSON policy elements", IAM User Guide).

use std::collections::BTreeMap;

use serde_json::Value;

/// A resource that a request acts on, with its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its ARN; `*` if the action acts on no resource.
    pub arn: String,
    /// Its tags; none for one that does not exist yet.
    pub tags: BTreeMap<String, String>,
}

/// What IAM decides about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// The account that is called.
    pub account: String,
    /// The action.
    pub action: String,
    /// The resources. The action must be allowed on each.
    pub targets: Vec<Target>,
    /// The context keys.
    pub context: BTreeMap<String, String>,
}

/// Returns the resources on which the documents do not allow the action.
pub fn denied<'r>(documents: &[Value], request: &'r Request) -> Vec<&'r Target> {
    let statements: Vec<&Value> = documents.iter().flat_map(|document| list(&document["Statement"])).collect();
    let allows = |statement: &&Value, target: &Target| {
        statement["Effect"] == "Allow"
            && list(&statement["Action"]).iter().any(|pattern| matches(text(pattern), &request.action))
            && list(&statement["Resource"]).iter().any(|pattern| matches(text(pattern), &target.arn))
            && holds(&statement["Condition"], target, request)
    };
    let is_denied = |target: &&Target| !statements.iter().any(|statement| allows(statement, target));
    request.targets.iter().filter(is_denied).collect()
}

/// "If your policy has multiple condition operators or multiple keys, they are evaluated using a logical AND"; several
/// values with a logical OR. A key that is not in the context does not match.
fn holds(conditions: &Value, target: &Target, request: &Request) -> bool {
    let Some(operators) = conditions.as_object() else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().expect("keys").iter().all(|(key, values)| {
            let actual = match key.strip_prefix("aws:ResourceTag/") {
                Some(tag) => target.tags.get(tag),
                None => request.context.get(key),
            };
            let is_one_of = |actual: &String| match operator.as_str() {
                "StringEquals" | "Bool" => list(values).iter().any(|value| text(value) == actual),
                "StringLike" | "ArnLike" => list(values).iter().any(|value| matches(text(value), actual)),
                other => panic!("the evaluator does not know {other}"),
            };
            actual.is_some_and(is_one_of)
        })
    })
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// "You can use wildcard characters (* and ?)". A wildcard does not cross the parts of an ARN, apart from the last.
fn matches(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let parts = |arn: &str| -> Vec<String> { arn.splitn(6, ':').map(str::to_owned).collect() };
    if pattern.starts_with("arn:") {
        let (pattern, text) = (parts(pattern), parts(text));
        return pattern.len() == text.len() && pattern.iter().zip(&text).all(|(pattern, text)| glob(pattern, text));
    }
    glob(pattern, text)
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| glob(&pattern[1..], &text[at..]))
        }
        Some(first) => text.chars().next().is_some_and(|other| {
            (first == '?' || first == other) && glob(&pattern[first.len_utf8()..], &text[other.len_utf8()..])
        }),
    }
}

#[test]
fn the_evaluator_refuses_what_is_not_allowed() {
    let documents = [serde_json::json!({ "Statement": [
        { "Effect": "Allow", "Action": ["ec2:DeleteVpc"], "Resource": ["arn:aws:ec2:us-east-1:1:vpc/*"],
          "Condition": { "StringEquals": { "aws:ResourceTag/stack": ["ours"] } } },
        { "Effect": "Allow", "Action": "rds:DeleteDBInstance", "Resource": "arn:aws:rds:us-east-1:1:db:payments" },
        { "Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*",
          "Condition": { "StringEquals": { "aws:RequestTag/stack": ["ours"] } } },
    ] })];
    let allowed = |action: &str, arn: &str, tag: Option<&str>| {
        let tags = tag.map(|tag| ("stack".to_owned(), tag.to_owned())).into_iter().collect();
        let target = Target { arn: arn.to_owned(), tags };
        let (account, action) = ("1".to_owned(), action.to_owned());
        denied(&documents, &Request { account, action, targets: vec![target], context: BTreeMap::new() }).is_empty()
    };
    let vpc = "arn:aws:ec2:us-east-1:1:vpc/vpc-1";
    assert!(allowed("ec2:DeleteVpc", vpc, Some("ours")));
    assert!(!allowed("ec2:DeleteVpc", vpc, Some("theirs")) && !allowed("ec2:DeleteVpc", vpc, None));
    assert!(!allowed("ec2:DeleteVpc", "arn:aws:ec2:eu-west-1:1:vpc/vpc-1", Some("ours")), "in another region");
    assert!(!allowed("ec2:DeleteVpc", "arn:aws:ec2:us-east-1:2:vpc/vpc-1", Some("ours")), "in another account");
    assert!(!allowed("ec2:DeleteSubnet", vpc, Some("ours")) && !allowed("ec2:CreateVpc", vpc, None));
    assert!(allowed("rds:DeleteDBInstance", "arn:aws:rds:us-east-1:1:db:payments", None));
    assert!(!allowed("rds:DeleteDBInstance", "arn:aws:rds:us-east-1:1:db:payments-2", None));
}
