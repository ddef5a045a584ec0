//! Policies as text for a platform team: Terraform, CloudFormation.

use serde_json::{Value, json};

use super::policy::Policy;
use super::upper_camel::upper_camel;

/// The form of a policy for a platform team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Resources `aws_iam_policy`.
    Terraform,
    /// A template with `AWS::IAM::ManagedPolicy`.
    CloudFormation,
}

/// Returns the policies of one account as text. `name` is the name of the policy in IAM.
pub fn render(policy: &Policy, name: &str, description: &str, format: Format) -> String {
    let documents = policy.named(name);
    match format {
        Format::Terraform => documents.iter().map(|(name, document)| terraform(name, description, document)).collect(),
        Format::CloudFormation => {
            let resource = |(name, document): (String, Value)| {
                // "The logical ID must be alphanumeric (A-Za-z0-9) and unique within the template."
                let id = upper_camel(&name);
                let properties =
                    json!({ "ManagedPolicyName": name, "Description": description, "PolicyDocument": document });
                (id, json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": properties }))
            };
            let resources: serde_json::Map<String, Value> = documents.into_iter().map(resource).collect();
            pretty(&json!({
                "AWSTemplateFormatVersion": "2010-09-09",
                "Description": description,
                "Resources": resources,
            }))
        }
    }
}

/// Returns a value as the text of a file.
pub fn pretty(value: &Value) -> String {
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
