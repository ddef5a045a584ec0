//! Where the credentials of an account come from, and credentials that can be loaded again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use infra_base::shell::quote;
use tokio::sync::Mutex;

/// How long before their expiry credentials are loaded again.
const BUFFER: Duration = Duration::from_mins(1);

/// Where the credentials of an account come from. The default is the standard chain of AWS: environment variables, the
/// profile in `AWS_PROFILE`, and so on ("Standardized credential providers", AWS SDKs and Tools reference guide).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialsSource {
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// A role that is assumed with the credentials of the profile, or of the standard chain.
    pub assume_role: Option<AssumedRole>,
}

/// A role to assume (`AssumeRole`, AWS STS API reference).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssumedRole {
    /// Its ARN.
    pub role_arn: String,
    /// What the trust policy of the role may require.
    pub external_id: Option<String>,
    /// The name of the session, which CloudTrail shows.
    pub session_name: String,
}

impl CredentialsSource {
    /// Returns whether they come from environment variables, which nobody can change for a process that runs.
    pub(super) fn is_environment(&self) -> bool {
        // The SDK treats a blank variable as one that is not set.
        let is_set = std::env::var("AWS_ACCESS_KEY_ID").is_ok_and(|key| !key.trim().is_empty());
        self.profile.is_none() && is_set
    }

    /// Returns the command that renews a session of IAM Identity Center.
    pub fn login_command(&self) -> String {
        match &self.profile {
            Some(profile) => format!("aws sso login --profile {}", quote(profile)),
            None => "aws sso login".to_owned(),
        }
    }
}

/// How messages name the source.
impl fmt::Display for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.assume_role, &self.profile) {
            (Some(role), Some(profile)) => write!(f, "the role {} of the profile `{profile}`", role.role_arn),
            (Some(role), None) => write!(f, "the role {}", role.role_arn),
            (None, Some(profile)) => write!(f, "the profile `{profile}`"),
            (None, None) if self.is_environment() => f.write_str("the environment variables AWS_ACCESS_KEY_ID, …"),
            (None, None) => match std::env::var("AWS_PROFILE") {
                Ok(profile) if !profile.is_empty() => write!(f, "the profile `{profile}`"),
                _ => f.write_str("the default credentials"),
            },
        }
    }
}

/// Provides the credentials of one source to all clients. Other than the cache of the SDK, it can be told to load them
/// again before they expire: AWS may refuse them earlier, and somebody may have logged in again.
#[derive(Clone)]
pub(super) struct ReloadableCredentials(Arc<Mutex<Loaded>>);

struct Loaded {
    provider: SharedCredentialsProvider,
    credentials: Option<Credentials>,
}

impl fmt::Debug for ReloadableCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReloadableCredentials")
    }
}

impl ReloadableCredentials {
    pub(super) fn new(provider: SharedCredentialsProvider) -> Self {
        Self(Arc::new(Mutex::new(Loaded { provider, credentials: None })))
    }

    /// Uses another provider from now on.
    pub(super) async fn replace(&self, provider: SharedCredentialsProvider) {
        *self.0.lock().await = Loaded { provider, credentials: None };
    }

    async fn load(&self) -> Result {
        let mut loaded = self.0.lock().await;
        let is_fresh =
            |credentials: &&Credentials| credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + BUFFER);
        if let Some(credentials) = loaded.credentials.as_ref().filter(is_fresh) {
            return Ok(credentials.clone());
        }
        let credentials = loaded.provider.provide_credentials().await?;
        loaded.credentials = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for ReloadableCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// Returns when the credentials in environment variables expire, if what has exported them says so: `aws configure
/// export-credentials --format env` and others set `AWS_CREDENTIAL_EXPIRATION`.
pub(super) fn environment_expiry() -> Option<SystemTime> {
    let text = std::env::var("AWS_CREDENTIAL_EXPIRATION").ok()?;
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Counted(AtomicU32, Option<SystemTime>);

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let key = format!("key-{}", self.0.fetch_add(1, Ordering::Relaxed));
            future::ProvideCredentials::ready(Ok(Credentials::new(key, "secret", None, self.1, "test")))
        }
    }

    fn counted(expiry: Option<SystemTime>) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Counted(AtomicU32::new(0), expiry))
    }

    async fn key(credentials: &ReloadableCredentials) -> String {
        credentials.load().await.unwrap().access_key_id().to_owned()
    }

    #[tokio::test]
    async fn credentials_are_loaded_again_when_they_expire_or_are_replaced() {
        let lasting = ReloadableCredentials::new(counted(None));
        assert_eq!((key(&lasting).await, key(&lasting).await), ("key-0".to_owned(), "key-0".to_owned()));
        let short = ReloadableCredentials::new(counted(Some(SystemTime::now() + Duration::from_secs(30))));
        assert_eq!((key(&short).await, key(&short).await), ("key-0".to_owned(), "key-1".to_owned()));
        short.replace(counted(None)).await;
        assert_eq!((key(&short).await, key(&short).await), ("key-0".to_owned(), "key-0".to_owned()));
    }
}
