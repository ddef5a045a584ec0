//! Reads what exists, for `plan`, `up` and `drift`, and separates drift from changes that the configuration allows.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::engine::{ReadContext, TagReads};
use infra_core::plan::{Change, Drift, DriftReport};
use infra_core::resource::describe;
use infra_core::state::State;

use crate::refusal::PlanRefusal;

/// The result of a refresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// How many resources were read.
    pub resources: usize,
    /// How many calls that took.
    pub reads: u64,
    /// What differs from what was last applied.
    pub drift: DriftReport,
    /// Differences that the configuration allows.
    pub ignored: Vec<IgnoredChange>,
}

impl Refreshed {
    /// Returns the drift, without changes that the configuration allows.
    pub fn actual_drift(&self) -> impl Iterator<Item = (&Address, &Drift)> {
        self.drift.iter().filter(|(_, drift)| drift.is_drift())
    }
}

/// A difference that the configuration allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredChange {
    /// The resource.
    pub address: Address,
    /// The field.
    pub field: String,
    /// The reason in the configuration.
    pub reason: String,
}

/// What to do with resources that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnreadable {
    /// Refuse: without all resources there is no result.
    Refuse,
    /// Continue: the step of the resource reads it again.
    Continue,
}

/// Reads the resources in the state that `wanted` selects.
///
/// # Errors
/// [`PlanRefusal::Unreadable`].
pub async fn refresh(
    config: &Config,
    context: &ReadContext,
    state: &State,
    wanted: impl Fn(&Address) -> bool,
    on_unreadable: OnUnreadable,
    tags: TagReads,
) -> Result<Refreshed, PlanRefusal> {
    let before = context.calls.reads();
    let is_ignored = |address: &Address, field: &str| config.ignore_reason(address, field).is_some();
    let mut observed = infra_core::engine::refresh(context, state, wanted, &is_ignored, tags).await;
    let failures = std::mem::take(&mut observed.failures).into_iter();
    let failures: Vec<(Address, String)> = failures.map(|(address, error)| (address, describe(&error))).collect();
    if on_unreadable == OnUnreadable::Refuse && !failures.is_empty() {
        return Err(PlanRefusal::Unreadable(failures));
    }
    let unreadable =
        failures.into_iter().map(|(address, what)| (address, Drift::Transitional { what, ignored: Vec::new() }));
    observed.drift.extend(unreadable);
    let mut refreshed = Refreshed {
        resources: observed.resources,
        reads: context.calls.reads() - before,
        drift: DriftReport::new(),
        ignored: Vec::new(),
    };
    for (address, drift) in observed.drift {
        let drift = separate_ignored(config, &address, drift, &mut refreshed.ignored);
        refreshed.drift.insert(address, drift);
    }
    Ok(refreshed)
}

/// Separates drift from changes that the configuration allows. Tags, and differences that only show as a call, are
/// separated here; the kinds separate the rest.
fn separate_ignored(config: &Config, address: &Address, drift: Drift, ignored: &mut Vec<IgnoredChange>) -> Drift {
    let is_ignored = |change: &Change| config.ignore_reason(address, &change.field).is_some();
    let drift = match drift {
        Drift::Differs { changes, call, ignored: mut left } => {
            let (allowed, changes): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(is_ignored);
            left.extend(allowed);
            if changes.is_empty() {
                Drift::Ignored { changes: left }
            } else {
                Drift::Differs { changes, call, ignored: left }
            }
        }
        other => other,
    };
    ignored.extend(drift.ignored().iter().filter_map(|change| {
        let reason = config.ignore_reason(address, &change.field)?.to_owned();
        Some(IgnoredChange { address: address.clone(), field: change.field.clone(), reason })
    }));
    drift
}
