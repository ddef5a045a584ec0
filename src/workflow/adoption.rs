//! What must hold before an existing resource is imported into the state.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::plan::Step;
use infra_core::resource::{Error as ResourceError, describe};
use infra_core::state::{Entry, State};
use infra_kinds::KINDS;

use crate::error::Error;
use crate::planning::build_plan;
use crate::refusal::{ImportRefusal, SelectionRefusal};
use crate::selection::Selection;
use crate::workspace::Workspace;

/// Returns the step of the resource that is to be imported.
///
/// # Errors
/// The address is unknown, the state already contains it, or its dependencies do not exist.
pub fn select(workspace: &Workspace, state: &State, address: &str, id: &str) -> Result<Step, Error> {
    let address = Address::new(address);
    let plan = build_plan(workspace, state, &Selection::default(), None)?;
    let Some(step) = plan.steps.iter().find(|step| step.address == address) else {
        let known = plan.steps.iter().map(|step| step.address.to_string()).collect();
        return Err(SelectionRefusal::UnknownAddress { address, known }.into());
    };
    if let Some(entry) = state.get(&address).filter(|entry| !can_resume(entry, id)) {
        return Err(match id_in(entry) {
            Some(id) => ImportRefusal::AlreadyInState { address, id },
            None => ImportRefusal::UnknownOutcome(address),
        }
        .into());
    }
    let missing: Vec<Address> =
        step.needs.iter().map(|need| need.on.clone()).filter(|on| state.attrs(on).is_none()).collect();
    if !missing.is_empty() {
        return Err(ImportRefusal::MissingDependencies { address, missing }.into());
    }
    Ok(step.clone())
}

/// Returns the refusal for a resource that was inspected and cannot be imported.
pub fn refusal(config: &Config, state: &State, address: &str, error: &ResourceError) -> ImportRefusal {
    let (address, reason) = (address.to_owned(), describe(error));
    let ResourceError::Foreign { id, owner } = error else {
        return ImportRefusal::Unsuitable { address, reason };
    };
    // The state decides, whatever the tags of the resource are.
    match address_in_state(state, id).or_else(|| owner.address_in(&config.stack.id())) {
        Some(current) => ImportRefusal::AtOtherAddress { address, reason, current: current.clone() },
        None => ImportRefusal::ForeignResource { address, reason },
    }
}

/// Returns whether the import of this resource was interrupted, or no call was made for the address yet.
fn can_resume(entry: &Entry, id: &str) -> bool {
    match (&entry.attrs, &entry.open) {
        (Some(_), Some(_)) => id_in(entry).is_some_and(|known| known == id),
        (None, Some(open)) => open.calls.is_empty(),
        (_, None) => false,
    }
}

fn id_in(entry: &Entry) -> Option<String> {
    Some(KINDS.get(&entry.kind)?.id(entry.attrs.as_ref()?))
}

fn address_in_state<'a>(state: &'a State, id: &str) -> Option<&'a Address> {
    let mut entries = state.resources.iter();
    entries.find(|(_, entry)| id_in(entry).is_some_and(|known| known == id)).map(|(address, _)| address)
}
