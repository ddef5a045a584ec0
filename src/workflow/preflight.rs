//! What would fail a run, found before its first change.

use std::cmp::Reverse;
use std::time::SystemTime;

use infra_config::Routing;
use infra_core::engine::ReadContext;
use infra_core::plan::Plan;
use infra_core::resource::{describe, ignore_codes};
use infra_core::state::State;
use infra_kinds::route53::zone;
use infra_migration::reach::{Dns, Reach, reach};
use infra_migration::shift::traffic_address;
use infra_payment::stack::ROUTING;
use infra_permissions::Access;
pub use infra_preflight::{Finding, Verdict};
use infra_preflight::{Subject, place, preflight};

use crate::error::Error;
use crate::permissions::policies;
use crate::selection::Selection;
use crate::traffic::location;
use crate::workspace::Workspace;

/// Checks a plan of `up`.
///
/// # Errors
/// The configuration is not valid. What a check cannot read is a finding.
pub async fn check(
    workspace: &Workspace,
    reads: &ReadContext,
    state: &State,
    plan: &Plan,
    selection: &Selection,
) -> Result<Vec<Finding>, Error> {
    let policies = policies(&workspace.config, state, selection, &[Access::Up])?;
    let name = workspace.config.routing.as_ref().map(Routing::domain_name);
    let now = SystemTime::now();
    let subject = Subject { reads, state, plan, policies: &policies, served_name: name.as_deref(), now };
    let (mut findings, zone) = futures::join!(preflight(&subject), zone_of_the_user(workspace, reads, state, plan));
    findings.extend(zone);
    findings.sort_by_key(|finding| Reverse(finding.verdict));
    Ok(findings)
}

/// Checks the hosted zone that the configuration names, if records are created in it: it exists, and the public DNS
/// refers to it. Nobody can refer to a zone that the run creates.
async fn zone_of_the_user(workspace: &Workspace, reads: &ReadContext, state: &State, plan: &Plan) -> Option<Finding> {
    let routing = workspace.config.routing.as_ref().filter(|routing| !routing.zone_id.is_empty())?;
    plan.steps.iter().find(|step| step.action.creates() && step.address.environment() == ROUTING)?;
    let location = location(state, &reads.cloud, &workspace.config);
    let finding = |verdict, detail: String| Finding::new("zone", place(&location), verdict, detail);
    let (id, name) = (&routing.zone_id, routing.domain_name());
    let found = zone::describe(&reads.reader(&traffic_address(), &location), id).await;
    let zone = match ignore_codes(found, &["NoSuchHostedZone"]) {
        Ok(Some(zone)) => zone,
        Ok(None) => {
            let finding = finding(Verdict::Fail, format!("the hosted zone {id} does not exist"));
            return Some(finding.remedy("set `routing.zone_id` to an existing zone, or leave it empty to create one"));
        }
        Err(error) => return Some(finding(Verdict::Unchecked, format!("{id}: {}", describe(&error)))),
    };
    // No resolver knows the zones of the sandbox.
    let dns = workspace.is_aws.then(Dns::of_this_machine);
    let reach = reach(&zone, &name, dns.as_ref()).await;
    let verdict = match reach {
        // The run creates the record, and with it the address.
        Reach::Everybody | Reach::NoAddress => {
            return Some(finding(Verdict::Pass, format!("{} refers to the zone {id}", zone.name)));
        }
        Reach::Unknown(_) => Verdict::Unchecked,
        Reach::OnlyVpcs(_) | Reach::Undelegated | Reach::Elsewhere(_) => Verdict::Warn,
    };
    reach.warning(&zone, &name).map(|warning| finding(verdict, warning))
}

/// Returns whether `up` checks a plan before it begins: one that creates something. An emulator has neither quotas nor
/// a simulation of permissions.
pub fn is_worthwhile(workspace: &Workspace, plan: &Plan) -> bool {
    (workspace.is_aws || workspace.sandbox) && plan.steps.iter().any(|step| step.action.creates())
}
