//! The display on a terminal: finished steps scroll up, running steps stay below with their time, and the last line
//! shows the progress, the slowest step, and the estimated time left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::{OwoColorize, Style};

use super::format::{CONTINUED, corrected, duration, line, past_tense, rounded};
use super::show::Show;
use infra_base::address::Address;
use infra_base::clock::Clock;
use infra_base::terminal_text::{indented, one_line};
use infra_core::events::Event;
use infra_core::graph::{Need, Timing, remaining};
use infra_core::plan::Plan;

/// How many running steps are displayed.
const SHOWN_STEPS: usize = 12;
const TICK: Duration = Duration::from_millis(100);

struct Running {
    bar: Option<ProgressBar>,
    since: Duration,
    activity: &'static str,
    status: String,
}

struct Run {
    clock: Clock,
    /// Unfinished steps, for the estimate of the time left.
    open: BTreeMap<Address, (Timing, Vec<Need>)>,
    running: BTreeMap<Address, Running>,
    total: usize,
    failed: usize,
}

pub(super) struct Progress {
    bars: MultiProgress,
    footer: ProgressBar,
    run: Arc<Mutex<Option<Run>>>,
    calls: bool,
    colour: bool,
}

impl Progress {
    pub(super) fn new(calls: bool, colour: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let footer = bars.add(ProgressBar::new(0));
        footer.set_style(style("{bar:28} {wide_msg}"));
        Self { bars, footer, run: Arc::default(), calls, colour }
    }

    fn run(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, text: &str) {
        // It only fails if standard error is closed, and then nobody reads it.
        let _ = self.bars.println(indented(text, CONTINUED));
    }

    /// Prints a line with a symbol before it.
    fn print_with(&self, symbol: &str, style: Style, text: &str) {
        let _ = self.bars.println(format!("{} {}", self.paint(symbol, style), indented(text, CONTINUED)));
    }

    fn paint(&self, symbol: &str, style: Style) -> String {
        if self.colour { symbol.style(style).to_string() } else { symbol.to_owned() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

impl Show for Progress {
    fn plan(&self, plan: &Plan, clock: Clock) {
        let open = plan.steps.iter().map(|step| (step.address.clone(), (step.timing, step.needs.clone()))).collect();
        *self.run() = Some(Run { clock, open, running: BTreeMap::new(), total: plan.steps.len(), failed: 0 });
        self.footer.set_length(plan.steps.len() as u64);
        let (run, footer) = (Arc::clone(&self.run), self.footer.clone());
        tokio::spawn(async move {
            while !footer.is_finished() {
                if let Some(run) = &*run.lock().unwrap_or_else(PoisonError::into_inner) {
                    run.refresh(&footer);
                }
                tokio::time::sleep(TICK).await;
            }
        });
    }

    fn event(&self, event: &Event) {
        let mut guard = self.run();
        let Some(run) = &mut *guard else {
            if let Some(text) = line(event, self.calls) {
                self.print(&text);
            }
            return;
        };
        match event {
            Event::StepStarted { address, action } => {
                let bar = (run.running.len() < SHOWN_STEPS).then(|| {
                    self.bars.insert_before(
                        &self.footer,
                        ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")),
                    )
                });
                let running =
                    Running { bar, since: run.clock.now(), activity: activity(action), status: String::new() };
                run.running.insert(address.clone(), running);
            }
            Event::StepWaiting { address, what, status } => {
                if let Some(running) = run.running.get_mut(address) {
                    running.status = format!("{what} ({status})");
                }
            }
            Event::StepDone { address, action, id, seconds, corrected: drift } => {
                run.end(address, &self.footer, &self.bars);
                if *action != "none" {
                    let corrected = corrected(drift.as_ref());
                    let took = duration(rounded(*seconds));
                    let text = format!("{address} {} {id} ({took}){corrected}", past_tense(action));
                    self.print_with("✓", Style::new().green(), &text);
                }
            }
            Event::StepFailed { address, error, .. } => {
                run.failed += 1;
                run.end(address, &self.footer, &self.bars);
                self.print_with("✗", Style::new().red().bold(), &format!("{address}: {error}"));
            }
            Event::StepBlocked { address, by } => {
                run.end(address, &self.footer, &self.bars);
                let text = format!("{address} was not attempted, it depends on {by}");
                self.print_with("·", Style::new().yellow(), &text);
            }
            other => {
                if let Some(text) = line(other, self.calls) {
                    self.print(text.trim_start());
                }
            }
        }
        run.refresh(&self.footer);
    }

    fn finish(&self) {
        for running in self.run().iter_mut().flat_map(|run| std::mem::take(&mut run.running)) {
            running.1.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        self.footer.finish_and_clear();
    }
}

impl Run {
    fn end(&mut self, address: &Address, footer: &ProgressBar, bars: &MultiProgress) {
        self.open.remove(address);
        let Some(ended) = self.running.remove(address) else { return };
        if let Some(bar) = ended.bar {
            bar.finish_and_clear();
            bars.remove(&bar);
            // The step that has run longest without a line receives it.
            let waiting =
                self.running.values_mut().filter(|running| running.bar.is_none()).min_by_key(|running| running.since);
            if let Some(next) = waiting {
                next.bar = Some(
                    bars.insert_before(footer, ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}"))),
                );
            }
        }
    }

    fn refresh(&self, footer: &ProgressBar) {
        let now = self.clock.now();
        for (address, running) in &self.running {
            if let Some(bar) = &running.bar {
                let took = duration(now.saturating_sub(running.since).as_secs());
                let message = format!("{address} {} {took} {}", running.activity, running.status);
                bar.set_message(one_line(&message).into_owned());
                bar.tick();
            }
        }
        let finished = self.total - self.open.len();
        footer.set_position(finished as u64);
        let slowest = self.running.iter().min_by_key(|(_, running)| running.since);
        let slowest = slowest.map(|(address, _)| format!(", longest: {address}")).unwrap_or_default();
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        footer.set_message(format!(
            "{finished} of {}{failed}, about {} left{slowest}",
            self.total,
            duration(self.left(now).as_secs())
        ));
    }

    /// Returns the expected time of the slowest chain of unfinished steps.
    fn left(&self, now: Duration) -> Duration {
        let steps = self.open.iter().map(|(address, (timing, needs))| (address, (*timing, needs.as_slice()))).collect();
        let left = remaining(&steps);
        let chain = |(address, expected): (&&Address, &Duration)| match self.running.get(*address) {
            Some(running) => expected.saturating_sub(now.saturating_sub(running.since)),
            None => *expected,
        };
        // Steps that depend on a running one are part of its chain.
        let running = left.iter().filter(|(address, _)| self.running.contains_key(**address)).map(chain).max();
        running.unwrap_or_else(|| left.values().copied().max().unwrap_or_default())
    }
}

fn activity(action: &str) -> &'static str {
    match action {
        "create" => "creating",
        "delete" => "deleting",
        "update" => "changing",
        "resume" => "resuming",
        _ => "checking",
    }
}
