//! The fallback replications: changes of the new primary, to the old one.
//!
//! A switchover starts one before the first write on the new primary, at a position that it has taken there. Going back
//! is then another switchover and loses nothing. There are two, one for each direction: the first one carries changes
//! of the target database to the source, and after a way back the second one carries changes of the source database to
//! the target, so that going there again needs no new load. Until then the tasks are at rest: nothing here starts them.

use super::builder::Builder;
use super::facts::MeasuredSource;
use super::layout::{self, REPLICATION as PART};
use super::replication::{Base, End};
use super::task_settings::{fallback_settings, fallback_table_mappings};
use infra_config::MigrationType;
use infra_core::resource::Handle;
use infra_kinds::dms::{Endpoint, ReplicationTask};

/// How a fallback replication is called, and what it reads.
struct Naming<'a> {
    /// The name of its endpoint, in AWS and as address.
    endpoint: [&'a str; 2],
    slot: String,
    /// The identifier of the task, and the last segment of its ARN.
    task: [String; 2],
    address: &'a str,
    /// Whether DMS compares the rows, too.
    validates: bool,
}

/// Adds the endpoints and the tasks, on the replication instance of the replication between the same databases. One
/// that only copies has no fallback. `forward_target` is the endpoint of that replication, which writes the target.
pub(super) fn add(
    builder: &mut Builder<'_>,
    base: &Base<'_>,
    forward_target: &Handle<Endpoint>,
    measured: Option<&MeasuredSource>,
) {
    if builder.config.replication.migration_type == MigrationType::FullLoad {
        return;
    }
    let to_source = base.target_endpoint(builder, "reverse-target", &base.source);
    let to_source = builder.add(PART, layout::FALLBACK_TARGET_ENDPOINT, &to_source);
    let naming = Naming {
        endpoint: ["reverse-source", layout::FALLBACK_SOURCE_ENDPOINT],
        slot: builder.names.fallback_slot(),
        task: [builder.names.fallback_task(), builder.names.fallback_task_id()],
        address: layout::FALLBACK_TASK,
        // The switchover itself has compared both databases, and the application uses the other one.
        validates: false,
    };
    one(builder, base, naming, (&base.target, &to_source), measured);
    let naming = Naming {
        endpoint: ["forward-source", layout::FORWARD_SOURCE_ENDPOINT],
        slot: builder.names.forward_slot(),
        task: [builder.names.forward_task(), builder.names.forward_task_id()],
        address: layout::FORWARD_TASK,
        // A gate of the next cutover looks at the validation.
        validates: builder.config.replication.validation,
    };
    one(builder, base, naming, (&base.source, forward_target), measured);
}

fn one(
    builder: &mut Builder<'_>,
    base: &Base<'_>,
    naming: Naming<'_>,
    (from, target): (&End<'_>, &Handle<Endpoint>),
    measured: Option<&MeasuredSource>,
) {
    let [name, address] = naming.endpoint;
    let source = Endpoint {
        // "AWS DMS verifies that the specified logical replication slot exists before starting the CDC load task"
        // (PostgreSQLSettings, SlotName). The switchover creates it.
        slot_name: Some(naming.slot),
        // DMS must not look for another plug-in: `PluginName` is `pglogical` by default, an extension that the
        // database need not have.
        plugin_name: Some("test-decoding".to_owned()),
        // "If this value is set to N, you don't have to create tables or triggers on the source database"
        // (CaptureDdls). The database is guarded when the task starts, so that DMS could not create them.
        capture_ddls: false,
        ..base.source_endpoint(builder, name, from)
    };
    let source = builder.add(PART, address, &source);
    let config = &builder.config.replication;
    let [identifier, resource_identifier] = naming.task;
    let task = ReplicationTask {
        identifier,
        resource_identifier,
        source_endpoint: source.usable_arn(),
        target_endpoint: target.usable_arn(),
        instance: base.instance.usable_arn(),
        migration_type: "cdc".to_owned(),
        table_mappings: fallback_table_mappings(config, measured),
        settings: fallback_settings(config, measured, naming.validates),
        started_by: Some("the cutover".to_owned()),
        log_group: base.log_group.clone(),
        ways: base.ways.clone(),
    };
    builder.add(PART, naming.address, &task);
}
