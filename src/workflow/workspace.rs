//! The one value that every command works with.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use infra_aws::{CallCounter, Cancel, Cloud, Endpoint, Need};
use infra_base::address::AccountId;
use infra_base::causes::with_causes;
use infra_base::clock::Clock;
use infra_config::Config;
use infra_connect::Endpoint as DatabaseEndpoint;
use infra_core::engine::ReadContext;
use infra_core::events::Events;
use infra_core::state::State;
use infra_migration::topology::Database;

use crate::error::Error;
use crate::tenants::{foreign, tenants, verify_owner};

/// Opens the place that calls are sent to: AWS, an emulator, or an AWS inside this process.
pub trait EndpointSource: Send + Sync {
    /// Returns the endpoint and its clock.
    ///
    /// # Errors
    /// The endpoint cannot be opened.
    fn open(&self) -> Result<(Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>>;
}

/// Tells how this program reaches the databases of the stack.
#[async_trait]
pub trait DatabaseLocator: Send + Sync {
    /// Returns whether the databases can contain data. Those of a sandbox without database servers cannot.
    fn have_data(&self) -> bool;

    /// Returns how to connect to a database, given the endpoint that RDS shows, with the credentials of the secret. It
    /// is called for each connection, and can take a while.
    ///
    /// # Errors
    /// The reason, without a secret.
    async fn locate(&self, database: &Database, endpoint: DatabaseEndpoint) -> Result<DatabaseEndpoint, String>;
}

/// The databases are where RDS says that they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtEndpoint;

#[async_trait]
impl DatabaseLocator for AtEndpoint {
    fn have_data(&self) -> bool {
        true
    }

    async fn locate(&self, _: &Database, endpoint: DatabaseEndpoint) -> Result<DatabaseEndpoint, String> {
        Ok(endpoint)
    }
}

/// Configuration, place of the state, endpoint and options of one command.
pub struct Workspace {
    /// The validated configuration.
    pub config: Config,
    /// Directory with the local states of all stacks.
    pub state_root: PathBuf,
    /// Whether AWS is simulated inside this process. Such a state is always local.
    pub sandbox: bool,
    /// Whether calls go to AWS itself. Only there, public name servers know the records of the stack.
    pub is_aws: bool,
    /// How many resources are processed at the same time.
    pub parallelism: usize,
    /// Opens the endpoint, at every connection.
    pub endpoint: Box<dyn EndpointSource>,
    /// How the databases of the stack are reached.
    pub databases: Box<dyn DatabaseLocator>,
    /// Which environments and accounts must be reachable.
    pub need: Need,
    /// The account of the stack, as the state has it, once the state is read.
    pub stack_account: OnceLock<AccountId>,
    /// The stack to which the state belongs, as the state has it, once the state is read.
    pub stack_in_state: OnceLock<String>,
    /// Receives warnings that are not worth an error.
    pub warn: fn(&str),
}

impl Workspace {
    /// Returns the name of this stack's state, in a directory or a bucket.
    pub(crate) fn folder(&self) -> String {
        format!("{}-{}", self.config.stack.name, self.config.stack.suffix)
    }

    /// Returns the local directory of this stack's state and records.
    pub fn directory(&self) -> PathBuf {
        self.state_root.join(self.folder())
    }

    /// Connects to the cloud.
    ///
    /// # Errors
    /// The endpoint cannot be opened, or AWS does not accept the credentials.
    pub async fn connect(&self) -> Result<Cloud, Error> {
        let (endpoint, clock) = self.endpoint.open().map_err(Error::Endpoint)?;
        let cloud = Cloud::connect_all(endpoint, &tenants(&self.config), self.need, clock).await?;
        for error in cloud.unreachable() {
            (self.warn)(&format!("warning: {}", with_causes(error)));
        }
        if let Some(account) = self.stack_account.get() {
            cloud.belongs_to(account);
        }
        Ok(cloud)
    }

    /// Completes a state with the accounts of the environments, as the credentials are now. Makes calls only if the
    /// configuration names several credentials.
    ///
    /// # Errors
    /// The same as those of [`Self::connect`].
    pub async fn with_accounts(&self, mut state: State) -> Result<State, Error> {
        let tenants = tenants(&self.config);
        let has_one_source = tenants.windows(2).all(|pair| pair[0].source == pair[1].source);
        // The credentials can be others than those that the state was written with.
        if has_one_source && state.other_accounts.is_empty() {
            return Ok(state);
        }
        let cloud = self.connect().await?;
        verify_owner(&state, &self.config, &cloud)?;
        state.other_accounts = cloud.other_accounts();
        if !state.has_begun() {
            state.account = cloud.account().clone();
        }
        Ok(state)
    }

    /// Connects for a command that only reads. Its calls send no events.
    ///
    /// # Errors
    /// The same as those of [`Self::connect`]; the state that was read belongs to another stack, or to an account that
    /// the credentials do not reach. In an emergency, accounts may be out of reach.
    pub async fn connect_read_only(&self) -> Result<ReadContext, Error> {
        let cloud = self.connect().await?;
        if let (Some(stack), Some(account)) = (self.stack_in_state.get(), self.stack_account.get()) {
            let is_ours = *stack == self.config.stack.id() && cloud.has_access(account);
            if self.need == Need::Everything && !is_ours {
                return Err(foreign(stack, account, &self.config, &cloud).into());
            }
        }
        Ok(ReadContext {
            kinds: infra_kinds::KINDS,
            cloud: Arc::new(cloud),
            events: Events::nowhere(),
            cancel: Cancel::default(),
            calls: Arc::new(CallCounter::default()),
            stack: self.config.stack.id(),
            parallelism: self.parallelism,
        })
    }
}
