//! A session: the lock is held, the state is open, and the cloud answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infra_aws::{CallCounter, Cancel, Cloud};
use infra_base::address::Lineage;
use infra_base::causes::with_causes;
use infra_core::engine::Context;
use infra_core::events::{Event, Events};
use infra_core::state::{
    Backend, FencedStore, Heartbeat, Journal, Lock, Record, State, StateError, Store, Writer, compact, load, salvage,
};

use crate::error::Error;
use crate::ownership;
use crate::refusal::StateRefusal;
use crate::tenants::verify_owner;
use crate::usable;
use crate::workspace::Workspace;

/// What to do with a damaged state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDamage {
    /// Refuse to open it.
    Refuse,
    /// Rename the damaged files, and continue with the intact part.
    Retire,
}

/// A command that can change resources: the lock is held, the state is open, the cloud answers.
pub struct Session {
    /// What the engine works with.
    pub context: Context,
    /// The unique id of this run, which the lock shows.
    pub run: String,
    writer: Writer,
    heartbeat: Heartbeat,
    warn: fn(&str),
}

impl Session {
    /// Acquires the lock, opens the state, and connects.
    ///
    /// # Errors
    /// The lock is held, the state is damaged or belongs to another stack, or AWS cannot be used.
    pub async fn open(workspace: &Workspace, command: &'static str, events: Events) -> Result<Self, Error> {
        Self::open_with(workspace, command, events, OnDamage::Refuse).await
    }

    /// Does the same, with a choice of what to do when the state is damaged.
    ///
    /// # Errors
    /// The same as those of [`Self::open`].
    pub async fn open_with(
        workspace: &Workspace,
        command: &'static str,
        events: Events,
        on_damage: OnDamage,
    ) -> Result<Self, Error> {
        let connected = if workspace.is_shared() { Some(workspace.connect().await?) } else { None };
        let backend = workspace.backend(connected.as_ref()).await?;
        let lock = backend.lock(command).await?;
        let notice = |text: String| events.send(Event::Notice { address: None, text });
        if let Some(holder) = &lock.taken_over_from {
            notice(format!("{} ended without releasing the lock; this run takes it over", holder.describe()));
        }
        let mut store: Box<dyn Store> = Box::new(FencedStore::new(backend.store(), lock.lease()));
        let opened = prepare(workspace, &backend, store.as_mut(), connected, on_damage, &notice).await;
        let (state, cloud) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // The error matters more than a failure to release the lock, which expires with its lease.
                let _ = lock.release().await;
                return Err(error);
            }
        };
        let session = Self::start(workspace, state, store, lock, cloud, events).await?;
        let verified = ownership::verify(&session.context, command).await;
        Ok(session.or_close(verified).await?.0)
    }

    async fn start(
        workspace: &Workspace,
        state: State,
        store: Box<dyn Store>,
        mut lock: Lock,
        cloud: Cloud,
        events: Events,
    ) -> Result<Self, Error> {
        if !cloud.identity().is_empty() {
            lock.identify(cloud.identity());
        }
        let run = lock.id().to_owned();
        let stack = workspace.config.stack.id();
        let (journal, writer) = Journal::start(state, store);
        if !journal.read(State::has_begun) {
            let genesis = Record::Genesis {
                format: infra_core::state::FORMAT,
                lineage: Lineage(uuid::Uuid::new_v4().to_string()),
                stack: stack.clone(),
                account: cloud.account().clone(),
            };
            journal.write(vec![genesis]).await?;
        }
        let others = cloud.other_accounts();
        // Those of environments that do not answer are not known.
        if cloud.unreachable().is_empty() && journal.read(|state| state.other_accounts != others) {
            journal.write(vec![Record::Accounts { others }]).await?;
        }
        let cancel = Cancel::default();
        let waiting = events.clone();
        let tell = move |text| waiting.send(Event::Notice { address: None, text });
        cloud.wait_for_credentials(tell, &cancel);
        let (stop, notices) = (cancel.clone(), events.clone());
        let heartbeat = Heartbeat::start(lock, move |why| {
            notices.send(Event::Notice { address: None, text: format!("{why}; no further calls are started") });
            stop.cancel();
        });
        let context = Context {
            kinds: infra_kinds::KINDS,
            cloud: Arc::new(cloud),
            journal,
            events,
            cancel,
            calls: Arc::new(CallCounter::default()),
            stack,
            parallelism: workspace.parallelism,
            named: Arc::new(workspace.config.routing.iter().map(|routing| routing.zone_id.clone()).collect()),
        };
        Ok(Self { context, run, writer, heartbeat, warn: workspace.warn })
    }

    /// Warns if credentials that nobody can renew for this process expire during the run.
    pub fn warn_of_expiry(&self, expected: Duration) {
        let Some((at, who)) = self.context.cloud.expires_at() else { return };
        if infra_preflight::outlast(at, SystemTime::now(), expected) {
            return;
        }
        let at = jiff::Timestamp::try_from(at).map(|at| at.strftime("%H:%M:%S UTC").to_string()).unwrap_or_default();
        let text = format!(
            "{who} expire at {at}, and the run is expected to take {} minutes; the run will stop there, and the same \
             command with new credentials resumes it. Credentials of a profile can be renewed during a run",
            expected.as_secs().div_ceil(60)
        );
        self.context.events.send(Event::Notice { address: None, text });
    }

    /// Returns the value of a result, or closes the session and returns the error.
    ///
    /// # Errors
    /// The error of the result.
    pub async fn or_close<T, E>(self, result: Result<T, E>) -> Result<(Self, T), E> {
        match result {
            Ok(value) => Ok((self, value)),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Compacts the state and releases the lock. All results are in the journal already, so a failure is only a
    /// warning.
    pub async fn close(self) {
        let Self { context, run: _, writer, heartbeat, warn } = self;
        let journal = context.journal.clone();
        drop(context);
        if let Err(error) = writer.finish(journal).await {
            warn(&format!("note: cannot compact the state, the next command tries again: {error}"));
        }
        release_lock(heartbeat, warn).await;
    }
}

/// Releases a lock. If that fails, the lock expires, so a failure is only a warning.
pub(crate) async fn release_lock(heartbeat: Heartbeat, warn: fn(&str)) {
    if let Some(lock) = heartbeat.stop().await
        && let Err(error) = lock.release().await
    {
        warn(&format!("note: cannot release the lock, it expires: {}", with_causes(&error)));
    }
}

/// Reads the state under the lock, and refuses one that does not belong to this stack.
async fn prepare(
    workspace: &Workspace,
    backend: &Backend,
    store: &mut dyn Store,
    connected: Option<Cloud>,
    on_damage: OnDamage,
    notice: &(dyn Fn(String) + Send + Sync),
) -> Result<(State, Cloud), Error> {
    let mut salvage = salvage(store).await?;
    if on_damage == OnDamage::Refuse
        && let Some(damage) = salvage.damage.take()
    {
        return Err(damage.into());
    }
    if on_damage == OnDamage::Refuse {
        usable::verify(&salvage.state)?;
    }
    if let Backend::Shared { objects, .. } = backend
        && objects.is_versioned().await.is_ok_and(|versioned| !versioned)
    {
        notice(format!(
            "the bucket of {} is not versioned; with versioning, objects deleted by mistake can be restored",
            backend.name()
        ));
    }
    let cloud = match connected {
        Some(cloud) => cloud,
        None => workspace.connect().await?,
    };
    if !salvage.state.has_begun() && !workspace.sandbox && !workspace.config.state.bucket.is_empty() {
        let other = match backend {
            Backend::Shared { .. } => workspace.local(),
            Backend::Local(_) => workspace.shared(&cloud),
        };
        refuse_split_state(&other).await?;
    }
    verify_owner(&salvage.state, &workspace.config, &cloud)?;
    if on_damage == OnDamage::Refuse {
        let opened = salvage.open(store).await?;
        if let Some(torn) = opened.torn {
            notice(torn.to_string());
        }
        return Ok((opened.state, cloud));
    }
    // The files are renamed only after AWS was reached.
    let kept = store.archive(&format!("damaged-{}", stamp())).await;
    let kept = kept.map_err(|source| StateError::Io { place: store.snapshot_place(), verb: "renamed", source })?;
    notice(format!("the damaged files are kept as {}", kept.join(" and ")));
    if salvage.state.has_begun() {
        notice(format!("its intact part contains {} resources", salvage.state.resources.len()));
        compact(store, &salvage.state).await?;
    }
    Ok((salvage.state, cloud))
}

/// Returns the time for the name of a file.
pub(crate) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Refuses to start a history in one backend while the other one has a state.
async fn refuse_split_state(other: &Backend) -> Result<(), Error> {
    if !load(other.store().as_mut()).await?.has_begun() {
        return Ok(());
    }
    Err(StateRefusal::InOtherBackend { at: other.name() }.into())
}
