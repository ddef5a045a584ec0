//! Where the state of this stack is kept.

use std::time::Duration;

use infra_aws::{Cloud, Objects};
use infra_base::address::AccountId;
use infra_config::{BackendKind, StateConfig};
use infra_core::state::{Backend, State};

use crate::error::Error;
use crate::refusal::StateRefusal;
use crate::usable;
use crate::workspace::Workspace;

impl Workspace {
    /// Returns the configured backend. A shared one is accessed through `cloud`; without one, this connects first.
    ///
    /// # Errors
    /// The connection to a shared backend fails.
    pub async fn backend(&self, cloud: Option<&Cloud>) -> Result<Backend, Error> {
        if !self.is_shared() {
            return Ok(self.local());
        }
        match cloud {
            Some(cloud) => Ok(self.shared(cloud)),
            None => Ok(self.shared(&self.connect().await?)),
        }
    }

    /// Reads the state without acquiring the lock.
    ///
    /// # Errors
    /// The backend cannot be read, or the state is damaged.
    pub async fn read_state(&self) -> Result<State, Error> {
        let backend = self.backend(None).await?;
        let state = infra_core::state::load(backend.store().as_mut()).await?;
        if state.has_begun() {
            let _ = self.stack_account.set(state.account.clone());
            let _ = self.stack_in_state.set(state.stack.clone());
        }
        Ok(state)
    }

    /// Reads the state for a command that changes something, or plans that, without acquiring the lock.
    ///
    /// # Errors
    /// Those of [`Self::read_state`], or this version cannot use the state for changes.
    pub async fn read_usable_state(&self) -> Result<State, Error> {
        let state = self.read_state().await?;
        usable::verify(&state)?;
        Ok(state)
    }

    /// Returns whether the configured backend is shared. That of the sandbox never is.
    pub(crate) fn is_shared(&self) -> bool {
        !self.sandbox && self.config.state.backend == BackendKind::S3
    }

    /// Returns the local backend.
    pub(crate) fn local(&self) -> Backend {
        Backend::Local(self.directory())
    }

    /// Returns the shared backend that the configuration names.
    pub(crate) fn shared(&self, cloud: &Cloud) -> Backend {
        let StateConfig { bucket, prefix, bucket_owner, kms_key_arn, lease_seconds, .. } = &self.config.state;
        let parent = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let prefix = format!("{parent}{}/", self.folder());
        let key = (!kms_key_arn.is_empty()).then(|| kms_key_arn.clone());
        // Not the account of the stack: which one that is, only the state knows.
        let region = self.config.state_region();
        let location = cloud.first_location(&region).unwrap_or_else(|| (&region).into());
        let owner = match bucket_owner.is_empty() {
            true => cloud.account_of(&location).clone(),
            false => AccountId(bucket_owner.clone()),
        };
        let objects = Objects::new(cloud.clients(&location).0, bucket, &prefix, key, Some(&owner));
        Backend::Shared { objects, lease: Duration::from_secs((*lease_seconds).into()) }
    }

    /// Returns the backends that the state moves between: the one that is not configured, and the configured one.
    ///
    /// # Errors
    /// There is only one backend, or the connection fails.
    pub(crate) async fn migration_endpoints(&self) -> Result<(Backend, Backend), Error> {
        if self.sandbox {
            return Err(StateRefusal::SandboxIsLocal.into());
        }
        if self.config.state.bucket.is_empty() {
            return Err(StateRefusal::NoBucket.into());
        }
        let (local, shared) = (self.local(), self.shared(&self.connect().await?));
        Ok(match self.config.state.backend {
            BackendKind::S3 => (local, shared),
            BackendKind::Local => (shared, local),
        })
    }
}
