//! What happens when credentials expire during a run: the calls wait until somebody has logged in again.
//!
//! A call that AWS refuses because of expired credentials had no effect. The HTTP client holds the refusal back until
//! new credentials are accepted. Then the call is sent again: a read by the SDK, a change by its caller, after another
//! record in the journal. So no call of a run fails, and none takes effect twice.

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
use super::error::{AwsError, EXPIRED, RENEWED};
use super::metrics::Cancel;
use infra_base::address::AccountId;
use infra_base::causes::with_causes;
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
    /// Locked while a call waits for new credentials; the others wait for it.
    progress: Mutex<Progress>,
}

/// What has become of the renewals so far.
#[derive(Clone, Copy, Debug, Default)]
enum Progress {
    /// None was necessary.
    #[default]
    Idle,
    /// The last one succeeded.
    Renewed {
        /// When.
        at: Duration,
    },
    /// The last one took too long, or the run was stopped.
    GaveUp,
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Renewal {
    pub(super) fn new(source: CredentialsSource, means: Means, clock: Clock) -> Self {
        Self { source, means, clock, probe: OnceLock::new(), run: OnceLock::new(), progress: Mutex::default() }
    }

    /// Returns whether nobody can renew the credentials for this process.
    pub(super) fn is_impossible(&self) -> bool {
        matches!(self.means, Means::None)
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
    async fn renew(&self, why: &str) -> bool {
        let (Some(run), Some((sts, account))) = (self.run.get(), self.probe.get()) else { return false };
        let asked_at = self.clock.now();
        let mut progress = tokio::select! {
            progress = self.progress.lock() => progress,
            () = run.cancel.cancelled() => return false,
        };
        match *progress {
            Progress::Renewed { at } if at >= asked_at => return true,
            // One wait is enough for the run: the other calls fail at once.
            Progress::GaveUp => return false,
            Progress::Idle | Progress::Renewed { .. } => {}
        }
        let renewed = tokio::select! {
            renewed = self.wait(run, sts, account, asked_at, why) => renewed,
            () = run.cancel.cancelled() => false,
        };
        *progress = if renewed { Progress::Renewed { at: self.clock.now() } } else { Progress::GaveUp };
        renewed
    }

    async fn wait(&self, run: &Run, sts: &aws_sdk_sts::Client, account: &AccountId, from: Duration, why: &str) -> bool {
        let mut has_told = false;
        while self.clock.now().saturating_sub(from) < TIMEOUT {
            let is_accepted = match &self.means {
                Means::None => return false,
                Means::Elsewhere => is_owner(sts, account).await,
                Means::Load { credentials, load } => match load().await.credentials_provider() {
                    // Nothing may be sent with credentials of another account, so they are asked before they are used.
                    Some(provider) => {
                        let candidate = with_credentials(sts, &provider);
                        let is_accepted = is_owner(&candidate, account).await;
                        if is_accepted {
                            credentials.replace(provider).await;
                        }
                        is_accepted
                    }
                    None => false,
                },
            };
            if is_accepted {
                return true;
            }
            if !has_told {
                has_told = true;
                (run.tell)(format!(
                    "the credentials of {} {why}; this run waits up to {} minutes for new ones, for example from \
                     `{}` or `aws login`",
                    self.source,
                    TIMEOUT.as_secs() / 60,
                    self.source.login_command()
                ));
            }
            self.clock.sleep(INTERVAL).await;
        }
        false
    }
}

/// Returns whether the credentials of a client are accepted, and belong to this account.
async fn is_owner(sts: &aws_sdk_sts::Client, account: &AccountId) -> bool {
    caller(sts).await.is_ok_and(|found| found.account == *account)
}

fn with_credentials(sts: &aws_sdk_sts::Client, provider: &SharedCredentialsProvider) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::from_conf(sts.config().to_builder().credentials_provider(provider.clone()).build())
}

/// Who credentials belong to.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: AccountId,
    /// The ARN of the user or of the session of a role.
    pub(super) arn: String,
}

/// Returns who the credentials of a client belong to.
pub(super) async fn caller(sts: &aws_sdk_sts::Client) -> Result<Caller, AwsError> {
    let answer = sts.get_caller_identity().send().await;
    let identity = answer.map_err(|error| AwsError::of("sts:GetCallerIdentity", &error))?;
    let account = AccountId(identity.account().unwrap_or_default().to_owned());
    Ok(Caller { account, arn: identity.arn().unwrap_or_default().to_owned() })
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
            Err(error) if self.renewal.renew(&format!("cannot be loaded ({})", with_causes(&error))).await => {
                self.credentials.provide_credentials().await
            }
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
            if !is_refusal || !is_expired(&mut response).await || !renewal.renew("have expired").await {
                return Ok(response);
            }
            // The SDK sends a read again, with the credentials as they are now. It sends a change only once: its caller
            // sends it again, because it had no effect.
            let status = StatusCode::try_from(503).unwrap_or_else(|_| response.status());
            let mut renewed = HttpResponse::new(status, SdkBody::from("the credentials were renewed"));
            renewed.headers_mut().insert(RENEWED, "true");
            Ok(renewed)
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex as SyncMutex;

    use aws_config::BehaviorVersion;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_smithy_async::rt::sleep::TokioSleep;
    use aws_smithy_types::retry::RetryConfig;

    use super::*;

    const ACCOUNT: &str = "111122223333";
    const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    const EXPIRED_TOKEN: &str = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included \
        in the request is expired</Message></Error></ErrorResponse>";

    /// Answers requests in order, the last ones like the last one.
    #[derive(Clone, Debug)]
    struct Answers(Arc<SyncMutex<VecDeque<(u16, &'static str)>>>);

    impl Answers {
        fn new(all: &[(u16, &'static str)]) -> Self {
            Self(Arc::new(SyncMutex::new(all.iter().copied().collect())))
        }

        fn client(&self) -> SharedHttpClient {
            let answers = self.clone();
            http_client_fn(move |_, _| SharedHttpConnector::new(answers.clone()))
        }

        fn left(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl HttpConnector for Answers {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let mut answers = self.0.lock().unwrap();
            let (status, body) =
                if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() }.unwrap();
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    /// Provides nothing, as an SSO session that has ended.
    #[derive(Debug)]
    struct Ended;

    impl ProvideCredentials for Ended {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::provider_error("the session has ended")))
        }
    }

    fn working() -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Credentials::new("new", "secret", None, None, "test"))
    }

    fn sts(http: SharedHttpClient, credentials: SharedCredentialsProvider) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_config::Region::new("us-east-1"))
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .sleep_impl(TokioSleep::new())
            .http_client(http)
            .credentials_provider(credentials);
        aws_sdk_sts::Client::from_conf(config.build())
    }

    struct Renewed {
        renewal: Arc<Renewal>,
        credentials: ReloadableCredentials,
        told: Arc<SyncMutex<Vec<String>>>,
        cancel: Cancel,
    }

    /// A renewal that loads working credentials, which `probed` accepts or refuses.
    fn renewal(first: SharedCredentialsProvider, probed: &Answers) -> Renewed {
        let credentials = ReloadableCredentials::new(first);
        let load: LoadConfig =
            Box::new(|| Box::pin(async { SdkConfig::builder().credentials_provider(working()).build() }));
        let means = Means::Load { credentials: credentials.clone(), load };
        let renewal = Arc::new(Renewal::new(CredentialsSource::default(), means, Clock::real()));
        let shared = SharedCredentialsProvider::new(credentials.clone());
        renewal.probe_with(sts(probed.client(), shared), ACCOUNT.into());
        let (told, cancel) = (Arc::new(SyncMutex::new(Vec::new())), Cancel::default());
        let receiver = Arc::clone(&told);
        renewal.wait_for(move |text| receiver.lock().unwrap().push(text), cancel.clone());
        Renewed { renewal, credentials, told, cancel }
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_fails_waits_for_a_new_session() {
        let probed = Answers::new(&[(403, EXPIRED_TOKEN), (403, EXPIRED_TOKEN), (200, IDENTITY)]);
        let renewed = renewal(SharedCredentialsProvider::new(Ended), &probed);
        let provider = provider(renewed.credentials, renewed.renewal);
        let began = tokio::time::Instant::now();
        let key = provider.provide_credentials().await.unwrap().access_key_id().to_owned();
        assert_eq!((key.as_str(), probed.left()), ("new", 1));
        assert!(began.elapsed() >= INTERVAL && began.elapsed() < TIMEOUT);
        let told = renewed.told.lock().unwrap();
        assert!(
            told.len() == 1 && told[0].contains("cannot be loaded") && told[0].contains("the session has ended"),
            "{told:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_is_sent_again_with_new_credentials() {
        let probed = Answers::new(&[(403, EXPIRED_TOKEN), (200, IDENTITY)]);
        let renewed = renewal(working(), &probed);
        let calls = Answers::new(&[(403, EXPIRED_TOKEN), (200, IDENTITY)]);
        let http = waiting_client(calls.client(), Arc::clone(&renewed.renewal));
        let client = sts(http, provider(renewed.credentials, renewed.renewal));
        assert_eq!(caller(&client).await.unwrap().account.as_str(), ACCOUNT);
        assert_eq!(renewed.told.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_or_the_time_limit_ends_the_wait_with_the_refusal() {
        for is_stopped in [true, false] {
            let probed = Answers::new(&[(403, EXPIRED_TOKEN)]);
            let renewed = renewal(working(), &probed);
            let calls = Answers::new(&[(403, EXPIRED_TOKEN)]);
            let http = waiting_client(calls.client(), Arc::clone(&renewed.renewal));
            let client = sts(http, provider(renewed.credentials, renewed.renewal));
            if is_stopped {
                renewed.cancel.cancel();
            }
            let began = tokio::time::Instant::now();
            let error = caller(&client).await.unwrap_err();
            assert_eq!(error.code.as_deref(), Some("ExpiredToken"));
            assert_eq!(began.elapsed() < TIMEOUT, is_stopped);
        }
    }

    /// Other credentials than before must not act on the resources of the first account.
    #[tokio::test(start_paused = true)]
    async fn credentials_of_another_account_are_not_accepted() {
        let other = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>999999999999</Account>\
            </GetCallerIdentityResult></GetCallerIdentityResponse>";
        let renewed = renewal(SharedCredentialsProvider::new(Ended), &Answers::new(&[(200, other)]));
        assert!(!renewed.renewal.renew("have expired").await);
        assert!(renewed.credentials.provide_credentials().await.is_err(), "they were never used");
        let began = tokio::time::Instant::now();
        assert!(!renewed.renewal.renew("have expired").await);
        assert_eq!(began.elapsed(), Duration::ZERO, "the next call does not wait again");
    }
}
