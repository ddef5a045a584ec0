//! Requests of other processes to a running cutover: files or objects next to the state, which the cutover deletes
//! after it has read them.
//!
//! A message names the run that it is for, and who has sent it. In a directory, a message counts only if this user or
//! root has written it, and nobody else can: a file that somebody has put there approves nothing. In a bucket, its
//! policy decides who can write. A message that is found twice counts once.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use infra_aws::{Expect, Objects};
use infra_base::file::{self, Access};
use infra_base::own_file::{self, OwnFileError};
use infra_core::events::{Event, Events};
use infra_core::state::Backend;
use infra_migration::cutover::Input;

use crate::refusal::MigrationRefusal;

/// The prefix of the name of every message.
const PREFIX: &str = "cutover.request.";
/// How often a directory is polled.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often a bucket is polled, where each poll is a call.
const BUCKET_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How long the sender waits for the cutover to read a message.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A request to a running cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlRequest {
    /// Approve the step at which it waits.
    Approve,
    /// Pause before the next step.
    Pause,
    /// Continue after a pause or a failure.
    Continue,
    /// End it as configured.
    Abort,
    /// End it, and send all traffic to the source.
    Rollback,
}

impl ControlRequest {
    /// Returns what is requested, as the end of a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Approve => "continue from the step at which it waits",
            Self::Pause => "pause before its next step",
            Self::Continue => "continue",
            Self::Abort => "abort",
            Self::Rollback => "send all traffic back to the source",
        }
    }

    /// Returns the input for the state machine. Its reason contains the request and the user.
    pub fn input(self, user: &str) -> Input {
        match self {
            Self::Approve => Input::Approved(user.to_owned()),
            Self::Pause => Input::Paused,
            Self::Continue => Input::Continued,
            Self::Abort => Input::AbortRequested(format!("`cutover --abort` by {user}")),
            Self::Rollback => Input::RollbackRequested(format!("`cutover --rollback` by {user}")),
        }
    }
}

/// A message. Each has a unique name, so none overwrites another.
#[derive(Serialize, Deserialize)]
struct Message {
    /// A unique id.
    id: String,
    request: ControlRequest,
    /// Who has sent it: the identity at AWS.
    #[serde(rename = "who")]
    user: String,
    /// The run that it is for: a later cutover must not obey a request to an earlier one.
    run: String,
}

/// Where messages to a cutover are stored: in the backend of its state, so that everybody who can use the state can
/// control the cutover.
#[derive(Clone, Debug)]
pub enum ControlChannel {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A bucket.
    Bucket(Objects),
}

impl ControlChannel {
    /// Returns the channel of a backend.
    pub fn of(backend: &Backend) -> Self {
        match backend {
            Backend::Local(directory) => Self::Directory(directory.clone()),
            Backend::Shared { objects, .. } => Self::Bucket(objects.clone()),
        }
    }

    /// Sends a request to the run with this id, and returns once the cutover has read it.
    ///
    /// # Errors
    /// [`MigrationRefusal::Unreachable`].
    pub async fn send(&self, request: ControlRequest, user: &str, run: &str) -> Result<(), MigrationRefusal> {
        let id = uuid::Uuid::new_v4().to_string();
        // Names sort by the time of sending.
        let name = format!("{PREFIX}{}-{id}", jiff::Timestamp::now().as_millisecond());
        let message = Message { id, request, user: user.to_owned(), run: run.to_owned() };
        let unreachable = |reason: String| MigrationRefusal::Unreachable { reason };
        let text = serde_json::to_string(&message).map_err(|error| unreachable(error.to_string()))?;
        self.put(&name, &text).await.map_err(unreachable)?;
        let began = std::time::Instant::now();
        while self.read(&name).await.map_err(unreachable)?.is_some() {
            if began.elapsed() > READ_TIMEOUT {
                self.remove(&name).await;
                return Err(unreachable(format!(
                    "it did not read the request within {} seconds: it may hang or have ended",
                    READ_TIMEOUT.as_secs()
                )));
            }
            // Real time, because the reader is another process.
            let _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(200))).await;
        }
        Ok(())
    }

    /// Forwards requests to the run with this id from now on. Sends an event about each file that is not obeyed.
    pub fn listen(self, run: &str, inputs: mpsc::UnboundedSender<Input>, events: Events) {
        let mut reader = Reader::new(run, inputs);
        match self {
            // A thread, because the time of the runtime may be simulated.
            Self::Directory(directory) => drop(std::thread::spawn(move || {
                while !reader.inputs.is_closed() {
                    for why in reader.read_directory(&directory) {
                        events.send(Event::Notice { address: None, text: why });
                    }
                    std::thread::sleep(POLL_INTERVAL);
                }
            })),
            Self::Bucket(ref objects) => {
                let objects = objects.clone();
                drop(tokio::spawn(async move {
                    while !reader.inputs.is_closed() {
                        for name in objects.list(PREFIX).await.unwrap_or_default() {
                            if let Ok(Some(text)) = self.read(&name).await
                                && reader.forward(&text)
                            {
                                self.remove(&name).await;
                            }
                        }
                        tokio::time::sleep(BUCKET_POLL_INTERVAL).await;
                    }
                }));
            }
        }
    }

    async fn put(&self, name: &str, text: &str) -> Result<(), String> {
        match self {
            Self::Directory(directory) => {
                let path = directory.join(name);
                let written =
                    file::create_directory(directory).and_then(|()| file::create_new(&path, text, Access::Owner));
                written.map_err(|error| error.to_string())
            }
            Self::Bucket(objects) => {
                objects.put(name, text.as_bytes(), Expect::Absent).await.map(drop).map_err(|error| error.to_string())
            }
        }
    }

    async fn read(&self, name: &str) -> Result<Option<String>, String> {
        match self {
            Self::Directory(directory) => match file::read_to_string(&directory.join(name)) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            Self::Bucket(objects) => {
                let found = objects.get(name).await.map_err(|error| error.to_string())?;
                Ok(found.map(|object| String::from_utf8_lossy(&object.bytes).into_owned()))
            }
        }
    }

    async fn remove(&self, name: &str) {
        // A message that cannot be removed is read again, which is harmless.
        match self {
            Self::Directory(directory) => drop(std::fs::remove_file(directory.join(name))),
            Self::Bucket(objects) => drop(objects.delete(&[name.to_owned()]).await),
        }
    }
}

/// Returns the messages in a directory. Those that are still being written have other names.
fn messages_in(directory: &Path) -> Vec<PathBuf> {
    let is_message =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path());
    let mut messages: Vec<PathBuf> = files.filter(is_message).collect();
    messages.sort();
    messages
}

/// What reads messages for one run.
struct Reader {
    run: String,
    inputs: mpsc::UnboundedSender<Input>,
    /// The ids of the messages that were forwarded.
    forwarded: BTreeSet<String>,
    /// The files that were refused.
    refused: BTreeSet<PathBuf>,
}

impl Reader {
    fn new(run: &str, inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self { run: run.to_owned(), inputs, forwarded: BTreeSet::new(), refused: BTreeSet::new() }
    }

    /// Forwards the messages in a directory, and removes them. Returns why others are not obeyed, once for each.
    fn read_directory(&mut self, directory: &Path) -> Vec<String> {
        let mut refusals = Vec::new();
        for path in messages_in(directory) {
            match own_file::read(&path) {
                Ok(text) if self.forward(&text) => drop(std::fs::remove_file(&path)),
                // It is for another run, or was removed by who has sent it.
                Ok(_) => {}
                Err(OwnFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(why) => {
                    if self.refused.insert(path.clone()) {
                        refusals.push(format!("the request in {} is not obeyed: {why}", path.display()));
                    }
                }
            }
        }
        refusals
    }

    /// Forwards a message that is for this run. Returns whether it was, now or before.
    fn forward(&mut self, text: &str) -> bool {
        let message = serde_json::from_str::<Message>(text).ok().filter(|message| message.run == self.run);
        message.is_some_and(|message| {
            let is_new = self.forwarded.insert(message.id);
            !is_new || self.inputs.send(message.request.input(&message.user)).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_aws::{Cloud, Endpoint};
    use infra_base::clock::Clock;
    use infra_base::crash_point::CrashPoints;
    use infra_sandbox::world::s3::Bucket;
    use infra_sandbox::{Sandbox, World};

    fn message(id: &str, request: ControlRequest, run: &str) -> String {
        let message = Message { id: id.to_owned(), request, user: "anna".to_owned(), run: run.to_owned() };
        serde_json::to_string(&message).expect("JSON")
    }

    #[test]
    fn two_requests_in_a_row_are_forwarded_and_one_for_another_run_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let (inputs, mut received) = mpsc::unbounded_channel();
        let write = |id: &str, request: ControlRequest, run: &str| {
            let path = directory.path().join(format!("{PREFIX}{id}"));
            file::create_new(&path, message(id, request, run), Access::Owner).expect("a file");
        };
        write("1", ControlRequest::Pause, "this");
        write("2", ControlRequest::Abort, "this");
        write("3", ControlRequest::Rollback, "earlier");
        std::fs::write(directory.path().join(format!(".{PREFIX}4.x.partial")), "{").expect("a file");
        let mut reader = Reader::new("this", inputs);
        assert_eq!(reader.read_directory(directory.path()), Vec::<String>::new());
        assert_eq!(
            [received.try_recv(), received.try_recv()],
            [Ok(Input::Paused), Ok(Input::AbortRequested("`cutover --abort` by anna".into()))]
        );
        assert!(received.try_recv().is_err());
        assert_eq!(messages_in(directory.path()), [directory.path().join(format!("{PREFIX}3"))]);
    }

    #[test]
    fn a_file_that_somebody_put_into_the_directory_approved_a_step() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let (inputs, mut received) = mpsc::unbounded_channel();
        let at = |name: &str| directory.path().join(format!("{PREFIX}{name}"));
        let approval = message("1", ControlRequest::Approve, "this");
        // Others could have written it, or it is a link to a file of this user.
        std::fs::write(at("1"), &approval).expect("a file");
        std::fs::set_permissions(at("1"), std::fs::Permissions::from_mode(0o666)).expect("a mode");
        file::create_new(&directory.path().join("elsewhere"), &approval, Access::Owner).expect("a file");
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), at("2")).expect("a link");
        // It does not name the run.
        let nameless = r#"{"id":"3","request":"approve","who":"mallory"}"#;
        file::create_new(&at("3"), nameless, Access::Owner).expect("a file");
        let mut reader = Reader::new("this", inputs);
        let refusals = reader.read_directory(directory.path());
        assert_eq!(refusals.len(), 2, "{refusals:?}");
        assert!(refusals[0].contains("other users can write it"), "{refusals:?}");
        assert!(refusals[1].contains("cannot be read"), "{refusals:?}");
        assert_eq!(reader.read_directory(directory.path()), Vec::<String>::new(), "it is said once");
        assert!(received.try_recv().is_err(), "it was obeyed");
    }

    #[test]
    fn an_approval_that_is_found_again_approves_nothing_more() {
        let (inputs, mut received) = mpsc::unbounded_channel();
        let mut reader = Reader::new("this", inputs);
        let approval = message("1", ControlRequest::Approve, "this");
        assert!(reader.forward(&approval) && reader.forward(&approval));
        assert_eq!(received.try_recv(), Ok(Input::Approved("anna".into())));
        assert!(received.try_recv().is_err());
    }

    /// The sender took the error for the removal of its request by the cutover.
    #[tokio::test]
    async fn a_request_that_could_not_be_read_counted_as_obeyed() {
        let directory = tempfile::tempdir().expect("a directory");
        let channel = ControlChannel::Directory(directory.path().to_owned());
        assert_eq!(channel.read("cutover.request.1").await, Ok(None));
        std::fs::create_dir(directory.path().join("cutover.request.1")).expect("a directory");
        let refused = channel.read("cutover.request.1").await.expect_err("it is not a file");
        assert_eq!(refused, "it is a directory, not a regular file");
    }

    #[tokio::test]
    async fn a_request_in_a_bucket_is_forwarded_and_removed() {
        let mut world = World::default();
        world.s3.buckets.insert("states".to_owned(), Bucket::new("states", "us-east-1", "111122223333"));
        let sandbox = Sandbox::new(world, Clock::real(), None, CrashPoints::default());
        let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real())
            .await
            .expect("it answers");
        let objects = Objects::new(cloud.clients(&"us-east-1".into()).0, "states", "team/stack/", None, None);
        let channel = ControlChannel::Bucket(objects.clone());
        let other = format!("{PREFIX}1-other");
        let to_another = message("other", ControlRequest::Rollback, "another");
        channel.put(&other, &to_another).await.expect("it is written");
        let (inputs, mut received) = mpsc::unbounded_channel();
        let (sent, ()) = tokio::join!(channel.send(ControlRequest::Abort, "anna", "this"), async {
            // The message exists before anybody listens.
            while objects.list(PREFIX).await.expect("a list").len() < 2 {
                tokio::task::yield_now().await;
            }
            channel.clone().listen("this", inputs, Events::nowhere());
        });
        sent.expect("it was read");
        assert_eq!(received.recv().await, Some(Input::AbortRequested("`cutover --abort` by anna".into())));
        assert_eq!(objects.list(PREFIX).await.expect("a list"), [other]);
    }
}
