//! What commands share: configuration, the place of the state, the cloud.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Chosen, Globals, Timing};
use super::failure::{CliError, Exit, with_causes};
use super::run::{say, timing};
use crate::address::Lineage;
use crate::aws::{Cancel, Cloud, Endpoint, Meter, Objects};
use crate::clock::Clock;
use crate::config::{Backend, Config, Keeping, Overrides, load};
use crate::engine::Context;
use crate::events::{Event, Events};
use crate::fuse::Fuse;
use crate::sandbox::{Disk, Sandbox, Script};
use crate::state::{Fenced, Heartbeat, Journal, Place, Record, State, StateError, Store, Writer};

/// Reads the configuration that the options name.
pub(super) fn config(globals: &Globals) -> Result<Config, CliError> {
    let overrides = Overrides { sets: globals.sets.clone(), suffix: globals.suffix.clone(), ..Overrides::default() }.with_environment();
    Ok(load(Some(&globals.config), &overrides)?)
}

/// The environments of the configuration, and those that exist although the configuration has them no more.
pub(super) fn environments(config: &Config, state: &State) -> Vec<String> {
    let mut known: Vec<String> = config.environments.iter().map(|environment| environment.name.clone()).collect();
    known.extend(state.resources.keys().map(|address| address.environment().to_owned()));
    known.sort();
    known.dedup();
    known
}

/// Refuses environments that nobody knows.
pub(super) fn check_chosen(chosen: &Chosen, known: &[String]) -> Result<(), CliError> {
    match chosen.environments.iter().find(|one| !known.contains(one)) {
        None => Ok(()),
        Some(unknown) => Err(CliError::new(Exit::Usage, format!("there is no environment `{unknown}`"))
            .remains("nothing was changed")
            .hint(format!("the environments are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))),
    }
}

/// The directory that everything of the sandbox is in, or of AWS.
fn root(globals: &Globals) -> PathBuf {
    if globals.sandbox { globals.state_dir.join("sandbox") } else { globals.state_dir.clone() }
}

/// What the state of one stack is called, in a directory or a bucket.
fn folder(config: &Config) -> String {
    format!("{}-{}", config.stack.name, config.stack.suffix)
}

/// The directory of one stack's state. The sandbox's is apart: it never mixes with that of real things.
pub(super) fn directory(globals: &Globals, config: &Config) -> PathBuf {
    root(globals).join(folder(config))
}

/// Where this stack's state is. That in a bucket is reached through `cloud`; without one, it is connected to first.
pub(super) async fn place(globals: &Globals, config: &Config, cloud: Option<&Cloud>) -> Result<Place, CliError> {
    if !is_shared(globals, config) {
        return Ok(Place::Local(directory(globals, config)));
    }
    match cloud {
        Some(cloud) => Ok(shared(config, cloud)),
        None => Ok(shared(config, &connect(globals, config).await?)),
    }
}

/// Whether the state is in a bucket. The sandbox's never is.
fn is_shared(globals: &Globals, config: &Config) -> bool {
    !globals.sandbox && config.state.backend == Backend::S3
}

/// The place in the bucket that the configuration names.
fn shared(config: &Config, cloud: &Cloud) -> Place {
    let Keeping { bucket, prefix, kms_key_arn, lease_seconds, .. } = &config.state;
    let above = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let prefix = format!("{above}{}/", folder(config));
    let key = (!kms_key_arn.is_empty()).then(|| kms_key_arn.clone());
    let objects = Objects::new(cloud.clients(&config.state_region()).0, bucket, &prefix, key);
    Place::Shared { objects, lease: Duration::from_secs((*lease_seconds).into()) }
}

/// The places that a state is moved between: where it was, and where the configuration wants it.
pub(super) async fn both_places(globals: &Globals, config: &Config) -> Result<(Place, Place), CliError> {
    if globals.sandbox {
        return Err(CliError::new(Exit::Usage, "the sandbox always keeps its state on this machine").remains("nothing was changed"));
    }
    if config.state.bucket.is_empty() {
        return Err(CliError::new(Exit::Usage, "no bucket is named").remains("nothing was changed").hint(
            "write `[state]`, `bucket = \"…\"`; with `backend = \"s3\"` the state is moved there, with `backend = \"local\"` back to this machine",
        ));
    }
    let there = shared(config, &connect(globals, config).await?);
    let here = Place::Local(directory(globals, config));
    Ok(match config.state.backend {
        Backend::S3 => (here, there),
        Backend::Local => (there, here),
    })
}

/// Reads the state without taking the lock.
pub(super) async fn peek(globals: &Globals, config: &Config) -> Result<State, CliError> {
    let place = place(globals, config, None).await?;
    Ok(crate::state::load(place.store().as_mut()).await?)
}

/// A time as it is part of a file's name.
pub(super) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What to do with a damaged state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damaged {
    /// Stop.
    Refuse,
    /// Put it aside and go on from what is intact.
    SetAside,
}

/// A command that may change something: the lock is held, the state is open, the cloud answers.
pub(super) struct Session {
    pub(super) context: Context,
    writer: Writer,
    heartbeat: Heartbeat,
}

impl Session {
    /// Takes the lock, opens the state, and connects.
    pub(super) async fn open(globals: &Globals, config: &Config, command: &'static str, events: Events) -> Result<Self, CliError> {
        Self::open_even(globals, config, command, events, Damaged::Refuse).await
    }

    /// The same, and tells what to do when the state is damaged.
    pub(super) async fn open_even(
        globals: &Globals,
        config: &Config,
        command: &'static str,
        events: Events,
        damaged: Damaged,
    ) -> Result<Self, CliError> {
        let connected = if is_shared(globals, config) { Some(connect(globals, config).await?) } else { None };
        let place = place(globals, config, connected.as_ref()).await?;
        let lock = place.lock(command).await?;
        let notice = |text: String| events.send(Event::Notice { address: None, text });
        if let Some(holder) = &lock.taken_over_from {
            notice(format!("{} ended without releasing the lock; it is taken over", holder.describe()));
        }
        let mut store: Box<dyn Store> = Box::new(Fenced::new(place.store(), lock.lease()));
        let opened = Self::prepare(globals, config, &place, store.as_mut(), connected, damaged, &notice).await;
        let (state, cloud) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // Why it could not be opened counts more than that the lock ends with its lease.
                let _ = lock.release().await;
                return Err(error);
            }
        };
        let stack = config.stack.id();
        let (journal, writer) = Journal::start(state, store);
        if !journal.read(State::has_begun) {
            let lineage = Lineage(uuid::Uuid::new_v4().to_string());
            journal
                .write(vec![Record::Genesis { format: crate::state::FORMAT, lineage, stack: stack.clone(), account: cloud.account().clone() }])
                .await?;
        }
        let cancel = Cancel::default();
        let (stop, to) = (cancel.clone(), events.clone());
        let heartbeat = Heartbeat::start(lock, move |why| {
            to.send(Event::Notice { address: None, text: format!("{why}; nothing more is started") });
            stop.cancel();
        });
        let context = Context {
            cloud: Arc::new(cloud),
            journal,
            events,
            cancel,
            meter: Arc::new(Meter::default()),
            stack,
            parallelism: usize::from(globals.parallelism),
        };
        Ok(Self { context, writer, heartbeat })
    }

    /// Reads the state under the lock, and refuses one that is not this stack's.
    async fn prepare(
        globals: &Globals,
        config: &Config,
        place: &Place,
        store: &mut dyn Store,
        connected: Option<Cloud>,
        damaged: Damaged,
        notice: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(State, Cloud), CliError> {
        let mut salvage = crate::state::salvage(store).await?;
        if damaged == Damaged::Refuse
            && let Some(damage) = salvage.damage.take()
        {
            return Err(damage.into());
        }
        if let Place::Shared { objects, .. } = place
            && objects.is_versioned().await.is_ok_and(|versioned| !versioned)
        {
            notice(format!("the bucket of {} keeps no old versions; with versioning, what is deleted by mistake can be brought back", place.name()));
        }
        let cloud = match connected {
            Some(cloud) => cloud,
            None => connect(globals, config).await?,
        };
        if !salvage.state.has_begun() && !globals.sandbox && !config.state.bucket.is_empty() {
            let other = match place {
                Place::Shared { .. } => Place::Local(directory(globals, config)),
                Place::Local(_) => shared(config, &cloud),
            };
            elsewhere(globals, &other).await?;
        }
        belongs(&salvage.state, config, &cloud)?;
        if damaged == Damaged::Refuse {
            return Ok((salvage.open(store).await?, cloud));
        }
        // Nothing is put away before it is known that AWS can be asked.
        let kept = store.set_aside(&format!("damaged-{}", stamp())).await;
        let kept = kept.map_err(|source| StateError::Io { place: store.snapshot_place(), verb: "renamed", source })?;
        notice(format!("what was damaged is kept as {}", kept.join(" and ")));
        if salvage.state.has_begun() {
            notice(format!("{} resources are known from its intact part", salvage.state.resources.len()));
            crate::state::compact(store, &salvage.state).await?;
        }
        Ok((salvage.state, cloud))
    }

    /// Goes on with what a result holds, or ends here in order.
    pub(super) async fn or_close<T>(self, result: Result<T, CliError>) -> Result<(Self, T), CliError> {
        match result {
            Ok(value) => Ok((self, value)),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Compacts the state and releases the lock. What was done is in the journal already, so a failure here is only worth a note.
    pub(super) async fn close(self) {
        let Self { context, writer, heartbeat } = self;
        let journal = context.journal.clone();
        drop(context);
        if let Err(error) = writer.finish(journal).await {
            say(&format!("note: the state could not be compacted, which the next command repeats: {error}"));
        }
        give_back(heartbeat).await;
    }
}

/// Releases a lock. When that does not work it ends by itself, so it is only worth a note.
pub(super) async fn give_back(heartbeat: Heartbeat) {
    if let Some(lock) = heartbeat.stop().await
        && let Err(error) = lock.release().await
    {
        say(&format!("note: the lock was not released, and ends by itself: {}", with_causes(&error)));
    }
}

/// Refuses a state of another stack or account.
fn belongs(state: &State, config: &Config, cloud: &Cloud) -> Result<(), CliError> {
    let stack = config.stack.id();
    if !state.has_begun() || (state.account == *cloud.account() && state.stack == stack) {
        return Ok(());
    }
    let what =
        format!("this state belongs to the stack `{}` in account {}, not to `{stack}` in account {}", state.stack, state.account, cloud.account());
    Err(CliError::new(Exit::Refused, what).remains("nothing was changed").hint("use the credentials of that account, or another --state-dir"))
}

/// Refuses to begin a history in one place while there is one in the other.
async fn elsewhere(globals: &Globals, other: &Place) -> Result<(), CliError> {
    if !crate::state::load(other.store().as_mut()).await?.has_begun() {
        return Ok(());
    }
    Err(CliError::new(Exit::Refused, format!("the state of this stack is still at {}, and not where the configuration wants it", other.name()))
        .remains("nothing was changed")
        .hint(format!("`{}` moves it", super::again::again(globals, "state migrate", &Chosen::default()))))
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', ':']) && !host.contains(char::is_whitespace))
}

/// Connects to the cloud that the options name.
pub(super) async fn connect(globals: &Globals, config: &Config) -> Result<Cloud, CliError> {
    let home = config.home_region();
    if let Some(url) = globals.endpoint_url.as_ref().filter(|url| !is_url(url)) {
        return Err(CliError::new(Exit::Usage, format!("`--endpoint-url {url}` is not a URL"))
            .remains("nothing was changed")
            .hint("it begins with http:// or https:// and names a host, for example http://127.0.0.1:4566"));
    }
    if !globals.sandbox {
        return Ok(Cloud::connect(Endpoint::Network { url: globals.endpoint_url.clone() }, &home, Clock::real()).await?);
    }
    let clock = match timing(globals) {
        Timing::Fast => Clock::scaled(1.0 / 60.0),
        Timing::Instant | Timing::Real => Clock::real(),
    };
    let script = globals.sandbox_script.as_deref().map(Script::read).transpose()?;
    let (disk, mut world) = Disk::open(&root(globals))?;
    if let Some(script) = script {
        world.play(script);
        // Kept at once, so that it goes on although this command may be killed.
        disk.save(&world).map_err(|error| CliError::new(Exit::State, "the sandbox can not keep its script").because_text(&error.to_string()))?;
    }
    let sandbox = Sandbox::new(world, clock, Some(disk), Fuse::default());
    Ok(Cloud::connect(Endpoint::Plugged(sandbox.plug()), &home, clock).await?)
}

/// Asks the run to stop on Ctrl-C or SIGTERM, and ends the process on a second one, which is safe: every call in flight has its
/// intent in the journal.
pub(super) fn stop_on_ctrl_c(cancel: Cancel) {
    tokio::spawn(async move {
        wish_to_stop().await;
        cancel.cancel();
        say("\nstopping: calls in flight are finished and recorded; Ctrl-C again stops at once, which is safe too");
        wish_to_stop().await;
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}

pub(super) async fn wish_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = ended => "SIGTERM",
    }
}
