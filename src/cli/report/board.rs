//! A cutover as a board on the terminal: where traffic goes, the replication lag, both environments, every gate, and the keys.

use std::collections::{BTreeMap, VecDeque};
use std::io::Stderr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Happened, KeyEventKind};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Sparkline, Table};
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc;

use super::Show;
use super::cutover::{Lines, clock};
use super::keys::{Keys, Pressed};
use super::words::duration;
use crate::cli::failure::Exit;
use crate::events::Event;
use crate::migration::gate::Rule;
use crate::migration::schedule::Input;

/// How often keys are looked for, and the time that is left is drawn anew.
const TICK: Duration = Duration::from_millis(100);
/// How many values of the lag, and lines of what happened, are kept.
const KEPT: usize = 200;

/// The board, drawn by a thread of its own.
pub(super) struct Board {
    to: Sender<Message>,
    drawing: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Event(Box<Event>),
    Keys(mpsc::UnboundedSender<Input>),
    End,
}

impl Board {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// When the terminal can not be drawn on.
    pub(super) fn start(rules: &[Rule], keys: Keys) -> std::io::Result<Self> {
        let terminal = take_over().inspect_err(|_| give_back())?;
        let (to, from) = channel();
        let view = View::new(rules, keys);
        let drawing = std::thread::spawn(move || draw_until_the_end(terminal, view, &from));
        Ok(Self { to, drawing: Mutex::new(Some(drawing)) })
    }

    /// Passes on what keys ask for.
    pub(super) fn keys(&self, inputs: mpsc::UnboundedSender<Input>) {
        let _ = self.to.send(Message::Keys(inputs));
    }
}

impl Show for Board {
    fn event(&self, event: &Event) {
        let _ = self.to.send(Message::Event(Box::new(event.clone())));
    }

    fn finish(&self) {
        let _ = self.to.send(Message::End);
        if let Some(drawing) = self.drawing.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = drawing.join();
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether the terminal is taken over.
static TAKEN: AtomicBool = AtomicBool::new(false);

fn take_over() -> std::io::Result<Terminal<CrosstermBackend<Stderr>>> {
    TAKEN.store(true, Ordering::SeqCst);
    crossterm::terminal::enable_raw_mode()?;
    crossterm::execute!(std::io::stderr(), crossterm::terminal::EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(std::io::stderr()))
}

/// Gives the terminal back as it was, if it was taken over.
pub(in crate::cli) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = crossterm::terminal::disable_raw_mode();
        let _ = crossterm::execute!(std::io::stderr(), crossterm::terminal::LeaveAlternateScreen, crossterm::cursor::Show);
    }
}

/// Everything that is shown.
pub(super) struct View {
    phase: String,
    live: u8,
    intended: u8,
    seconds: u64,
    until: Option<u64>,
    step: usize,
    steps: usize,
    gates: BTreeMap<String, Shown>,
    /// Healthy targets and wanted tasks, by environment.
    health: BTreeMap<&'static str, (u32, u32)>,
    keys: Keys,
    lag: VecDeque<u64>,
    said: VecDeque<String>,
    lines: Lines,
    seen: Instant,
}

struct Shown {
    verdict: String,
    text: String,
    must: String,
}

impl View {
    pub(super) fn new(rules: &[Rule], keys: Keys) -> Self {
        let gate = |rule: &Rule| {
            let shown = Shown { verdict: "…".to_owned(), text: String::new(), must: rule.must.clone() };
            (rule.gate.clone(), shown)
        };
        Self {
            phase: "beginning".to_owned(),
            live: 0,
            intended: 0,
            seconds: 0,
            until: None,
            step: 0,
            steps: 0,
            gates: rules.iter().map(gate).collect(),
            health: BTreeMap::new(),
            keys,
            lag: VecDeque::new(),
            said: VecDeque::new(),
            lines: Lines::default(),
            seen: Instant::now(),
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        if let Some(text) = self.lines.of(event, false) {
            self.said.push_back(text.trim().to_owned());
            self.said.drain(..self.said.len().saturating_sub(KEPT));
        }
        match event {
            Event::Cutover { phase, live, intended, seconds, until, step, steps, .. } => {
                (*phase).clone_into(&mut self.phase);
                (self.live, self.intended, self.seconds, self.until) = (*live, *intended, *seconds, *until);
                (self.step, self.steps, self.seen) = (*step, *steps, Instant::now());
            }
            Event::Health { environment, healthy, desired } => drop(self.health.insert(environment, (*healthy, *desired))),
            Event::Judged { gate, verdict, value, text } => {
                if gate == "replication-lag" {
                    self.lag.extend(value.map(super::words::whole));
                    self.lag.drain(..self.lag.len().saturating_sub(KEPT));
                }
                let must = self.gates.get(gate).map(|shown| shown.must.clone()).unwrap_or_default();
                self.gates.insert(gate.clone(), Shown { verdict: (*verdict).to_owned(), text: text.clone(), must });
            }
            _ => {}
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let gates = u16::try_from(self.gates.len()).unwrap_or(u16::MAX).saturating_add(2);
        let heights = [
            Constraint::Length(3),
            Constraint::Length(3),
            Constraint::Length(3),
            Constraint::Length(5),
            Constraint::Length(gates),
            Constraint::Min(3),
            Constraint::Length(1),
        ];
        let [head, traffic, health, lag, judged, said, keys] = Layout::vertical(heights).areas(frame.area());
        self.draw_head(frame, head);
        let label = format!("source {} %   target {} %", 100 - self.live, self.live);
        let gauge = Gauge::default().block(Block::bordered().title(" traffic to the target ")).gauge_style(Style::new().fg(Color::Cyan));
        frame.render_widget(gauge.percent(self.live.into()).label(label), traffic);
        self.draw_health(frame, health);
        let values: Vec<u64> = self.lag.iter().copied().collect();
        let last = values.last().map_or_else(|| "no value yet".to_owned(), |last| format!("{last} s"));
        let spark = Sparkline::default().block(Block::bordered().title(format!(" replication lag: {last} "))).data(&values);
        frame.render_widget(spark.style(Style::new().fg(Color::Magenta)), lag);
        self.draw_gates(frame, judged);
        let room = usize::from(said.height.saturating_sub(2));
        let text: Vec<Line<'_>> = self.said.iter().skip(self.said.len().saturating_sub(room)).map(|text| Line::raw(text.as_str())).collect();
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" what happened ")), said);
        frame.render_widget(Line::styled(self.keys.told(), Style::new().add_modifier(Modifier::DIM)), keys);
    }

    fn draw_health(&self, frame: &mut Frame<'_>, area: Rect) {
        let side = |environment: &'static str| {
            let (text, colour) = match self.health.get(environment) {
                None => (format!("{environment}: not known yet   "), Color::DarkGray),
                Some((healthy, desired)) => {
                    let colour = if healthy >= desired && *healthy > 0 { Color::Green } else { Color::Red };
                    (format!("{environment}: {healthy} of {desired} healthy   "), colour)
                }
            };
            Span::styled(text, Style::new().fg(colour))
        };
        let line = Line::from(vec![side("source"), side("target")]);
        frame.render_widget(Paragraph::new(line).block(Block::bordered().title(" targets ")), area);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let to = if self.intended == self.live { String::new() } else { format!(", on the way to {} %", self.intended) };
        let left = self.until.map(|until| format!(", {} left", duration(until.saturating_sub(self.seconds)))).unwrap_or_default();
        let text = format!("{}  {} at {} %{to} (step {} of {}{left})", clock(self.seconds), self.phase, self.live, self.step, self.steps);
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" cutover ")), area);
    }

    fn draw_gates(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.gates.iter().map(|(gate, shown)| {
            let colour = match shown.verdict.as_str() {
                "pass" => Color::Green,
                "fail" | "error" => Color::Red,
                "no data" => Color::Yellow,
                _ => Color::DarkGray,
            };
            let verdict = Span::styled(shown.verdict.as_str(), Style::new().fg(colour).add_modifier(Modifier::BOLD));
            Row::new([Line::from(verdict), Line::raw(gate.as_str()), Line::raw(shown.text.as_str()), Line::raw(shown.must.as_str())])
        });
        let widths = [Constraint::Length(10), Constraint::Length(20), Constraint::Fill(2), Constraint::Fill(1)];
        frame.render_widget(
            Table::new(rows, widths).block(Block::bordered().title(" gates: verdict, gate, what was measured, what it must be ")),
            area,
        );
    }
}

fn draw_until_the_end(mut terminal: Terminal<CrosstermBackend<Stderr>>, mut view: View, from: &Receiver<Message>) {
    let (mut inputs, mut stopped) = (None, false);
    // Keys count also before anybody listens.
    let mut pressed: Vec<Input> = Vec::new();
    'drawing: loop {
        while let Ok(message) = from.try_recv() {
            match message {
                Message::Event(event) => view.take(&event),
                Message::Keys(to) => {
                    pressed.drain(..).for_each(|input| drop(to.send(input)));
                    inputs = Some(to);
                }
                Message::End => break 'drawing,
            }
        }
        // A terminal that is gone shows nothing; the cutover goes on.
        let _ = terminal.draw(|frame| view.draw(frame));
        if crossterm::event::poll(TICK).unwrap_or(false)
            && let Ok(Happened::Key(key)) = crossterm::event::read()
            && key.kind == KeyEventKind::Press
        {
            let input = match view.keys.pressed(key.code, key.modifiers) {
                Pressed::Ask(input) => input,
                Pressed::Stop(_) if stopped => {
                    give_back();
                    crate::cli::run::say("stopped at once; the same command goes on from there");
                    std::process::exit(i32::from(Exit::Stopped as u8));
                }
                Pressed::Stop(input) => {
                    stopped = true;
                    view.said.push_back("Ctrl-C again ends the process at once, and the same command goes on from there".to_owned());
                    input
                }
                Pressed::Nothing => continue,
            };
            match &inputs {
                Some(inputs) => drop(inputs.send(input)),
                None => pressed.push(input),
            }
        }
    }
    give_back();
    // What happened stays on the screen.
    for text in &view.said {
        crate::cli::run::say(text);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn the_board_shows_traffic_gates_and_what_happened() {
        let rules = [Rule { gate: "replication-lag".into(), must: "below 60 s".into(), failures_in_a_row: 1 }];
        let mut view = View::new(&rules, Keys::Cutover);
        view.take(&Event::Health { environment: "source", healthy: 2, desired: 2 });
        view.take(&Event::Health { environment: "target", healthy: 1, desired: 2 });
        let (phase, why) = ("watching", None);
        view.take(&Event::Cutover { phase, live: 40, intended: 40, seconds: 3725, until: Some(3800), step: 4, steps: 10, why });
        view.take(&Event::Judged { gate: "replication-lag".into(), verdict: "fail", value: Some(75.0), text: "75 s, must be below 60 s".into() });
        let mut terminal = Terminal::new(TestBackend::new(110, 24)).expect("a terminal");
        terminal.draw(|frame| view.draw(frame)).expect("it is drawn");
        let shown = terminal.backend().to_string();
        for text in [
            "01:02:05  watching at 40 % (step 4 of 10, 1 min 15 s left)",
            "source 60 %   target 40 %",
            "replication lag: 75 s",
            "fail",
            "below 60 s",
            "source: 2 of 2 healthy   target: 1 of 2 healthy",
            "r roll back",
        ] {
            assert!(shown.contains(text), "{text} is not in\n{shown}");
        }
    }
}
