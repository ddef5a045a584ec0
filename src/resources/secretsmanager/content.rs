//! What a secret says besides user name and password: where the database is. DMS and the rotation function need it.
//!
//! It is a resource of its own because the secret comes before the database, and the database's endpoint after it. The password is
//! carried over in memory and is no part of what is compared or remembered.
//!
//! *Caveat:* the value is read and then written. A rotation that ends in between would be undone; so rotation is turned on only after
//! this, and a database gets another endpoint only when it is made anew.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value::read;
use super::{put, version_token};
use crate::address::Arn;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result};

/// The specification of a secret's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretContent {
    /// The secret.
    pub secret: Input<Arn>,
    /// `postgres`
    pub engine: String,
    /// The host of the database.
    pub host: Input<String>,
    /// Its port.
    pub port: Input<i32>,
    /// The user.
    pub username: String,
    /// The database's name.
    pub dbname: String,
}

/// What is known of a secret's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretContentAttrs {
    /// The secret.
    pub secret_arn: Arn,
    /// The key `engine`.
    pub engine: String,
    /// The key `host`.
    pub host: String,
    /// The key `port`.
    pub port: i32,
    /// The key `username`.
    pub username: String,
    /// The key `dbname`.
    pub dbname: String,
}

impl Handle<SecretContent> {
    /// The secret's ARN, from when the content is in it.
    pub fn done(&self) -> Input<String> {
        self.created("secret_arn")
    }
}

#[async_trait]
impl Resource for SecretContent {
    const KIND: &'static str = "secretsmanager.secret_content";
    const ABOUT: About = About {
        summary: "where the database is, kept in the secret",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 0,
        operations: &["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
        creates: &["secretsmanager:PutSecretValue"],
        changes: &["secretsmanager:PutSecretValue"],
        immutable: &["secret"],
        tagged: false,
        blocked_by: "nothing: it goes with its secret",
        unique: &[&["secret"]],
        mentions: &["host", "port"],
        ..About::PLAIN
    };
    type Attrs = SecretContentAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SecretContentAttrs>) -> Result<Observed<SecretContentAttrs>> {
        let arn = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        let Some(stored) = read(cx, arn.as_str()).await? else { return Ok(Observed::Absent) };
        let text = |key| stored.text(key).map(str::to_owned);
        let attrs = || {
            Some(SecretContentAttrs {
                secret_arn: arn.clone(),
                engine: text("engine")?,
                host: text("host")?,
                port: stored.number("port")?,
                username: text("username")?,
                dbname: text("dbname")?,
            })
        };
        Ok(attrs().map_or(Observed::Absent, Observed::Ours))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SecretContentAttrs>) -> Result<SecretContentAttrs> {
        let wanted = SecretContentAttrs {
            secret_arn: self.secret.get()?.clone(),
            engine: self.engine.clone(),
            host: self.host.get()?.clone(),
            port: *self.port.get()?,
            username: self.username.clone(),
            dbname: self.dbname.clone(),
        };
        if seen.as_ref() == Some(&wanted) {
            return Ok(wanted);
        }
        let arn = &wanted.secret_arn;
        let stored = read(cx, arn.as_str()).await?;
        let mut stored = stored.ok_or_else(|| Error::Refused(format!("the secret {arn} has no value to add to")))?;
        let fields = [("engine", &wanted.engine), ("host", &wanted.host), ("username", &wanted.username), ("dbname", &wanted.dbname)];
        for (key, value) in fields {
            stored.fields.insert(key.to_owned(), value.as_str().into());
        }
        stored.fields.insert("port".to_owned(), wanted.port.into());
        let port = wanted.port.to_string();
        let token =
            version_token(&[&cx.identity.token, "content", &stored.version, &wanted.engine, &wanted.host, &port, &wanted.username, &wanted.dbname]);
        put(cx, arn, &token, &stored).await?;
        Ok(wanted)
    }

    async fn delete(&self, _cx: &Cx, _attrs: &SecretContentAttrs) -> Result<()> {
        Ok(())
    }

    fn as_inputs(attrs: &SecretContentAttrs) -> Vec<(&'static str, Value)> {
        vec![("secret", attrs.secret_arn.as_str().into())]
    }

    fn id(attrs: &SecretContentAttrs) -> String {
        attrs.secret_arn.0.clone()
    }
}
