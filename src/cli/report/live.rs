//! The display on a terminal: what is done scrolls up, what is running stays below with its time, and the last line tells
//! how far the run is, what takes longest, and how long it will still take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::{OwoColorize, Style};

use super::Show;
use super::words::{done, duration, line, righted, whole};
use crate::address::Address;
use crate::clock::Clock;
use crate::events::Event;
use crate::graph::{Need, Timing, remaining};
use crate::plan::Plan;

/// How many running steps are shown; the rest are counted.
const SHOWN: usize = 12;
const TICK: Duration = Duration::from_millis(100);

struct Running {
    bar: Option<ProgressBar>,
    since: Duration,
    doing: &'static str,
    status: String,
}

struct Board {
    clock: Clock,
    /// The steps that are not finished, for the time left.
    open: BTreeMap<Address, (Timing, Vec<Need>)>,
    running: BTreeMap<Address, Running>,
    total: usize,
    failed: usize,
}

pub(super) struct Live {
    bars: MultiProgress,
    foot: ProgressBar,
    board: Arc<Mutex<Option<Board>>>,
    calls: bool,
    colour: bool,
}

impl Live {
    pub(super) fn new(calls: bool, colour: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let foot = bars.add(ProgressBar::new(0));
        foot.set_style(style("{bar:28} {wide_msg}"));
        Self { bars, foot, board: Arc::default(), calls, colour }
    }

    fn board(&self) -> MutexGuard<'_, Option<Board>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, text: &str) {
        // Fails only when standard error is gone; then there is nobody to tell.
        let _ = self.bars.println(text);
    }

    fn mark(&self, mark: &str, style: Style) -> String {
        if self.colour { mark.style(style).to_string() } else { mark.to_owned() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

impl Show for Live {
    fn plan(&self, plan: &Plan, clock: Clock) {
        let open = plan.steps.iter().map(|step| (step.address.clone(), (step.timing, step.needs.clone()))).collect();
        *self.board() = Some(Board { clock, open, running: BTreeMap::new(), total: plan.steps.len(), failed: 0 });
        self.foot.set_length(plan.steps.len() as u64);
        let (board, foot) = (Arc::clone(&self.board), self.foot.clone());
        tokio::spawn(async move {
            while !foot.is_finished() {
                if let Some(board) = &*board.lock().unwrap_or_else(PoisonError::into_inner) {
                    board.refresh(&foot);
                }
                tokio::time::sleep(TICK).await;
            }
        });
    }

    fn event(&self, event: &Event) {
        let mut guard = self.board();
        let Some(board) = &mut *guard else {
            if let Some(text) = line(event, self.calls) {
                self.print(&text);
            }
            return;
        };
        match event {
            Event::StepStarted { address, action } => {
                let bar = (board.running.len() < SHOWN)
                    .then(|| self.bars.insert_before(&self.foot, ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}"))));
                let running = Running { bar, since: board.clock.now(), doing: doing(action), status: String::new() };
                board.running.insert(address.clone(), running);
            }
            Event::StepWaiting { address, what, status } => {
                if let Some(running) = board.running.get_mut(address) {
                    running.status = format!("{what} ({status})");
                }
            }
            Event::StepDone { address, action, id, seconds, put_right } => {
                board.end(address, &self.foot, &self.bars);
                if *action != "none" {
                    let mark = self.mark("✓", Style::new().green());
                    let right = righted(put_right.as_ref());
                    self.print(&format!("{mark} {address} {} {id} ({}){right}", done(action), duration(whole(*seconds))));
                }
            }
            Event::StepFailed { address, error, .. } => {
                board.failed += 1;
                board.end(address, &self.foot, &self.bars);
                self.print(&format!("{} {address}: {error}", self.mark("✗", Style::new().red().bold())));
            }
            Event::StepBlocked { address, by } => {
                board.end(address, &self.foot, &self.bars);
                self.print(&format!("{} {address} was not tried, it needs {by}", self.mark("·", Style::new().yellow())));
            }
            other => {
                if let Some(text) = line(other, self.calls) {
                    self.print(text.trim_start());
                }
            }
        }
        board.refresh(&self.foot);
    }

    fn finish(&self) {
        for running in self.board().iter_mut().flat_map(|board| std::mem::take(&mut board.running)) {
            running.1.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        self.foot.finish_and_clear();
    }
}

impl Board {
    fn end(&mut self, address: &Address, foot: &ProgressBar, bars: &MultiProgress) {
        self.open.remove(address);
        let Some(ended) = self.running.remove(address) else { return };
        if let Some(bar) = ended.bar {
            bar.finish_and_clear();
            bars.remove(&bar);
            // Its line goes to the one that has run longest without one.
            let waiting = self.running.values_mut().filter(|running| running.bar.is_none()).min_by_key(|running| running.since);
            if let Some(next) = waiting {
                next.bar = Some(bars.insert_before(foot, ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}"))));
            }
        }
    }

    fn refresh(&self, foot: &ProgressBar) {
        let now = self.clock.now();
        for (address, running) in &self.running {
            if let Some(bar) = &running.bar {
                let took = duration(now.saturating_sub(running.since).as_secs());
                bar.set_message(format!("{address} {} {took} {}", running.doing, running.status));
                bar.tick();
            }
        }
        let finished = self.total - self.open.len();
        foot.set_position(finished as u64);
        let slowest = self.running.iter().min_by_key(|(_, running)| running.since);
        let slowest = slowest.map(|(address, _)| format!(", longest: {address}")).unwrap_or_default();
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        foot.set_message(format!("{finished} of {}{failed}, about {} left{slowest}", self.total, duration(self.left(now).as_secs())));
    }

    /// The time that the slowest chain of unfinished steps still takes.
    fn left(&self, now: Duration) -> Duration {
        let steps = self.open.iter().map(|(address, (timing, needs))| (address, (*timing, needs.as_slice()))).collect();
        let left = remaining(&steps);
        let chain = |(address, whole): (&&Address, &Duration)| match self.running.get(*address) {
            Some(running) => whole.saturating_sub(now.saturating_sub(running.since)),
            None => *whole,
        };
        // Steps that wait for a running one are part of its chain.
        let at_work = left.iter().filter(|(address, _)| self.running.contains_key(**address)).map(chain).max();
        at_work.unwrap_or_else(|| left.values().copied().max().unwrap_or_default())
    }
}

fn doing(action: &str) -> &'static str {
    match action {
        "create" => "creating",
        "delete" => "deleting",
        "update" => "changing",
        "resume" => "going on",
        _ => "checking",
    }
}
