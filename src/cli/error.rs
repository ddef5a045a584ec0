//! An error as the user reads it: what failed, why, what remains, and what to run next.

use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use infra_aws::CloudError;
use infra_base::address::Region;
use infra_base::causes::causes;
use infra_base::shell::quote;
use infra_base::terminal_text::indented;
use infra_config::{ConfigDiagnostic, ConfigError};
use infra_core::graph::GraphError;
use infra_core::state::{JournalError, LockError, MoveError, StateError};
use infra_sandbox::{DiskError, ScriptError};

/// What a URL that calls are sent to must be.
pub(super) const ENDPOINT_URL_HINT: &str = "for example https://HOST, or http://127.0.0.1:4566 for an emulator on this \
    machine; an emulator elsewhere is reached through a port that is forwarded to this machine";

/// What most errors have in common.
pub(super) const NOTHING_CHANGED: &str = "nothing was changed";

/// Exit codes, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something failed; the same command resumes.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The tool refuses.
    Refused = 3,
    /// There are changes, and the exit code has to report them.
    Changes = 4,
    /// A rollback has steps that cannot be undone.
    Stuck = 5,
    /// The state cannot be used.
    State = 6,
    /// AWS cannot be used.
    Cloud = 7,
    /// A cutover was rolled back: all traffic goes to the source.
    RolledBack = 8,
    /// A cutover stopped where it was: the user has to decide.
    Held = 9,
    /// A rehearsal has lost, duplicated or changed a payment.
    PaymentsLost = 10,
    /// Stopped by Ctrl-C.
    Stopped = 130,
}

impl Exit {
    /// Returns the code for an error of a call. A call that the user cancelled has not failed.
    pub(super) fn of(error: &infra_core::resource::Error) -> Self {
        if matches!(error, infra_core::resource::Error::Cancelled) { Self::Stopped } else { Self::Failed }
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
    /// Mistakes with their position in a file.
    pub problems: Vec<ConfigDiagnostic>,
    /// What is unchanged, or still has to be done.
    pub unchanged: Option<String>,
    /// What to run next.
    pub hints: Vec<String>,
}

impl CliError {
    /// Returns an error with a code and a message.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), causes: Vec::new(), problems: Vec::new(), unchanged: None, hints: Vec::new() }
    }

    /// Returns an error with the message and the causes of another error.
    pub(super) fn of(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self { causes: causes(error).collect(), ..Self::new(exit, error.to_string()) }
    }

    /// Returns the error for a file that cannot be written.
    pub(super) fn cannot_write(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Failed, format!("cannot write {}", path.display())).because_text(error.to_string())
    }

    /// Returns what failed and why, without what to do about it.
    pub(super) fn in_one_line(&self) -> String {
        std::iter::once(&self.what).chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// Adds an error and its causes.
    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        self.causes.push(error.to_string());
        self.causes.extend(causes(error));
        self
    }

    /// Adds a cause.
    pub fn because_text(mut self, text: impl Into<String>) -> Self {
        self.causes.push(text.into());
        self
    }

    /// Adds causes, of which only the first are shown.
    pub fn because_all(mut self, causes: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(truncate_reasons(&causes.into_iter().collect::<Vec<_>>()));
        self
    }

    /// Sets what is unchanged, or still has to be done.
    pub fn unchanged(mut self, text: impl Into<String>) -> Self {
        self.unchanged = Some(text.into());
        self
    }

    /// Sets that nothing was changed.
    pub fn nothing_changed(self) -> Self {
        self.unchanged(NOTHING_CHANGED)
    }

    /// Adds what to do next.
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// Returns the text for people.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let paint = |text: &str, style: owo_colors::Style| {
            if colour { format!("{}", style.style(text)) } else { text.to_owned() }
        };
        let error = paint("error:", owo_colors::Style::new().red().bold());
        let mut text = format!("{error} {}\n", indented(&self.what, "  "));
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false).without_cause_chain();
        for problem in &self.problems {
            text.push('\n');
            // Writing to a string cannot fail.
            let _ = handler.render_report(&mut text, problem);
        }
        for cause in &self.causes {
            let _ = writeln!(text, "  because: {}", indented(cause, "    "));
        }
        if let Some(unchanged) = &self.unchanged {
            let remains = paint("remains:", owo_colors::Style::new().bold());
            let _ = write!(text, "\n{remains} {}\n", indented(unchanged, "  "));
        }
        for hint in &self.hints {
            let label = paint("hint:", owo_colors::Style::new().cyan().bold());
            let _ = write!(text, "\n{label} {}\n", indented(hint, "  "));
        }
        text
    }

    /// Returns the JSON event for programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "event": "error",
            "exit_code": self.exit as u8,
            "error": self.what,
            "causes": self.causes,
            "problems": self.problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>(),
            "remains": self.unchanged,
            "hints": self.hints,
        })
    }
}

/// How many reasons for a refusal are shown.
const SHOWN_REASONS: usize = 12;

/// Returns the first reasons, and how many more there are.
fn truncate_reasons(reasons: &[String]) -> Vec<String> {
    let more = reasons.len().saturating_sub(SHOWN_REASONS);
    let rest = (more > 0).then(|| format!("and {more} more like these"));
    reasons.iter().take(SHOWN_REASONS).cloned().chain(rest).collect()
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let base = Self::of(Exit::Usage, &error).nothing_changed();
        match error {
            ConfigError::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::new(Exit::Usage, format!("there is no configuration at {}", path.display()))
                    .nothing_changed()
                    .hint("`migrate-infra init` writes a configuration to start from; `--config FILE` selects another")
            }
            ConfigError::Read { .. } => base,
            ConfigError::Mistakes(problems) => {
                Self { problems, ..base }.hint("`migrate-infra config check` checks it again")
            }
        }
    }
}

impl From<GraphError> for CliError {
    fn from(error: GraphError) -> Self {
        Self::of(Exit::Usage, &error).nothing_changed()
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let base = Self::of(Exit::State, &error).unchanged("nothing was changed, neither in AWS nor in the state");
        match error {
            StateError::Newer { .. } => base.hint("use the version of migrate-infra that wrote it, or a later one"),
            StateError::Line { place, number, .. } | StateError::Record { place, number, .. } => {
                let intact = match number - 1 {
                    0 => "no line before it is intact".to_owned(),
                    1 => "the line before it is intact".to_owned(),
                    many => format!("the {many} lines before it are intact"),
                };
                base.hint(format!("{intact}; {}", restore(&place))).hint(REBUILD)
            }
            StateError::Snapshot { place, .. } | StateError::Content { place, .. } => {
                base.hint(restore(&place)).hint(REBUILD)
            }
            StateError::Io { place, .. } if is_shared(&place) => base.hint(CHECK_BUCKET),
            StateError::Io { .. } => base.hint(
                "check that the directory exists and is readable and writable, or select another with --state-dir",
            ),
        }
    }
}

fn restore(place: &str) -> String {
    format!("restore a copy of {place}, or see \"Repairing\" in docs/state-format.md")
}

/// What to do with a damaged state.
const REBUILD: &str = "or `migrate-infra state rebuild`: it keeps the damaged files under another name, \
    and finds existing resources by their tags";

/// What to check when a shared state cannot be used.
const CHECK_BUCKET: &str = "check that the bucket of `[state]` exists, in the configured region, \
    and that these credentials can read and write it; if it is in another account than the first environment, set \
    `state.bucket_owner`; see docs/shared-state.md";

fn is_shared(place: &str) -> bool {
    place.starts_with("s3://")
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let base = Self::of(Exit::Refused, &error).nothing_changed();
        match error {
            LockError::Held { place, .. } if is_shared(&place) => base.hint(
                "wait until it has ended; the lock of a run that was killed expires with its lease. \
                 `migrate-infra unlock` shows more",
            ),
            LockError::Held { .. } => {
                base.hint("wait until it has ended; the lock is released when its process ends, for any reason")
            }
            LockError::Lost { .. } => Self { unchanged: None, ..base }
                .hint("find out who else works on this stack, then run the same command again"),
            LockError::Unencrypted { .. } => Self { exit: Exit::State, ..base }
                .hint("turn on default encryption for the bucket, or configure a key with `state.kms_key_arn`"),
            LockError::Io { place, .. } if is_shared(&place) => Self { exit: Exit::State, ..base }.hint(CHECK_BUCKET),
            LockError::Io { .. } => Self { exit: Exit::State, ..base }
                .hint("check that the directory is writable, or select another with --state-dir"),
        }
    }
}

impl From<MoveError> for CliError {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::State(error) => error.into(),
            MoveError::Journal(error) => error.into(),
            other => Self::of(Exit::State, &other)
                .unchanged("the state is still in the old backend; nothing in AWS was changed")
                .hint(match other {
                    MoveError::Taken { .. } => {
                        "compare both with `state show`, and move the wrong one out of the way manually"
                    }
                    _ => "run the same command again",
                }),
        }
    }
}

/// Returns what to do if a region that has to be enabled accepts no credentials.
pub(in crate::cli) fn enable_region(region: &Region) -> String {
    format!(
        "an account has to enable {region} before it can use it: `aws account enable-region --region-name {region}`, \
         which can take hours; `aws account get-region-opt-status --region-name {region}` shows whether it is enabled. \
         If it is, renew the credentials"
    )
}

impl From<CloudError> for CliError {
    fn from(error: CloudError) -> Self {
        let base = Self::of(Exit::Cloud, &error).nothing_changed();
        match &error {
            CloudError::Credentials { region, source, .. } if region.is_opt_in() && source.code.is_some() => {
                base.hint(enable_region(region))
            }
            CloudError::Credentials { login, .. } => base.hint(format!(
                "set AWS_PROFILE or `profile` in the configuration, run `{login}` or `aws login`, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `--sandbox` requires no credentials"
            )),
            CloudError::Region { login, source, .. } if source.is_expired() => {
                base.hint(format!("renew the credentials, for example with `{login}`"))
            }
            CloudError::Region { region, login, .. } if !region.is_opt_in() => base.hint(format!(
                "renew the credentials, for example with `{login}`; if that does not help, a policy of the \
                 organization may deny {region}"
            )),
            CloudError::Region { region, .. } => base.hint(enable_region(region)).hint(
                "a session token of the global STS endpoint is not valid in such a region; regional endpoints are the \
                 default (`AWS_STS_REGIONAL_ENDPOINTS`)",
            ),
            CloudError::Mfa { profile } => base.hint(format!(
                "export temporary credentials first: `eval \"$(aws configure export-credentials --profile {} \
                 --format env)\"`",
                quote(profile)
            )),
            CloudError::OtherAccount { expected, .. } => {
                base.hint(format!("correct `profile` or `assume_role` in `[accounts.{expected}]`"))
            }
            CloudError::TwoSources { .. } => base.hint("name the same `profile` and `assume_role` in both"),
            CloudError::EndpointUrl { .. } => Self { exit: Exit::Usage, ..base }.hint(ENDPOINT_URL_HINT),
            CloudError::CaBundle(_) => base.hint("correct the setting, or remove it to use the system's certificates"),
            CloudError::Unreachable { .. } => base.hint(
                "check --endpoint-url, AWS_ENDPOINT_URL, HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE and the network; \
                 `--sandbox` requires no network",
            ),
            CloudError::Account { .. } | CloudError::Late { .. } => base,
        }
    }
}

impl From<DiskError> for CliError {
    fn from(error: DiskError) -> Self {
        let exit = if matches!(error, DiskError::InUse(_)) { Exit::Refused } else { Exit::State };
        Self::of(exit, &error).nothing_changed()
    }
}

impl From<ScriptError> for CliError {
    fn from(error: ScriptError) -> Self {
        Self::of(Exit::Usage, &error).nothing_changed().hint("docs/sandbox-script.md describes the format of a script")
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        Self::new(Exit::State, "cannot write the journal")
            .because_text(error.to_string())
            .unchanged("calls that AWS accepted before are in the journal, or are found again by their tags")
            .hint(
                "free disk space, repair the directory, or find out who else works on this stack, depending on the \
                 reason; then run the same command again",
            )
    }
}
