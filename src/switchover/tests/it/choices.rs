//! A run of the pure machine on the model: in each state, everything that can happen next.

use std::time::Duration;

use infra_switchover::machine::{AfterKill, Command, Event, Input, Outcome, Progress, Settings, State, step};
use infra_switchover::{Direction, Effect, Found, Moment, Row};

use super::world::{Part, World, parts_of_row, parts_of_undo};

/// What can become of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Done,
    Failed(Effect),
    Inconclusive,
    TimedOut,
    Aborted,
    Killed(AfterKill),
    KilledForLong(AfterKill),
}

/// What becomes of a command, after how many of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub what: What,
    pub parts: usize,
}

#[derive(Clone, Debug)]
pub struct Run {
    pub initial: World,
    pub world: World,
    pub progress: Progress,
    pub command: Command,
    at: Moment,
}

impl Run {
    pub fn start(initial: World, direction: Direction) -> Self {
        let at = Moment::from_unix_millis(1_000);
        let event = Event { at, input: Input::Started };
        let (progress, mut commands) = step(&Settings::default(), &Progress::new(direction), &event);
        let command = commands.pop().expect("the first command");
        Self { world: initial.clone(), initial, progress, command, at }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.command, Command::Finish(_))
    }

    fn parts(&self) -> &'static [Part] {
        match self.command {
            Command::Do { row, .. } => parts_of_row(row),
            Command::Undo { undo, .. } => parts_of_undo(undo),
            Command::Finish(_) => &[],
        }
    }

    /// Returns everything that can become of the command in flight.
    pub fn choices(&self) -> Vec<Choice> {
        let all = self.parts().len();
        let mut choices = vec![Choice { what: What::Done, parts: all }, Choice { what: What::Aborted, parts: 0 }];
        if matches!(self.command, Command::Do { .. }) {
            choices.push(Choice { what: What::Failed(Effect::None), parts: 0 });
        }
        let kills = [AfterKill::Complete, AfterKill::Undo].map(What::Killed);
        for parts in 0..=all {
            for what in [What::Failed(Effect::Unknown), What::Inconclusive, What::TimedOut].into_iter().chain(kills) {
                if what != What::Inconclusive || matches!(self.command, Command::Do { .. }) {
                    choices.push(Choice { what, parts });
                }
            }
        }
        choices.push(Choice { what: What::KilledForLong(AfterKill::Complete), parts: all });
        choices
    }

    /// Lets it happen.
    pub fn take(&mut self, choice: Choice) {
        for part in &self.parts()[..choice.parts] {
            self.world.apply(*part, self.progress.evidence.before.as_ref());
        }
        self.at = self.at.after(Duration::from_millis(1));
        let mut settings = Settings::default();
        let input = match (choice.what, &self.command) {
            (What::TimedOut, _) => Input::TimedOut,
            (What::Aborted, _) => Input::Aborted { by: "a test".to_owned() },
            (What::Killed(after_kill), _) => {
                settings.after_kill = after_kill;
                Input::Restarted
            }
            (What::KilledForLong(after_kill), _) => {
                settings.after_kill = after_kill;
                self.at = self.at.after(settings.budget);
                Input::Restarted
            }
            (What::Done, Command::Do { row, .. }) => {
                let is_first = *row == Row::Prepare;
                let found = if is_first { Found::Before(self.world.before()) } else { Found::Nothing };
                Input::RowDone { row: *row, found }
            }
            (What::Failed(effect), Command::Do { row, .. }) => {
                Input::RowFailed { row: *row, effect, why: "a fault".to_owned() }
            }
            (What::Inconclusive, Command::Do { row, .. }) => {
                Input::RowInconclusive { row: *row, why: "no data".to_owned() }
            }
            (What::Done, Command::Undo { undo, .. }) => Input::UndoDone { undo: *undo },
            (_, Command::Undo { undo, .. }) => Input::UndoFailed { undo: *undo, why: "a fault".to_owned() },
            (_, Command::Finish(_)) => Input::Restarted,
        };
        let was_opening = matches!(self.progress.state, State::Doing { row: Row::Open, .. });
        let (progress, commands) = step(&settings, &self.progress, &Event { at: self.at, input });
        assert!(commands.len() <= 1, "{commands:?}");
        self.progress = progress;
        // Without a command, the one in flight continues.
        if let Some(command) = commands.into_iter().next() {
            self.command = command;
        }
        assert!(!was_opening || !matches!(self.command, Command::Undo { .. }), "opening was undone");
        self.check_end();
    }

    /// Lets everything succeed until the end.
    pub fn succeed(&mut self) {
        for _ in 0..20 {
            if self.is_done() {
                return;
            }
            self.take(Choice { what: What::Done, parts: self.parts().len() });
        }
        assert!(self.is_done(), "it is stuck: {:?}", self.progress);
    }

    fn check_end(&self) {
        match self.progress.outcome() {
            None => {}
            Some(Outcome::Completed) => assert_eq!(self.world.without_proof(), self.initial.completed()),
            Some(Outcome::Undone) => {
                assert_eq!(self.world.without_proof(), self.initial);
                assert!(!self.progress.reasons.is_empty(), "it does not say why");
            }
        }
    }
}

/// Every world in which a switchover begins.
pub fn beginnings() -> Vec<(World, Direction)> {
    let directions = [Direction::FORWARD, Direction::FORWARD.reversed()];
    directions
        .into_iter()
        .flat_map(|direction| {
            [World::compute_first(direction), World::at_once(direction)].map(|world| (world, direction))
        })
        .collect()
}
