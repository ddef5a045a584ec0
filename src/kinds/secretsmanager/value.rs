//! The value of a secret in memory. Nothing here can be printed, stored or put into an error.

use std::fmt;

use serde_json::{Map, Value};

use infra_base::address::Arn;
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// Characters that a generated password never has: RDS refuses `/ " @` and blanks, DMS refuses `; . : +` in rotated
/// passwords and mangles `%`, and the others need quoting in connection strings and shells.
/// `lambda/rotation/lambda_function.py` has the same list.
pub(super) const EXCLUDED: &str = "\"@/\\;.:+%&'`{}$ ";

/// A password. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the password, for the call that requires it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The current value of a secret. It prints as `***`.
#[derive(Clone)]
pub(super) struct Stored {
    /// Which version it is.
    pub(super) version: String,
    /// Its keys.
    pub(super) fields: Map<String, Value>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Stored {
    /// Returns the text under a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    /// Returns the number under a key; it may be written as text.
    pub(super) fn number(&self, key: &str) -> Option<i32> {
        match self.fields.get(key)? {
            Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the value as AWS receives it.
    pub(super) fn encode(&self) -> String {
        Value::Object(self.fields.clone()).to_string()
    }
}

/// Returns the current value of a secret; `None` when the secret does not exist, is scheduled for deletion, or has no
/// value.
///
/// A refresh reads it once for the secret and for its content.
///
/// # Errors
/// The error of AWS, or that the value is not a JSON object. The message of the parser is omitted because it quotes the
/// value.
pub(super) async fn read(cx: &StepContext, secret: &str) -> Result<Option<Stored>> {
    let read = || async { Ok(read_now(cx, secret).await?.into_iter().collect::<Vec<_>>()) };
    match cx.cached_list(format!("secretsmanager:GetSecretValue {secret}"), read).await? {
        Some(shared) if !shared.is_empty() => Ok(shared.first().cloned()),
        // It may only be invisible for a moment.
        _ => read_now(cx, secret).await,
    }
}

async fn read_now(cx: &StepContext, secret: &str) -> Result<Option<Stored>> {
    let call = cx.aws.secrets.get_secret_value().secret_id(secret).send();
    let not_found = ["ResourceNotFoundException", "InvalidRequestException"];
    let Some(found) = ignore_codes(cx.read("secretsmanager:GetSecretValue", call).await, &not_found)? else {
        return Ok(None);
    };
    let version = found.version_id.unwrap_or_default();
    match serde_json::from_str(found.secret_string.as_deref().unwrap_or_default()) {
        Ok(fields) => Ok(Some(Stored { version, fields })),
        Err(_) => Err(Error::Refused(format!("the value of the secret {secret} is not a JSON object"))),
    }
}

/// Returns the current password of a secret.
///
/// # Errors
/// The error of AWS, or that there is no password.
pub async fn password_of(cx: &StepContext, secret: &str) -> Result<Password> {
    let stored = read(cx, secret).await?;
    let password = stored.as_ref().and_then(|stored| stored.text("password"));
    password
        .map(|text| Password::new(text.to_owned()))
        .ok_or_else(|| Error::Refused(format!("the secret {secret} has no password")))
}

/// Stores a value as the current one.
pub(super) async fn put(cx: &StepContext, arn: &Arn, token: &str, stored: &Stored) -> Result<()> {
    let text = stored.encode();
    let call = || {
        let call = cx.aws.secrets.put_secret_value().secret_id(arn.as_str());
        call.client_request_token(token).secret_string(&text).send()
    };
    cx.mutate("secretsmanager:PutSecretValue", call).await.map(drop)
}

/// Requests a random password from AWS.
///
/// # Errors
/// The error of AWS.
pub(super) async fn generate(cx: &StepContext, length: i64) -> Result<Password> {
    let call = cx
        .aws
        .secrets
        .get_random_password()
        .password_length(length)
        .exclude_punctuation(true)
        .exclude_characters(EXCLUDED);
    let call = call.require_each_included_type(true).send();
    let created = cx.read("secretsmanager:GetRandomPassword", call).await?;
    created
        .random_password
        .map(Password::new)
        .ok_or(Error::MissingField { call: "secretsmanager:GetRandomPassword", what: "the password" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_prints_as_stars() {
        let password = Password::new("hunter2".to_owned());
        assert_eq!(format!("{password} {password:?}"), "*** ***");
        let stored =
            Stored { version: "1".to_owned(), fields: Map::from_iter([("password".to_owned(), "hunter2".into())]) };
        assert_eq!(format!("{stored:?}"), "***");
    }
}
