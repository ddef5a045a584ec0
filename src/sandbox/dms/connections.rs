//! Tests of the connections between replication instances and endpoints.

use aws_sdk_databasemigration::operation::describe_connections::{
    DescribeConnectionsError, DescribeConnectionsInput, DescribeConnectionsOutput,
};
use aws_sdk_databasemigration::operation::test_connection::{
    TestConnectionError, TestConnectionInput, TestConnectionOutput,
};

use super::filters::{matches_filters, not_found_if_empty};
use super::{endpoints, instances};
use crate::paging::{DMS, page};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::{Connection, Dms, Outcome, Task};
use crate::world::real_data::DataSource;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "dms",
        "TestConnection",
        &["replication_instance_arn", "endpoint_arn"],
        TestConnectionError::generic,
        test,
    );
    let fields = &["filters", "max_records", "marker"];
    registry.on("dms", "DescribeConnections", fields, DescribeConnectionsError::generic, describe);
}

fn to_sdk(dms: &Dms, connection: &Connection) -> aws_sdk_databasemigration::types::Connection {
    let endpoint = dms.endpoints.values().find(|one| one.arn == connection.endpoint_arn);
    let instance = dms.instances.values().find(|one| one.arn == connection.instance_arn);
    let deleting =
        endpoint.is_none_or(|one| one.removed_at.is_some()) || instance.is_none_or(|one| one.removed_at.is_some());
    let described = aws_sdk_databasemigration::types::Connection::builder()
        .endpoint_arn(&connection.endpoint_arn)
        .replication_instance_arn(&connection.instance_arn)
        .set_endpoint_identifier(endpoint.map(|one| one.identifier.clone()))
        .set_replication_instance_identifier(instance.map(|one| one.identifier.clone()));
    match &connection.outcome {
        _ if deleting => described.status("deleting"),
        Outcome::Testing => described.status("testing"),
        Outcome::Successful => described.status("successful"),
        Outcome::Failed(why) => described.status("failed").last_failure_message(why),
    }
    .build()
}

fn test(call: &mut Call<'_>, input: &TestConnectionInput) -> Result<TestConnectionOutput, Rejection> {
    let (now, done_at) = (call.now(), call.completion_time(20.0, 40.0, 90.0));
    let instance = instances::find(call, input.replication_instance_arn())?;
    let endpoint = endpoints::find(call, input.endpoint_arn())?;
    // "InvalidResourceStateFault: The resource is in a state that prevents it from being used" (TestConnection).
    if instance.status(now) != "available" || endpoint.status(now) != "active" {
        return refuse(
            "InvalidResourceStateFault",
            "The replication instance or the endpoint is not in a state in which it can be used",
        );
    }
    let measured = (call.world.data == DataSource::Postgres).then_some(Outcome::Testing);
    let dms = &mut call.region_state().dms;
    if dms.connection(&endpoint.arn, &instance.arn).is_some_and(|connection| connection.outcome == Outcome::Testing) {
        return refuse(
            "InvalidResourceStateFault",
            format!("The connection to the endpoint {} is already being tested", endpoint.identifier),
        );
    }
    let connection = Connection {
        endpoint_arn: endpoint.arn,
        instance_arn: instance.arn,
        done_at,
        outcome: Outcome::Testing,
        measured,
    };
    let same =
        |one: &Connection| one.endpoint_arn == connection.endpoint_arn && one.instance_arn == connection.instance_arn;
    dms.connections.retain(|one| !same(one));
    dms.connections.push(connection.clone());
    Ok(TestConnectionOutput::builder().connection(to_sdk(dms, &connection)).build())
}

fn describe(call: &mut Call<'_>, input: &DescribeConnectionsInput) -> Result<DescribeConnectionsOutput, Rejection> {
    let dms = &call.region_state().dms;
    let mut found = Vec::new();
    for connection in &dms.connections {
        let field = |name: &str| match name {
            "endpoint-arn" => Some(connection.endpoint_arn.clone()),
            "replication-instance-arn" => Some(connection.instance_arn.clone()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(dms, connection));
        }
    }
    let found = not_found_if_empty(found, input.filters(), "connections")?;
    let (found, next) = page(found, input.marker(), input.max_records(), 20..=100, DMS)?;
    Ok(DescribeConnectionsOutput::builder().set_connections(Some(found)).set_marker(next).build())
}

/// A task starts only after successful connection tests from its instance to both endpoints ("Creating a task": "test
/// the connections first").
pub(super) fn check(call: &mut Call<'_>, task: &Task) -> Result<(), Rejection> {
    let dms = &call.region_state().dms;
    let successful =
        |arn: &str| dms.connection(arn, &task.instance_arn).is_some_and(|one| one.outcome == Outcome::Successful);
    if successful(&task.source_endpoint_arn) && successful(&task.target_endpoint_arn) {
        return Ok(());
    }
    refuse(
        "InvalidResourceStateFault",
        "Test connection for replication instance and endpoint should be successful for starting the replication task",
    )
}
