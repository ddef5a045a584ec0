//! Names that are taken, and what the kinds themselves ask: zones, instance classes and versions that are not offered.

use infra_base::address::Address;
use infra_core::engine::{Failure, preflight, taken_names};
use infra_core::resource::{Error, describe};

use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Subject { reads, state, plan, .. } = *subject;
    let (refused, taken) = futures::future::join(preflight(reads, state, plan), taken_names(reads, state, plan)).await;
    let location =
        |address: &Address| plan.steps.iter().find(|step| step.address == *address).map(|step| place(&step.location()));
    let mut findings: Vec<Finding> = refused
        .iter()
        .map(|failure| {
            let at = location(&failure.address).unwrap_or_default();
            Finding::new("offerings", at, Verdict::Fail, format!("{}: {}", failure.address, describe(&failure.error)))
                .remedy("choose what is offered, or another region or zone")
        })
        .collect();
    findings.extend(taken.iter().map(|failure| {
        let at = location(&failure.address).unwrap_or_default();
        Finding::new("names", at, Verdict::Fail, format!("{}: {}", failure.address, describe(&failure.error)))
            .remedy(remedy(failure))
    }));
    if refused.is_empty() {
        findings.push(Finding::new("offerings", "", Verdict::Pass, "zones offer what the plan needs"));
    }
    if taken.is_empty() {
        findings.push(Finding::new("names", "", Verdict::Pass, "no name is taken"));
    }
    findings
}

/// A name is somebody else's, or was created by hand for this stack.
fn remedy(failure: &Failure) -> String {
    match &failure.error {
        Error::Foreign { id, .. } => format!(
            "if it is to be a part of this stack, import it: `migrate-infra adopt {} {id}`; otherwise choose another \
             `stack.suffix`",
            failure.address
        ),
        _ => "choose another `stack.suffix`".to_owned(),
    }
}
