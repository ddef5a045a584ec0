//! What to do if Route 53's control plane is down.
//!
//! "Do not rely on the Route 53 control plane in your recovery path" (AWS Fault Isolation Boundaries, appendix B): its
//! data plane, which evaluates health checks and answers queries, works without the control plane in us-east-1.

use std::fmt::Write as _;

use crate::cli::app::App;
use infra_base::address::Address;
use infra_config::{Config, Side};
use infra_core::state::State;
use infra_migration::emergency_switch::Position;
use infra_migration::topology::Topology;
use infra_payment::stack::EmergencySwitch;
use infra_workflow::Selection;
use infra_workflow::traffic::switch_command;

const INTRODUCTION: &str = "## Emergency: Route 53's control plane does not answer

`traffic rollback` changes records, which requires the control plane of Route 53 in us-east-1. Without it, the answers
still follow the health checks: if the target's record is unhealthy, Route 53 answers with the source's record, even
if that has the weight 0 (\"How Amazon Route 53 chooses records when health checking is configured\").

";

/// Writes the section.
pub(super) fn write(text: &mut String, app: &App, state: &State, topology: &Topology) {
    text.push_str(INTRODUCTION);
    let config = &app.workspace.config;
    match EmergencySwitch::of(config) {
        _ if topology.lacks_source() => {
            text.push_str("The source was removed: there is no environment to go back to.\n\n");
        }
        Some(switch) => use_switch(text, app, topology, &switch),
        None => close_target(text, app, config, state, topology),
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
    let _ = writeln!(text, "Without this program:\n\n```\n{}\n```\n", switch_command(switch, Position::Out));
    let _ = writeln!(
        text,
        "It only works while the source is healthy: if both records are unhealthy, Route 53 treats both as healthy.\n\
         When records can be changed again, run `{}`, and then `{}`.\n",
        app.command("traffic rollback"),
        app.command("traffic emergency --release")
    );
}

/// Without a switch: the target's load balancer is closed to clients.
fn close_target(text: &mut String, app: &App, config: &Config, state: &State, topology: &Topology) {
    let group = state.get(&Address::of("target", "security", "alb"));
    let id = group.and_then(|entry| entry.attrs.as_ref()?.get("group_id")?.as_str().map(str::to_owned));
    let (Some(service), Some(id)) = (topology.service(Side::Target), id) else {
        text.push_str("The target does not exist yet.\n");
        return;
    };
    text.push_str(
        "This stack has no emergency switch (`routing.emergency_switch = false`). Close the target's load balancer\n\
         to all clients instead. The health check fails after about 90 seconds, and clients go to the source:\n\n",
    );
    let has_certificate = config.environment("target").is_some_and(|one| !one.service.certificate_arn.is_empty());
    let port = if has_certificate { 443 } else { 80 };
    let _ = writeln!(
        text,
        "```\naws ec2 revoke-security-group-ingress --region {} --group-id {id} --protocol tcp --port {port} \
         --cidr 0.0.0.0/0\n```\n",
        service.region
    );
    let security = Selection { targets: vec!["target/security/*".into()], ..Selection::default() };
    let _ = writeln!(
        text,
        "When Route 53 answers again, run `{}`, and then `{}`, which opens it again.\n",
        app.command("traffic rollback"),
        app.rerun_command("up", &security)
    );
}
