//! What another process asks of a cutover that runs: letters beside the state, each of which the cutover takes away when it has read it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::failure::{CliError, Exit};
use super::whole;
use crate::aws::{Expect, Objects};
use crate::migration::schedule::Input;
use crate::state::{Holder, Place};

/// What the name of a letter begins with.
const PREFIX: &str = "cutover.request.";
/// How often a letter is looked for in a directory.
const EVERY: Duration = Duration::from_secs(1);
/// The same in a bucket, where each look is a call.
const EVERY_CALL: Duration = Duration::from_secs(5);
/// How long a letter may lie there until nobody seems to read it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Approve,
    Pause,
    Continue,
    Abort,
    Rollback,
}

impl Request {
    /// What is asked, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Approve => "go on from the step at which it waits",
            Self::Pause => "pause before its next step",
            Self::Continue => "go on",
            Self::Abort => "abort",
            Self::Rollback => "send all traffic back to the source",
        }
    }

    /// What the machine is told of it; a reason says what was asked, and by whom.
    pub(super) fn input(self, who: &str) -> Input {
        match self {
            Self::Approve => Input::Approved(who.to_owned()),
            Self::Pause => Input::Paused,
            Self::Continue => Input::Continued,
            Self::Abort => Input::AbortAsked(format!("`cutover --abort` by {who}")),
            Self::Rollback => Input::RollbackAsked(format!("`cutover --rollback` by {who}")),
        }
    }
}

/// A letter. Each has a name of its own, so none takes the place of another.
#[derive(Serialize, Deserialize)]
struct Letter {
    request: Request,
    who: String,
    /// Machine and process of the cutover that it is for, if that is known: what was asked of an earlier one is none of this one's business.
    to: Option<(String, u32)>,
}

impl Letter {
    fn is_for(&self, reader: &(String, u32)) -> bool {
        self.to.as_ref().is_none_or(|to| to == reader)
    }
}

/// Where letters for a cutover are left: where its state is, so that everybody who can read that reaches it.
#[derive(Clone, Debug)]
pub(super) enum Letterbox {
    Directory(PathBuf),
    Bucket(Objects),
}

impl Letterbox {
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Local(directory) => Self::Directory(directory.clone()),
            Place::Shared { objects, .. } => Self::Bucket(objects.clone()),
        }
    }

    /// Asks the cutover that runs, and returns once it has read that.
    pub(super) async fn send(&self, request: Request, who: &str, to: Option<&Holder>) -> Result<(), CliError> {
        let letter = Letter { request, who: who.to_owned(), to: to.map(|holder| (holder.host.clone(), holder.pid)) };
        // In the order in which they were sent.
        let name = format!("{PREFIX}{}-{}", jiff::Timestamp::now().as_millisecond(), uuid::Uuid::new_v4());
        let unsent = |why: &str| {
            CliError::new(Exit::Failed, "the cutover that runs could not be asked").because_text(why).remains("the cutover goes on as it was")
        };
        let text = serde_json::to_string(&letter).map_err(|error| unsent(&error.to_string()))?;
        self.put(&name, &text).await.map_err(|why| unsent(&why))?;
        let began = std::time::Instant::now();
        while self.read(&name).await.map_err(|why| unsent(&why))?.is_some() {
            if began.elapsed() > PATIENCE {
                self.remove(&name).await;
                return Err(unsent(&format!("it has not read the request within {} seconds: it may hang, or be gone", PATIENCE.as_secs())));
            }
            // Real time: whoever reads it is another process.
            let _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(200))).await;
        }
        Ok(())
    }

    /// Passes on what is asked, from now on.
    pub(super) fn listen(self, inputs: mpsc::UnboundedSender<Input>) {
        let own = Holder::myself("cutover", None);
        let reader = (own.host, own.pid);
        match self {
            // A thread, because the sandbox's minutes pass in milliseconds.
            Self::Directory(directory) => drop(std::thread::spawn(move || {
                while !inputs.is_closed() {
                    for path in letters_in(&directory) {
                        let text = std::fs::read_to_string(&path).unwrap_or_default();
                        if pass_on(&text, &reader, &inputs) {
                            let _ = std::fs::remove_file(&path);
                        }
                    }
                    std::thread::sleep(EVERY);
                }
            })),
            Self::Bucket(ref objects) => {
                let objects = objects.clone();
                drop(tokio::spawn(async move {
                    while !inputs.is_closed() {
                        for name in objects.list(PREFIX).await.unwrap_or_default() {
                            if let Ok(Some(text)) = self.read(&name).await
                                && pass_on(&text, &reader, &inputs)
                            {
                                self.remove(&name).await;
                            }
                        }
                        tokio::time::sleep(EVERY_CALL).await;
                    }
                }));
            }
        }
    }

    async fn put(&self, name: &str, text: &str) -> Result<(), String> {
        match self {
            Self::Directory(directory) => {
                let written = std::fs::create_dir_all(directory).and_then(|()| whole::write(&directory.join(name), text));
                written.map_err(|error| error.to_string())
            }
            Self::Bucket(objects) => objects.put(name, text.as_bytes(), Expect::Absent).await.map(drop).map_err(|error| error.to_string()),
        }
    }

    async fn read(&self, name: &str) -> Result<Option<String>, String> {
        match self {
            Self::Directory(directory) => Ok(std::fs::read_to_string(directory.join(name)).ok()),
            Self::Bucket(objects) => {
                let found = objects.get(name).await.map_err(|error| error.to_string())?;
                Ok(found.map(|object| String::from_utf8_lossy(&object.bytes).into_owned()))
            }
        }
    }

    async fn remove(&self, name: &str) {
        // What can not be taken away is read once more, which does no harm.
        match self {
            Self::Directory(directory) => drop(std::fs::remove_file(directory.join(name))),
            Self::Bucket(objects) => drop(objects.delete(&[name.to_owned()]).await),
        }
    }
}

/// The letters in a directory; one that is being written is none yet.
fn letters_in(directory: &Path) -> Vec<PathBuf> {
    let is_letter = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PREFIX) && !name.ends_with(".partial")
    };
    let found = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path());
    let mut letters: Vec<PathBuf> = found.filter(is_letter).collect();
    letters.sort();
    letters
}

/// Passes on a letter that is for this reader. Returns whether it was.
fn pass_on(text: &str, reader: &(String, u32), inputs: &mpsc::UnboundedSender<Input>) -> bool {
    let letter = serde_json::from_str::<Letter>(text).ok().filter(|letter| letter.is_for(reader));
    letter.is_some_and(|letter| inputs.send(letter.request.input(&letter.who)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Cloud, Endpoint};
    use crate::clock::Clock;
    use crate::fuse::Fuse;
    use crate::sandbox::world::s3::Bucket;
    use crate::sandbox::{Sandbox, World};

    #[test]
    fn two_requests_in_a_row_are_both_heard_and_one_for_another_process_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let me = ("here".to_owned(), 7);
        let (inputs, mut heard) = mpsc::unbounded_channel();
        let write = |name: &str, request: Request, to: Option<(String, u32)>| {
            let text = serde_json::to_string(&Letter { request, who: "anna".into(), to }).expect("JSON");
            whole::write(&directory.path().join(format!("{PREFIX}{name}")), &text).expect("a file");
        };
        write("1", Request::Pause, Some(me.clone()));
        write("2", Request::Abort, None);
        write("3", Request::Rollback, Some(("here".into(), 8)));
        std::fs::write(directory.path().join(format!("{PREFIX}4.partial")), "{").expect("a file");
        let letters = letters_in(directory.path());
        assert_eq!(letters.len(), 3);
        let passed = letters.iter().map(|path| pass_on(&std::fs::read_to_string(path).expect("a letter"), &me, &inputs));
        assert_eq!(passed.collect::<Vec<_>>(), [true, true, false]);
        assert_eq!([heard.try_recv(), heard.try_recv()], [Ok(Input::Paused), Ok(Input::AbortAsked("`cutover --abort` by anna".into()))]);
    }

    #[tokio::test]
    async fn what_is_asked_over_a_bucket_is_heard_and_taken_away() {
        let mut world = World::default();
        world.s3.buckets.insert("states".to_owned(), Bucket::new("states", "us-east-1", "111122223333"));
        let sandbox = Sandbox::new(world, Clock::real(), None, Fuse::default());
        let cloud = Cloud::connect(Endpoint::Plugged(sandbox.plug()), &"us-east-1".into(), Clock::real()).await.expect("it answers");
        let objects = Objects::new(cloud.clients(&"us-east-1".into()).0, "states", "team/stack/", None);
        let letterbox = Letterbox::Bucket(objects.clone());
        let elsewhere = Letter { request: Request::Rollback, who: "ben".into(), to: Some(("elsewhere".into(), 8)) };
        let other = format!("{PREFIX}1-other");
        letterbox.put(&other, &serde_json::to_string(&elsewhere).expect("JSON")).await.expect("it is written");
        let (inputs, mut heard) = mpsc::unbounded_channel();
        let me = Holder::myself("cutover", None);
        let (sent, ()) = tokio::join!(letterbox.send(Request::Abort, "anna", Some(&me)), async {
            // It is there before anybody listens.
            while objects.list(PREFIX).await.expect("a list").len() < 2 {
                tokio::task::yield_now().await;
            }
            letterbox.clone().listen(inputs);
        });
        sent.expect("it was read");
        assert_eq!(heard.recv().await, Some(Input::AbortAsked("`cutover --abort` by anna".into())));
        assert_eq!(objects.list(PREFIX).await.expect("a list"), [other]);
    }
}
