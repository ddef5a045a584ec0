//! A cutover as a dashboard on the terminal: the traffic, the replication lag, both environments, every gate, and the
//! keys.

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossterm::event::{Event as TerminalEvent, KeyEvent, KeyEventKind};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Sparkline, Table};
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc;

use super::format::{duration, rounded};
use super::keys::{KeyAction, Keys, Request};
use super::log_lines::{LogLines, clock};
use super::show::Show;
use super::terminal::stderr;
use crate::cli::error::Exit;
use infra_base::terminal_text::one_line;
use infra_core::events::Event;
use infra_migration::cutover::Input;
use infra_migration::gate::GateRule;

/// How often keys are polled and the display is redrawn.
const TICK: Duration = Duration::from_millis(100);
/// How long the end of a command waits for the display.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How many lag values and log lines are kept.
const HISTORY: usize = 200;

/// The dashboard, which a thread draws.
pub(super) struct Dashboard {
    to: Sender<Message>,
    drawing: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Event(Box<Event>),
    /// Where the inputs of keys go, and who presses them.
    Keys(mpsc::UnboundedSender<Input>, String),
    End,
}

impl Dashboard {
    /// Switches the terminal to the dashboard.
    ///
    /// # Errors
    /// The terminal does not support it.
    pub(super) fn start(rules: &[GateRule], keys: Keys) -> std::io::Result<Self> {
        let terminal = switch_terminal().inspect_err(|_| restore_terminal())?;
        let (to, from) = channel();
        let view = View::new(rules, keys);
        let drawing = std::thread::spawn(move || draw_until_end(terminal, view, &from));
        Ok(Self { to, drawing: Mutex::new(Some(drawing)) })
    }

    /// Forwards the inputs of keys, which `who` presses.
    pub(super) fn forward_keys(&self, inputs: mpsc::UnboundedSender<Input>, who: &str) {
        let _ = self.to.send(Message::Keys(inputs, who.to_owned()));
    }
}

impl Show for Dashboard {
    fn event(&self, event: &Event) {
        let _ = self.to.send(Message::Event(Box::new(event.clone())));
    }

    fn finish(&self) {
        let _ = self.to.send(Message::End);
        let Some(drawing) = self.drawing.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let began = Instant::now();
        while !drawing.is_finished() && began.elapsed() < ENDS_WITHIN {
            std::thread::sleep(TICK / 10);
        }
        // Nobody sees what a thread draws that a terminal holds up.
        if drawing.is_finished() {
            let _ = drawing.join();
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether the dashboard uses the terminal.
static SWITCHED: AtomicBool = AtomicBool::new(false);

fn switch_terminal() -> std::io::Result<Terminal<CrosstermBackend<Stderr>>> {
    SWITCHED.store(true, Ordering::SeqCst);
    crossterm::terminal::enable_raw_mode()?;
    crossterm::execute!(std::io::stderr(), crossterm::terminal::EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(std::io::stderr()))
}

/// Restores the terminal, if the dashboard uses it.
pub(in crate::cli) fn restore_terminal() {
    if SWITCHED.swap(false, Ordering::SeqCst) {
        let _ = crossterm::terminal::disable_raw_mode();
        let _ =
            crossterm::execute!(std::io::stderr(), crossterm::terminal::LeaveAlternateScreen, crossterm::cursor::Show);
    }
}

/// The content of the dashboard.
pub(super) struct View {
    phase: String,
    live: u8,
    intended: u8,
    seconds: u64,
    until: Option<u64>,
    step: usize,
    steps: usize,
    gates: BTreeMap<String, GateRow>,
    /// Healthy targets and desired tasks, by environment.
    health: BTreeMap<&'static str, (u32, u32)>,
    keys: Keys,
    lag: VecDeque<u64>,
    log: VecDeque<String>,
    lines: LogLines,
    updated: Instant,
}

struct GateRow {
    verdict: String,
    text: String,
    must: String,
}

impl View {
    pub(super) fn new(rules: &[GateRule], keys: Keys) -> Self {
        let gate = |rule: &GateRule| {
            let row =
                GateRow { verdict: "…".to_owned(), text: String::new(), must: one_line(&rule.must).into_owned() };
            (rule.gate.clone(), row)
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
            log: VecDeque::new(),
            lines: LogLines::default(),
            updated: Instant::now(),
        }
    }

    pub(super) fn update(&mut self, event: &Event) {
        if let Some(text) = self.lines.next(event, false) {
            self.log.push_back(one_line(text.trim()).into_owned());
            self.log.drain(..self.log.len().saturating_sub(HISTORY));
        }
        match event {
            Event::Cutover { phase, live, intended, seconds, until, step, steps, .. } => {
                (*phase).clone_into(&mut self.phase);
                (self.live, self.intended, self.seconds, self.until) = (*live, *intended, *seconds, *until);
                (self.step, self.steps, self.updated) = (*step, *steps, Instant::now());
            }
            Event::Switchover { phase, row, .. } => {
                self.phase = row.map_or_else(|| (*phase).to_owned(), |row| format!("{phase} {row}"));
                (self.until, self.updated) = (None, Instant::now());
            }
            Event::Health { environment, healthy, desired } => {
                self.health.insert(environment, (*healthy, *desired));
            }
            Event::Judged { gate, verdict, value, text } => {
                if gate == "replication-lag" {
                    self.lag.extend(value.map(rounded));
                    self.lag.drain(..self.lag.len().saturating_sub(HISTORY));
                }
                let must = self.gates.get(gate).map(|row| row.must.clone()).unwrap_or_default();
                let text = one_line(text).into_owned();
                self.gates.insert(gate.clone(), GateRow { verdict: (*verdict).to_owned(), text, must });
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
        let [head, traffic, health, lag, gates, log, keys] = Layout::vertical(heights).areas(frame.area());
        self.draw_head(frame, head);
        let label = format!("source {} %   target {} %", 100 - self.live, self.live);
        let gauge = Gauge::default()
            .block(Block::bordered().title(" traffic to the target "))
            .gauge_style(Style::new().fg(Color::Cyan));
        frame.render_widget(gauge.percent(self.live.into()).label(label), traffic);
        self.draw_health(frame, health);
        let values: Vec<u64> = self.lag.iter().copied().collect();
        let last = values.last().map_or_else(|| "no value yet".to_owned(), |last| format!("{last} s"));
        let spark =
            Sparkline::default().block(Block::bordered().title(format!(" replication lag: {last} "))).data(&values);
        frame.render_widget(spark.style(Style::new().fg(Color::Magenta)), lag);
        self.draw_gates(frame, gates);
        let room = usize::from(log.height.saturating_sub(2));
        let text: Vec<Line<'_>> =
            self.log.iter().skip(self.log.len().saturating_sub(room)).map(|text| Line::raw(text.as_str())).collect();
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" log ")), log);
        frame.render_widget(Line::styled(self.keys.help(), Style::new().add_modifier(Modifier::DIM)), keys);
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
        let to = if self.intended == self.live { String::new() } else { format!(", shifting to {} %", self.intended) };
        let left = self
            .until
            .map(|until| format!(", {} left", duration(until.saturating_sub(self.seconds))))
            .unwrap_or_default();
        let text = format!(
            "{}  {} at {} %{to} (step {} of {}{left})",
            clock(self.seconds),
            self.phase,
            self.live,
            self.step,
            self.steps
        );
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" cutover ")), area);
    }

    fn draw_gates(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.gates.iter().map(|(gate, row)| {
            let colour = match row.verdict.as_str() {
                "pass" => Color::Green,
                "fail" | "error" => Color::Red,
                "no data" => Color::Yellow,
                _ => Color::DarkGray,
            };
            let verdict = Span::styled(row.verdict.as_str(), Style::new().fg(colour).add_modifier(Modifier::BOLD));
            Row::new([
                Line::from(verdict),
                Line::raw(gate.as_str()),
                Line::raw(row.text.as_str()),
                Line::raw(row.must.as_str()),
            ])
        });
        let widths = [Constraint::Length(10), Constraint::Length(20), Constraint::Fill(2), Constraint::Fill(1)];
        frame.render_widget(
            Table::new(rows, widths).block(Block::bordered().title(" gates: verdict, gate, measurement, requirement ")),
            area,
        );
    }
}

fn draw_until_end(mut terminal: Terminal<CrosstermBackend<Stderr>>, mut view: View, from: &Receiver<Message>) {
    let mut inputs: Option<(mpsc::UnboundedSender<Input>, String)> = None;
    let mut stopped = false;
    // Keys are buffered until their inputs are forwarded.
    let mut pressed: Vec<Request> = Vec::new();
    'drawing: loop {
        while let Ok(message) = from.try_recv() {
            match message {
                Message::Event(event) => view.update(&event),
                Message::Keys(to, who) => {
                    pressed.drain(..).for_each(|request| drop(to.send(request.input(&who))));
                    inputs = Some((to, who));
                }
                Message::End => break 'drawing,
            }
        }
        // If the terminal is closed, the cutover continues without it.
        let _ = terminal.draw(|frame| view.draw(frame));
        if let Some(key) = next_key() {
            let request = match view.keys.action(key.code, key.modifiers) {
                KeyAction::Send(request) => request,
                KeyAction::Stop(_) if stopped => {
                    restore_terminal();
                    stderr("stopped at once; the same command resumes");
                    std::process::exit(i32::from(Exit::Stopped as u8));
                }
                KeyAction::Stop(request) => {
                    stopped = true;
                    view.log.push_back("Ctrl-C again ends the process at once; the same command resumes".to_owned());
                    request
                }
                KeyAction::Ignore => continue,
            };
            match &inputs {
                Some((inputs, who)) => drop(inputs.send(request.input(who))),
                None => pressed.push(request),
            }
        }
    }
    restore_terminal();
    // The log stays on the screen.
    for text in &view.log {
        stderr(text);
    }
}

/// Returns the key that was pressed, or waits for a tick.
fn next_key() -> Option<KeyEvent> {
    // `crossterm` reads a terminal that is gone again and again, and never returns. So it is not waited in there.
    let is_pressed = std::io::stdin().is_terminal() && crossterm::event::poll(Duration::ZERO).unwrap_or_default();
    if !is_pressed {
        std::thread::sleep(TICK);
        return None;
    }
    match crossterm::event::read() {
        Ok(TerminalEvent::Key(key)) if key.kind == KeyEventKind::Press => Some(key),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn the_dashboard_shows_traffic_gates_and_the_log() {
        let rules = [GateRule { gate: "replication-lag".into(), must: "below 60 s".into(), failures_in_a_row: 1 }];
        let mut view = View::new(&rules, Keys::Cutover);
        view.update(&Event::Health { environment: "source", healthy: 2, desired: 2 });
        view.update(&Event::Health { environment: "target", healthy: 1, desired: 2 });
        let (phase, why) = ("watching", None);
        view.update(&Event::Cutover {
            phase,
            live: 40,
            intended: 40,
            seconds: 3725,
            until: Some(3800),
            step: 4,
            steps: 10,
            why,
        });
        view.update(&Event::Judged {
            gate: "replication-lag".into(),
            verdict: "fail",
            value: Some(75.0),
            text: "75 s, must be below 60 s".into(),
        });
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
