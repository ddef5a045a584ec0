//! The clients of all services, one set for each region in use of each account.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use futures::future::join_all;

use super::access::{Access, Need};
use super::budget::Budgets;
use super::cloud_error::CloudError;
use super::credentials::CredentialsSource;
use super::endpoint::Endpoint;
use super::intent_guard::CallGuard;
use super::metrics::Cancel;
use infra_base::address::{AccountId, Location, Region};
use infra_base::clock::Clock;

/// One client for each service, all for one region of an account.
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
    pub quotas: aws_sdk_servicequotas::Client,
    pub acm: aws_sdk_acm::Client,
    pub sns: aws_sdk_sns::Client,
}

/// The clients of a region, and its request budgets.
type Regional = (Arc<Clients>, Arc<Budgets>);

/// What needs access to AWS: an environment, the routing, or what is left in an account without either.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its credentials.
    pub source: CredentialsSource,
    /// Its regions. The first one is asked first.
    pub regions: Vec<Region>,
    /// The account that the credentials must belong to. Such a tenant is only an access.
    pub account: Option<AccountId>,
}

/// AWS, as the accounts of a stack see it.
pub struct Cloud {
    endpoint: Endpoint,
    clock: Clock,
    accesses: Vec<Arc<Access>>,
    /// The account of each tenant that is more than an access.
    tenants: BTreeMap<String, AccountId>,
    /// The account of the first tenant.
    first: Option<AccountId>,
    /// Why some tenants cannot be reached.
    unreachable: Vec<CloudError>,
    /// The account of the stack, if it is not the first one.
    stack_account: OnceLock<AccountId>,
    regions: Mutex<HashMap<Location, Regional>>,
}

/// How long a command of an emergency waits for an account that it does not need.
const EMERGENCY_PATIENCE: Duration = Duration::from_secs(10);

/// Gives up on an account after some time.
async fn within(
    open: impl Future<Output = Result<Access, CloudError>>,
    who: &str,
    patience: Option<Duration>,
) -> Result<Access, CloudError> {
    let Some(patience) = patience else { return open.await };
    let late = |_| CloudError::Late { who: who.to_owned(), seconds: patience.as_secs() };
    tokio::time::timeout(patience, open).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

impl Cloud {
    /// Loads the default credentials and asks AWS for their account.
    ///
    /// # Errors
    /// There are no credentials, or nothing answers. Nothing was changed.
    pub async fn connect(endpoint: Endpoint, home: &Region, clock: Clock) -> Result<Self, CloudError> {
        let tenant = Tenant {
            name: "the stack".to_owned(),
            source: CredentialsSource::default(),
            regions: vec![home.clone()],
            account: None,
        };
        Self::connect_all(endpoint, &[tenant], Need::Everything, clock).await
    }

    /// Loads the credentials of all tenants, and asks AWS in each of their regions for the account. The first tenant is
    /// in the account of the stack.
    ///
    /// # Errors
    /// Credentials are missing, a region does not accept them, or nothing answers. Nothing was changed.
    pub async fn connect_all(
        endpoint: Endpoint,
        tenants: &[Tenant],
        need: Need,
        clock: Clock,
    ) -> Result<Self, CloudError> {
        let mut cloud = Self {
            endpoint,
            clock,
            accesses: Vec::new(),
            tenants: BTreeMap::new(),
            first: None,
            unreachable: Vec::new(),
            stack_account: OnceLock::new(),
            regions: Mutex::default(),
        };
        let mut sources: Vec<(&CredentialsSource, Vec<&Region>, String)> = Vec::new();
        for tenant in tenants {
            match sources.iter_mut().find(|(source, ..)| **source == tenant.source) {
                Some((_, regions, _)) => regions.extend(&tenant.regions),
                None => {
                    let who = format!("`{}` ({})", tenant.name, tenant.source);
                    sources.push((&tenant.source, tenant.regions.iter().collect(), who));
                }
            }
        }
        let is_needed = |source: &CredentialsSource| match need {
            Need::Everything => true,
            Need::Only(name) => tenants.iter().any(|tenant| tenant.name == name && tenant.source == *source),
        };
        let mut opening = Vec::new();
        for (source, regions, who) in &sources {
            let open = Access::open(&cloud.endpoint, source, regions, need, clock, who);
            opening.push(within(open, who, (!is_needed(source)).then_some(EMERGENCY_PATIENCE)));
        }
        let opened = join_all(opening).await;
        let mut names: Vec<String> = Vec::new();
        for ((source, _, who), opened) in sources.into_iter().zip(opened) {
            let of_source = || tenants.iter().filter(|tenant| tenant.source == *source);
            let opened = opened.and_then(|access| match of_source().find_map(|tenant| tenant.account.as_ref()) {
                Some(expected) if expected != access.account() => Err(CloudError::OtherAccount {
                    who: who.clone(),
                    account: access.account().clone(),
                    expected: expected.clone(),
                }),
                _ => Ok(access),
            });
            let access = match opened {
                Ok(access) => access,
                Err(error) if is_needed(source) => return Err(error),
                Err(error) => {
                    cloud.unreachable.push(error);
                    continue;
                }
            };
            if let Some(other) = cloud.accesses.iter().position(|other| other.account() == access.account()) {
                let (account, first) = (access.account().clone(), names[other].clone());
                return Err(CloudError::TwoSources { account, first, second: who });
            }
            for tenant in of_source().filter(|tenant| tenant.account.is_none()) {
                cloud.tenants.insert(tenant.name.clone(), access.account().clone());
            }
            cloud.accesses.push(Arc::new(access));
            names.push(who);
        }
        if cloud.accesses.is_empty()
            && let Some(error) = cloud.unreachable.pop()
        {
            return Err(error);
        }
        cloud.first = tenants.first().and_then(|first| cloud.tenants.get(&first.name)).cloned();
        Ok(cloud)
    }

    /// Returns why tenants that are not needed cannot be reached.
    pub fn unreachable(&self) -> &[CloudError] {
        &self.unreachable
    }

    /// Returns a description of where calls are sent.
    pub fn name(&self) -> String {
        self.endpoint.name(self.accesses.first().and_then(|access| access.config().endpoint_url()))
    }

    /// Returns whether calls go to an emulator, where nothing happens by itself. The sandbox counts as AWS.
    pub fn is_emulator(&self) -> bool {
        self.endpoint.is_emulator(self.accesses.first().and_then(|access| access.config().endpoint_url()))
    }

    /// From now on, calls whose credentials have expired wait for new ones, until the run is stopped. `tell` receives a
    /// text when they do.
    pub fn wait_for_credentials(&self, tell: impl Fn(String) + Clone + Send + Sync + 'static, cancel: &Cancel) {
        for access in &self.accesses {
            access.renewal().wait_for(tell.clone(), cancel.clone());
        }
    }

    /// Takes an account for that of the stack, because the state says so. Without this, it is the account of the first
    /// tenant.
    pub fn belongs_to(&self, account: &AccountId) {
        let _ = self.stack_account.set(account.clone());
    }

    /// Returns the account of the stack.
    pub fn account(&self) -> &AccountId {
        static NONE: AccountId = AccountId(String::new());
        self.stack_account.get().or_else(|| self.accesses.first().map(|access| access.account())).unwrap_or(&NONE)
    }

    /// Returns the ARN of who uses this program: a user, or the session of a role, in the account of the stack. Empty
    /// if AWS has not named it.
    pub fn identity(&self) -> &str {
        match self.identity_in(self.account()) {
            "" => self.accesses.first().map(|access| access.arn()).unwrap_or_default(),
            named => named,
        }
    }

    /// Returns the ARN of who uses this program in an account. Empty if AWS has not named it.
    pub fn identity_in(&self, account: &AccountId) -> &str {
        let access = self.accesses.iter().find(|access| access.account() == account);
        access.map(|access| access.arn()).unwrap_or_default()
    }

    /// Returns the account of a location.
    pub fn account_of<'a>(&'a self, location: &'a Location) -> &'a AccountId {
        location.account.as_ref().unwrap_or_else(|| self.account())
    }

    /// Returns the account of each tenant, if it is not the account of the stack.
    pub fn other_accounts(&self) -> BTreeMap<String, AccountId> {
        let others = self.tenants.iter().filter(|(_, account)| *account != self.account());
        others.map(|(name, account)| (name.clone(), account.clone())).collect()
    }

    /// Returns a region of the account of the first tenant; nothing if that cannot be reached.
    pub fn first_location(&self, region: &Region) -> Option<Location> {
        Some(Location { region: region.clone(), account: Some(self.first.clone()?) })
    }

    /// Returns the accounts for which there are credentials.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.accesses.iter().map(|access| access.account())
    }

    /// Returns a region of a tenant's account.
    pub fn location(&self, tenant: &str, region: &Region) -> Location {
        let account = self.tenants.get(tenant).filter(|account| *account != self.account());
        Location { region: region.clone(), account: account.cloned() }
    }

    /// Returns whether there are credentials for an account.
    pub fn has_access(&self, account: &AccountId) -> bool {
        self.accesses.iter().any(|access| access.account() == account)
    }

    /// Returns when the first credentials that nobody can renew for this process expire, and what they are.
    pub fn expires_at(&self) -> Option<(SystemTime, String)> {
        let expiring =
            self.accesses.iter().filter_map(|access| Some((access.expires_at()?, access.source().to_string())));
        expiring.min()
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

    /// Returns the clients and request budgets of a region of an account. They are created once. Without credentials
    /// for the account, every call fails before it is sent.
    pub fn clients(&self, location: &Location) -> Regional {
        let mut location = location.clone();
        let account = location.account.get_or_insert_with(|| self.account().clone()).clone();
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let create = || {
            let access = self.accesses.iter().find(|access| *access.account() == account).cloned();
            let access = access.unwrap_or_else(|| Arc::new(Access::without_credentials(&self.accesses, &account)));
            (Arc::new(self.build(&access, &location.region)), Arc::new(Budgets::new(self.clock, self.is_emulator())))
        };
        regions.entry(location.clone()).or_insert_with(create).clone()
    }

    fn build(&self, access: &Access, region: &Region) -> Clients {
        let config = access.config().to_builder().region(aws_config::Region::new(region.0.clone())).build();
        let in_process = match &self.endpoint {
            Endpoint::InProcess(in_process) => Some((in_process.interceptor)(access.account(), region)),
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
            quotas: client!(aws_sdk_servicequotas),
            acm: client!(aws_sdk_acm),
            sns: client!(aws_sdk_sns),
        }
    }
}
