//! What happens when credentials expire during a run: the calls wait until somebody has logged in again.
//!
//! A call that AWS refuses because of expired credentials had no effect. The HTTP client holds the refusal back until
//! new credentials are accepted, and then lets the SDK send the call again. So no call of a run fails, and each is
//! still sent only once.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::credentials::{CredentialsSource, ReloadableCredentials};
use super::error::{AwsError, EXPIRED};
use super::metrics::Cancel;
use infra_base::address::AccountId;
use infra_base::clock::Clock;

/// How often it is tried whether new credentials are accepted.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a run waits for somebody to log in again.
const TIMEOUT: Duration = Duration::from_mins(30);

/// How the credentials can be renewed while the program runs.
pub(super) enum Means {
    /// They cannot: nobody can change the environment variables of a process that runs.
    None,
    /// They are loaded again.
    Load { credentials: ReloadableCredentials, load: LoadConfig },
    /// They are accepted again after a while.
    Elsewhere,
}

/// Loads the configuration of a source, as it is now.
pub(super) type LoadConfig = Box<dyn Fn() -> BoxFuture<'static, SdkConfig> + Send + Sync>;

/// What receives the text that a run waits, and what ends the waiting.
struct Run {
    tell: Box<dyn Fn(String) + Send + Sync>,
    cancel: Cancel,
}

/// Renews the credentials of one account.
pub(super) struct Renewal {
    source: CredentialsSource,
    means: Means,
    clock: Clock,
    /// Asks who the credentials belong to. Without this client, nothing is renewed.
    probe: OnceLock<(aws_sdk_sts::Client, AccountId)>,
    run: OnceLock<Run>,
    /// When they were last renewed. Locked while a call waits for that; the others wait for it.
    renewed_at: Mutex<Option<Duration>>,
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Renewal {
    pub(super) fn new(source: CredentialsSource, means: Means, clock: Clock) -> Self {
        Self { source, means, clock, probe: OnceLock::new(), run: OnceLock::new(), renewed_at: Mutex::default() }
    }

    /// Sets the client that asks who the credentials belong to. It must not wait for new credentials itself.
    pub(super) fn probe_with(&self, sts: aws_sdk_sts::Client, account: AccountId) {
        let _ = self.probe.set((sts, account));
    }

    /// From now on, calls wait for new credentials. `tell` receives a text when they do.
    pub(super) fn wait_for(&self, tell: impl Fn(String) + Send + Sync + 'static, cancel: Cancel) {
        let _ = self.run.set(Run { tell: Box::new(tell), cancel });
    }

    /// Waits until AWS accepts the credentials again. Returns whether it does: nobody can renew them for this process,
    /// nobody has within the time limit, or the run is stopped.
    async fn renew(&self) -> bool {
        let (Some(run), Some((sts, account))) = (self.run.get(), self.probe.get()) else { return false };
        let asked_at = self.clock.now();
        let mut renewed_at = self.renewed_at.lock().await;
        if renewed_at.is_some_and(|renewed_at| renewed_at >= asked_at) {
            return true;
        }
        let mut has_told = false;
        while self.clock.now().saturating_sub(asked_at) < TIMEOUT {
            match &self.means {
                Means::None => return false,
                Means::Elsewhere => {}
                Means::Load { credentials, load } => {
                    if let Some(provider) = load().await.credentials_provider() {
                        credentials.replace(provider).await;
                    }
                }
            }
            if caller(sts).await.is_ok_and(|found| found == *account) {
                *renewed_at = Some(self.clock.now());
                return true;
            }
            if !has_told {
                has_told = true;
                (run.tell)(format!(
                    "the credentials of {} have expired; this run waits up to {} minutes for new ones, for example \
                     from `aws sso login` or `aws login`",
                    self.source,
                    TIMEOUT.as_secs() / 60
                ));
            }
            tokio::select! {
                () = self.clock.sleep(INTERVAL) => {}
                () = run.cancel.cancelled() => return false,
            }
        }
        false
    }
}

/// Returns the account of the credentials of a client.
pub(super) async fn caller(sts: &aws_sdk_sts::Client) -> Result<AccountId, AwsError> {
    let answer = sts.get_caller_identity().send().await;
    let identity = answer.map_err(|error| AwsError::of("sts:GetCallerIdentity", &error))?;
    Ok(AccountId(identity.account().unwrap_or_default().to_owned()))
}

/// Provides credentials, and waits for new ones when they cannot be loaded: a session of SSO has ended.
#[derive(Debug)]
pub(super) struct WaitingCredentials {
    pub(super) credentials: ReloadableCredentials,
    pub(super) renewal: Arc<Renewal>,
}

impl WaitingCredentials {
    async fn load(&self) -> aws_credential_types::provider::Result {
        match self.credentials.provide_credentials().await {
            Err(_) if self.renewal.renew().await => self.credentials.provide_credentials().await,
            other => other,
        }
    }
}

impl ProvideCredentials for WaitingCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// Returns a client that holds back the refusal of expired credentials until they are renewed.
pub(super) fn waiting_client(http: SharedHttpClient, renewal: Arc<Renewal>) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        let connector = http.http_connector(settings, components);
        SharedHttpConnector::new(WaitingConnector { connector, renewal: Arc::clone(&renewal) })
    })
}

#[derive(Debug)]
struct WaitingConnector {
    connector: SharedHttpConnector,
    renewal: Arc<Renewal>,
}

impl HttpConnector for WaitingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = self.connector.call(request);
        let renewal = Arc::clone(&self.renewal);
        HttpConnectorFuture::new(async move {
            let mut response = sent.await?;
            let is_refusal = matches!(response.status().as_u16(), 400 | 401 | 403);
            if !is_refusal || !is_expired(&mut response).await || !renewal.renew().await {
                return Ok(response);
            }
            // The SDK sends the call again, with the credentials as they are now.
            let status = StatusCode::try_from(503).unwrap_or_else(|_| response.status());
            Ok(HttpResponse::new(status, SdkBody::from("the credentials were renewed")))
        })
    }
}

/// Returns whether the response says that the credentials have expired. Reads its body, which is an error of AWS and
/// short.
async fn is_expired(response: &mut HttpResponse) -> bool {
    let has_code = |text: &str| EXPIRED.iter().any(|code| text.contains(code));
    if response.headers().get("x-amzn-errortype").is_some_and(has_code) {
        return true;
    }
    let body = std::mem::replace(response.body_mut(), SdkBody::empty());
    let Ok(bytes) = aws_smithy_types::byte_stream::ByteStream::new(body).collect().await else { return false };
    let bytes = bytes.into_bytes();
    let is_expired = has_code(&String::from_utf8_lossy(&bytes));
    *response.body_mut() = SdkBody::from(bytes);
    is_expired
}

/// Returns a provider for the clients of the services.
pub(super) fn provider(credentials: ReloadableCredentials, renewal: Arc<Renewal>) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(WaitingCredentials { credentials, renewal })
}
