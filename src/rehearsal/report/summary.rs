//! What happened to the requests, from the ledger: counts, gaps, latencies and the course over time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::histogram::{Histogram, Latency};
use crate::error::Error;
use crate::ledger::{Entry, Kind, Outcome, Reader};

/// The summary of a ledger. Times are microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// When the first process opened the ledger.
    pub started_at: u64,
    /// The time of the last entry.
    pub ended_at: u64,
    /// The number of processes that wrote the ledger, one after the other.
    pub processes: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were acknowledged.
    pub acknowledged: u64,
    /// Requests that were given up and had no effect.
    pub refused: u64,
    /// Requests without an answer: given up, or cut off by the end of their process.
    pub unknown: u64,
    /// Acknowledged requests that needed more than one attempt.
    pub repeated: u64,
    /// Acknowledged requests by what they did.
    pub by_kind: BTreeMap<Kind, u64>,
    /// The sides.
    pub by_side: BTreeMap<String, SideCount>,
    /// Errors of databases by SQLSTATE, on all sides.
    pub sql_states: BTreeMap<String, u64>,
    /// Which database acknowledged writes, one after the other. With one primary at a time, there is one more than
    /// there were switchovers.
    #[serde(default)]
    pub writes: Vec<WriteSpan>,
    /// Latencies of acknowledged requests.
    pub latency: Latency,
    /// Times without an acknowledgement.
    pub gaps: Gaps,
    /// The course over time; buckets without any event are left out.
    pub timeline: Vec<Bucket>,
    /// The length of a bucket in microseconds.
    pub bucket: u64,
}

/// What happened on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCount {
    /// Requests that this side acknowledged.
    pub acknowledged: u64,
    /// The databases that acknowledged them.
    pub databases: BTreeMap<String, u64>,
    /// Answers that were no acknowledgement: the status, and the SQLSTATE after a colon.
    pub answers: BTreeMap<String, u64>,
}

/// A time in which only one database acknowledged writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteSpan {
    /// The database.
    pub database: String,
    /// The first acknowledgement.
    pub first_at: u64,
    /// The last one.
    pub last_at: u64,
    /// Their number.
    pub acknowledged: u64,
}

/// Times without an acknowledgement, while writers ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    /// The longest one, in seconds.
    pub longest_seconds: f64,
    /// When it began.
    pub longest_at: u64,
    /// The sum of those that are longer than the threshold.
    pub total_seconds: f64,
    /// The threshold.
    pub threshold_seconds: f64,
}

/// A part of the course.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it began.
    pub at: u64,
    /// Acknowledgements by side.
    pub acknowledged: BTreeMap<String, u64>,
    /// Other answers by side.
    pub refused: BTreeMap<String, u64>,
}

/// The length of a bucket.
const BUCKET: u64 = 100_000;

impl Summary {
    /// Reads a ledger. Times without an acknowledgement count from `threshold` on.
    pub fn read(ledger: &Path, threshold: Duration) -> Result<Self, Error> {
        let mut summary = Self { bucket: BUCKET, ..Self::default() };
        let mut course = Course::default();
        let mut ended = 0;
        let mut reader = Reader::open(ledger)?;
        while let Some(entry) = reader.next()? {
            match entry {
                Entry::Run { at, .. } => {
                    // The writers did not run between the last entry and this one.
                    course.close(&mut summary, threshold);
                    summary.processes += 1;
                    course.seen(at);
                }
                Entry::Stop { at } => {
                    course.seen(at);
                    course.close(&mut summary, threshold);
                }
                Entry::Table { .. } => {}
                Entry::Sent(sent) => {
                    summary.sent += 1;
                    course.seen(sent.at);
                }
                Entry::Ack(ack) => {
                    course.acknowledged(&mut summary, ack.at, threshold);
                    add_write(&mut summary.writes, &ack.db, ack.at);
                    summary.acknowledged += 1;
                    summary.repeated += u64::from(ack.tries > 1);
                    *summary.by_kind.entry(ack.kind).or_default() += 1;
                    let side = entry_of(&mut summary.by_side, &ack.side);
                    side.acknowledged += 1;
                    *entry_of(&mut side.databases, &ack.db) += 1;
                    *entry_of(&mut course.bucket(ack.at).acknowledged, &ack.side) += 1;
                    course.latencies.add(ack.at.saturating_sub(ack.sent));
                }
                Entry::End(end) => {
                    ended += 1;
                    match end.outcome {
                        Outcome::Refused => summary.refused += 1,
                        Outcome::Unknown => summary.unknown += 1,
                    }
                    course.seen(end.at);
                }
                Entry::Answers { at, sides } => {
                    course.seen(at);
                    for (name, answers) in sides {
                        *course.bucket(at).refused.entry(name.clone()).or_default() += answers.values().sum::<u64>();
                        let side = summary.by_side.entry(name).or_default();
                        for (answer, count) in answers {
                            // A SQLSTATE has five characters; other reasons are words.
                            if let Some((_, code)) = answer.split_once(':').filter(|(_, code)| is_sql_state(code)) {
                                *entry_of(&mut summary.sql_states, code) += count;
                            }
                            *side.answers.entry(answer).or_default() += count;
                        }
                    }
                }
            }
        }
        course.close(&mut summary, threshold);
        // What has neither an acknowledgement nor an end was cut off.
        summary.unknown += summary.sent.saturating_sub(summary.acknowledged + ended);
        summary.started_at = course.first;
        summary.ended_at = course.last;
        summary.latency = course.latencies.latency();
        summary.gaps.threshold_seconds = threshold.as_secs_f64();
        summary.timeline = course.buckets.into_values().collect();
        Ok(summary)
    }
}

/// Adds an acknowledgement. Those of a ledger are in the order of their times.
fn add_write(spans: &mut Vec<WriteSpan>, database: &str, at: u64) {
    match spans.last_mut().filter(|span| span.database == database) {
        Some(span) => (span.last_at, span.acknowledged) = (at, span.acknowledged + 1),
        None => spans.push(WriteSpan { database: database.to_owned(), first_at: at, last_at: at, acknowledged: 1 }),
    }
}

fn is_sql_state(code: &str) -> bool {
    code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

fn entry_of<'a, V: Default>(map: &'a mut BTreeMap<String, V>, name: &str) -> &'a mut V {
    map.entry(name.to_owned()).or_default()
}

/// The course while it is read.
#[derive(Default)]
struct Course {
    first: u64,
    last: u64,
    /// When the last acknowledgement of this process was.
    active: Option<u64>,
    /// The longest gap, and the sum of those that are longer than the threshold, in microseconds.
    longest_gap: u64,
    gaps: u64,
    latencies: Histogram,
    buckets: BTreeMap<u64, Bucket>,
}

/// Converts microseconds. The quotient is the number that its decimal form stands for, so a report that was written is
/// read as it was; a sum of such quotients is not.
#[expect(clippy::cast_precision_loss, reason = "the microseconds of a rehearsal are far below 2^53")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl Course {
    fn seen(&mut self, at: u64) {
        if self.first == 0 {
            self.first = at;
        }
        self.last = self.last.max(at);
    }

    fn acknowledged(&mut self, summary: &mut Summary, at: u64, threshold: Duration) {
        self.seen(at);
        self.gap(&mut summary.gaps, at, threshold);
        self.active = Some(at);
    }

    /// Ends the time of a process: if writes stopped and did not come back, that is a gap as well.
    fn close(&mut self, summary: &mut Summary, threshold: Duration) {
        self.gap(&mut summary.gaps, self.last, threshold);
        self.active = None;
    }

    fn gap(&mut self, gaps: &mut Gaps, until: u64, threshold: Duration) {
        let Some(since) = self.active else { return };
        let gap = until.saturating_sub(since);
        if gap > self.longest_gap {
            (self.longest_gap, gaps.longest_at) = (gap, since);
            gaps.longest_seconds = seconds(gap);
        }
        if Duration::from_micros(gap) >= threshold {
            self.gaps += gap;
            gaps.total_seconds = seconds(self.gaps);
        }
    }

    fn bucket(&mut self, at: u64) -> &mut Bucket {
        let start = at / BUCKET * BUCKET;
        self.buckets.entry(start).or_insert_with(|| Bucket { at: start, ..Bucket::default() })
    }
}
