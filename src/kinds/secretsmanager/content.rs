//! The content of a secret besides user name and password: the connection data of the database, which DMS and the
//! rotation function use.
//!
//! It is a separate resource because the secret is created before the database, and the endpoint of the database is
//! known after it. The password is copied in memory and is neither compared nor stored.
//!
//! *Caveat:* the value is read and then written, which would revert a rotation that ends in between. So rotation is
//! turned on only after this, and a database gets a new endpoint only when it is replaced.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::secret::Secret;
use super::value::{put, read};
use super::version::version_token;
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Parent, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// The specification of a secret's content.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "secretsmanager.secret_content",
    summary = "the connection data of the database in the secret",
    repeat = "setting",
    create_seconds = 1,
    delete_blockers = "nothing; AWS deletes it with its secret",
    reads("secretsmanager:GetSecretValue"),
    creates("secretsmanager:PutSecretValue"),
    updates("secretsmanager:PutSecretValue")
)]
pub struct SecretContent {
    /// The secret.
    #[immutable]
    #[unique]
    pub secret: Input<Arn>,
    /// `postgres`
    pub engine: String,
    /// The host of the database.
    #[weak_ref]
    pub host: Input<String>,
    /// Its port.
    #[weak_ref]
    pub port: Input<i32>,
    /// The user.
    pub username: String,
    /// The database's name.
    pub dbname: String,
}

/// What is known of a secret's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SecretContentAttrs {
    /// The secret.
    #[id]
    #[output(created, name = "done", ty = String, doc = "The secret's ARN, once it has its content.")]
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

#[async_trait]
impl Resource for SecretContent {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&SecretContentAttrs>,
    ) -> Result<Observed<SecretContentAttrs>> {
        let arn = match known {
            Some(attrs) => &attrs.secret_arn,
            None => self.secret.get()?,
        };
        if cx.is_new(arn.as_str()) {
            return Ok(Observed::Absent);
        }
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

    fn parents(&self, attrs: Option<&SecretContentAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Secret>("arn", attrs.map(|attrs| &attrs.secret_arn), &self.secret)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SecretContentAttrs>) -> Result<SecretContentAttrs> {
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
        let fields = [
            ("engine", &wanted.engine),
            ("host", &wanted.host),
            ("username", &wanted.username),
            ("dbname", &wanted.dbname),
        ];
        for (key, value) in fields {
            stored.fields.insert(key.to_owned(), value.as_str().into());
        }
        stored.fields.insert("port".to_owned(), wanted.port.into());
        let port = wanted.port.to_string();
        let token = version_token(&[
            &cx.identity.token,
            "content",
            &stored.version,
            &wanted.engine,
            &wanted.host,
            &port,
            &wanted.username,
            &wanted.dbname,
        ]);
        put(cx, arn, &token, &stored).await?;
        Ok(wanted)
    }

    async fn delete(&self, _cx: &StepContext, _attrs: &SecretContentAttrs) -> Result<()> {
        Ok(())
    }

    fn inputs_from_attrs(attrs: &SecretContentAttrs) -> Vec<(&'static str, Value)> {
        vec![("secret", attrs.secret_arn.as_str().into())]
    }
}
