//! Requests of other processes to a running cutover: files or objects next to the state, which the cutover deletes
//! after it has read them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use infra_aws::{Expect, Objects};
use infra_base::file::{self, Access};
use infra_core::state::{Backend, Holder};
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
    request: ControlRequest,
    #[serde(rename = "who")]
    user: String,
    /// Host and process of the recipient, if known: a later cutover must not obey a request to an earlier one.
    #[serde(rename = "to")]
    recipient: Option<(String, u32)>,
}

impl Message {
    fn is_for(&self, reader: &(String, u32)) -> bool {
        self.recipient.as_ref().is_none_or(|recipient| recipient == reader)
    }
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

    /// Sends a request to the running cutover, and returns once the cutover has read it.
    ///
    /// # Errors
    /// [`MigrationRefusal::Unreachable`].
    pub async fn send(
        &self,
        request: ControlRequest,
        user: &str,
        recipient: Option<&Holder>,
    ) -> Result<(), MigrationRefusal> {
        let recipient = recipient.map(|holder| (holder.host.clone(), holder.pid));
        let message = Message { request, user: user.to_owned(), recipient };
        // Names sort by the time of sending.
        let name = format!("{PREFIX}{}-{}", jiff::Timestamp::now().as_millisecond(), uuid::Uuid::new_v4());
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

    /// Forwards requests from now on.
    pub fn listen(self, inputs: mpsc::UnboundedSender<Input>) {
        let own = Holder::current("cutover", None);
        let reader = (own.host, own.pid);
        match self {
            // A thread, because the time of the runtime may be simulated.
            Self::Directory(directory) => drop(std::thread::spawn(move || {
                while !inputs.is_closed() {
                    for path in messages_in(&directory) {
                        // One that cannot be read is not removed, so its sender learns that nobody has read it.
                        if let Ok(text) = file::read_to_string(&path)
                            && forward(&text, &reader, &inputs)
                        {
                            let _ = std::fs::remove_file(&path);
                        }
                    }
                    std::thread::sleep(POLL_INTERVAL);
                }
            })),
            Self::Bucket(ref objects) => {
                let objects = objects.clone();
                drop(tokio::spawn(async move {
                    while !inputs.is_closed() {
                        for name in objects.list(PREFIX).await.unwrap_or_default() {
                            if let Ok(Some(text)) = self.read(&name).await
                                && forward(&text, &reader, &inputs)
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

/// Forwards a message that is for this reader. Returns whether it was.
fn forward(text: &str, reader: &(String, u32), inputs: &mpsc::UnboundedSender<Input>) -> bool {
    let message = serde_json::from_str::<Message>(text).ok().filter(|message| message.is_for(reader));
    message.is_some_and(|message| inputs.send(message.request.input(&message.user)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_aws::{Cloud, Endpoint};
    use infra_base::clock::Clock;
    use infra_base::crash_point::CrashPoints;
    use infra_sandbox::world::s3::Bucket;
    use infra_sandbox::{Sandbox, World};

    #[test]
    fn two_requests_in_a_row_are_forwarded_and_one_for_another_process_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let me = ("here".to_owned(), 7);
        let (inputs, mut received) = mpsc::unbounded_channel();
        let write = |name: &str, request: ControlRequest, recipient: Option<(String, u32)>| {
            let text = serde_json::to_string(&Message { request, user: "anna".into(), recipient }).expect("JSON");
            file::create_new(&directory.path().join(format!("{PREFIX}{name}")), &text, Access::Owner).expect("a file");
        };
        write("1", ControlRequest::Pause, Some(me.clone()));
        write("2", ControlRequest::Abort, None);
        write("3", ControlRequest::Rollback, Some(("here".into(), 8)));
        std::fs::write(directory.path().join(format!(".{PREFIX}4.x.partial")), "{").expect("a file");
        let messages = messages_in(directory.path());
        assert_eq!(messages.len(), 3);
        let forwarded =
            messages.iter().map(|path| forward(&std::fs::read_to_string(path).expect("a message"), &me, &inputs));
        assert_eq!(forwarded.collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(
            [received.try_recv(), received.try_recv()],
            [Ok(Input::Paused), Ok(Input::AbortRequested("`cutover --abort` by anna".into()))]
        );
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
        let objects = Objects::new(cloud.clients(&"us-east-1".into()).0, "states", "team/stack/", None);
        let channel = ControlChannel::Bucket(objects.clone());
        let recipient = Some(("elsewhere".into(), 8));
        let to_another = Message { request: ControlRequest::Rollback, user: "ben".into(), recipient };
        let other = format!("{PREFIX}1-other");
        channel.put(&other, &serde_json::to_string(&to_another).expect("JSON")).await.expect("it is written");
        let (inputs, mut received) = mpsc::unbounded_channel();
        let me = Holder::current("cutover", None);
        let (sent, ()) = tokio::join!(channel.send(ControlRequest::Abort, "anna", Some(&me)), async {
            // The message exists before anybody listens.
            while objects.list(PREFIX).await.expect("a list").len() < 2 {
                tokio::task::yield_now().await;
            }
            channel.clone().listen(inputs);
        });
        sent.expect("it was read");
        assert_eq!(received.recv().await, Some(Input::AbortRequested("`cutover --abort` by anna".into())));
        assert_eq!(objects.list(PREFIX).await.expect("a list"), [other]);
    }
}
