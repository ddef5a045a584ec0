//! The resource policy of a secret: roles of another account may read it.
//!
//! It names the account and, in a condition, the roles: AWS refuses a policy with a principal that it cannot see yet
//! ("AWS JSON policy elements: Principal"). The secret must be encrypted with a customer managed key, because the key
//! `aws/secretsmanager` cannot be used by another account ("Access AWS Secrets Manager secrets from a different
//! account"). Replicas of the secret have the same policy.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::secret::Secret;
use crate::iam::document::canonical;
use infra_base::address::{AccountId, Arn};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of the resource policy of a secret.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "secretsmanager.secret_policy",
    summary = "the resource policy of a secret",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads("secretsmanager:GetResourcePolicy"),
    creates("secretsmanager:PutResourcePolicy"),
    updates("secretsmanager:PutResourcePolicy"),
    deletes("secretsmanager:DeleteResourcePolicy")
)]
pub struct SecretPolicy {
    /// The secret.
    #[immutable]
    #[unique]
    pub secret: Input<Arn>,
    /// The account of the roles.
    pub account: AccountId,
    /// The roles that may read the secret, as the last part of their ARNs, for example `role/payments/reader`.
    pub readers: Vec<String>,
}

/// What is known of the resource policy of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecretPolicyAttrs {
    /// The secret.
    #[id]
    #[output(
        ready,
        name = "done",
        doc = "The secret, once the roles may read it: for resources that require this permission."
    )]
    pub secret: String,
    /// The policy in canonical form.
    pub document: Value,
}

/// The codes for a secret that does not exist, or that is being deleted.
const GONE: &[&str] = &["ResourceNotFoundException", "InvalidRequestException"];

#[async_trait]
impl Resource for SecretPolicy {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecretPolicyAttrs>,
    ) -> Result<Observed<SecretPolicyAttrs>> {
        let secret = match known {
            Some(attrs) => attrs.secret.as_str(),
            None => self.secret.get()?.as_str(),
        };
        let call = cx.aws.secrets.get_resource_policy().secret_id(secret).send();
        let found = ignore_codes(cx.read("secretsmanager:GetResourcePolicy", call).await, GONE)?;
        Ok(match found.and_then(|found| found.resource_policy) {
            None => Observed::Absent,
            Some(policy) => {
                let document = serde_json::from_str(&policy).map_or(Value::Null, canonical);
                Observed::Ours(SecretPolicyAttrs { secret: secret.to_owned(), document })
            }
        })
    }

    fn parents(&self, attrs: Option<&SecretPolicyAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Secret>("arn", attrs.map(|attrs| &attrs.secret), &self.secret)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecretPolicyAttrs>) -> Result<SecretPolicyAttrs> {
        let document = self.document(cx);
        let wanted =
            SecretPolicyAttrs { secret: self.secret.get()?.to_string(), document: canonical(document.clone()) };
        if seen.as_ref() != Some(&wanted) {
            let put = || {
                let call = cx.aws.secrets.put_resource_policy().secret_id(&wanted.secret);
                call.resource_policy(document.to_string()).block_public_policy(true).send()
            };
            cx.mutate("secretsmanager:PutResourcePolicy", put).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &SecretPolicyAttrs) -> Result<()> {
        let call = || cx.aws.secrets.delete_resource_policy().secret_id(&attrs.secret).send();
        ignore_codes(cx.mutate("secretsmanager:DeleteResourcePolicy", call).await, GONE).map(drop)
    }
}

impl SecretPolicy {
    fn document(&self, cx: &StepContext) -> Value {
        let account = format!("arn:{}:iam::{}", cx.region.partition(), self.account);
        let readers: Vec<String> = self.readers.iter().map(|role| format!("{account}:{role}")).collect();
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "Readers",
                "Effect": "Allow",
                "Principal": { "AWS": format!("{account}:root") },
                "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                "Resource": "*",
                "Condition": { "ArnEquals": { "aws:PrincipalArn": readers } },
            }],
        })
    }
}
