//! The trace of a run.

use std::collections::HashMap;
use std::time::Duration;

use infra_core::events::Event;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::run::Run;
use super::spans::Spans;

/// The variables that name a collector. Without one of them, nothing is sent.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Ends all telemetry, whatever else is set ("General SDK Configuration").
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// The span of the caller, for example of a pipeline ("Environment Variables as Context Propagation Carriers").
const PARENTS: [(&str, &str); 2] = [("TRACEPARENT", "traceparent"), ("TRACESTATE", "tracestate")];
/// How long the end of a run waits for a collector that does not answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a trace was not sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A variable is invalid.
    #[error("traces cannot be sent: {0}")]
    Configuration(#[from] ExporterBuildError),
    /// The collector did not take it.
    #[error("the collector did not take the trace: {0}")]
    Collector(#[from] OTelSdkError),
}

/// The trace of a run, which a thread of its own sends.
#[derive(Debug)]
pub struct Trace {
    provider: SdkTracerProvider,
    spans: Spans,
}

impl Trace {
    /// Begins the trace of a run. `None` if the environment names no collector.
    ///
    /// # Errors
    /// A variable of the environment is invalid.
    pub fn begin(run: &Run) -> Result<Option<Self>, TraceError> {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_disabled = std::env::var(DISABLED).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        if is_disabled || !ENDPOINTS.into_iter().any(is_set) {
            return Ok(None);
        }
        provide_cryptography();
        let exporter = SpanExporter::builder().with_http().build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource(run)).build();
        Ok(Some(Self::with(provider, run, &parent())))
    }

    pub(crate) fn with(provider: SdkTracerProvider, run: &Run, parent: &Context) -> Self {
        let spans = Spans::begin(provider.tracer("migrate-infra"), run, parent);
        Self { provider, spans }
    }

    /// Adds an event. `at` is the time since the run began.
    pub fn event(&mut self, event: &Event, at: Duration) {
        self.spans.event(event, at);
    }

    /// Ends the trace, and sends what was not sent yet.
    ///
    /// # Errors
    /// The collector did not take everything.
    pub fn end(self, at: Duration, exit_code: u8, error: Option<&str>) -> Result<(), TraceError> {
        self.spans.end(at, exit_code, error);
        // Only the flush tells whether the collector took it.
        let flushed = self.provider.force_flush();
        self.provider.shutdown_with_timeout(TIMEOUT)?;
        Ok(flushed?)
    }
}

/// Sets what the HTTP client uses for TLS. The first provider of a process stays.
pub(crate) fn provide_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Returns the span of the caller, if there is one.
fn parent() -> Context {
    let carrier: HashMap<String, String> =
        PARENTS.into_iter().filter_map(|(name, key)| Some((key.to_owned(), std::env::var(name).ok()?))).collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Returns what all spans have in common. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have precedence.
fn resource(run: &Run) -> Resource {
    let own = [KeyValue::new("service.version", run.version), KeyValue::new("migrate_infra.stack", run.stack.clone())];
    let builder = Resource::builder().with_attributes(own);
    match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => builder.build(),
        None => builder.with_service_name("migrate-infra").build(),
    }
}
