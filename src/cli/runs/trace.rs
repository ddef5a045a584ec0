//! The trace of a run, if this program was built with the feature `otlp` and the environment names a collector.

#[cfg(feature = "otlp")]
pub(super) use enabled::Trace;

#[cfg(not(feature = "otlp"))]
pub(super) use disabled::Trace;

#[cfg(feature = "otlp")]
mod enabled {
    use std::time::{Duration, SystemTime};

    use infra_core::events::Event;
    use infra_otlp::{Run, TraceError};
    use infra_timeline::RunRecord;

    pub(in crate::cli::runs) struct Trace(Result<Option<infra_otlp::Trace>, TraceError>);

    impl Trace {
        /// Begins the trace of a run that has lasted this long.
        pub(in crate::cli::runs) fn begin(record: &RunRecord, since: Duration) -> Self {
            Self(infra_otlp::Trace::begin(&Run {
                id: record.id.clone(),
                command: record.command.clone(),
                stack: record.stack.clone(),
                version: env!("CARGO_PKG_VERSION"),
                began: SystemTime::now() - since,
            }))
        }

        pub(in crate::cli::runs) fn event(&mut self, event: &Event, at: Duration) {
            if let Ok(Some(trace)) = &mut self.0 {
                trace.event(event, at);
            }
        }

        /// Ends the trace. Returns why it is incomplete, if it is.
        pub(in crate::cli::runs) fn end(self, at: Duration, exit_code: u8, error: Option<&str>) -> Option<String> {
            let sent = self.0.and_then(|trace| trace.map_or(Ok(()), |trace| trace.end(at, exit_code, error)));
            sent.err().map(|error| error.to_string())
        }
    }
}

// The tests compile it with the feature, too, so that a build of either kind is checked.
#[cfg(any(not(feature = "otlp"), test))]
#[cfg_attr(feature = "otlp", expect(dead_code, reason = "the other one is used"))]
mod disabled {
    use std::time::Duration;

    use infra_core::events::Event;
    use infra_timeline::RunRecord;

    pub(in crate::cli::runs) struct Trace;

    impl Trace {
        pub(in crate::cli::runs) fn begin(_: &RunRecord, _: Duration) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "a trace takes it")]
        pub(in crate::cli::runs) fn event(&mut self, _: &Event, _: Duration) {}

        #[expect(clippy::unused_self, reason = "a trace takes it")]
        pub(in crate::cli::runs) fn end(self, _: Duration, _: u8, _: Option<&str>) -> Option<String> {
            None
        }
    }
}
