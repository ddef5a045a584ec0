//! Log groups on the sandbox.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::logs::LogGroup;
use migrate_infra::sandbox::world::logs::LogGroup as Stored;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, check_lifecycle};

const NAME: &str = "/ecs/payment-service-source-test-001";

fn group() -> LogGroup {
    LogGroup { name: NAME.into(), retention_days: 7, kms_key: None }
}

fn graph(group: LogGroup) -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add("source/service/logs", group);
    builder.finish()
}

#[tokio::test(start_paused = true)]
async fn a_log_group_passes_the_lifecycle_checks() {
    check_lifecycle(&graph(group())).await;
}

#[tokio::test(start_paused = true)]
pub async fn retention_and_key_are_changed_in_place() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0001";
    let mut fixture = Fixture::default();
    fixture.up(&graph(group())).await.must_succeed();
    assert_eq!(
        fixture.attrs("source/service/logs")["arn"],
        format!("arn:aws:logs:us-east-1:111122223333:log-group:{NAME}")
    );
    let changed = graph(LogGroup { retention_days: 30, kms_key: Some(key.into()), ..group() });
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 2);
    let made = &fixture.world.region("us-east-1").logs.groups[NAME];
    assert_eq!((made.retention_days, made.kms_key.as_deref()), (Some(30), Some(key)));
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0);
    fixture.up(&graph(group())).await.must_succeed();
    let made = &fixture.world.region("us-east-1").logs.groups[NAME];
    assert_eq!((made.retention_days, made.kms_key.as_deref()), (Some(7), None));
}

/// Sixty groups with the same prefix need two pages, and the second page contains the requested one.
#[tokio::test(start_paused = true)]
async fn a_group_is_found_among_many_with_the_same_prefix() {
    let mut fixture = Fixture::default();
    let make = |name: String| Stored {
        name,
        retention_days: None,
        kms_key: None,
        created_at: 0,
        tags: std::collections::BTreeMap::default(),
    };
    let short = LogGroup { name: "/ecs".into(), ..group() };
    for index in 0..60 {
        let name = format!("/ecs#{index:02}");
        fixture.world.region("us-east-1").logs.groups.insert(name.clone(), make(name));
    }
    fixture.up(&graph(short.clone())).await.must_succeed();
    assert_eq!(fixture.up(&graph(short)).await.must_succeed().calls.mutations(), 0);
    assert_eq!(fixture.world.inventory().len(), 61);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_group_is_left_alone() {
    let mut fixture = Fixture::default();
    let by_hand = Stored {
        name: NAME.into(),
        retention_days: None,
        kms_key: None,
        created_at: 0,
        tags: std::collections::BTreeMap::default(),
    };
    fixture.world.region("us-east-1").logs.groups.insert(NAME.into(), by_hand);
    let ran = fixture.up(&graph(group())).await;
    assert!(matches!(ran.report().failures[0].error, Error::Foreign { .. }));
    assert_eq!(ran.calls.mutations(), 0);
}

/// What CloudWatch Logs refuses, the sandbox refuses.
#[tokio::test(start_paused = true)]
async fn bad_log_groups_are_refused() {
    for bad in [
        LogGroup { retention_days: 8, ..group() },
        LogGroup { name: "with space".into(), ..group() },
        LogGroup { kms_key: Some("alias/x".into()), ..group() },
    ] {
        let ran = Fixture::default().up(&graph(bad)).await;
        let error = &ran.report().failures[0].error;
        assert!(error.is_code("InvalidParameterException"), "{error}");
    }
}
