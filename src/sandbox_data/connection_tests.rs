//! Tests of the connections between replication instances and endpoints, on real servers.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use infra_postgres::ConnectionInfo;
use infra_replicator::test_connection;
use infra_sandbox::Sandbox;
use infra_sandbox::World;
use infra_sandbox::world::dms::{Connection, Outcome};

use crate::task_definition::endpoint_connection;

/// A test that has to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WantedTest {
    region: String,
    endpoint_arn: String,
    instance_arn: String,
    done_at: u64,
}

/// The tests that are being made.
#[derive(Debug, Default)]
pub(crate) struct ConnectionTests {
    running: HashSet<WantedTest>,
}

impl ConnectionTests {
    /// Returns the tests that the world waits for, with the databases.
    pub(crate) fn wanted(world: &World) -> Vec<(WantedTest, Result<ConnectionInfo, String>)> {
        let mut wanted = Vec::new();
        for (name, region) in &world.regions {
            for connection in region.dms.connections.iter().filter(|one| one.measured == Some(Outcome::Testing)) {
                let endpoint = region.dms.endpoints.values().find(|one| one.arn == connection.endpoint_arn);
                let Some(endpoint) = endpoint else { continue };
                let test = WantedTest {
                    region: name.clone(),
                    endpoint_arn: connection.endpoint_arn.clone(),
                    instance_arn: connection.instance_arn.clone(),
                    done_at: connection.done_at,
                };
                wanted.push((test, endpoint_connection(world, endpoint)));
            }
        }
        wanted
    }

    /// Starts the tests that are not running yet.
    pub(crate) fn reconcile(
        &mut self,
        sandbox: &Arc<Sandbox>,
        wanted: Vec<(WantedTest, Result<ConnectionInfo, String>)>,
    ) {
        self.running.retain(|test| wanted.iter().any(|(one, _)| one == test));
        for (test, connection) in wanted {
            if self.running.insert(test.clone()) {
                tokio::spawn(make(Arc::downgrade(sandbox), test, connection));
            }
        }
    }
}

async fn make(sandbox: Weak<Sandbox>, test: WantedTest, connection: Result<ConnectionInfo, String>) {
    let result = match connection {
        Ok(connection) => test_connection(&connection).await,
        Err(reason) => Err(reason),
    };
    let outcome = result.map_or_else(Outcome::Failed, |()| Outcome::Successful);
    let Some(sandbox) = sandbox.upgrade() else { return };
    sandbox.mutate_out_of_band(|world| {
        let is_same = |one: &&mut Connection| {
            one.endpoint_arn == test.endpoint_arn
                && one.instance_arn == test.instance_arn
                && one.done_at == test.done_at
                && one.measured == Some(Outcome::Testing)
        };
        if let Some(connection) = world.region_of_key(&test.region).dms.connections.iter_mut().find(is_same) {
            connection.measured = Some(outcome);
        }
    });
}
