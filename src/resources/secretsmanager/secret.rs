//! A secret with a user name and a password that AWS generates.
//!
//! The password is made once, when the secret is created, and never leaves this process except to AWS. A name that is still scheduled
//! for deletion cannot be used again; if it was ours, the secret is restored with its password, which the database may still have.

use async_trait::async_trait;
use aws_sdk_secretsmanager::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::value::{generate, read};
use super::version_token;
use crate::address::{Arn, Region};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, judge, kept, missing};

/// How long AWS may take to carry out a deletion without recovery window, which it does in the background.
const GONE_SECONDS: u64 = 120;

/// The specification of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The user name that is kept with the password.
    pub username: String,
    /// How long a new password is. A password that exists is not changed; rotation does that.
    pub password_length: i64,
    /// A key of the customer's own; the key `aws/secretsmanager` without.
    pub kms_key: Option<String>,
    /// Days, 7 to 30, that a deleted secret can still be restored; deleted at once without.
    pub recovery_window_days: Option<i64>,
}

/// What is known of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretAttrs {
    /// Its ARN.
    pub arn: Arn,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The key that encrypts it, unless it is the default one.
    pub kms_key: Option<String>,
    /// The user name in it.
    pub username: Option<String>,
    /// Whether it is scheduled for deletion.
    pub leaving: bool,
    /// The tags that this tool sets.
    pub tags: Tags,
}

impl Handle<Secret> {
    /// The secret's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The secret's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }
}

#[async_trait]
impl Resource for Secret {
    const KIND: &'static str = "secretsmanager.secret";
    const ABOUT: About = About {
        summary: "a secret with a user name and a generated password",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 3,
        operations: &[
            "secretsmanager:CreateSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:GetRandomPassword",
            "secretsmanager:PutSecretValue",
            "secretsmanager:RestoreSecret",
            "secretsmanager:UpdateSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:DeleteSecret",
        ],
        creates: &["secretsmanager:CreateSecret"],
        changes: &[
            "secretsmanager:RestoreSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
        ],
        deletes: &["secretsmanager:DeleteSecret"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "replicas of it in other regions",
        unique: &[&["name"]],
        at_creation: &["password_length"],
        called_for: &[
            // No input says that somebody has scheduled it for deletion.
            ("secretsmanager:RestoreSecret", &[]),
            ("secretsmanager:PutSecretValue", &["username"]),
            ("secretsmanager:UpdateSecret", &["description", "kms_key"]),
        ],
        ..About::PLAIN
    };
    const DELETION_INPUTS: &'static [&'static str] = &["recovery_window_days"];
    type Attrs = SecretAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecretAttrs>) -> Result<Observed<SecretAttrs>> {
        let id = known.map_or(self.name.as_str(), |attrs| attrs.arn.as_str());
        let Some((mut attrs, tags)) = look(cx, id).await? else { return Ok(Observed::Absent) };
        if attrs.leaving {
            // A deletion without recovery window is under way: the name is free in a moment. One that stays was scheduled with a window.
            if self.recovery_window_days.is_none() && is_soon_gone(cx, id).await? {
                return Ok(Observed::Absent);
            }
        } else {
            attrs.username = read(cx, id).await?.and_then(|stored| Some(stored.text("username")?.to_owned()));
        }
        let arn = attrs.arn.0.clone();
        Ok(judge(cx, &tags, &arn, || attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecretAttrs>) -> Result<SecretAttrs> {
        let Some(mut attrs) = seen else { return self.create(cx).await };
        let arn = attrs.arn.clone();
        if attrs.leaving {
            cx.notice(format!("the secret {} was scheduled for deletion and is restored", self.name));
            cx.mutate("secretsmanager:RestoreSecret", || cx.aws.secrets.restore_secret().secret_id(arn.as_str()).send()).await?;
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
            attrs = look(cx, arn.as_str()).await?.map_or(attrs.clone(), |(shown, _)| SecretAttrs { username: attrs.username.clone(), ..shown });
        }
        self.retag(cx, &attrs).await?;
        attrs.tags.extend(missing(cx, &attrs.tags));
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &SecretAttrs) -> Result<()> {
        // With a recovery window, "scheduled for deletion" is as gone as it gets.
        if attrs.leaving && self.recovery_window_days.is_some() {
            return Ok(());
        }
        let forced = self.recovery_window_days.is_none().then_some(true);
        let call = || {
            let call = cx.aws.secrets.delete_secret().secret_id(attrs.arn.as_str());
            call.set_recovery_window_in_days(self.recovery_window_days).set_force_delete_without_recovery(forced).send()
        };
        settled(cx.mutate("secretsmanager:DeleteSecret", call).await, &["ResourceNotFoundException"])?;
        if forced.is_some() { wait_gone(cx, attrs.arn.as_str()).await } else { Ok(()) }
    }

    async fn retag(&self, cx: &Cx, attrs: &SecretAttrs) -> Result<()> {
        let tags = sent(missing(cx, &attrs.tags));
        if !tags.is_empty() {
            let call = || cx.aws.secrets.tag_resource().secret_id(attrs.arn.as_str()).set_tags(Some(tags.clone())).send();
            cx.mutate("secretsmanager:TagResource", call).await?;
        }
        let remove = |keys| cx.aws.secrets.untag_resource().secret_id(attrs.arn.as_str()).set_tag_keys(Some(keys)).send();
        cx.untag("secretsmanager:UntagResource", remove).await
    }

    fn claims(&self, region: &Region) -> Vec<String> {
        vec![super::claim(region.as_str(), &self.name)]
    }

    fn id(attrs: &SecretAttrs) -> String {
        attrs.arn.0.clone()
    }
}

impl Secret {
    async fn create(&self, cx: &Cx) -> Result<SecretAttrs> {
        let password = generate(cx, self.password_length).await?;
        let value = json!({ "username": self.username, "password": password.expose() }).to_string();
        let token = version_token(&[&cx.identity.token, "create"]);
        let tags = sent(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.secrets.create_secret().name(&self.name).description(&self.description).client_request_token(&token);
            call.set_kms_key_id(self.kms_key.clone()).secret_string(&value).set_tags(Some(tags.clone())).send()
        };
        let made = cx.mutate("secretsmanager:CreateSecret", call).await?;
        let arn = made.arn.ok_or(Error::Incomplete { call: "secretsmanager:CreateSecret", what: "the ARN" })?;
        match look(cx, &arn).await? {
            Some((attrs, _)) => Ok(SecretAttrs { username: Some(self.username.clone()), ..attrs }),
            None => Err(Error::Incomplete { call: "secretsmanager:DescribeSecret", what: "the secret that was just made" }),
        }
    }

    /// Sets the user name, and a password if there is none; all other keys stay.
    async fn put_username(&self, cx: &Cx, arn: &Arn) -> Result<()> {
        let stored = read(cx, arn.as_str()).await?;
        let (version, mut stored) = match stored {
            Some(stored) => (stored.version.clone(), stored),
            None => (String::new(), super::value::Stored { version: String::new(), fields: serde_json::Map::new() }),
        };
        if stored.text("password").is_none() {
            let password = generate(cx, self.password_length).await?;
            stored.fields.insert("password".to_owned(), password.expose().into());
        }
        stored.fields.insert("username".to_owned(), self.username.clone().into());
        let token = version_token(&[&cx.identity.token, "username", &version, &self.username]);
        super::put(cx, arn, &token, &stored).await
    }
}

const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// AWS shows a key as it was given: its id, ARN or alias.
fn same_key(shown: Option<&str>, wanted: Option<&str>) -> bool {
    match (shown, wanted) {
        (None, None) => true,
        (Some(shown), Some(wanted)) => shown == wanted || shown.ends_with(&format!("/{wanted}")) || shown.ends_with(&format!(":{wanted}")),
        (Some(shown), None) => shown.ends_with(DEFAULT_KEY),
        (None, Some(_)) => false,
    }
}

fn sent(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

async fn look(cx: &Cx, id: &str) -> Result<Option<(SecretAttrs, Tags)>> {
    let call = cx.aws.secrets.describe_secret().secret_id(id).send();
    let Some(found) = settled(cx.read("secretsmanager:DescribeSecret", call).await, &["ResourceNotFoundException"])? else { return Ok(None) };
    let tags: Tags = found.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect();
    let attrs = SecretAttrs {
        arn: Arn(found.arn.unwrap_or_default()),
        name: found.name.unwrap_or_default(),
        description: found.description.unwrap_or_default(),
        kms_key: found.kms_key_id,
        username: None,
        leaving: found.deleted_date.is_some(),
        tags: kept(cx, tags.clone()),
    };
    Ok(Some((attrs, tags)))
}

async fn wait_gone(cx: &Cx, id: &str) -> Result<()> {
    cx.wait(Wait::new("the secret to be gone", 2, GONE_SECONDS), || async {
        Ok(match look(cx, id).await? {
            None => Progress::Reached(()),
            Some(_) => Progress::Pending("being deleted".to_owned()),
        })
    })
    .await
}

async fn is_soon_gone(cx: &Cx, id: &str) -> Result<bool> {
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
        assert!(same_key(None, None) && same_key(Some("arn:aws:kms:us-east-1:111122223333:alias/aws/secretsmanager"), None));
        assert!(!same_key(Some("1234-abcd"), None));
    }
}
