//! The thread that writes a run. The run itself never waits for a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use infra_base::file::{self, Access};
use infra_timeline::RunRecord;

use super::store::{EVENTS, RECORD, Runs};

/// The largest file of events, in bytes. What comes after it is missing, and the record says so.
const LARGEST: u64 = 32 * 1024 * 1024;
/// How long the end of a command waits for the disk.
const PATIENCE: Duration = Duration::from_secs(3);

enum Message {
    Record(Box<RunRecord>),
    Line(String),
}

/// Writes a run.
pub(super) struct Writer {
    messages: Sender<Message>,
    result: Receiver<io::Result<()>>,
}

impl Writer {
    /// Starts to write a run.
    pub(super) fn start(stack: PathBuf, record: RunRecord) -> io::Result<Self> {
        let (messages, inbox) = channel();
        let (outbox, result) = channel();
        let write = move || {
            // The command may have ended without waiting any longer.
            let _ = outbox.send(write(&stack, record, &inbox));
        };
        thread::Builder::new().name("run-record".to_owned()).spawn(write)?;
        Ok(Self { messages, result })
    }

    /// Adds a line to the events.
    pub(super) fn line(&self, line: String) {
        // The thread has ended only if it could not write, which `finish` reports.
        let _ = self.messages.send(Message::Line(line));
    }

    /// Replaces what is stored about the run.
    pub(super) fn record(&self, record: &RunRecord) {
        let _ = self.messages.send(Message::Record(Box::new(record.clone())));
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.messages);
        self.result.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("the disk took more than {} s", PATIENCE.as_secs())))
        })
    }
}

fn write(stack: &Path, mut record: RunRecord, inbox: &Receiver<Message>) -> io::Result<()> {
    let runs = Runs::of(stack);
    let directory = runs.directory().join(&record.id);
    file::create_directory(&directory)?;
    save(&directory, &record)?;
    let mut events = file::open(&directory.join(EVENTS), OpenOptions::new().create_new(true).append(true))?;
    // The system releases it with the process. So `serve` knows whether a run without an end is under way. On a file
    // system without locks, it takes the run for killed.
    let _ = events.lock();
    let pruned = runs.prune();
    let mut left = LARGEST;
    let mut is_truncated = false;
    for message in inbox {
        match message {
            Message::Record(newer) => {
                record = RunRecord { truncated: is_truncated, ..*newer };
                save(&directory, &record)?;
            }
            Message::Line(line) => is_truncated |= !append(&mut events, &mut left, line)?,
        }
    }
    if is_truncated && !record.truncated {
        save(&directory, &RunRecord { truncated: true, ..record })?;
    }
    pruned
}

/// Appends a line, if there is space left. Returns whether there was.
fn append(events: &mut File, left: &mut u64, mut line: String) -> io::Result<bool> {
    line.push('\n');
    let Some(rest) = left.checked_sub(line.len() as u64) else {
        *left = 0;
        return Ok(false);
    };
    *left = rest;
    // One call, so that a killed run tears at most its last line.
    events.write_all(line.as_bytes())?;
    Ok(true)
}

fn save(directory: &Path, record: &RunRecord) -> io::Result<()> {
    file::replace(&directory.join(RECORD), serde_json::to_string_pretty(record)? + "\n", Access::Owner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn record() -> RunRecord {
        RunRecord { format: infra_timeline::FORMAT, id: "run-1".into(), ..RunRecord::default() }
    }

    #[test]
    fn a_run_is_private_and_complete() {
        let directory = tempfile::tempdir().expect("a directory");
        let writer = Writer::start(directory.path().join("stack"), record()).expect("a thread");
        writer.line("one".to_owned());
        writer.line("two".to_owned());
        writer.record(&RunRecord { exit_code: Some(0), ..record() });
        writer.finish().expect("it is written");
        let run = directory.path().join("stack/runs/run-1");
        assert_eq!(std::fs::read_to_string(run.join(EVENTS)).expect("events"), "one\ntwo\n");
        let mode = |path: &Path| std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!([mode(&run), mode(&run.join(EVENTS)), mode(&run.join(RECORD))], [0o700, 0o600, 0o600]);
        let id = infra_base::file_id::FileId::try_from("run-1".to_owned()).expect("a name");
        assert_eq!(Runs::of(&directory.path().join("stack")).record(&id).expect("a run").exit_code, Some(0));
    }

    #[test]
    fn what_cannot_be_written_is_reported_at_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("stack"), "a file").expect("a file");
        let writer = Writer::start(directory.path().join("stack"), record()).expect("a thread");
        writer.line("one".to_owned());
        writer.finish().expect_err("there is no directory");
    }

    #[test]
    fn too_many_events_are_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events");
        let mut file = file::open(&path, OpenOptions::new().create(true).append(true)).expect("a file");
        let mut left = 10;
        let mut add = |text: &str| append(&mut file, &mut left, text.to_owned()).expect("it is written");
        assert_eq!([add("12345"), add("12345"), add("1")], [true, false, false]);
        assert_eq!(std::fs::read_to_string(path).expect("events"), "12345\n");
    }
}
