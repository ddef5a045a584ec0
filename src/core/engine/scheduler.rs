//! The scheduler: starts each job as soon as its dependencies have reached the required moments, the job with the
//! longest remaining path first, with a limited number of jobs at a time.
//!
//! A job occupies a slot until it is *created*; waiting for *ready* takes no slot. Each job enters and leaves the queue
//! once, and each edge is processed once for each moment: O((V + E) log V).

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::graph::Moment;
use infra_aws::Cancel;

/// A unit of work and its dependencies.
#[derive(Clone, Debug)]
pub struct Job {
    /// The jobs that it depends on, by index, and the moments they must reach.
    pub needs: Vec<(usize, Moment)>,
    /// Expected time from the start of this job to the end of the run. The largest goes first.
    pub remaining: Duration,
}

/// The result of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It succeeded.
    Done,
    /// It failed.
    Failed,
    /// It was not started, because this job, which it depends on, did not succeed.
    Blocked(usize),
    /// It was not started, because the run was stopped.
    NotStarted,
}

/// Signals that a job is *created*: starts the jobs that wait for that, and frees its slot.
pub struct CreatedSignal {
    index: usize,
    notifications: mpsc::UnboundedSender<Notification>,
    fired: bool,
}

impl CreatedSignal {
    /// Signals that the job is created. Further calls have no effect.
    pub fn notify(&mut self) {
        if !std::mem::replace(&mut self.fired, true) {
            // The receiver is dropped only at the end of the run.
            let _ = self.notifications.send(Notification::Created(self.index));
        }
    }
}

/// Executes jobs.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Runs the job with this index. Returns whether it succeeded.
    async fn run(&self, index: usize, released: CreatedSignal) -> bool;
    /// Reports that a job will not run, because `by` did not succeed.
    fn blocked(&self, index: usize, by: usize);
}

enum Notification {
    Created(usize),
}

struct Scheduler<'a> {
    jobs: &'a [Job],
    /// The jobs that wait for job `i` to be created, and to be ready.
    waiting: Vec<[Vec<usize>; 2]>,
    /// The number of open dependencies of job `i`.
    open: Vec<usize>,
    released: Vec<bool>,
    queue: BinaryHeap<(Duration, std::cmp::Reverse<usize>)>,
    verdicts: Vec<Option<Verdict>>,
}

/// Runs all jobs. Returns the result of each.
pub async fn schedule(jobs: &[Job], parallelism: usize, cancel: &Cancel, work: Arc<dyn Executor>) -> Vec<Verdict> {
    let mut scheduler = Scheduler::new(jobs);
    let (notifications, mut inbox) = mpsc::unbounded_channel();
    let mut running: JoinSet<(usize, bool)> = JoinSet::new();
    let mut indices: std::collections::HashMap<tokio::task::Id, usize> = std::collections::HashMap::new();
    let mut slots = parallelism.max(1);
    loop {
        while slots > 0 && !cancel.is_cancelled() {
            let Some((_, std::cmp::Reverse(index))) = scheduler.queue.pop() else { break };
            slots -= 1;
            let work = Arc::clone(&work);
            let released = CreatedSignal { index, notifications: notifications.clone(), fired: false };
            let task = running.spawn(async move { (index, work.run(index, released).await) });
            indices.insert(task.id(), index);
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(Notification::Created(index)) = inbox.recv() => {
                slots += usize::from(scheduler.created(index));
            }
            Some(ended) = running.join_next_with_id() => {
                // A panic in a job is a failure of that job. The others continue.
                let (index, ok) = match ended {
                    Ok((_, (index, ok))) => (index, ok),
                    Err(error) => (indices[&error.id()], false),
                };
                // A success without a signal is both moments at once.
                if ok {
                    slots += usize::from(scheduler.created(index));
                    scheduler.ready(index);
                } else {
                    slots += usize::from(!std::mem::replace(&mut scheduler.released[index], true));
                    scheduler.failed(index, work.as_ref());
                }
            }
        }
    }
    scheduler.verdicts.into_iter().map(|verdict| verdict.unwrap_or(Verdict::NotStarted)).collect()
}

impl<'a> Scheduler<'a> {
    fn new(jobs: &'a [Job]) -> Self {
        let mut waiting: Vec<[Vec<usize>; 2]> = jobs.iter().map(|_| [Vec::new(), Vec::new()]).collect();
        for (index, job) in jobs.iter().enumerate() {
            for (need, at) in &job.needs {
                waiting[*need][usize::from(*at == Moment::Ready)].push(index);
            }
        }
        let open: Vec<usize> = jobs.iter().map(|job| job.needs.len()).collect();
        let queue = jobs
            .iter()
            .enumerate()
            .filter(|(index, _)| open[*index] == 0)
            .map(|(index, job)| (job.remaining, std::cmp::Reverse(index)))
            .collect();
        Self { jobs, waiting, open, released: vec![false; jobs.len()], queue, verdicts: vec![None; jobs.len()] }
    }

    /// Marks a job as created. Returns whether it was not before.
    fn created(&mut self, index: usize) -> bool {
        if std::mem::replace(&mut self.released[index], true) {
            return false;
        }
        self.satisfy(index, 0);
        true
    }

    fn ready(&mut self, index: usize) {
        self.verdicts[index] = Some(Verdict::Done);
        self.satisfy(index, 1);
    }

    fn satisfy(&mut self, index: usize, moment: usize) {
        for dependent in std::mem::take(&mut self.waiting[index][moment]) {
            self.open[dependent] -= 1;
            if self.open[dependent] == 0 && self.verdicts[dependent].is_none() {
                self.queue.push((self.jobs[dependent].remaining, std::cmp::Reverse(dependent)));
            }
        }
    }

    fn failed(&mut self, index: usize, work: &dyn Executor) {
        self.verdicts[index] = Some(Verdict::Failed);
        let mut stack = vec![index];
        while let Some(at) = stack.pop() {
            let dependents: Vec<usize> = std::mem::take(&mut self.waiting[at]).into_iter().flatten().collect();
            for dependent in dependents {
                if self.verdicts[dependent].is_none() {
                    self.verdicts[dependent] = Some(Verdict::Blocked(index));
                    work.blocked(dependent, index);
                    stack.push(dependent);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_base::clock::Clock;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Sleepy {
        clock: Clock,
        created: Duration,
        ready: Duration,
        fails: Vec<usize>,
        log: Mutex<Vec<(usize, Duration)>>,
        active: AtomicUsize,
        most: AtomicUsize,
    }

    impl Sleepy {
        fn new(created: u64, ready: u64, fails: &[usize]) -> Arc<Self> {
            Arc::new(Self {
                clock: Clock::real(),
                created: Duration::from_secs(created),
                ready: Duration::from_secs(ready),
                fails: fails.to_vec(),
                log: Mutex::default(),
                active: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
            })
        }
    }

    #[async_trait]
    impl Executor for Sleepy {
        async fn run(&self, index: usize, mut released: CreatedSignal) -> bool {
            self.log.lock().unwrap().push((index, self.clock.now()));
            self.most.fetch_max(self.active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            self.clock.sleep(self.created).await;
            self.active.fetch_sub(1, Ordering::SeqCst);
            if self.fails.contains(&index) {
                return false;
            }
            released.notify();
            self.clock.sleep(self.ready).await;
            true
        }

        fn blocked(&self, _: usize, _: usize) {}
    }

    fn job(needs: &[(usize, Moment)], remaining: u64) -> Job {
        Job { needs: needs.to_vec(), remaining: Duration::from_secs(remaining) }
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_need_the_id_start_before_those_that_need_it_ready() {
        let jobs = [job(&[], 9), job(&[(0, Moment::Created)], 1), job(&[(0, Moment::Ready)], 1)];
        let work = Sleepy::new(2, 10, &[]);
        let verdicts = schedule(&jobs, 8, &Cancel::default(), work.clone()).await;
        assert_eq!(verdicts, [Verdict::Done; 3]);
        let log = work.log.lock().unwrap().clone();
        assert_eq!(log, [(0, Duration::ZERO), (1, Duration::from_secs(2)), (2, Duration::from_secs(12))]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_remaining_path_goes_first_and_the_bound_holds() {
        let jobs: Vec<Job> = (0..20).map(|index| job(&[], index)).collect();
        let work = Sleepy::new(1, 100, &[]);
        schedule(&jobs, 3, &Cancel::default(), work.clone()).await;
        assert_eq!(work.most.load(Ordering::SeqCst), 3);
        let order: Vec<usize> = work.log.lock().unwrap().iter().map(|(index, _)| *index).collect();
        assert_eq!(order, (0..20).rev().collect::<Vec<_>>());
        assert!(work.clock.now() < Duration::from_secs(110), "waiting for ready takes no slot");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_blocks_what_needs_it_and_nothing_else() {
        let jobs = [job(&[], 1), job(&[(0, Moment::Created)], 1), job(&[(1, Moment::Ready)], 1), job(&[], 1)];
        let verdicts = schedule(&jobs, 8, &Cancel::default(), Sleepy::new(1, 1, &[0])).await;
        assert_eq!(verdicts, [Verdict::Failed, Verdict::Blocked(0), Verdict::Blocked(0), Verdict::Done]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_run_starts_nothing_new() {
        let jobs = [job(&[], 1), job(&[(0, Moment::Created)], 1)];
        let cancel = Cancel::default();
        let stop = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stop.cancel();
        });
        let verdicts = schedule(&jobs, 8, &cancel, Sleepy::new(1, 1, &[])).await;
        assert_eq!(verdicts, [Verdict::Done, Verdict::NotStarted]);
    }
}
