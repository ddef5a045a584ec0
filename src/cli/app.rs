//! The value that every command receives: the workspace, and the options for output.

use std::sync::OnceLock;

use infra_aws::Need;
use infra_config::{Config, Occasion, load};
use infra_core::events::Events;
use infra_core::plan::Plan;
use infra_payment::stack::ROUTING;
use infra_timeline::EndpointKind;
use infra_workflow::notification::Topic;
use infra_workflow::refusal::PlanRefusal;
use infra_workflow::{Error, Selection, Session, Workspace};

use super::databases::locator;
use super::endpoint::{SelectedEndpoint, clock};
use super::error::CliError;
use super::explain::{Failure, explain};
use super::from_state::without_file;
use super::notify::Notifier;
use super::options::GlobalOptions;
use super::runs::{self, Place, durations};
use super::signals::cancel_on_signal;
use super::suggest;
use super::ui::{stderr, stdout};

/// Configuration, state backend, endpoint and options of one command.
pub(super) struct App {
    pub(super) workspace: Workspace,
    pub(super) options: GlobalOptions,
    pub(super) notifier: Notifier,
}

impl App {
    /// Loads the configuration that the options select.
    pub(super) fn load(options: &GlobalOptions) -> Result<Self, Failure> {
        Ok(Self::of_config(options, load_config(options)?))
    }

    /// Does the same for a deletion. If the configuration is missing or broken, the state alone says what exists.
    pub(super) async fn load_for_deletion(options: &GlobalOptions) -> Result<Self, Failure> {
        let config = match load_config(options) {
            Ok(config) => config,
            Err(error) => without_file(options, error, |config| Self::of_config(options, config).workspace).await?,
        };
        Ok(Self::of_config(options, config))
    }

    /// Returns the value for a configuration that is loaded.
    pub(super) fn of_config(options: &GlobalOptions, config: Config) -> Self {
        let is_aws =
            !options.sandbox && options.endpoint_url.is_none() && std::env::var_os("AWS_ENDPOINT_URL").is_none();
        let databases = locator(options, &config);
        // The sandbox has no topics: they belong to somebody else.
        let topic = Topic::of(&config, Box::new(SelectedEndpoint::of(options))).filter(|_| !options.sandbox);
        let notifier = Notifier::of(&config, topic, options.sandbox);
        let workspace = Workspace {
            config,
            state_root: options.state_root(),
            sandbox: options.sandbox,
            is_aws,
            parallelism: usize::from(options.parallelism),
            endpoint: Box::new(SelectedEndpoint::of(options)),
            databases,
            need: Need::Everything,
            stack_account: OnceLock::new(),
            stack_in_state: OnceLock::new(),
            warn: stderr,
        };
        let app = Self { workspace, options: options.clone(), notifier };
        runs::place(app.place_of_runs());
        app
    }

    /// Returns where the runs of this stack are stored.
    pub(super) fn place_of_runs(&self) -> Place {
        Place {
            directory: self.workspace.directory(),
            stack: self.workspace.config.stack.id(),
            endpoint: self.endpoint_kind(),
            clock: clock(&self.options),
        }
    }

    fn endpoint_kind(&self) -> EndpointKind {
        match (self.options.sandbox, self.workspace.is_aws) {
            (true, _) => EndpointKind::Sandbox,
            (false, true) => EndpointKind::Aws,
            (false, false) => EndpointKind::Emulator,
        }
    }

    /// Returns a plan with the durations that earlier runs of this stack have measured. They are not read if there is
    /// nothing to do.
    pub(super) fn estimated(&self, mut plan: Plan) -> Plan {
        if plan.changes_something() {
            plan.estimate(&durations(&self.workspace.directory(), self.endpoint_kind()));
        }
        plan
    }

    /// Requires only what the records need: an account or a region that does not answer must not prevent that traffic
    /// leaves it.
    pub(super) fn for_an_emergency(mut self) -> Self {
        self.workspace.need = Need::Only(ROUTING);
        self
    }

    /// Notifies of the end of a command that changes something: `[notify]`. `success` is what its success is.
    pub(super) async fn notified(
        &self,
        command: &'static str,
        success: Occasion,
        run: impl Future<Output = Result<u8, Failure>>,
    ) -> Result<u8, Failure> {
        let result = run.await.map_err(|failure| self.explain(failure));
        self.notifier.ended(command, success, result.as_ref().copied(), stderr).await;
        Ok(result?)
    }

    /// Opens a session that stops on Ctrl-C.
    pub(super) async fn open_session(&self, command: &'static str, events: Events) -> Result<Session, Failure> {
        let session = Session::open(&self.workspace, command, events).await?;
        cancel_on_signal(session.context.cancel.clone());
        Ok(session)
    }

    /// Returns the command for everything, with the options of the current command.
    pub(super) fn command(&self, command: &str) -> String {
        suggest::command(&self.options, command)
    }

    /// Returns the command for a selection, with the options of the current command.
    pub(super) fn rerun_command(&self, command: &str, selection: &Selection) -> String {
        suggest::rerun_command(&self.options, command, selection)
    }

    /// Returns an error as the user reads it.
    pub(super) fn explain(&self, failure: impl Into<Failure>) -> CliError {
        explain(&self.options, failure.into())
    }

    /// Returns an error as the user reads it. If resources cannot be read, it suggests a command that does not read
    /// them.
    pub(super) fn explain_unreadable(&self, error: Error, offline: &str, selection: &Selection) -> CliError {
        let is_unreadable = matches!(error, Error::Plan(PlanRefusal::Unreadable(_)));
        let error = self.explain(error);
        match is_unreadable {
            true => error.hint(format!("`{}` uses the state alone", self.rerun_command(offline, selection))),
            false => error,
        }
    }

    /// Writes a line to standard output, in text mode only.
    pub(super) fn info(&self, text: &str) {
        if !self.options.is_json() {
            stdout(text);
        }
    }
}

/// Loads the configuration that the options select, with their overrides.
pub(super) fn load_config(options: &GlobalOptions) -> Result<Config, CliError> {
    Ok(load(Some(&options.config), &options.overrides())?)
}
