//! What a user reads when something did not work: what failed, why, what remains, what to run next.

use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use crate::aws::CloudError;
use crate::config::{ConfigError, Problem};
use crate::graph::GraphError;
use crate::sandbox::{DiskError, ScriptError};
use crate::state::{JournalError, LockError, MoveError, StateError};

/// Exit codes, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something failed, and the same command goes on from there.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The tool will not do it.
    Refused = 3,
    /// There are changes, and the caller asked to be told by exit code.
    Changes = 4,
    /// A rollback has steps that cannot be undone.
    Stuck = 5,
    /// The state cannot be used.
    State = 6,
    /// AWS cannot be used.
    Cloud = 7,
    /// A cutover was rolled back: all traffic goes to the source.
    RolledBack = 8,
    /// A cutover stopped where it was: a person has to decide.
    Held = 9,
    /// Stopped by Ctrl-C.
    Stopped = 130,
}

impl Exit {
    /// The code of something that AWS did not bring to its end: whoever stopped it knows that it has not failed.
    pub(super) fn of(error: &crate::resource::Error) -> Self {
        if matches!(error, crate::resource::Error::Cancelled) { Self::Stopped } else { Self::Failed }
    }
}

/// An error as the user reads it.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What failed, as a sentence fragment.
    pub what: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// Mistakes with their place in a file.
    pub problems: Vec<Problem>,
    /// What was left as it was, or is still to be done.
    pub remains: Option<String>,
    /// What to run next.
    pub hints: Vec<String>,
}

impl CliError {
    /// An error with a code and words.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), causes: Vec::new(), problems: Vec::new(), remains: None, hints: Vec::new() }
    }

    /// Adds the causes of an error.
    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut at = error.source();
        while let Some(cause) = at {
            self.causes.push(cause.to_string());
            at = cause.source();
        }
        self
    }

    /// Says what remains.
    pub fn remains(mut self, text: impl Into<String>) -> Self {
        self.remains = Some(text.into());
        self
    }

    /// Says what to do next.
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    fn of(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::new(exit, error.to_string()).because(error)
    }

    /// Writes it for people.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let paint = |text: &str, style: owo_colors::Style| if colour { format!("{}", style.style(text)) } else { text.to_owned() };
        let mut text = format!("{} {}\n", paint("error:", owo_colors::Style::new().red().bold()), self.what);
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false).without_cause_chain();
        for problem in &self.problems {
            text.push('\n');
            // Writing to a string cannot fail.
            let _ = handler.render_report(&mut text, problem);
        }
        for cause in &self.causes {
            let _ = writeln!(text, "  because: {cause}");
        }
        if let Some(remains) = &self.remains {
            let _ = write!(text, "\n{} {remains}\n", paint("remains:", owo_colors::Style::new().bold()));
        }
        for hint in &self.hints {
            let _ = write!(text, "\n{} {hint}\n", paint("hint:", owo_colors::Style::new().cyan().bold()));
        }
        text
    }

    /// Writes it for programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "event": "error",
            "exit_code": self.exit as u8,
            "error": self.what,
            "causes": self.causes,
            "problems": self.problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>(),
            "remains": self.remains,
            "hints": self.hints,
        })
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let base = Self::of(Exit::Usage, &error).remains("nothing was changed");
        match error {
            ConfigError::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::new(Exit::Usage, format!("there is no configuration at {}", path.display()))
                    .remains("nothing was changed")
                    .hint("`migrate-infra init` writes one to start from; `--config FILE` names another place")
            }
            ConfigError::Read { .. } => base,
            ConfigError::Mistakes(problems) => Self { problems, ..base }.hint("`migrate-infra config check` checks it again"),
        }
    }
}

impl From<GraphError> for CliError {
    fn from(error: GraphError) -> Self {
        Self::of(Exit::Usage, &error).remains("nothing was changed")
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let base = Self::of(Exit::State, &error).remains("nothing was changed, neither in AWS nor in the state");
        match error {
            StateError::Newer { .. } => base.hint("use the version of migrate-infra that wrote it, or a later one"),
            StateError::Line { place, number, .. } | StateError::Record { place, number, .. } => {
                let before = match number - 1 {
                    0 => "no line before it is intact".to_owned(),
                    1 => "the line before it is intact".to_owned(),
                    many => format!("the {many} lines before it are intact"),
                };
                base.hint(format!("{before}; put back a copy of {place}, or see \"Repairing\" in docs/state-format.md"))
                    .hint("or `migrate-infra state rebuild`: the damaged files are kept beside, and what exists is found again by its tags")
            }
            StateError::Snapshot { place, .. } => base
                .hint(format!("put back a copy of {place}, or see \"Repairing\" in docs/state-format.md"))
                .hint("or `migrate-infra state rebuild`: the damaged files are kept beside, and what exists is found again by its tags"),
            StateError::Io { place, .. } if is_shared(&place) => base.hint(SHARED),
            StateError::Io { .. } => base.hint("check that the directory exists and may be read and written, or name another with --state-dir"),
        }
    }
}

/// What to check when a shared state cannot be used.
const SHARED: &str = "check that the bucket of `[state]` exists, in the region that is named there, and that these credentials may read and write it; \
    see docs/shared-state.md";

fn is_shared(place: &str) -> bool {
    place.starts_with("s3://")
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let base = Self::of(Exit::Refused, &error).remains("nothing was changed");
        match error {
            LockError::Held { place, .. } if is_shared(&place) => {
                base.hint("wait until it has ended; the lock of a run that died ends with its lease. `migrate-infra unlock` shows more")
            }
            LockError::Held { .. } => base.hint("wait until it has ended; the lock ends with its process, however that ends"),
            LockError::Lost { .. } => Self { remains: None, ..base }.hint("look who else works on this stack, then run the same command again"),
            LockError::Unencrypted { .. } => {
                Self { exit: Exit::State, ..base }.hint("turn default encryption on for the bucket, or name a key with `state.kms_key_arn`")
            }
            LockError::Io { place, .. } if is_shared(&place) => Self { exit: Exit::State, ..base }.hint(SHARED),
            LockError::Io { .. } => {
                Self { exit: Exit::State, ..base }.hint("check that the directory may be written, or name another with --state-dir")
            }
        }
    }
}

impl From<MoveError> for CliError {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::State(error) => error.into(),
            MoveError::Journal(error) => error.into(),
            other => Self::of(Exit::State, &other).remains("the old place still has the state; nothing in AWS was changed").hint(match other {
                MoveError::Taken { .. } => "look which of the two is right with `state show`, and put the other one away by hand",
                _ => "run the same command again",
            }),
        }
    }
}

/// An error and what caused it, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let error = CliError::of(Exit::Failed, error);
    [vec![error.what], error.causes].concat().join(": ")
}

impl From<CloudError> for CliError {
    fn from(error: CloudError) -> Self {
        let base = Self::of(Exit::Cloud, &error).remains("nothing was changed");
        match error {
            CloudError::Credentials(_) => {
                base.hint("set AWS_PROFILE, run `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `--sandbox` needs none")
            }
            CloudError::Unreachable { .. } => base.hint("check --endpoint-url, AWS_ENDPOINT_URL and the network; `--sandbox` needs none"),
            CloudError::Account(_) => base,
        }
    }
}

impl From<DiskError> for CliError {
    fn from(error: DiskError) -> Self {
        let exit = if matches!(error, DiskError::InUse(_)) { Exit::Refused } else { Exit::State };
        Self::of(exit, &error).remains("nothing was changed")
    }
}

impl From<ScriptError> for CliError {
    fn from(error: ScriptError) -> Self {
        Self::of(Exit::Usage, &error).remains("nothing was changed").hint("docs/sandbox-script.md describes what a script may say")
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        Self::new(Exit::State, "the journal can not be written")
            .because_text(&error.to_string())
            .remains("calls that AWS had accepted before are in the journal or are found again by their tags")
            .hint("make room or repair the directory, or see who else works on this stack, as the reason says; then run the same command again")
    }
}

impl CliError {
    /// Adds a cause in words.
    pub fn because_text(mut self, text: &str) -> Self {
        self.causes.push(text.to_owned());
        self
    }
}

impl CliError {
    /// Adds what the operating system said.
    pub fn because_io(self, error: &std::io::Error) -> Self {
        self.because_text(&error.to_string())
    }
}
