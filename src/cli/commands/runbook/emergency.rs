//! What to do if Route 53's control plane is down.
//!
//! "Do not rely on the Route 53 control plane in your recovery path" (AWS Fault Isolation Boundaries, appendix B): its
//! data plane, which evaluates health checks and answers queries, works without the control plane in us-east-1.

use std::fmt::Write as _;

use crate::cli::app::App;
use infra_config::Side;
use infra_core::state::State;
use infra_migration::emergency_switch::Position;
use infra_migration::topology::Topology;
use infra_payment::stack::EmergencySwitch;
use infra_workflow::switchover_record::primary_of;
use infra_workflow::traffic::switch_command;

const INTRODUCTION: &str = "## Emergency: Route 53's control plane does not answer

`traffic rollback` changes records, which requires the control plane of Route 53 in us-east-1. Without it, the answers
still follow the health checks: if the target's record is unhealthy, Route 53 answers with the source's record, even
if that has the weight 0 (\"How Amazon Route 53 chooses records when health checking is configured\").

";

/// Writes the section.
pub(super) fn write(text: &mut String, app: &App, state: &State, topology: &Topology) {
    text.push_str(INTRODUCTION);
    let is_moved = primary_of(state).is_ok_and(|primary| primary == Side::Target);
    match EmergencySwitch::of(&app.workspace.config) {
        _ if topology.lacks_source() => {
            text.push_str("The source was removed: there is no environment to go back to.\n\n");
        }
        switch if is_moved => text.push_str(if switch.is_some() { MOVED } else { MOVED_WITHOUT_SWITCH }),
        Some(switch) => use_switch(text, app, topology, &switch),
        None => text.push_str(NO_SWITCH),
    }
    for (side, id) in &topology.health_checks {
        let _ = writeln!(text, "- health check of the {side}: `{id}`");
    }
}

/// With an emergency switch.
fn use_switch(text: &mut String, app: &App, topology: &Topology, switch: &EmergencySwitch) {
    if topology.switch.is_none() {
        text.push_str("The emergency switch does not exist yet: `up` creates it.\n\n");
    }
    let _ = writeln!(
        text,
        "The target's record has a health check that also follows the alarm `{}` in {}. One value of its metric\n\
         takes the target out, within one to three minutes, and requires neither Route 53's control plane nor the \
         state:\n",
        switch.alarm, switch.region
    );
    let _ = writeln!(text, "```\n{}\n```\n", app.command("traffic emergency"));
    let _ = writeln!(
        text,
        "Without this program:\n\n```\n{}\n```\n",
        switch_command(&app.workspace.config, switch, Position::Out)
    );
    let _ = writeln!(
        text,
        "The source's record has no health check, so Route 53 always answers with it then. The source must be able to\n\
         take the traffic. When records can be changed again, run `{}`, and then `{}`.\n",
        app.command("traffic rollback"),
        app.command("traffic emergency --release")
    );
}

/// After a switchover, no position of the switch may lead to the source.
const MOVED: &str = "The database of the target is the primary, and the source is closed: its record is unhealthy, so \
    clients stay on\nthe target. Until the finish, `cutover --rollback` leads back; it needs the control plane.\n\n";

/// The same without a switch: no record has a health check.
const MOVED_WITHOUT_SWITCH: &str = "The database of the target is the primary, and the source is closed. Until the \
    finish, `cutover --rollback`\nleads back; it needs the control plane.\n\n";

/// Without a switch, nothing but the control plane can move traffic.
const NO_SWITCH: &str = "This stack has no emergency switch (`routing.emergency_switch = false`), so traffic stays \
    where it is until\nRoute 53's control plane answers. Then run `traffic rollback`.\n\n";
