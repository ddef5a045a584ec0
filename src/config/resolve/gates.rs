//! Resolves `[gates]` to the enabled gates.

use infra_base::side::Side;

use super::custom_gate::resolve;
use crate::diagnostic::ConfigDiagnostic;
use crate::gate::{Check, Gate};
use crate::model::{DatabaseReplication, EnvironmentConfig, RawGates};
use crate::provenance::{Part, Provenance};

/// Returns the enabled gates: first the built-in gates, then the custom gates.
pub(super) fn gates(
    raw: &RawGates,
    environments: &[EnvironmentConfig],
    provenance: &Provenance,
    diagnostics: &mut Vec<ConfigDiagnostic>,
) -> Vec<Gate> {
    let region = |side: Side| environments.iter().find(|one| one.name == side.as_str()).map(|one| one.region.clone());
    let mut gates = built_in(raw, DatabaseReplication::of(environments));
    for (name, custom) in raw.custom.iter().filter(|(_, custom)| custom.enabled) {
        let mistakes = match resolve(custom, name, region) {
            Ok(gate) => {
                gates.push(gate);
                continue;
            }
            Err(mistakes) => mistakes,
        };
        for (keys, message, help) in mistakes {
            let path = [vec!["gates".to_owned(), "custom".to_owned(), name.clone()], keys].concat();
            diagnostics.push(provenance.diagnostic(&path, message, Some(help), Part::Value));
        }
    }
    gates
}

/// Returns the enabled built-in gates. The gate on the replication lag requires a continuous replication, and the gate
/// on the validation any replication of a database.
fn built_in(raw: &RawGates, replication: DatabaseReplication) -> Vec<Gate> {
    let gate = |name: &str, enabled: bool, check, failures_in_a_row| {
        enabled.then(|| Gate { name: name.to_owned(), check, failures_in_a_row })
    };
    let validation = Check::Validation {
        with_traffic: raw.validation.with_traffic,
        ignored_tables: raw.validation.ignored_tables.clone(),
    };
    let traffic_share = Check::TrafficShare {
        tolerance_percent: raw.traffic_share.tolerance_percent,
        min_requests: raw.traffic_share.min_requests,
        window_seconds: raw.traffic_share.window_seconds,
    };
    let lag = raw.replication_lag.gate("replication-lag", Check::ReplicationLag);
    let of_replication = [
        lag.filter(|_| replication == DatabaseReplication::Continuous),
        gate("validation", raw.validation.enabled, validation, raw.validation.failures_in_a_row)
            .filter(|_| replication != DatabaseReplication::None),
    ];
    let others = [
        gate(
            "healthy-targets",
            raw.healthy_targets.enabled,
            Check::HealthyTargets,
            raw.healthy_targets.failures_in_a_row,
        ),
        gate("capacity", raw.capacity.enabled, Check::Capacity, 1),
        gate("traffic-share", raw.traffic_share.enabled, traffic_share, 1),
        raw.error_rate.gate(),
        raw.latency.gate(),
        raw.database_cpu.gate("database-cpu", Check::DatabaseCpu),
        gate("alarms", raw.alarms.enabled, Check::Alarms, raw.alarms.failures_in_a_row),
    ];
    of_replication.into_iter().chain(others).flatten().collect()
}
