//! Traces of runs, sent to a collector of OpenTelemetry with OTLP over HTTP.
//!
//! A run is a span, with a child for each step, and below it one for each call of AWS. A cutover has a child for each
//! phase, and a switchover one for each row. The variables of the OpenTelemetry specification select the collector
//! ("OpenTelemetry Protocol Exporter", "General SDK Configuration").
//!
//! *May depend on* the events of `infra-core` and the OpenTelemetry SDK.
//! *Must never know* how a run is executed.

mod run;
mod spans;
mod trace;

#[cfg(test)]
mod tests;

pub use run::Run;
pub use trace::{Trace, TraceError};
