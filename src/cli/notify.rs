//! `[notify]`: tells a command and a topic of the configuration how a run ended, or that it waits for an operator.
//!
//! A notification never fails a run: what goes wrong with it is a notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use infra_aws::Message;
use infra_base::causes::with_causes;
use infra_base::child_environment::child_environment;
use infra_base::clock::timestamp;
use infra_config::{Config, Notify, Occasion};
use infra_core::events::{Event, Events};
use infra_migration::cutover::Phase;
use infra_migration::program::{Program, ProgramEnd, ProgramInput};
use infra_workflow::notification::Topic;
use serde_json::{Value, json};

use super::error::{CliError, Exit};

/// Notifies of what happens in one command.
#[derive(Clone)]
pub(super) struct Notifier(Arc<Inner>);

struct Inner {
    settings: Notify,
    topic: Option<Topic>,
    stack: String,
    is_sandbox: bool,
    began: Instant,
    /// Whether this command changes nothing itself.
    is_silent: AtomicBool,
}

impl Notifier {
    /// Returns the notifier of a configuration.
    pub(super) fn of(config: &Config, topic: Option<Topic>, is_sandbox: bool) -> Self {
        Self(Arc::new(Inner {
            settings: config.notify.clone(),
            topic,
            stack: config.stack.id(),
            is_sandbox,
            began: Instant::now(),
            is_silent: AtomicBool::new(false),
        }))
    }

    /// Notifies of nothing: the command only shows something, or another process carries out what was requested.
    pub(super) fn silence(&self) {
        self.0.is_silent.store(true, Ordering::Relaxed);
    }

    /// Notifies of the end of a command. `success` is what its success is.
    pub(super) async fn ended(
        &self,
        command: &'static str,
        success: Occasion,
        result: Result<u8, &CliError>,
        warn: fn(&str),
    ) {
        if self.0.is_silent.load(Ordering::Relaxed) {
            return;
        }
        let code = result.unwrap_or_else(|error| error.exit as u8);
        let occasion = occasion(code, success);
        let error = result.err().map(|error| error.what.clone());
        let content = self.0.content(occasion, command, Some(code), error);
        self.0.notify(occasion, content, warn).await;
    }

    /// Returns a sink that also notifies when a cutover begins to wait for an operator. The cutover does not wait for
    /// the notification.
    pub(super) fn watch(&self, events: Events) -> Events {
        let inner = Arc::clone(&self.0);
        let runtime = tokio::runtime::Handle::current();
        let waiting = [Phase::AwaitingApproval.as_str(), "holding"];
        let last = Mutex::new(None);
        Events::to(move |event| {
            if let Event::Cutover { phase, ref why, .. } = event {
                let before = last.lock().unwrap_or_else(PoisonError::into_inner).replace(phase);
                if waiting.contains(&phase) && before != Some(phase) {
                    let occasion = Occasion::WaitingForApproval;
                    let content = inner.content(occasion, "cutover", None, why.clone());
                    let (inner, sink) = (Arc::clone(&inner), events.clone());
                    let notice = move |text: &str| sink.send(Event::Notice { address: None, text: text.to_owned() });
                    runtime.spawn(async move { inner.notify(occasion, content, notice).await });
                }
            }
            events.send(event);
        })
    }
}

/// Returns what an exit code is about. `success` is what the success of the command is.
fn occasion(code: u8, success: Occasion) -> Occasion {
    match code {
        0 => success,
        code if code == Exit::RolledBack as u8 => Occasion::RolledBack,
        code if code == Exit::Held as u8 => Occasion::WaitingForApproval,
        _ => Occasion::Failed,
    }
}

impl Inner {
    fn content(&self, on: Occasion, command: &str, code: Option<u8>, why: Option<String>) -> Value {
        let what = match on {
            Occasion::Finished => "has finished",
            Occasion::Failed => "has failed",
            Occasion::WaitingForApproval => "waits for an operator",
            Occasion::RolledBack => "has rolled back",
        };
        let reason = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let mut content = json!({
            "event": "notification",
            "on": on.as_str(),
            "command": command,
            "stack": self.stack,
            "sandbox": self.is_sandbox,
            "at": timestamp(),
            "seconds": self.began.elapsed().as_secs(),
            "text": format!("`{command}` of {} {what}{reason}", self.stack),
        });
        if let Some(code) = code {
            content["exit_code"] = code.into();
        }
        if let Some(why) = why {
            content["why"] = why.into();
        }
        content
    }

    /// Runs the command and publishes to the topic, if they are notified of this. What fails is a notice.
    async fn notify(self: &Arc<Self>, on: Occasion, content: Value, notice: impl Fn(&str) + Clone + Send + 'static) {
        if !self.settings.on.contains(&on) {
            return;
        }
        let (inner, lines, text) = (Arc::clone(self), notice.clone(), content.to_string());
        // The program runs in real time, also if that of the sandbox stands still.
        let run = tokio::task::spawn_blocking(move || inner.run(on, &text, move |line| lines(&line)));
        let (run, published) = tokio::join!(run, self.publish(on, &content));
        for failure in [run.ok().flatten(), published].into_iter().flatten() {
            notice(&failure);
        }
    }

    /// Publishes to the topic, if there is one. Returns the notice of a failure.
    async fn publish(&self, on: Occasion, content: &Value) -> Option<String> {
        let topic = self.topic.as_ref()?;
        let text = content.to_string();
        let word = |key: &str| content[key].as_str().unwrap_or_default();
        let attributes = [("on", on.as_str()), ("command", word("command"))];
        let message = Message { subject: word("text"), text: &text, attributes: &attributes };
        let failure = topic.publish(&message).await.err()?;
        Some(format!("note: the topic was not notified of `{}`: {}", on.as_str(), with_causes(&failure)))
    }

    /// Runs the command, if there is one. Returns the notice of a failure.
    fn run(&self, on: Occasion, content: &str, on_line: impl Fn(String) + Send + 'static) -> Option<String> {
        let Notify { command, pass_environment, timeout_seconds, .. } = &self.settings;
        if command.is_empty() {
            return None;
        }
        let program = Program {
            command: command.clone(),
            environment: child_environment(std::env::vars_os(), pass_environment),
            input: ProgramInput::Bytes(format!("{content}\n").into_bytes()),
            timeout: Duration::from_secs((*timeout_seconds).into()),
        };
        let ProgramEnd { failed, .. } = program.run(move |line| on_line(format!("notify: {line}")));
        failed.map(|why| format!("note: nobody was notified of `{}`: {why}", on.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exit_code_is_an_occasion() {
        use Occasion::{Failed, Finished, RolledBack, WaitingForApproval};
        let all = [0, 1, 3, 5, 8, 9, 130].map(|code| occasion(code, Occasion::Finished));
        assert_eq!(all, [Finished, Failed, Failed, Failed, RolledBack, WaitingForApproval, Failed]);
        assert_eq!(occasion(0, RolledBack), RolledBack);
    }
}
