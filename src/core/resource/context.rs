//! The context of a step on a resource: clients, identity, and the only two ways to make a call.

use std::borrow::Cow;
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
use super::list_cache::ListCache;
use crate::events::{Event, Events};
use crate::state::JournalError;
use infra_aws::{AwsError, Budgets, CallCounter, CallOutcome, Cancel, Class, Clients, ErrorKind, Progress, Wait};
use infra_base::address::{AccountId, Address, Arn, Location, Region};
use infra_base::clock::Clock;
use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK};

/// The number of tags removed with one call: Route 53 accepts ten (ChangeTagsForResource), other services more.
const KEYS_AT_ONCE: usize = 10;

/// How often a mutating call is throttled before the step fails.
const THROTTLE_ATTEMPTS: u32 = 12;

/// The identity of a resource, which is known before any call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The stack that owns it, `{name}/{suffix}`.
    pub stack: String,
    /// Its address in the stack.
    pub address: Address,
    /// The address in its tags, if that differs: the resource was moved, or is retired.
    pub tagged_as: Option<Address>,
    /// The token for calls that accept one. It stays the same until the outcome of the creation is known, also across
    /// runs, and is never used for a second creation.
    pub token: String,
    /// Its tags other than the ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Identity {
    /// Returns the address in its tags.
    pub fn tag_address(&self) -> &Address {
        self.tagged_as.as_ref().unwrap_or(&self.address)
    }

    /// Returns all its tags: its own, and the two ownership tags.
    pub fn all_tags(&self) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert(OWNER_STACK.to_owned(), self.stack.clone());
        tags.insert(OWNER_ADDRESS.to_owned(), self.tag_address().to_string());
        tags
    }
}

/// Makes intents durable before mutating calls, and records their outcomes.
#[async_trait]
pub trait IntentLog: Send + Sync {
    /// Records the intent of the step and the call. Returns when both are durable.
    async fn begin(&self, call: &'static str) -> Result<(), JournalError>;
    /// Records the outcome of the call.
    fn outcome(&self, call: &'static str, outcome: CallOutcome, error: Option<&AwsError>);
    /// Records attributes of the resource before it exists. Returns when they are durable.
    async fn remember(&self, attrs: serde_json::Value) -> Result<(), JournalError>;
}

/// The context of one step on one resource.
pub struct StepContext {
    /// The clients of the resource's region.
    pub aws: Arc<Clients>,
    /// The account.
    pub account: AccountId,
    /// The resource's region.
    pub region: Region,
    /// The resource's location.
    pub location: Location,
    /// The identity of the resource.
    pub identity: Identity,
    /// The last applied specification, if the resource is in the state.
    pub last_applied: Option<serde_json::Value>,
    /// The calls of an earlier run, or an earlier attempt, for a change that was never finished.
    pub pending_calls: Vec<String>,
    /// The mutating calls of this step that have succeeded.
    pub made_calls: Mutex<BTreeSet<&'static str>>,
    /// The ids of other resources of this stack with the same tags: those that this one replaces, or that replaces it.
    pub tag_siblings: BTreeSet<String>,
    /// The attributes of the resource that this one replaces, until this one is created. The old resource is deleted
    /// already, or is deleted afterwards.
    pub replaced: Option<serde_json::Value>,
    /// The ids of the resources that this one uses, and that the same run deletes after it.
    pub deleted_after: BTreeSet<String>,
    /// The clock for all waits.
    pub clock: Clock,
    /// The request budgets of the resource's region.
    pub budgets: Arc<Budgets>,
    /// Counts the calls.
    pub calls: Arc<CallCounter>,
    /// Whether calls go to an emulator, where nothing happens by itself.
    pub is_emulator: bool,
    /// The request to stop.
    pub cancel: Cancel,
    /// Receives the events.
    pub events: Events,
    /// Records intents and outcomes.
    pub intents: Arc<dyn IntentLog>,
    /// Whether a mutating call of this step has succeeded.
    pub changed: AtomicBool,
    /// Shared listings, during a refresh and the checks before a run.
    pub list_cache: Option<Arc<ListCache>>,
    /// Whether tags may come from the listing of the stack, which lags behind changes.
    pub lists_tags: bool,
    /// Shared listings of the steps of a run: facts about the account, and lists for the first look.
    pub run_lists: Option<Arc<ListCache>>,
    /// Whether this is the first look for a resource that is not in the state, so that no run has begun to create it.
    /// A list from before this step shows its absence.
    pub first_look: bool,
    /// The ids of the resources that this step needs and that this run has created.
    pub created_ids: BTreeSet<String>,
    /// Whether the answer to the creation has shown that the resource is usable.
    pub shown_usable: AtomicBool,
    /// Whether a resource without ownership tags counts as this one.
    pub adopting: bool,
    /// Whether nothing may be changed, and no wait is allowed.
    pub dry_run: bool,
    /// The tags that differ, once they are read.
    pub tag_drift: Mutex<Option<BTreeMap<String, Option<String>>>>,
    /// The tags that this tool has set, that are no longer wanted, and that this step has not removed yet.
    pub removed_tags: Mutex<BTreeSet<String>>,
}

impl StepContext {
    /// Makes a call that only reads.
    ///
    /// # Errors
    /// The error of AWS, after the retries of the SDK.
    pub async fn read<T, E, Fut>(&self, call: &'static str, send: Fut) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.budgets.acquire(call, Class::Read).await;
        self.calls.count(call, false);
        let began = Instant::now();
        let answer = Box::pin(send).await.map_err(|error| AwsError::of(call, &error));
        self.report(call, began, answer.as_ref().err());
        if answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Throttled) {
            self.calls.count_throttled();
            self.budgets.throttled(call, Class::Read);
        }
        Ok(answer?)
    }

    /// Makes a call that changes something. The intent is durable before the call, and the call is sent only once. The
    /// exceptions are calls that AWS did not carry out: one that it throttled is sent again, more slowly, and so is one
    /// that it refused for a reason that passes by itself ([`infra_aws::transient`]), or because of credentials that
    /// have been renewed since.
    ///
    /// # Errors
    /// The error of AWS; [`Error::Cancelled`] if the run is stopped; [`Error::Journal`] if the intent could not be
    /// written, and so nothing was sent; [`Error::DryRun`] if nothing may be changed.
    pub async fn mutate<T, E, Fut>(&self, call: &'static str, send: impl Fn() -> Fut + Send) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        if self.dry_run {
            return Err(Error::DryRun(call));
        }
        let (mut refused_since, mut throttled) = (None, 0_u32);
        for attempt in 1_u32.. {
            tokio::select! {
                () = self.budgets.acquire(call, Class::Mutate) => {}
                () = self.cancel.cancelled() => return Err(Error::Cancelled),
            }
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            self.intents.begin(call).await?;
            self.calls.count(call, true);
            let began = Instant::now();
            let answer = infra_aws::intended(call, Box::pin(send())).await.map_err(|error| AwsError::of(call, &error));
            self.report(call, began, answer.as_ref().err());
            match answer {
                Ok(output) => {
                    self.changed.store(true, Ordering::Relaxed);
                    self.made_calls.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
                    self.intents.outcome(call, CallOutcome::Done, None);
                    return Ok(output);
                }
                Err(error) => {
                    self.intents.outcome(call, error.outcome, Some(&error));
                    if let Some(transient) = infra_aws::transient(&error) {
                        let now = self.clock.now();
                        if now.saturating_sub(*refused_since.get_or_insert(now)) >= transient.lasts {
                            return Err(error.into());
                        }
                        self.waiting(transient.why, error.code.as_deref().unwrap_or_default());
                        self.pause(Duration::from_secs(attempt.min(5).into())).await?;
                        continue;
                    }
                    let is_throttled = error.kind == ErrorKind::Throttled;
                    let may_pass = is_throttled || error.kind == ErrorKind::Renewed;
                    throttled += 1;
                    if !may_pass || throttled >= THROTTLE_ATTEMPTS {
                        return Err(error.into());
                    }
                    if is_throttled {
                        self.calls.count_throttled();
                        self.budgets.throttled(call, Class::Mutate);
                    }
                    self.pause(Duration::from_millis(500 * (1 << throttled.min(5)))).await?;
                }
            }
        }
        Err(Error::Cancelled)
    }

    /// Records the attributes that the resource will have, before the call that creates it: for what can be read before
    /// this call only, and must not be lost. After a kill, `observe` gets them.
    ///
    /// # Errors
    /// [`Error::Journal`]; [`Error::DryRun`] if nothing may be changed.
    pub async fn remember(&self, call: &'static str, attrs: &impl serde::Serialize) -> Result<()> {
        if self.dry_run {
            return Err(Error::DryRun(call));
        }
        let kind = "the resource";
        let attrs = serde_json::to_value(attrs).map_err(|source| Error::Decode { kind, what: "attributes", source })?;
        Ok(self.intents.remember(attrs).await?)
    }

    /// Returns whether the change that is in progress has made this call, in this step or in one that was interrupted.
    pub fn has_called(&self, call: &str) -> bool {
        self.pending_calls.iter().any(|made| made == call) || self.has_made(call)
    }

    /// Returns whether this step has made this call.
    fn has_made(&self, call: &str) -> bool {
        self.made_calls.lock().unwrap_or_else(PoisonError::into_inner).contains(call)
    }

    /// Repeats `attempt` while AWS refuses it with one of `codes`, for at most `seconds`.
    ///
    /// Intended for refusals that are temporary: a role that cannot be assumed yet, a resource that is not visible yet.
    /// `why` is shown meanwhile.
    ///
    /// # Errors
    /// The last refusal, or the first other error.
    pub async fn retry<T, Fut>(
        &self,
        why: &str,
        codes: &[&str],
        seconds: u64,
        attempt: impl Fn() -> Fut + Send,
    ) -> Result<T>
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

    /// Reads until the resource has the expected state. The timeout starts again whenever the status changes.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Failed`], [`Error::Cancelled`], or the error of `read`.
    pub async fn wait<T, Fut>(&self, wait: Wait, read: impl Fn() -> Fut + Send) -> Result<T>
    where
        Fut: Future<Output = Result<Progress<T>>> + Send,
    {
        let mut last: Option<String> = None;
        let began = self.clock.now();
        let mut since = began;
        loop {
            match read().await? {
                Progress::Reached(value) => return Ok(value),
                Progress::Failed { status, reason } => return Err(Error::Failed { what: wait.what, status, reason }),
                Progress::Pending(status) if self.dry_run => {
                    return Err(Error::InTransition { what: wait.what, status });
                }
                Progress::Pending(status) => {
                    if last.as_ref() != Some(&status) {
                        self.waiting(&wait.what, &status);
                        since = self.clock.now();
                        last = Some(status.clone());
                    }
                    let after = self.clock.now().saturating_sub(since);
                    if after >= wait.stall_timeout {
                        return Err(Error::Timeout { what: wait.what, status, after });
                    }
                }
            }
            // An emulator keeps other times.
            let is_begun = |call: &str| !self.is_emulator && self.has_made(call);
            self.pause(wait.pause_after(self.clock.now().saturating_sub(began), is_begun)).await?;
        }
    }

    /// Returns all resources of a type in the region, listed once for all steps of a refresh, or of the checks before a
    /// run; nothing outside of both.
    ///
    /// # Errors
    /// The error of `list`.
    pub async fn cached_list<T, Fut>(
        &self,
        what: impl Into<Cow<'static, str>> + Send,
        list: impl FnOnce() -> Fut + Send,
    ) -> Result<Option<Arc<Vec<T>>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>>> + Send,
    {
        match &self.list_cache {
            Some(cache) => Box::pin(cache.get(&self.location, what.into(), list)).await,
            None => Ok(None),
        }
    }

    /// Returns all resources of a type in the region, listed once for all resources that no run has begun to create.
    /// The list may be older than this step. It returns nothing for other resources, and after the first look.
    ///
    /// # Errors
    /// The error of `list`.
    pub async fn listed_before<T, Fut>(
        &self,
        what: impl Into<Cow<'static, str>> + Send,
        list: impl FnOnce() -> Fut + Send,
    ) -> Result<Option<Arc<Vec<T>>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>>> + Send,
    {
        match self.run_lists.as_ref().filter(|_| self.first_look) {
            Some(lists) => Box::pin(lists.get(&self.location, what.into(), list)).await,
            None => Ok(None),
        }
    }

    /// Returns whether this run has created the resource with this id, so that nothing can belong to it yet that is not
    /// in the state. After the first look, it returns false.
    pub fn is_new(&self, id: &str) -> bool {
        self.first_look && self.has_created(id)
    }

    /// Returns whether this run has created the resource with this id, which this step needs.
    pub fn has_created(&self, id: &str) -> bool {
        self.created_ids.contains(id)
    }

    /// Returns the ARN of a resource of a service in the region and the account of this step.
    pub fn arn(&self, service: &str, resource: &str) -> Arn {
        Arn::regional(&self.region, self.account.as_str(), service, resource)
    }

    /// Returns facts about the account or the region that no run changes. They are listed once for all steps of a
    /// refresh, of the checks before a run, or of the creations of a run.
    ///
    /// # Errors
    /// The error of `list`.
    pub async fn facts<T, Fut>(
        &self,
        what: impl Into<Cow<'static, str>> + Send,
        list: impl Fn() -> Fut + Send + Sync,
    ) -> Result<Vec<T>>
    where
        T: Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>>> + Send,
    {
        let shared = match self.list_cache.as_ref().or(self.run_lists.as_ref()) {
            Some(lists) => Box::pin(lists.get(&self.location, what.into(), &list)).await?,
            None => None,
        };
        match shared {
            Some(all) => Ok(all.to_vec()),
            None => list().await,
        }
    }

    /// Shows a notice about this resource to the user.
    pub fn notice(&self, text: impl Into<String>) {
        self.events.send(Event::Notice { address: Some(self.identity.address.clone()), text: text.into() });
    }

    /// Records the observed tags of this resource. Those that differ have to be set again.
    pub fn observed_tags(&self, shown: &BTreeMap<String, String>) {
        let mut stray = self.tag_drift.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = self.identity.tags.iter().filter(|(key, value)| shown.get(*key) != Some(value));
        *stray = Some(wrong.map(|(key, _)| (key.clone(), shown.get(key).cloned())).collect());
    }

    /// Returns the tags that differ, with their observed values.
    pub fn tag_drift(&self) -> BTreeMap<String, Option<String>> {
        self.tag_drift.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Returns the tags to set on an existing resource: those that are missing or differ. Returns all tags if they were
    /// not read, or if an earlier change was not finished, because AWS may still show the previous tags.
    pub fn tags_to_set(&self) -> BTreeMap<String, String> {
        let mut tags = self.identity.all_tags();
        let stray = self.tag_drift.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stray) = stray.as_ref().filter(|_| self.pending_calls.is_empty()) {
            tags.retain(|key, _| stray.contains_key(key));
        }
        tags
    }

    /// Removes the tags that are no longer wanted, unless this step has done so already. `send` receives the keys. AWS
    /// must accept keys that do not exist.
    ///
    /// # Errors
    /// Those of [`StepContext::mutate`].
    pub async fn untag<T, E, Fut>(
        &self,
        call: &'static str,
        send: impl Fn(Vec<String>) -> Fut + Send + Sync,
    ) -> Result<()>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        T: Send,
    {
        for keys in self.removed_tags().chunks(KEYS_AT_ONCE) {
            self.mutate(call, || send(keys.to_vec())).await?;
        }
        self.untagged();
        Ok(())
    }

    /// Returns the keys of the tags to remove: those that this tool has set and that the configuration no longer has.
    pub fn removed_tags(&self) -> Vec<String> {
        self.removed_tags.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Records that the tags are removed.
    pub fn untagged(&self) {
        self.removed_tags.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns whether a mutating call of this step has succeeded.
    pub fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Records that the answer to the creation shows a usable resource, so that nothing has to be read.
    pub fn record_usable(&self) {
        self.shown_usable.store(true, Ordering::Relaxed);
    }

    /// Returns whether the answer to the creation has shown a usable resource.
    pub fn is_usable(&self) -> bool {
        self.shown_usable.load(Ordering::Relaxed)
    }

    /// Waits for `duration` of AWS time.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the run is stopped meanwhile.
    pub async fn pause(&self, duration: Duration) -> Result<()> {
        tokio::select! {
            () = self.clock.sleep(duration) => Ok(()),
            () = self.cancel.cancelled() => Err(Error::Cancelled),
        }
    }

    /// Shows what the step waits for, and how far that is.
    pub fn waiting(&self, what: &str, status: &str) {
        self.events.send(Event::StepWaiting {
            address: self.identity.address.clone(),
            what: what.to_owned(),
            status: status.to_owned(),
        });
    }

    fn report(&self, call: &'static str, began: Instant, error: Option<&AwsError>) {
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
