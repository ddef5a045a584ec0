//! AWS Secrets Manager.

mod content;
mod replica;
mod rotation;
mod secret;
mod value;

pub use content::SecretContent;
pub use replica::SecretReplica;
pub use rotation::{HOLD_ROTATION, SecretRotation};
pub use secret::Secret;
pub(crate) use value::{Password, password_of};

use sha2::{Digest, Sha256};

use crate::address::Arn;
use crate::resource::{Cx, Result};

/// A name for a version of a secret, 64 characters long, which is the most that AWS takes. The same parts give the same name, so
/// that a call that is sent again makes no second version.
fn version_token(parts: &[&str]) -> String {
    Sha256::digest(parts.join("|")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a secret and a replica of one take alike: a name in a region.
fn claim(region: &str, name: &str) -> String {
    format!("secret {name} in {region}")
}

/// Makes a value the current one.
async fn put(cx: &Cx, arn: &Arn, token: &str, stored: &value::Stored) -> Result<()> {
    let text = stored.encode();
    let call = || cx.aws.secrets.put_secret_value().secret_id(arn.as_str()).client_request_token(token).secret_string(&text).send();
    cx.mutate("secretsmanager:PutSecretValue", call).await.map(drop)
}
