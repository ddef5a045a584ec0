//! Follows the newest run of a stack while it is written.

use std::time::SystemTime;

use infra_base::file_id::FileId;
use infra_timeline::Timeline;

use super::store::Runs;

/// Follows the newest run of a stack. A run that a restarted process begins is another one, and becomes the newest.
pub(in crate::cli) struct Follower {
    runs: Runs,
    seen: Option<Seen>,
}

/// What was there when it was read.
#[derive(PartialEq, Eq)]
struct Seen {
    id: FileId,
    progress: [Option<(u64, SystemTime)>; 2],
    is_under_way: bool,
}

impl Follower {
    /// Follows the runs of a stack.
    pub(in crate::cli) fn of(runs: Runs) -> Self {
        Self { runs, seen: None }
    }

    /// Returns the newest run, if there is more of it than the last time. What cannot be read is read the next time.
    pub(in crate::cli) fn news(&mut self) -> Option<Timeline> {
        let id = self.runs.ids().ok()?.into_iter().next()?;
        // Before the content, so that nothing is missed which is written meanwhile.
        let (progress, is_under_way) = (self.runs.progress(&id), self.runs.is_under_way(&id));
        let seen = Seen { id, progress, is_under_way };
        if self.seen.as_ref() == Some(&seen) {
            return None;
        }
        let timeline = self.runs.timeline(&seen.id).ok()?;
        self.seen = Some(seen);
        // A run without an end that nobody writes was killed.
        let goes_on = is_under_way && timeline.run.outcome.is_none();
        Some(if goes_on { timeline.under_way() } else { timeline })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::Path;

    use infra_timeline::html::View;
    use infra_timeline::{FORMAT, RunRecord};

    use super::super::store::{EVENTS, RECORD};
    use super::*;

    /// Writes a run without an end, and returns the open file of its events.
    fn begin(stack: &Path, id: &str) -> File {
        let directory = stack.join("runs").join(id);
        fs::create_dir_all(&directory).expect("a directory");
        let record = RunRecord { format: FORMAT, id: id.to_owned(), ..RunRecord::default() };
        fs::write(directory.join(RECORD), serde_json::to_string(&record).expect("text")).expect("a file");
        let events = File::create(directory.join(EVENTS)).expect("a file");
        events.lock().expect("a lock");
        events
    }

    #[test]
    fn a_run_is_followed_until_its_process_ends_and_then_the_next_one() {
        let stack = tempfile::tempdir().expect("a directory");
        let mut follower = Follower::of(Runs::of(stack.path()));
        let mut news = || follower.news().map(|timeline| View::of(&timeline));
        assert_eq!(news(), None, "there is no run");
        let mut events = begin(stack.path(), "run-20260101T000000000Z");
        let status = |view: Option<View>| view.map(|view| view.status).unwrap_or_default();
        assert_eq!(status(news()), "The run is under way.");
        assert_eq!(news(), None, "nothing has changed");
        writeln!(events, "{{\"at_seconds\":1,\"event\":\"notice\",\"text\":\"something\"}}").expect("it is written");
        assert!(news().is_some_and(|view| view.content.contains("something")));
        drop(events);
        assert!(status(news()).starts_with("The run was killed."));
        let _events = begin(stack.path(), "run-20260101T000001000Z");
        assert!(news().is_some_and(|view| view.title.contains("000001000Z") && view.status.contains("under way")));
    }
}
