//! What commands share: configuration, the place of the state, the cloud.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::{Chosen, Globals, Timing};
use super::failure::{CliError, Exit};
use super::run::{say, timing};
use crate::address::{Lineage, Region};
use crate::aws::{Cancel, Cloud, Endpoint, Meter};
use crate::clock::Clock;
use crate::config::{Config, Overrides, load};
use crate::engine::Context;
use crate::events::Events;
use crate::fuse::Fuse;
use crate::sandbox::{Disk, Sandbox};
use crate::state::{FileStore, Journal, Lock, Record, State, StateError, Writer, open};

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

/// The directory of one stack's state. The sandbox's is apart: it never mixes with that of real things.
pub(super) fn directory(globals: &Globals, config: &Config) -> PathBuf {
    root(globals).join(format!("{}-{}", config.stack.name, config.stack.suffix))
}

/// Reads the state without taking the lock.
pub(super) fn peek(globals: &Globals, config: &Config) -> Result<State, CliError> {
    Ok(peek_state(globals, config)?)
}

/// The same, with what is wrong with it.
pub(super) fn peek_state(globals: &Globals, config: &Config) -> Result<State, StateError> {
    Ok(crate::state::load(&mut FileStore::new(directory(globals, config)))?.0)
}

/// Takes a damaged state out of the way, under the lock. Returns where its files are kept.
pub(super) fn set_aside(globals: &Globals, config: &Config) -> Result<Vec<PathBuf>, CliError> {
    let directory = directory(globals, config);
    let _lock = Lock::take(&directory, "state rebuild")?;
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    Ok(FileStore::new(directory).set_aside(&stamp)?)
}

/// A command that may change something: the lock is held, the state is open, the cloud answers.
pub(super) struct Session {
    pub(super) context: Context,
    writer: Writer,
    lock: Lock,
}

impl Session {
    /// Takes the lock, opens the state, and connects.
    pub(super) async fn open(globals: &Globals, config: &Config, command: &'static str, events: Events) -> Result<Self, CliError> {
        let directory = directory(globals, config);
        let lock = Lock::take(&directory, command)?;
        if let Some(holder) = &lock.taken_over_from {
            let text = format!(
                "`{}` by {} on {} (process {}) ended without releasing the lock; it is taken over",
                holder.command, holder.user, holder.host, holder.pid
            );
            events.send(crate::events::Event::Notice { address: None, text });
        }
        let mut store = FileStore::new(directory);
        let state = open(&mut store)?;
        let cloud = connect(globals, config).await?;
        let stack = config.stack.id();
        if state.has_begun() && (state.account != *cloud.account() || state.stack != stack) {
            let what = format!(
                "this state belongs to the stack `{}` in account {}, not to `{stack}` in account {}",
                state.stack,
                state.account,
                cloud.account()
            );
            return Err(CliError::new(Exit::Refused, what)
                .remains("nothing was changed")
                .hint("use the credentials of that account, or another --state-dir"));
        }
        let (journal, writer) = Journal::start(state, Box::new(store));
        if !journal.read(State::has_begun) {
            let lineage = Lineage(uuid::Uuid::new_v4().to_string());
            journal
                .write(vec![Record::Genesis { format: crate::state::FORMAT, lineage, stack: stack.clone(), account: cloud.account().clone() }])
                .await?;
        }
        let context = Context {
            cloud: Arc::new(cloud),
            journal,
            events,
            cancel: Cancel::default(),
            meter: Arc::new(Meter::default()),
            stack,
            parallelism: usize::from(globals.parallelism),
        };
        Ok(Self { context, writer, lock })
    }

    /// Compacts the state and releases the lock.
    pub(super) async fn close(self) -> Result<(), CliError> {
        let Self { context, writer, lock } = self;
        let journal = context.journal.clone();
        drop(context);
        writer.finish(journal).await?;
        drop(lock);
        Ok(())
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', ':']) && !host.contains(char::is_whitespace))
}

/// Connects to the cloud that the options name.
pub(super) async fn connect(globals: &Globals, config: &Config) -> Result<Cloud, CliError> {
    let home = config.environments.first().map_or_else(|| Region("us-east-1".to_owned()), |environment| environment.region.clone());
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
    let (disk, world) = Disk::open(&root(globals))?;
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

async fn wish_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = ended => {}
    }
}
