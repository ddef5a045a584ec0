//! The calls of a run, for each service.

use std::collections::BTreeMap;

use serde::Serialize;

/// The calls of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallsOfService {
    /// The service.
    pub service: String,
    /// The number of calls.
    pub calls: u64,
    /// How many of them were answered with an error code. Some are expected: a resource that does not exist.
    pub with_code: u64,
    /// How long all of them took, in milliseconds on the wall.
    pub millis: u64,
    /// The slowest one.
    pub slowest_millis: u64,
    /// The operations, most calls first.
    pub operations: Vec<(String, u64)>,
}

/// Counts calls.
#[derive(Default)]
pub(super) struct Calls(BTreeMap<String, (CallsOfService, BTreeMap<String, u64>)>);

impl Calls {
    pub(super) fn add(&mut self, call: &str, millis: u64, has_code: bool) {
        let (service, operation) = call.split_once(':').unwrap_or(("", call));
        let (of, operations) = self.0.entry(service.to_owned()).or_default();
        of.calls += 1;
        of.with_code += u64::from(has_code);
        of.millis = of.millis.saturating_add(millis);
        of.slowest_millis = of.slowest_millis.max(millis);
        *operations.entry(operation.to_owned()).or_default() += 1;
    }

    pub(super) fn finish(self) -> Vec<CallsOfService> {
        let complete = |(service, (of, operations)): (String, (CallsOfService, BTreeMap<String, u64>))| {
            let mut operations: Vec<(String, u64)> = operations.into_iter().collect();
            operations.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
            CallsOfService { service, operations, ..of }
        };
        let mut all: Vec<CallsOfService> = self.0.into_iter().map(complete).collect();
        all.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.service.cmp(&other.service)));
        all
    }
}
