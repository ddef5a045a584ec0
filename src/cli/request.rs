//! What another process asks of a cutover that runs: a letter beside the state, which the cutover takes away when it has read it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::failure::{CliError, Exit};
use super::whole;
use crate::aws::{Expect, Objects};
use crate::migration::schedule::Input;
use crate::state::Place;

/// What the letter is called.
const NAME: &str = "cutover.request";
/// How often a letter is looked for: in a directory, and in a bucket.
const EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
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

    fn input(self, who: String) -> Input {
        match self {
            Self::Approve => Input::Approved(who),
            Self::Pause => Input::Paused,
            Self::Continue => Input::Continued,
            Self::Abort => Input::AbortAsked(who),
            Self::Rollback => Input::RollbackAsked(who),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Asked {
    request: Request,
    who: String,
    /// Tells letters apart that say the same.
    id: String,
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
    pub(super) async fn send(&self, request: Request, who: &str) -> Result<(), CliError> {
        let asked = Asked { request, who: who.to_owned(), id: uuid::Uuid::new_v4().to_string() };
        let unsent = |why: &str| {
            CliError::new(Exit::Failed, "the cutover that runs could not be asked").because_text(why).remains("the cutover goes on as it was")
        };
        let text = serde_json::to_string(&asked).map_err(|error| unsent(&error.to_string()))?;
        self.put(&text).await.map_err(|why| unsent(&why))?;
        let began = std::time::Instant::now();
        while self.read().await.map_err(|why| unsent(&why))?.is_some_and(|there| there == text) {
            if began.elapsed() > PATIENCE {
                self.remove().await;
                return Err(unsent(&format!("it has not read the request within {} seconds: it may hang, or be gone", PATIENCE.as_secs())));
            }
            // Real time: whoever reads it is another process.
            let _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(200))).await;
        }
        Ok(())
    }

    /// Passes on what is asked, from now on.
    pub(super) async fn listen(self, inputs: mpsc::UnboundedSender<Input>) {
        // What was asked of an earlier one is none of this one's business.
        self.remove().await;
        match self {
            // A thread, because the sandbox's minutes pass in milliseconds.
            Self::Directory(directory) => drop(std::thread::spawn(move || {
                let (letter, taken) = (directory.join(NAME), directory.join("cutover.request.taken"));
                while !inputs.is_closed() {
                    // Nothing that is written in between is lost: what was renamed is what is read.
                    if std::fs::rename(&letter, &taken).is_ok() {
                        pass_on(&std::fs::read_to_string(&taken).unwrap_or_default(), &inputs);
                        let _ = std::fs::remove_file(&taken);
                    }
                    std::thread::sleep(EVERY[0]);
                }
            })),
            Self::Bucket(_) => drop(tokio::spawn(async move {
                while !inputs.is_closed() {
                    if let Ok(Some(text)) = self.read().await {
                        self.remove().await;
                        pass_on(&text, &inputs);
                    }
                    tokio::time::sleep(EVERY[1]).await;
                }
            })),
        }
    }

    async fn put(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Directory(directory) => {
                let written = std::fs::create_dir_all(directory).and_then(|()| whole::write(&directory.join(NAME), text));
                written.map_err(|error| error.to_string())
            }
            Self::Bucket(objects) => {
                let before = objects.get(NAME).await.map_err(|error| error.to_string())?;
                let expect = before.as_ref().map_or(Expect::Absent, |object| Expect::Tag(&object.etag));
                objects.put(NAME, text.as_bytes(), expect).await.map(drop).map_err(|error| error.to_string())
            }
        }
    }

    async fn read(&self) -> Result<Option<String>, String> {
        match self {
            Self::Directory(directory) => Ok(std::fs::read_to_string(directory.join(NAME)).ok()),
            Self::Bucket(objects) => {
                let found = objects.get(NAME).await.map_err(|error| error.to_string())?;
                Ok(found.map(|object| String::from_utf8_lossy(&object.bytes).into_owned()))
            }
        }
    }

    async fn remove(&self) {
        // What can not be taken away is read once more, which does no harm.
        match self {
            Self::Directory(directory) => drop(std::fs::remove_file(directory.join(NAME))),
            Self::Bucket(objects) => drop(objects.delete(&[NAME.to_owned()]).await),
        }
    }
}

fn pass_on(text: &str, inputs: &mpsc::UnboundedSender<Input>) {
    if let Ok(asked) = serde_json::from_str::<Asked>(text) {
        let _ = inputs.send(asked.request.input(asked.who));
    }
}
