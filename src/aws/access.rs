//! The access to one account: its credentials, who they belong to, and what happens when they expire.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::profile::{self, ProfileFileCredentialsProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;

use super::cloud_error::CloudError;
use super::credentials::{CredentialsSource, ReloadableCredentials, environment_expiry};
use super::endpoint::Endpoint;
use super::error::{AwsError, ErrorKind, NO_ACCESS};
use super::http::{self, CaBundle};
use super::renewal::{Caller, LoadConfig, Means, Renewal, caller, provider, waiting_client};
use infra_base::address::{AccountId, Region};
use infra_base::clock::Clock;
use infra_base::endpoint_url;

/// Which tenants must be reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// All of them, in each of their regions.
    Everything,
    /// This one, in one of its regions: for commands of an emergency, in which a region may not answer.
    Only(&'static str),
}

/// The access to one account.
pub struct Access {
    source: CredentialsSource,
    /// For the clients of the services.
    config: SdkConfig,
    account: AccountId,
    /// The ARN of who the credentials belong to.
    arn: String,
    renewal: Arc<Renewal>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Access {
    /// Loads the credentials of a source, and asks all regions at once for their account. In an emergency, one answer
    /// is enough.
    pub(super) async fn open(
        endpoint: &Endpoint,
        source: &CredentialsSource,
        regions: &[&Region],
        need: Need,
        clock: Clock,
        who: &str,
    ) -> Result<Self, CloudError> {
        let default = Region::from("us-east-1");
        let home = regions.first().copied().unwrap_or(&default);
        // `plain` fails when the credentials expire, `config` waits.
        let (plain, config, renewal) = load(endpoint, source, home, clock).await?;
        let others: BTreeSet<&Region> = regions.iter().copied().filter(|region| *region != home).collect();
        let mut asking = Vec::new();
        for region in std::iter::once(home).chain(others) {
            let plain = plain.to_builder().region(aws_config::Region::new(region.0.clone())).build();
            let mut sts = aws_sdk_sts::config::Builder::from(&plain);
            if let Endpoint::InProcess(in_process) = endpoint {
                sts = sts.interceptor((in_process.interceptor)(&(in_process.account_of)(source), region));
            }
            asking.push(ask(region.clone(), aws_sdk_sts::Client::from_conf(sts.build())));
        }
        let answers = match need {
            Need::Everything => join_all(asking).await,
            Need::Only(_) => until_the_first_account(asking).await,
        };
        let mut accepted: Option<(aws_sdk_sts::Client, Caller)> = None;
        let mut first_refusal = None;
        for (region, sts, answer) in answers {
            match answer {
                Ok(caller) => accepted = accepted.or(Some((sts, caller))),
                Err(error) => {
                    let endpoint = endpoint.name(plain.endpoint_url());
                    let error = refused(error, source, accepted.is_some(), &region, who, endpoint);
                    first_refusal.get_or_insert(error);
                }
            }
        }
        match (accepted, first_refusal) {
            (Some((sts, Caller { account, arn })), refusal) if refusal.is_none() || need != Need::Everything => {
                renewal.probe_with(sts, account.clone());
                Ok(Self { source: source.clone(), config, account, arn, renewal })
            }
            (_, Some(error)) => Err(error),
            (_, None) => Ok(Self { source: source.clone(), config, account: "".into(), arn: String::new(), renewal }),
        }
    }

    /// Returns an access to an account for which there are no credentials: every call fails before it is sent.
    pub(super) fn without_credentials(others: &[Arc<Self>], account: &AccountId) -> Self {
        let provider = SharedCredentialsProvider::new(NoCredentials(account.clone()));
        let config = others.first().map_or_else(SdkConfig::builder, |other| other.config.to_builder());
        let source = CredentialsSource::default();
        let renewal = Arc::new(Renewal::new(source.clone(), Means::None, Clock::real()));
        let config = config.credentials_provider(provider).build();
        Self { source, config, account: account.clone(), arn: String::new(), renewal }
    }

    /// Returns the configuration of its clients.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the account.
    pub(super) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Returns the ARN of who the credentials belong to. Empty if nobody has answered.
    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    /// Returns where the credentials come from.
    pub(super) fn source(&self) -> &CredentialsSource {
        &self.source
    }

    pub(super) fn renewal(&self) -> &Renewal {
        &self.renewal
    }

    /// Returns when the credentials expire, if they cannot be renewed while the program runs.
    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        self.renewal.is_impossible().then(environment_expiry).flatten()
    }
}

/// The answer of one region to the question for the account.
type Answer = (Region, aws_sdk_sts::Client, Result<Caller, AwsError>);

async fn ask(region: Region, sts: aws_sdk_sts::Client) -> Answer {
    let answer = caller(&sts).await;
    (region, sts, answer)
}

/// Returns the answers until one names the account: a region that does not answer is not waited for.
async fn until_the_first_account(asking: Vec<impl Future<Output = Answer>>) -> Vec<Answer> {
    let mut asking: FuturesUnordered<_> = asking.into_iter().collect();
    let mut answers = Vec::new();
    while let Some(answer) = asking.next().await {
        let is_account = answer.2.is_ok();
        answers.push(answer);
        if is_account {
            break;
        }
    }
    answers
}

fn refused(
    error: AwsError,
    of: &CredentialsSource,
    is_accepted_elsewhere: bool,
    region: &Region,
    who: &str,
    endpoint: String,
) -> CloudError {
    let (who, region, login) = (who.to_owned(), region.clone(), of.login_command());
    match (error.kind, is_accepted_elsewhere) {
        (ErrorKind::Credentials, false) => CloudError::Credentials { who, region, login, source: error },
        (ErrorKind::Credentials, true) => CloudError::Region { who, region, login, source: error },
        (ErrorKind::Unreachable, _) => CloudError::Unreachable { endpoint, source: error },
        _ => CloudError::Account { who, source: error },
    }
}

/// Returns the configuration of a source, without and with waiting for new credentials.
async fn load(
    endpoint: &Endpoint,
    source: &CredentialsSource,
    home: &Region,
    clock: Clock,
) -> Result<(SdkConfig, SdkConfig, Arc<Renewal>), CloudError> {
    let (plain, http, means) = match endpoint {
        Endpoint::InProcess(in_process) => {
            let credentials = Credentials::new("sandbox", "sandbox", None, None, "sandbox");
            let loader = loader(home).http_client(in_process.http.clone()).credentials_provider(credentials);
            (loader.empty_test_environment().load().await, in_process.http.clone(), Means::Elsewhere)
        }
        Endpoint::Network { url } => {
            let http = http::client(ca_bundle(source).await?)?;
            let config = load_network(source, home, &http, url.as_deref()).await;
            check_urls(&config)?;
            let Some(provider) = config.credentials_provider() else {
                let renewal = Arc::new(Renewal::new(source.clone(), Means::None, clock));
                return Ok((config.clone(), config, renewal));
            };
            let credentials = ReloadableCredentials::new(provider);
            let plain = config.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials.clone()));
            let (again, home, url) = (source.clone(), home.clone(), url.clone());
            let load_http = http.clone();
            let load: LoadConfig = Box::new(move || {
                let (source, home, http, url) = (again.clone(), home.clone(), load_http.clone(), url.clone());
                Box::pin(async move { load_network(&source, &home, &http, url.as_deref()).await })
            });
            let means = match source.is_environment() {
                true => Means::None,
                false => Means::Load { credentials, load },
            };
            (plain.build(), http, means)
        }
    };
    let waiting = match &means {
        Means::Load { credentials, .. } => Some(credentials.clone()),
        Means::None | Means::Elsewhere => None,
    };
    let renewal = Arc::new(Renewal::new(source.clone(), means, clock));
    let mut config = plain.to_builder().http_client(waiting_client(http, Arc::clone(&renewal)));
    if let Some(credentials) = waiting {
        config = config.credentials_provider(provider(credentials, Arc::clone(&renewal)));
    }
    Ok((plain, config.build(), renewal))
}

/// The ids of the services that are called ("Service-specific endpoints", AWS SDKs and Tools Reference Guide).
const SERVICES: &[&str] = &[
    "ACM",
    "Application Auto Scaling",
    "CloudWatch",
    "CloudWatch Logs",
    "Database Migration Service",
    "EC2",
    "ECS",
    "Elastic Load Balancing v2",
    "IAM",
    "Lambda",
    "RDS",
    "Resource Groups Tagging API",
    "Route 53",
    "S3",
    "Secrets Manager",
    "Service Quotas",
    "SNS",
    "STS",
];

/// The variable with the endpoint of all services, and the beginning of the names of those for one.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";
/// The key in a profile, and in the section of a service.
const ENDPOINT_KEY: &str = "endpoint_url";

/// Refuses URLs of the environment or of a profile that calls cannot be sent to: each request has secrets in it.
fn check_urls(config: &SdkConfig) -> Result<(), CloudError> {
    let check = |setting: String, url: &str| {
        endpoint_url::check(url).map_err(|source| CloudError::EndpointUrl { setting, source })
    };
    let of_services = SERVICES.iter().map(|id| format!("{ENDPOINT_VARIABLE}_{}", id.to_uppercase().replace(' ', "_")));
    for name in std::iter::once(ENDPOINT_VARIABLE.to_owned()).chain(of_services) {
        if let Some(url) = std::env::var(&name).ok().filter(|url| !url.is_empty()) {
            check(format!("`{name}`"), &url)?;
        }
    }
    if let Some(url) = config.endpoint_url() {
        check(format!("`{ENDPOINT_KEY}` of the profile"), url)?;
    }
    for id in SERVICES {
        let key = ServiceConfigKey::builder().service_id(id).env(ENDPOINT_VARIABLE).profile(ENDPOINT_KEY).build();
        if let (Ok(key), Some(configured)) = (key, config.service_config())
            && let Some(url) = configured.load_config(key)
        {
            check(format!("`{ENDPOINT_KEY}` of {id} in the profile"), &url)?;
        }
    }
    Ok(())
}

/// Provides no credentials, and says why.
#[derive(Debug)]
struct NoCredentials(AccountId);

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let why = format!("{NO_ACCESS} {}", self.0);
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(why)))
    }
}

fn loader(home: &Region) -> ConfigLoader {
    // An attempt has no time limit of its own, because it can wait for new credentials.
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(90)).build();
    aws_config::defaults(BehaviorVersion::latest())
        .region(aws_config::Region::new(home.0.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(timeouts)
        // The credentials have a cache of their own, which can be told to load them again.
        .identity_cache(IdentityCache::no_cache())
}

/// Loads the configuration of a source, as it is now.
async fn load_network(
    source: &CredentialsSource,
    home: &Region,
    http: &SharedHttpClient,
    url: Option<&str>,
) -> SdkConfig {
    let mut loader = loader(home).http_client(http.clone());
    if let Some(url) = url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &source.profile {
        // Environment variables come first in the standard chain; a profile that is named comes before them.
        loader = loader.profile_name(profile);
        let provider = ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(Some(aws_config::Region::new(home.0.clone())));
        let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
        loader = loader.credentials_provider(provider);
    }
    let config = loader.load().await;
    let Some(role) = &source.assume_role else { return config };
    let mut assumed = AssumeRoleProvider::builder(&role.role_arn).session_name(&role.session_name).configure(&config);
    if let Some(external_id) = &role.external_id {
        assumed = assumed.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(assumed.build().await);
    config.to_builder().credentials_provider(provider).build()
}

/// Returns the certificates to trust, and refuses a profile that the SDK cannot use.
async fn ca_bundle(source: &CredentialsSource) -> Result<Option<CaBundle>, CloudError> {
    let (files, environment, all) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    // A file that cannot be read is reported when the credentials are loaded.
    let profiles = profile::load(&files, &environment, &all, source.profile.clone().map(Cow::Owned)).await.ok();
    let name = profiles.as_ref().map(|profiles| profiles.selected_profile().to_owned()).unwrap_or_default();
    let profile = profiles.as_ref().and_then(|profiles| profiles.get_profile(&name));
    let value = |key: &str| profile.and_then(|profile| profile.get(key)).map(str::to_owned);
    if value("mfa_serial").is_some() && value("role_arn").is_some() && !source.is_environment() {
        return Err(CloudError::Mfa { profile: name });
    }
    let from = |path: String, setting| CaBundle { path: path.into(), setting };
    let variable = std::env::var("AWS_CA_BUNDLE").ok().filter(|path| !path.is_empty());
    Ok(variable
        .map(|path| from(path, "AWS_CA_BUNDLE"))
        .or_else(|| value("ca_bundle").map(|path| from(path, "`ca_bundle` of the profile"))))
}

#[cfg(test)]
mod tests {
    use super::SERVICES;

    #[test]
    fn urls_of_acm_quotas_and_topics_were_not_checked() {
        let crates = include_str!("Cargo.toml").lines().filter_map(|line| line.strip_prefix("aws-sdk-"));
        let names: Vec<&str> = crates.filter_map(|rest| rest.split('.').next()).collect();
        assert_eq!(names.len(), SERVICES.len(), "{names:?}");
        for name in names {
            let is_of = |id: &&str| id.to_lowercase().replace(' ', "").starts_with(name);
            assert!(SERVICES.iter().any(is_of), "{name}");
        }
    }
}
