//! Looking at what exists, for `plan`, `up` and `drift`: what is not as it was left, and what of that may be so.

use std::sync::Arc;

use super::args::Globals;
use super::failure::{CliError, Exit};
use super::plan::some;
use crate::address::Address;
use crate::aws::{Cancel, Cloud, Meter};
use crate::config::Config;
use crate::engine::{Looker, survey};
use crate::events::Events;
use crate::plan::{Change, Finding, Findings};
use crate::resource::describe;
use crate::state::State;

/// What a look came to.
pub(super) struct Looked {
    /// How many resources were looked at.
    pub(super) resources: usize,
    /// With how many calls.
    pub(super) reads: u64,
    /// What is not as it was left.
    pub(super) findings: Findings,
    /// What may be so, by address, with the reasons that the configuration gives.
    pub(super) ignored: Vec<(Address, String, String)>,
}

/// Makes what is needed to look, for a command that does nothing else.
pub(super) fn looker(globals: &Globals, config: &Config, cloud: Cloud) -> Looker {
    Looker {
        cloud: Arc::new(cloud),
        events: Events::nowhere(),
        cancel: Cancel::default(),
        meter: Arc::new(Meter::default()),
        stack: config.stack.id(),
        parallelism: usize::from(globals.parallelism),
    }
}

/// What to make of what can not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen<'a> {
    /// Nothing can be said then; this is what to do instead.
    Refuse(&'a str),
    /// Its step will see for itself.
    GoOn,
}

/// Looks at resources that the state knows.
pub(super) async fn look(
    config: &Config,
    looker: &Looker,
    state: &State,
    wanted: impl Fn(&Address) -> bool,
    unseen: Unseen<'_>,
) -> Result<Looked, CliError> {
    let before = looker.meter.reads();
    let mut survey = survey(looker, state, wanted, &|address, field| config.may_drift(address, field).is_some()).await;
    let failures = std::mem::take(&mut survey.failures);
    match unseen {
        Unseen::Refuse(instead) if !failures.is_empty() => {
            let mut error = CliError::new(Exit::Failed, format!("{} resources can not be looked at", failures.len()));
            error.causes = some(&failures.iter().map(|(address, error)| format!("{address}: {}", describe(error))).collect::<Vec<_>>());
            return Err(error.remains("nothing was changed").hint(instead));
        }
        Unseen::Refuse(_) | Unseen::GoOn => {
            survey
                .findings
                .extend(failures.into_iter().map(|(address, error)| (address, Finding::Unsettled { what: describe(&error), left: Vec::new() })));
        }
    }
    let mut looked = Looked { resources: survey.looked_at, reads: looker.meter.reads() - before, findings: Findings::new(), ignored: Vec::new() };
    for (address, finding) in survey.findings {
        let finding = sorted(config, &address, finding, &mut looked.ignored);
        looked.findings.insert(address, finding);
    }
    Ok(looked)
}

/// Sorts a finding into what is drift and what may be so. Tags, and what only a call says, are told apart here.
fn sorted(config: &Config, address: &Address, finding: Finding, ignored: &mut Vec<(Address, String, String)>) -> Finding {
    let may = |change: &Change| config.may_drift(address, &change.field).is_some();
    let finding = match finding {
        Finding::Differs { changes, call, mut left } => {
            let (more, drift): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(may);
            left.extend(more);
            if drift.is_empty() { Finding::Left { changes: left } } else { Finding::Differs { changes: drift, call, left } }
        }
        other => other,
    };
    let reasons = finding.left().iter().filter_map(|change| Some((change, config.may_drift(address, &change.field)?)));
    ignored.extend(reasons.map(|(change, reason)| (address.clone(), change.field.clone(), reason.to_owned())));
    finding
}
