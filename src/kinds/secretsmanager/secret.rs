//! A secret with a user name and a password that AWS generates.
//!
//! The password is generated once, when the secret is created, and leaves this process only to AWS. The name of a
//! secret that is scheduled for deletion cannot be used again. If the stack owns that secret, it is restored with its
//! password, which the database may still use.

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::global_name::global_name;
use super::tagging;
use super::value::{Stored, generate, put, read};
use super::version::version_token;
use crate::ownership::{Tags, classify};
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, Region};
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long AWS can take for a deletion without recovery window, which runs in the background.
const GONE_SECONDS: u64 = 120;

/// The specification of a secret.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "secretsmanager.secret",
    summary = "a secret with a user name and a generated password",
    repeat = "name",
    arns("secretsmanager:secret:"),
    create_seconds = 1,
    delete_seconds = 3,
    tagger = tagging::SecretsManager,
    delete_blockers = "replicas of it in other regions",
    reads("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:GetRandomPassword"),
    creates("secretsmanager:CreateSecret"),
    // No input shows that the secret was scheduled for deletion outside of this tool.
    call_triggers(call = "secretsmanager:RestoreSecret"),
    deletes("secretsmanager:DeleteSecret"),
)]
pub struct Secret {
    /// Its name.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it is for.
    #[update(call = "secretsmanager:UpdateSecret")]
    pub description: String,
    /// The user name that is stored with the password.
    #[update(call = "secretsmanager:PutSecretValue")]
    pub username: String,
    /// The length of a new password. An existing password does not change; only rotation changes it.
    #[create_only]
    pub password_length: i64,
    /// A customer-managed key. Without one, AWS uses the key `aws/secretsmanager`.
    #[update(call = "secretsmanager:UpdateSecret")]
    pub kms_key: Option<String>,
    /// Days, 7 to 30, during which a deleted secret can be restored. Without them, it is deleted immediately.
    #[deletion]
    pub recovery_window_days: Option<i64>,
}

/// What is known of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecretAttrs {
    /// Its ARN.
    #[id]
    #[output(created)]
    pub arn: Arn,
    /// Its name.
    #[output(created)]
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The key that encrypts it, unless it is the default one.
    pub kms_key: Option<String>,
    /// The user name in it.
    pub username: Option<String>,
    /// Whether it is scheduled for deletion.
    pub leaving: bool,
}

#[async_trait]
impl Resource for Secret {
    async fn observe(&self, cx: &StepContext, known: Option<&SecretAttrs>) -> Result<Observed<SecretAttrs>> {
        let id = known.map_or(self.name.as_str(), |attrs| attrs.arn.as_str());
        let Some((mut attrs, tags)) = describe(cx, id).await? else { return Ok(Observed::Absent) };
        if attrs.leaving {
            // A deletion without recovery window is in progress: the name is free soon. A secret that remains was
            // scheduled with a window.
            if self.recovery_window_days.is_none() && is_soon_gone(cx, id).await? {
                return Ok(Observed::Absent);
            }
        } else {
            attrs.username = read(cx, id).await?.and_then(|stored| Some(stored.text("username")?.to_owned()));
        }
        let arn = attrs.arn.0.clone();
        Ok(classify(cx, &tags, &arn, || attrs))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        // A secret in its recovery window, or during its deletion, still has its tags.
        Ok(describe(cx, arn.as_str()).await?.is_some_and(|(secret, _)| !secret.leaving))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecretAttrs>) -> Result<SecretAttrs> {
        let Some(mut attrs) = seen else { return self.create(cx).await };
        let arn = attrs.arn.clone();
        if attrs.leaving {
            cx.notice(format!("the secret {} was scheduled for deletion and is restored", self.name));
            cx.mutate("secretsmanager:RestoreSecret", || {
                cx.aws.secrets.restore_secret().secret_id(arn.as_str()).send()
            })
            .await?;
            attrs.leaving = false;
            attrs.username = read(cx, arn.as_str()).await?.and_then(|stored| Some(stored.text("username")?.to_owned()));
        }
        if attrs.username.as_deref() != Some(&self.username) {
            self.put_username(cx, &arn).await?;
            attrs.username = Some(self.username.clone());
        }
        let same_key = same_key(attrs.kms_key.as_deref(), self.kms_key.as_deref());
        if attrs.description != self.description || !same_key {
            let key = (!same_key).then(|| self.kms_key.clone().unwrap_or_else(|| DEFAULT_KEY.to_owned()));
            let call = || {
                let call = cx.aws.secrets.update_secret().secret_id(arn.as_str()).description(&self.description);
                call.set_kms_key_id(key.clone()).send()
            };
            cx.mutate("secretsmanager:UpdateSecret", call).await?;
            attrs = describe(cx, arn.as_str())
                .await?
                .map_or(attrs.clone(), |(current, _)| SecretAttrs { username: attrs.username.clone(), ..current });
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &SecretAttrs) -> Result<()> {
        // With a recovery window, "scheduled for deletion" counts as deleted.
        if attrs.leaving && self.recovery_window_days.is_some() {
            return Ok(());
        }
        let forced = self.recovery_window_days.is_none().then_some(true);
        let call = || {
            let call = cx.aws.secrets.delete_secret().secret_id(attrs.arn.as_str());
            call.set_recovery_window_in_days(self.recovery_window_days).set_force_delete_without_recovery(forced).send()
        };
        ignore_codes(cx.mutate("secretsmanager:DeleteSecret", call).await, &["ResourceNotFoundException"])?;
        if forced.is_some() { wait_gone(cx, attrs.arn.as_str()).await } else { Ok(()) }
    }

    fn global_names(&self, region: &Region) -> Vec<String> {
        vec![global_name(region.as_str(), &self.name)]
    }
}

impl Secret {
    async fn create(&self, cx: &StepContext) -> Result<SecretAttrs> {
        let password = generate(cx, self.password_length).await?;
        let value = json!({ "username": self.username, "password": password.expose() }).to_string();
        let token = version_token(&[&cx.identity.token, "create"]);
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx
                .aws
                .secrets
                .create_secret()
                .name(&self.name)
                .description(&self.description)
                .client_request_token(&token);
            call.set_kms_key_id(self.kms_key.clone()).secret_string(&value).set_tags(Some(tags.clone())).send()
        };
        let created = cx.mutate("secretsmanager:CreateSecret", call).await?;
        let arn = created.arn.ok_or(Error::MissingField { call: "secretsmanager:CreateSecret", what: "the ARN" })?;
        let attrs = SecretAttrs {
            arn: Arn(arn),
            name: self.name.clone(),
            description: self.description.clone(),
            kms_key: None,
            username: Some(self.username.clone()),
            leaving: false,
        };
        // AWS shows "the key ID or alias ARN" (DescribeSecret) of a key by whatever name it was given.
        match &self.kms_key {
            None => Ok(attrs),
            Some(given) => {
                let shown = describe(cx, attrs.arn.as_str()).await?.and_then(|(shown, _)| shown.kms_key);
                Ok(SecretAttrs { kms_key: Some(shown.unwrap_or_else(|| given.clone())), ..attrs })
            }
        }
    }

    /// Sets the user name, and a password if there is none; all other keys stay.
    async fn put_username(&self, cx: &StepContext, arn: &Arn) -> Result<()> {
        let stored = read(cx, arn.as_str()).await?;
        let (version, mut stored) = match stored {
            Some(stored) => (stored.version.clone(), stored),
            None => (String::new(), Stored { version: String::new(), fields: serde_json::Map::new() }),
        };
        if stored.text("password").is_none() {
            let password = generate(cx, self.password_length).await?;
            stored.fields.insert("password".to_owned(), password.expose().into());
        }
        stored.fields.insert("username".to_owned(), self.username.clone().into());
        let token = version_token(&[&cx.identity.token, "username", &version, &self.username]);
        put(cx, arn, &token, &stored).await
    }
}

const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// Returns whether two names mean the same key. AWS shows a key as it was given: its id, ARN or alias.
fn same_key(current: Option<&str>, wanted: Option<&str>) -> bool {
    match (current, wanted) {
        (None, None) => true,
        (Some(current), Some(wanted)) => {
            current == wanted || current.ends_with(&format!("/{wanted}")) || current.ends_with(&format!(":{wanted}"))
        }
        (Some(current), None) => current.ends_with(DEFAULT_KEY),
        (None, Some(_)) => false,
    }
}

/// Describes a secret. A refresh reads it once for its rotation, too, unless what that has read does not suffice.
pub(super) async fn read_description(
    cx: &StepContext,
    id: &str,
    suffices: impl Fn(&DescribeSecretOutput) -> bool + Send,
) -> Result<Option<DescribeSecretOutput>> {
    const CALL: &str = "secretsmanager:DescribeSecret";
    let read = || async {
        let found = cx.read(CALL, cx.aws.secrets.describe_secret().secret_id(id).send()).await;
        Ok(ignore_codes(found, &["ResourceNotFoundException"])?.into_iter().collect::<Vec<_>>())
    };
    let shared = cx.cached_list(format!("{CALL} {id}"), read).await?;
    match shared.and_then(|shared| shared.first().filter(|found| suffices(found)).cloned()) {
        Some(found) => Ok(Some(found)),
        None => Ok(read().await?.pop()),
    }
}

async fn describe(cx: &StepContext, id: &str) -> Result<Option<(SecretAttrs, Tags)>> {
    let Some(found) = read_description(cx, id, |_| true).await? else { return Ok(None) };
    let tags: Tags = found
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect();
    let attrs = SecretAttrs {
        arn: Arn(found.arn.unwrap_or_default()),
        name: found.name.unwrap_or_default(),
        description: found.description.unwrap_or_default(),
        kms_key: found.kms_key_id,
        username: None,
        leaving: found.deleted_date.is_some(),
    };
    Ok(Some((attrs, tags)))
}

async fn wait_gone(cx: &StepContext, id: &str) -> Result<()> {
    cx.wait(Wait::new("the secret to be deleted", 2, GONE_SECONDS), || async {
        Ok(match describe(cx, id).await? {
            None => Progress::Reached(()),
            Some(_) => Progress::Pending("being deleted".to_owned()),
        })
    })
    .await
}

async fn is_soon_gone(cx: &StepContext, id: &str) -> Result<bool> {
    match wait_gone(cx, id).await {
        Ok(()) => Ok(true),
        Err(Error::Timeout { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_by_any_of_its_names() {
        let arn = Some("arn:aws:kms:us-east-1:111122223333:key/1234-abcd");
        assert!(same_key(arn, arn) && same_key(arn, Some("1234-abcd")));
        assert!(same_key(Some("arn:aws:kms:us-east-1:111122223333:alias/payments"), Some("alias/payments")));
        assert!(!same_key(arn, Some("5678")) && !same_key(None, arn));
    }

    #[test]
    fn the_default_key_is_no_key() {
        assert!(
            same_key(None, None) && same_key(Some("arn:aws:kms:us-east-1:111122223333:alias/aws/secretsmanager"), None)
        );
        assert!(!same_key(Some("1234-abcd"), None));
    }
}
