//! The clients of all services, one set for each region in use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::budget::Budgets;
use super::error::{AwsError, ErrorKind};
use super::intent_guard::CallGuard;
use infra_base::address::{AccountId, Region};
use infra_base::clock::Clock;

/// One client for each service, all for one region.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the client of the service it is named after")]
pub struct Clients {
    pub ec2: aws_sdk_ec2::Client,
    pub rds: aws_sdk_rds::Client,
    pub s3: aws_sdk_s3::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub iam: aws_sdk_iam::Client,
    pub sts: aws_sdk_sts::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub dms: aws_sdk_databasemigration::Client,
    pub route53: aws_sdk_route53::Client,
}

/// Replaces AWS inside the process: an interceptor for each region, and an HTTP client that sends nothing.
#[derive(Clone)]
pub struct InProcess {
    /// Creates the interceptor that answers the operations of one region.
    pub interceptor: Arc<dyn Fn(&Region) -> SharedInterceptor + Send + Sync>,
    /// Receives the requests that the interceptor has answered.
    pub http: SharedHttpClient,
    /// The account.
    pub account: AccountId,
    /// Returns the current time, in milliseconds since 1970.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Where calls are sent.
#[derive(Clone)]
pub enum Endpoint {
    /// To AWS, to the URL in `AWS_ENDPOINT_URL`, or to this one.
    Network {
        /// `--endpoint-url`
        url: Option<String>,
    },
    /// Nowhere: they are answered inside the process.
    InProcess(InProcess),
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { url } => f.debug_struct("Network").field("url", url).finish(),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

/// The reason why the cloud cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// There are no usable credentials.
    #[error("there are no valid AWS credentials")]
    Credentials(#[source] AwsError),
    /// The endpoint does not answer.
    #[error("{endpoint} does not answer")]
    Unreachable {
        /// The URL, or a description of AWS.
        endpoint: String,
        /// The error of the connection.
        #[source]
        source: AwsError,
    },
    /// The answer does not contain the account.
    #[error("AWS did not report the account of these credentials")]
    Account(#[source] AwsError),
}

/// The clients of a region, and its request budgets.
type Regional = (Arc<Clients>, Arc<Budgets>);

/// AWS, as one account sees it.
pub struct Cloud {
    endpoint: Endpoint,
    config: SdkConfig,
    account: AccountId,
    clock: Clock,
    regions: Mutex<HashMap<Region, Regional>>,
}

impl Cloud {
    /// Loads the credentials and asks AWS for their account.
    ///
    /// # Errors
    /// There are no credentials, or nothing answers. Nothing was changed.
    pub async fn connect(endpoint: Endpoint, home: &Region, clock: Clock) -> Result<Self, CloudError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(90))
            .build();
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(home.0.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .timeout_config(timeouts);
        let config = match &endpoint {
            Endpoint::Network { url } => {
                let tls = aws_smithy_http_client::tls::Provider::Rustls(
                    aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
                );
                let loader = loader.http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https());
                match url {
                    Some(url) => loader.endpoint_url(url).load().await,
                    None => loader.load().await,
                }
            }
            Endpoint::InProcess(in_process) => {
                let credentials = aws_credential_types::Credentials::new("sandbox", "sandbox", None, None, "sandbox");
                loader
                    .http_client(in_process.http.clone())
                    .credentials_provider(credentials)
                    .empty_test_environment()
                    .load()
                    .await
            }
        };
        let mut cloud = Self { endpoint, config, account: AccountId(String::new()), clock, regions: Mutex::default() };
        cloud.account = cloud.whoami(home).await?;
        Ok(cloud)
    }

    async fn whoami(&self, home: &Region) -> Result<AccountId, CloudError> {
        let clients = self.clients(home).0;
        let answer = clients
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| AwsError::of("sts:GetCallerIdentity", &error));
        match answer {
            Ok(identity) => Ok(AccountId(identity.account().unwrap_or_default().to_owned())),
            Err(source) => Err(match source.kind {
                ErrorKind::Credentials => CloudError::Credentials(source),
                ErrorKind::Unreachable => CloudError::Unreachable { endpoint: self.name(), source },
                _ => CloudError::Account(source),
            }),
        }
    }

    /// Returns a description of where calls are sent.
    pub fn name(&self) -> String {
        match &self.endpoint {
            Endpoint::Network { url: Some(url) } => format!("the endpoint {url}"),
            Endpoint::Network { url: None } => match self.config.endpoint_url() {
                Some(url) => format!("the endpoint {url}"),
                None => "AWS".to_owned(),
            },
            Endpoint::InProcess(_) => "the sandbox".to_owned(),
        }
    }

    /// Returns the account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Returns the current time at the endpoint, in seconds since 1970.
    pub fn unix_now(&self) -> i64 {
        match &self.endpoint {
            Endpoint::Network { .. } => jiff::Timestamp::now().as_second(),
            Endpoint::InProcess(in_process) => i64::try_from((in_process.now)() / 1000).unwrap_or(i64::MAX),
        }
    }

    /// Returns the clock for calls and waits.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns the clients and request budgets of a region. They are created once.
    pub fn clients(&self, region: &Region) -> Regional {
        let mut regions = self.regions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        regions
            .entry(region.clone())
            .or_insert_with(|| (Arc::new(self.build(region)), Arc::new(Budgets::new(self.clock))))
            .clone()
    }

    fn build(&self, region: &Region) -> Clients {
        let config = self.config.to_builder().region(aws_config::Region::new(region.0.clone())).build();
        let in_process = match &self.endpoint {
            Endpoint::InProcess(in_process) => Some((in_process.interceptor)(region)),
            Endpoint::Network { .. } => None,
        };
        macro_rules! client {
            ($service:ident) => {
                client!($service, |builder| builder)
            };
            ($service:ident, |$builder:ident| $more:expr) => {{
                let mut $builder = $service::config::Builder::from(&config).interceptor(CallGuard);
                if let Some(in_process) = &in_process {
                    $builder = $builder.interceptor(in_process.clone());
                }
                $service::Client::from_conf($more.build())
            }};
        }
        // Custom endpoints do not resolve bucket names as host names.
        let own_endpoint = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        Clients {
            ec2: client!(aws_sdk_ec2),
            rds: client!(aws_sdk_rds),
            s3: client!(aws_sdk_s3, |builder| builder.force_path_style(own_endpoint)),
            ecs: client!(aws_sdk_ecs),
            iam: client!(aws_sdk_iam),
            sts: client!(aws_sdk_sts),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            logs: client!(aws_sdk_cloudwatchlogs),
            lambda: client!(aws_sdk_lambda),
            cloudwatch: client!(aws_sdk_cloudwatch),
            secrets: client!(aws_sdk_secretsmanager),
            autoscaling: client!(aws_sdk_applicationautoscaling),
            tagging: client!(aws_sdk_resourcegroupstagging),
            dms: client!(aws_sdk_databasemigration),
            route53: client!(aws_sdk_route53),
        }
    }
}
