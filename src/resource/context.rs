//! What a kind gets to do its work: clients, identity, and the only two ways to make a call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::error::{Error, Result};
use super::listing::Listing;
use crate::address::{AccountId, Address, Region};
use crate::aws::{AwsError, Budgets, Cancel, Class, Clients, Fate, Meter, OWNER_ADDRESS, OWNER_STACK, Progress, Trouble, Wait};
use crate::clock::Clock;
use crate::events::{Event, Events};
use crate::state::JournalError;

/// How many tags are taken off with one call: Route 53 takes ten (ChangeTagsForResource), the others take more.
const KEYS_AT_ONCE: usize = 10;

/// How often a throttled mutating call is sent again before the step fails.
const THROTTLE_ATTEMPTS: u32 = 12;

/// Who a resource is, known before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The stack that owns it, `{name}/{suffix}`.
    pub stack: String,
    /// Its address in the stack.
    pub address: Address,
    /// The address that its tags say, when that is another one: it was moved, or makes way for a new one.
    pub tagged_as: Option<Address>,
    /// The token for calls that take one. It stays the same until the outcome of the creation is known, also over several
    /// runs, and is never used for a second creation.
    pub token: String,
    /// Tags besides the ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Identity {
    /// Returns the address by which its tags tell it apart.
    pub fn tag_address(&self) -> &Address {
        self.tagged_as.as_ref().unwrap_or(&self.address)
    }

    /// Returns all tags that the resource carries: its own, a name, and the two that mark it as ours.
    pub fn all_tags(&self) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert(OWNER_STACK.to_owned(), self.stack.clone());
        tags.insert(OWNER_ADDRESS.to_owned(), self.tag_address().to_string());
        tags
    }
}

/// Makes an intent durable before a mutating call, and takes down what became of the call.
#[async_trait]
pub trait Announce: Send + Sync {
    /// Returns once the intent of this step and the call itself are durable.
    async fn announce(&self, call: &'static str) -> Result<(), JournalError>;
    /// Takes down what became of the call.
    fn told(&self, call: &'static str, fate: Fate, error: Option<&AwsError>);
}

/// The context of one step on one resource.
pub struct Cx {
    /// The clients of the resource's region.
    pub aws: Arc<Clients>,
    /// The account.
    pub account: AccountId,
    /// The resource's region.
    pub region: Region,
    /// Who the resource is.
    pub identity: Identity,
    /// The specification that it was last brought to, when the state knows one.
    pub brought_to: Option<serde_json::Value>,
    /// The calls that an earlier run, or an earlier attempt, made for a change that was never finished.
    pub begun: Vec<String>,
    /// The ids of other things of this stack that carry the same marks: what makes way for this one, or what this one makes way for.
    pub namesakes: BTreeSet<String>,
    /// What is known of the one whose place this one takes, as long as this one is not made: it is gone already, or goes when this one is there.
    pub replaced: Option<serde_json::Value>,
    /// The clock that all waiting goes by.
    pub clock: Clock,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) cancel: Cancel,
    pub(crate) events: Events,
    pub(crate) announce: Arc<dyn Announce>,
    pub(crate) changed: AtomicBool,
    /// Listings that are shared with other resources, when it is only looked at.
    pub(crate) listing: Option<Arc<Listing>>,
    /// Whether a thing that carries nobody's marks counts as this one.
    pub(crate) adopts: bool,
    /// Whether nothing may be changed and nothing waited for.
    pub(crate) looks_only: bool,
    /// The tags that are not as they should be, once a look has shown any.
    pub(crate) stray_tags: Mutex<Option<BTreeMap<String, Option<String>>>>,
    /// The tags that were set once, are no longer wanted, and have not been taken off in this step.
    pub(crate) dropped_tags: Mutex<BTreeSet<String>>,
}

impl Cx {
    /// Makes a call that only reads.
    ///
    /// # Errors
    /// What AWS answered, after the SDK's own retries.
    pub async fn read<T, E, Fut>(&self, call: &'static str, send: Fut) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let (service, _) = call.split_once(':').unwrap_or((call, ""));
        self.budgets.acquire(service, Class::Read).await;
        self.meter.count(call, false);
        let began = Instant::now();
        let answer = Box::pin(send).await.map_err(|error| AwsError::of(call, &error));
        self.tell(call, began, answer.as_ref().err());
        if answer.as_ref().is_err_and(|error| error.trouble == Trouble::Throttled) {
            self.meter.count_throttled();
            self.budgets.throttled(service, Class::Read);
        }
        Ok(answer?)
    }

    /// Makes a call that changes something: the intent is durable before it is sent, and it is sent once. Only a call that
    /// AWS throttled, and so did not carry out, is sent again, more slowly.
    ///
    /// # Errors
    /// What AWS answered; [`Error::Cancelled`] when the run is to stop; [`Error::Journal`] when the intent could not be
    /// written, in which case nothing was sent; [`Error::WouldCall`] when the resource is only looked at.
    pub async fn mutate<T, E, Fut>(&self, call: &'static str, send: impl Fn() -> Fut + Send) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        if self.looks_only {
            return Err(Error::WouldCall(call));
        }
        let (service, _) = call.split_once(':').unwrap_or((call, ""));
        for attempt in 1.. {
            tokio::select! {
                () = self.budgets.acquire(service, Class::Mutate) => {}
                () = self.cancel.cancelled() => return Err(Error::Cancelled),
            }
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            self.announce.announce(call).await?;
            self.meter.count(call, true);
            let began = Instant::now();
            let answer = crate::aws::permitted(call, Box::pin(send())).await.map_err(|error| AwsError::of(call, &error));
            self.tell(call, began, answer.as_ref().err());
            match answer {
                Ok(output) => {
                    self.changed.store(true, Ordering::Relaxed);
                    self.announce.told(call, Fate::Done, None);
                    return Ok(output);
                }
                Err(error) => {
                    self.announce.told(call, error.fate, Some(&error));
                    if error.trouble != Trouble::Throttled || attempt >= THROTTLE_ATTEMPTS {
                        return Err(error.into());
                    }
                    self.meter.count_throttled();
                    self.budgets.throttled(service, Class::Mutate);
                    self.pause(Duration::from_millis(500 * (1 << attempt.min(5)))).await?;
                }
            }
        }
        Err(Error::Cancelled)
    }

    /// Repeats `attempt` while AWS refuses it with one of `codes`, for at most `seconds`.
    ///
    /// For refusals that pass by themselves: a role that cannot be assumed yet, a thing that is not visible yet. `why` is
    /// shown while it lasts.
    ///
    /// # Errors
    /// The last refusal, or the first other error.
    pub async fn retry<T, Fut>(&self, why: &str, codes: &[&str], seconds: u64, attempt: impl Fn() -> Fut + Send) -> Result<T>
    where
        Fut: Future<Output = Result<T>> + Send,
    {
        let began = self.clock.now();
        let mut pause = 1;
        loop {
            match attempt().await {
                Err(error) if codes.iter().any(|code| error.is_code(code)) => {
                    let spent = self.clock.now().saturating_sub(began);
                    if spent >= Duration::from_secs(seconds) {
                        return Err(error);
                    }
                    self.waiting(why, error.aws().and_then(|aws| aws.code.as_deref()).unwrap_or_default());
                    self.pause(Duration::from_secs(pause)).await?;
                    pause = (pause * 2).min(10);
                }
                other => return other,
            }
        }
    }

    /// Looks until the thing is where it should be. The time-out starts anew whenever the status changes.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Failed`], [`Error::Cancelled`], or what `look` returns.
    pub async fn wait<T, Fut>(&self, wait: Wait, look: impl Fn() -> Fut + Send) -> Result<T>
    where
        Fut: Future<Output = Result<Progress<T>>> + Send,
    {
        let mut last: Option<String> = None;
        let mut since = self.clock.now();
        loop {
            match look().await? {
                Progress::Reached(value) => return Ok(value),
                Progress::Failed { status, reason } => return Err(Error::Failed { what: wait.what, status, reason }),
                Progress::Pending(status) if self.looks_only => return Err(Error::OnItsWay { what: wait.what, status }),
                Progress::Pending(status) => {
                    if last.as_ref() != Some(&status) {
                        self.waiting(&wait.what, &status);
                        since = self.clock.now();
                        last = Some(status.clone());
                    }
                    let after = self.clock.now().saturating_sub(since);
                    if after >= wait.patience {
                        return Err(Error::Timeout { what: wait.what, status, after });
                    }
                }
            }
            self.pause(wait.every).await?;
        }
    }

    /// Tells the user something about this resource.
    pub fn notice(&self, text: impl Into<String>) {
        self.events.send(Event::Notice { address: Some(self.identity.address.clone()), text: text.into() });
    }

    /// Takes down the tags that AWS shows of this resource: those that are not as they should be have to be set again.
    pub(crate) fn shown_tags(&self, shown: &BTreeMap<String, String>) {
        let mut stray = self.stray_tags.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = self.identity.tags.iter().filter(|(key, value)| shown.get(*key) != Some(value));
        *stray = Some(wrong.map(|(key, _)| (key.clone(), shown.get(key).cloned())).collect());
    }

    /// Returns the tags that are not as they should be, each with the value that it has.
    pub(crate) fn stray_tags(&self) -> BTreeMap<String, Option<String>> {
        self.stray_tags.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Returns the tags to be set on one that exists: those that a look has shown to be missing or others. All of them when nothing was shown, or
    /// when an earlier change was not finished: AWS may go on showing what was before it.
    pub(crate) fn tags_to_set(&self) -> BTreeMap<String, String> {
        let mut tags = self.identity.all_tags();
        let stray = self.stray_tags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stray) = stray.as_ref().filter(|_| self.begun.is_empty()) {
            tags.retain(|key, _| stray.contains_key(key));
        }
        tags
    }

    /// Takes off the tags that are no longer wanted, unless this step has done so already. `send` gets their keys; AWS must not mind keys that are
    /// not there.
    ///
    /// # Errors
    /// Those of [`Cx::mutate`].
    pub async fn untag<T, E, Fut>(&self, call: &'static str, send: impl Fn(Vec<String>) -> Fut + Send + Sync) -> Result<()>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        T: Send,
    {
        for keys in self.dropped_tags().chunks(KEYS_AT_ONCE) {
            self.mutate(call, || send(keys.to_vec())).await?;
        }
        self.untagged();
        Ok(())
    }

    /// Returns the keys of the tags that are to be taken off: those that this tool has set and the configuration no longer has.
    pub(crate) fn dropped_tags(&self) -> Vec<String> {
        self.dropped_tags.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The tags that were to be taken off are off.
    pub(crate) fn untagged(&self) {
        self.dropped_tags.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns whether a mutating call has succeeded in this step.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    pub(crate) async fn pause(&self, duration: Duration) -> Result<()> {
        tokio::select! {
            () = self.clock.sleep(duration) => Ok(()),
            () = self.cancel.cancelled() => Err(Error::Cancelled),
        }
    }

    fn waiting(&self, what: &str, status: &str) {
        self.events.send(Event::StepWaiting { address: self.identity.address.clone(), what: what.to_owned(), status: status.to_owned() });
    }

    fn tell(&self, call: &'static str, began: Instant, error: Option<&AwsError>) {
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.events.send(Event::Call {
            address: self.identity.address.clone(),
            call,
            millis,
            code: error.and_then(|error| error.code.clone()),
            request_id: error.and_then(|error| error.request_id.clone()),
        });
    }
}
