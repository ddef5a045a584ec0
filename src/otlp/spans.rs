//! From the events of a run to spans.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use infra_base::address::Address;
use infra_core::events::Event;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::run::Run;

/// The spans of a run.
#[derive(Debug)]
pub(crate) struct Spans {
    tracer: SdkTracer,
    began: SystemTime,
    root: Context,
    /// The steps that have begun.
    steps: HashMap<Address, Context>,
    /// The phase of a cutover, and the row of a switchover, that have begun.
    phase: Option<(&'static str, Context)>,
    row: Option<(&'static str, Context)>,
}

impl Spans {
    pub(crate) fn begin(tracer: SdkTracer, run: &Run, parent: &Context) -> Self {
        let attributes = [
            KeyValue::new("migrate_infra.run", run.id.clone()),
            KeyValue::new("migrate_infra.stack", run.stack.clone()),
        ];
        let builder =
            SpanBuilder::from_name(run.command.clone()).with_start_time(run.began).with_attributes(attributes);
        let root = parent.with_span(builder.start_with_context(&tracer, parent));
        Self { tracer, began: run.began, root, steps: HashMap::new(), phase: None, row: None }
    }

    pub(crate) fn event(&mut self, event: &Event, at: Duration) {
        let now = self.began + at;
        match event {
            Event::StepStarted { address, action } => {
                let attributes = vec![
                    KeyValue::new("migrate_infra.address", address.to_string()),
                    KeyValue::new("migrate_infra.action", *action),
                ];
                let step = self.start(&self.root, format!("{action} {address}"), SpanKind::Internal, now, attributes);
                self.steps.insert(address.clone(), step);
            }
            Event::StepWaiting { address, what, status } => {
                let Some(step) = self.steps.get(address) else { return };
                let attributes = vec![KeyValue::new("what", what.clone()), KeyValue::new("status", status.clone())];
                step.span().add_event_with_timestamp("waiting", now, attributes);
            }
            Event::StepDone { address, id, .. } => {
                let Some(step) = self.steps.remove(address) else { return };
                step.span().set_attribute(KeyValue::new("migrate_infra.id", id.clone()));
                step.span().end_with_timestamp(now);
            }
            Event::StepFailed { address, error, .. } => {
                let Some(step) = self.steps.remove(address) else { return };
                step.span().set_status(Status::error(error.clone()));
                step.span().end_with_timestamp(now);
            }
            Event::Call { address, call, millis, code, request_id } => {
                let parent = self.steps.get(address).unwrap_or(&self.root);
                // It is reported when it has ended.
                let began = now - Duration::from_millis(*millis).min(at);
                let mut attributes = call_attributes(call, request_id.as_deref());
                attributes.extend(code.iter().map(|code| KeyValue::new("error.type", code.clone())));
                let span = self.start(parent, (*call).to_owned(), SpanKind::Client, began, attributes);
                if let Some(code) = code {
                    span.span().set_status(Status::error(code.clone()));
                }
                span.span().end_with_timestamp(now);
            }
            Event::Cutover { phase, live, intended, .. } => self.phase(phase, [*live, *intended], now),
            Event::Switchover { phase, row, .. } => self.row(phase, *row, now),
            Event::TrafficShifted { to, .. } => {
                self.mark("traffic shifted", now, "migrate_infra.to_percent", i64::from(*to));
            }
            Event::Judged { gate, verdict, .. } if *verdict != "pass" => {
                self.mark(format!("gate {verdict}"), now, "migrate_infra.gate", gate.clone());
            }
            Event::Notice { text, .. } => self.mark("notice", now, "text", text.clone()),
            _ => {}
        }
    }

    /// Follows the phases of a cutover. The shares of the target are in percent.
    fn phase(&mut self, phase: &'static str, [live, intended]: [u8; 2], now: SystemTime) {
        if self.phase.as_ref().is_some_and(|(current, _)| *current == phase) {
            return;
        }
        end(self.phase.take(), now);
        let attributes = vec![
            KeyValue::new("migrate_infra.live_percent", i64::from(live)),
            KeyValue::new("migrate_infra.intended_percent", i64::from(intended)),
        ];
        let span = self.start(&self.root, format!("cutover {phase}"), SpanKind::Internal, now, attributes);
        self.phase = Some((phase, span));
    }

    /// Follows the rows of a switchover.
    fn row(&mut self, phase: &'static str, row: Option<&'static str>, now: SystemTime) {
        let current = row.filter(|_| ["doing", "undoing"].contains(&phase));
        if self.row.as_ref().map(|(row, _)| *row) == current {
            return;
        }
        end(self.row.take(), now);
        self.row = current.map(|row| {
            let parent = self.phase.as_ref().map_or(&self.root, |(_, phase)| phase);
            (row, self.start(parent, format!("switchover {phase} {row}"), SpanKind::Internal, now, Vec::new()))
        });
    }

    /// Ends everything that has begun. A step that has not ended was interrupted.
    pub(crate) fn end(mut self, at: Duration, exit_code: u8, error: Option<&str>) {
        let now = self.began + at;
        for (_, step) in self.steps.drain() {
            step.span().set_status(Status::error("interrupted"));
            step.span().end_with_timestamp(now);
        }
        end(self.row.take(), now);
        end(self.phase.take(), now);
        let root = self.root.span();
        root.set_attribute(KeyValue::new("process.exit.code", i64::from(exit_code)));
        if exit_code != 0 {
            root.set_status(Status::error(error.unwrap_or_default().to_owned()));
        }
        root.end_with_timestamp(now);
    }

    fn start(
        &self,
        parent: &Context,
        name: String,
        kind: SpanKind,
        at: SystemTime,
        attributes: Vec<KeyValue>,
    ) -> Context {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(at).with_attributes(attributes);
        parent.with_span(builder.start_with_context(&self.tracer, parent))
    }

    /// Adds an event to the run.
    fn mark(
        &self,
        name: impl Into<std::borrow::Cow<'static, str>>,
        at: SystemTime,
        key: &'static str,
        value: impl Into<opentelemetry::Value>,
    ) {
        self.root.span().add_event_with_timestamp(name, at, vec![KeyValue::new(key, value)]);
    }
}

fn end(span: Option<(&'static str, Context)>, at: SystemTime) {
    if let Some((_, span)) = span {
        span.span().end_with_timestamp(at);
    }
}

/// "Semantic conventions for AWS SDK".
fn call_attributes(call: &str, request_id: Option<&str>) -> Vec<KeyValue> {
    let (service, operation) = call.split_once(':').unwrap_or(("", call));
    let mut attributes = vec![
        KeyValue::new("rpc.system", "aws-api"),
        KeyValue::new("rpc.service", service.to_owned()),
        KeyValue::new("rpc.method", operation.to_owned()),
    ];
    attributes.extend(request_id.map(|id| KeyValue::new("aws.request_id", id.to_owned())));
    attributes
}
