//! What needs access to AWS, and with which credentials.

use std::collections::BTreeSet;

use infra_aws::{AssumedRole, Cloud, CredentialsSource, Tenant};
use infra_base::address::AccountId;
use infra_config::{Config, Credentials};
use infra_core::state::State;
use infra_payment::stack::ROUTING;

use crate::refusal::{PlanRefusal, StateRefusal};

/// Returns the environments, the routing, and the accounts of the configuration. The first environment is in the
/// account of the stack, unless the state names another one.
pub fn tenants(config: &Config) -> Vec<Tenant> {
    let environments = config.environments.iter().map(|environment| Tenant {
        name: environment.name.clone(),
        source: source(&environment.credentials),
        regions: vec![environment.region.clone()],
        account: None,
    });
    let routing = config.routing.as_ref().map(|_| Tenant {
        name: ROUTING.to_owned(),
        source: source(&config.routing_credentials()),
        regions: vec![config.home_region()],
        account: None,
    });
    let accounts = config.accounts.iter().map(|(account, credentials)| Tenant {
        name: format!("accounts.{account}"),
        source: source(credentials),
        regions: vec![config.home_region()],
        account: Some(account.as_str().into()),
    });
    environments.chain(routing).chain(accounts).collect()
}

/// Returns what publishes to the topic of `[notify]`, if there is one: the first environment, in the region of the
/// topic. A topic of another account needs a policy that allows it.
pub(crate) fn publisher(config: &Config) -> Option<Tenant> {
    let first = config.environments.first()?;
    Some(Tenant {
        name: first.name.clone(),
        source: source(&first.credentials),
        regions: vec![config.notify.topic_region()?],
        account: None,
    })
}

fn source(credentials: &Credentials) -> CredentialsSource {
    CredentialsSource {
        profile: Some(credentials.profile.clone()).filter(|profile| !profile.is_empty()),
        assume_role: credentials.assume_role.as_ref().map(|role| AssumedRole {
            role_arn: role.role_arn.clone(),
            external_id: role.external_id.clone(),
            session_name: role.session_name.clone(),
        }),
    }
}

/// Refuses a state with resources in accounts for which there are no credentials, and tells the cloud which account is
/// that of the stack.
///
/// # Errors
/// The state belongs to another stack, or to other accounts.
pub(crate) fn verify_owner(state: &State, config: &Config, cloud: &Cloud) -> Result<(), StateRefusal> {
    let stack = config.stack.id();
    if !state.has_begun() {
        return Ok(());
    }
    cloud.belongs_to(&state.account);
    let foreign = || foreign(&state.stack, &state.account, config, cloud);
    if state.stack != stack {
        return Err(foreign());
    }
    let used: BTreeSet<&AccountId> =
        state.resources.values().map(|entry| entry.account.as_ref().unwrap_or(&state.account)).collect();
    // Without resources, nothing but the account itself tells whether the credentials are the right ones.
    let needed = if used.is_empty() { BTreeSet::from([&state.account]) } else { used };
    match needed.into_iter().find(|account| !cloud.has_access(account)) {
        None => Ok(()),
        Some(account) if *account == state.account && state.other_accounts.is_empty() => Err(foreign()),
        Some(account) => Err(StateRefusal::NoAccess {
            account: account.clone(),
            example: state
                .resources
                .iter()
                .find(|(_, entry)| entry.account.as_ref() == Some(account))
                .map(|(address, _)| address.clone()),
        }),
    }
}

/// Returns the refusal of a state that belongs to another stack or account.
pub(crate) fn foreign(stack: &str, account: &AccountId, config: &Config, cloud: &Cloud) -> StateRefusal {
    StateRefusal::ForeignState {
        actual_stack: stack.to_owned(),
        actual_account: account.clone(),
        stack: config.stack.id(),
        accounts: cloud.accounts().cloned().collect(),
    }
}

/// Refuses a replication from a database in another account whose secret cannot be shared: "you can't use the AWS
/// managed key (aws/secretsmanager) for cross-account access" ("Access AWS Secrets Manager secrets from a different
/// account").
///
/// # Errors
/// [`PlanRefusal::SharedSecretWithoutKey`].
pub(crate) fn check_keys(config: &Config, state: &State) -> Result<(), PlanRefusal> {
    for environment in &config.environments {
        let link = environment.replicates.database.as_ref();
        let Some(from) = link.and_then(|link| config.environment(&link.from_environment)) else { continue };
        let account = |name: &str| state.other_accounts.get(name);
        // A replica of the secret is encrypted with a key of its own region.
        let with_key = if from.region == environment.region { from } else { environment };
        if account(&from.name) != account(&environment.name) && with_key.encryption.key().is_none() {
            return Err(PlanRefusal::SharedSecretWithoutKey {
                from: from.name.clone(),
                to: environment.name.clone(),
                key: format!("environments.{}.encryption.kms_key_arn", with_key.name),
            });
        }
    }
    Ok(())
}
