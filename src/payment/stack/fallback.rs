//! The fallback replication: changes of the target database, back to the source database.
//!
//! The switchover starts it before the first write on the new primary, at a position that it has taken there. Going
//! back is then another switchover and loses nothing. Until then the task is at rest: nothing here starts it.

use super::builder::Builder;
use super::facts::MeasuredSource;
use super::layout::{self, REPLICATION as PART};
use super::replication::Base;
use super::task_settings::{fallback_settings, fallback_table_mappings};
use infra_config::MigrationType;
use infra_kinds::dms::{Endpoint, ReplicationTask};

/// Adds the endpoints and the task, on the replication instance of the replication that they reverse. One that only
/// copies is not reversed.
pub(super) fn add(builder: &mut Builder<'_>, base: &Base<'_>, measured: Option<&MeasuredSource>) {
    if builder.config.replication.migration_type == MigrationType::FullLoad {
        return;
    }
    let source = Endpoint {
        // "AWS DMS verifies that the specified logical replication slot exists before starting the CDC load task"
        // (PostgreSQLSettings, SlotName). The switchover creates it.
        slot_name: Some(builder.names.fallback_slot()),
        // DMS must not look for another plug-in: `PluginName` is `pglogical` by default, an extension that the
        // database need not have.
        plugin_name: Some("test-decoding".to_owned()),
        // "If this value is set to N, you don't have to create tables or triggers on the source database"
        // (CaptureDdls). The database is guarded when the task starts, so that DMS could not create them.
        capture_ddls: false,
        ..base.source_endpoint(builder, "reverse-source", &base.target)
    };
    let source = builder.add(PART, layout::FALLBACK_SOURCE_ENDPOINT, &source);
    let target = base.target_endpoint(builder, "reverse-target", &base.source);
    let target = builder.add(PART, layout::FALLBACK_TARGET_ENDPOINT, &target);
    let config = &builder.config.replication;
    let task = ReplicationTask {
        identifier: builder.names.fallback_task(),
        resource_identifier: builder.names.fallback_task_id(),
        source_endpoint: source.usable_arn(),
        target_endpoint: target.usable_arn(),
        instance: base.instance.usable_arn(),
        migration_type: "cdc".to_owned(),
        table_mappings: fallback_table_mappings(config, measured),
        settings: fallback_settings(config, measured),
        started_by: Some("the cutover".to_owned()),
        log_group: base.log_group.clone(),
        ways: base.ways.clone(),
    };
    builder.add(PART, layout::FALLBACK_TASK, &task);
}
