//! One statement of the policy of a bucket: a role of another account may use the bucket.
//!
//! It names the account and, in a condition, the role: S3 refuses a policy with a principal that it cannot see yet
//! (`MalformedPolicy`, "Invalid principal in policy"). Other statements of the policy stay.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bucket::Bucket;
use super::settings::{policy, put_statement, statements};
use crate::iam::document::canonical;
use infra_base::address::{AccountId, Arn};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a statement.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "s3.bucket_policy_statement",
    summary = "a statement of the policy of a bucket",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads("s3:GetBucketPolicy"),
    creates("s3:PutBucketPolicy"),
    updates("s3:PutBucketPolicy"),
    deletes("s3:PutBucketPolicy"),
    // If it is the only statement.
    permissions("s3:DeleteBucketPolicy")
)]
pub struct BucketPolicyStatement {
    /// The name of the bucket, once it has its settings.
    #[immutable]
    #[unique]
    pub bucket: Input<String>,
    /// The name of the statement in the policy.
    #[immutable]
    #[unique]
    pub sid: String,
    /// The account of the role.
    pub account: AccountId,
    /// The role.
    #[weak_ref]
    pub role: Input<Arn>,
    /// What it may do with the bucket.
    pub bucket_actions: Vec<String>,
    /// What it may do with the objects.
    pub object_actions: Vec<String>,
}

/// What is known of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id = "{bucket}/{sid}")]
pub struct BucketPolicyStatementAttrs {
    /// The bucket.
    #[output(ready, name = "done", doc = "The bucket, once the role may use it.")]
    pub bucket: String,
    /// The name of the statement.
    pub sid: String,
    /// The statement in canonical form.
    pub statement: Value,
}

#[async_trait]
impl Resource for BucketPolicyStatement {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&BucketPolicyStatementAttrs>,
    ) -> Result<Observed<BucketPolicyStatementAttrs>> {
        let bucket = match known {
            Some(attrs) => &attrs.bucket,
            None => self.bucket.get()?,
        };
        let found = ignore_codes(policy(cx, bucket).await, &["NoSuchBucket"])?.map(statements).unwrap_or_default();
        let found = found.into_iter().find(|one| one.get("Sid").and_then(Value::as_str) == Some(&self.sid));
        Ok(match found {
            None => Observed::Absent,
            Some(statement) => Observed::Ours(self.attrs(bucket, statement)),
        })
    }

    fn parents(&self, attrs: Option<&BucketPolicyStatementAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Bucket>("name", attrs.map(|attrs| &attrs.bucket), &self.bucket)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<BucketPolicyStatementAttrs>,
    ) -> Result<BucketPolicyStatementAttrs> {
        let bucket = self.bucket.get()?;
        let statement = self.statement(cx, bucket)?;
        let wanted = self.attrs(bucket, statement.clone());
        if seen.as_ref() != Some(&wanted) {
            put_statement(cx, bucket, &self.sid, Some(statement)).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &BucketPolicyStatementAttrs) -> Result<()> {
        ignore_codes(put_statement(cx, &attrs.bucket, &attrs.sid, None).await, &["NoSuchBucket"]).map(drop)
    }
}

impl BucketPolicyStatement {
    fn attrs(&self, bucket: &str, statement: Value) -> BucketPolicyStatementAttrs {
        BucketPolicyStatementAttrs { bucket: bucket.to_owned(), sid: self.sid.clone(), statement: canonical(statement) }
    }

    fn statement(&self, cx: &StepContext, bucket: &str) -> Result<Value> {
        let partition = cx.region.partition();
        let arn = format!("arn:{partition}:s3:::{bucket}");
        let actions = [self.bucket_actions.clone(), self.object_actions.clone()].concat();
        Ok(json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{}:root", self.account) },
            "Action": actions,
            "Resource": [arn.clone(), format!("{arn}/*")],
            "Condition": { "ArnEquals": { "aws:PrincipalArn": self.role.get()?.as_str() } },
        }))
    }
}
