//! The first run in an account in which nothing was created before.

use migrate_infra::sandbox::{FaultRates, Faults};

use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph};

/// Only reads are old, and changes refer to things that are too new: nothing fails.
const LAG: FaultRates = FaultRates { failures: 0, throttling: 0, busy: 0, stale_reads: 400 };

fn service_linked_roles(fixture: &Fixture) -> Vec<&str> {
    let roles = fixture.world.iam.roles.iter().filter(|(_, role)| role.arn.contains(":role/aws-service-role/"));
    roles.map(|(name, _)| name.as_str()).collect()
}

/// A new account has no service-linked roles. A service that creates its own cannot assume it at once.
#[tokio::test(start_paused = true)]
async fn the_first_cluster_and_the_first_database_found_no_role() {
    let mut fixture = Fixture::default();
    assert!(service_linked_roles(&fixture).is_empty());
    let stack = graph(PAIRED, &[]);
    fixture.up(&stack).await.must_succeed();
    let roles = [
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
        "AWSServiceRoleForECS",
        "AWSServiceRoleForElasticLoadBalancing",
        "AWSServiceRoleForRDS",
    ];
    assert_eq!(service_linked_roles(&fixture), roles);
    fixture.down().await.must_succeed();
    assert_eq!(service_linked_roles(&fixture), roles, "they belong to the account");
    // The second stack finds them.
    let again = fixture.up(&stack).await;
    assert_eq!(again.must_succeed().calls.by_call().get("iam:CreateServiceLinkedRole"), None);
}

#[tokio::test(start_paused = true)]
async fn lag_alone_never_fails_a_first_run() {
    for seed in 0..8 {
        let mut fixture = Fixture::default();
        let stack = graph(PAIRED, &[TWO_REGIONS]);
        for kind in [RunKind::Up, RunKind::Down] {
            fixture.run_with_faults(&stack, kind, Faults::random(seed, LAG)).await.must_succeed();
        }
        assert_eq!(fixture.stable_inventory(), [""; 0], "seed {seed}");
    }
}
