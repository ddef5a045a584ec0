//! Policies as text: JSON, Terraform, CloudFormation.

use serde_json::{Value, json};

use super::policy::Policy;

/// The form of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Documents for IAM.
    Json,
    /// Resources `aws_iam_policy`.
    Terraform,
    /// A template with `AWS::IAM::ManagedPolicy`.
    CloudFormation,
}

/// Returns the policies of one account as text. `name` is the name of the policy in IAM.
pub fn render(policy: &Policy, name: &str, description: &str, format: Format) -> String {
    let documents = policy.json();
    let names: Vec<String> = match documents.len() {
        1 => vec![name.to_owned()],
        count => (1..=count).map(|number| format!("{name}-{number}")).collect(),
    };
    let pairs = names.iter().zip(&documents);
    match format {
        Format::Json => match documents.as_slice() {
            [document] => pretty(document),
            several => pretty(&json!(several)),
        },
        Format::Terraform => pairs.map(|(name, document)| terraform(name, description, document)).collect(),
        Format::CloudFormation => {
            let resource = |(name, document): (&String, &Value)| {
                let properties =
                    json!({ "ManagedPolicyName": name, "Description": description, "PolicyDocument": document });
                (logical_id(name), json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": properties }))
            };
            let resources: serde_json::Map<String, Value> = pairs.map(resource).collect();
            pretty(&json!({
                "AWSTemplateFormatVersion": "2010-09-09",
                "Description": description,
                "Resources": resources,
            }))
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// JSON is an expression of HCL, apart from `${` and `%{`, which begin a template ("Strings and Templates", Terraform).
fn terraform(name: &str, description: &str, document: &Value) -> String {
    let escaped = |text: &str| text.replace("${", "$${").replace("%{", "%%{");
    let document = escaped(&pretty(document)).trim_end().replace('\n', "\n  ");
    format!(
        "resource \"aws_iam_policy\" {} {{\n  name        = {}\n  description = {}\n  \
         policy      = jsonencode({document})\n}}\n\n",
        json!(name.replace(|char: char| !char.is_ascii_alphanumeric(), "_")),
        escaped(&json!(name).to_string()),
        escaped(&json!(description).to_string()),
    )
}

/// "The logical ID must be alphanumeric (A-Za-z0-9) and unique within the template."
fn logical_id(name: &str) -> String {
    name.split(|char: char| !char.is_ascii_alphanumeric())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        })
        .collect()
}
