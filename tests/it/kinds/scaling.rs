//! Application Auto Scaling on the sandbox.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::autoscaling::{ScalableTarget, ScalingPolicy};
use migrate_infra::sandbox::world::autoscaling::Autoscaling;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, check_lifecycle_in};
use crate::kinds::ecs::Parts;
use crate::kinds::load_balancing::{prerequisites, refusal, settle};

fn graph(min: i32, max: i32, cpu: f64) -> Graph {
    let mut builder = GraphBuilder::new();
    let (cluster, service) = Parts::new().add(&mut builder);
    let target = builder.add(
        "source/service/scaling",
        ScalableTarget { cluster_name: cluster.name(), service_name: service.name(), min, max },
    );
    for (name, metric, target_percent) in
        [("cpu", "ECSServiceAverageCPUUtilization", cpu), ("memory", "ECSServiceAverageMemoryUtilization", 80.0)]
    {
        let policy = ScalingPolicy {
            name: format!("payment-{name}"),
            resource_id: target.resource_id(),
            metric: metric.into(),
            target_percent,
            scale_in_cooldown_seconds: 60,
            scale_out_cooldown_seconds: 60,
        };
        builder.add(&format!("source/service/scale-by-{name}"), policy);
    }
    builder.finish()
}

fn scaling(fixture: &mut Fixture) -> &mut Autoscaling {
    &mut fixture.world.region("us-east-1").autoscaling
}

#[tokio::test(start_paused = true)]
async fn a_service_that_scales_passes_the_lifecycle_checks() {
    check_lifecycle_in(&prerequisites(), &graph(2, 10, 70.0)).await;
}

#[tokio::test(start_paused = true)]
async fn limits_and_policies_are_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&graph(2, 10, 70.0)).await.must_succeed();
    settle(&mut fixture, &graph(3, 12, 55.5)).await;
    let target = scaling(&mut fixture).targets["service/payment-cluster/payment-service"].clone();
    assert_eq!((target.min, target.max, target.policies["payment-cpu"].target_value), (3, 12, 55.5));
    assert!(target.tags.contains_key("migrate-infra:stack"));
}

#[tokio::test(start_paused = true)]
async fn limits_that_cross_are_refused() {
    let text = refusal(&mut prerequisites(), &graph(5, 4, 70.0)).await;
    assert!(text.contains("ValidationException"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_scalable_target_is_left_alone() {
    let mut fixture = prerequisites();
    fixture.up(&graph(2, 10, 70.0)).await.must_succeed();
    fixture.store = Fixture::default().store;
    for target in scaling(&mut fixture).targets.values_mut() {
        target.tags.insert("migrate-infra:stack".into(), "payment-migration/other".into());
    }
    let ran = fixture.up(&graph(3, 10, 70.0)).await;
    let failure = &ran.report().failures[0];
    assert_eq!(failure.address.as_str(), "source/service/scaling");
    assert!(matches!(failure.error, Error::Foreign { .. }));
    assert_eq!(scaling(&mut fixture).targets["service/payment-cluster/payment-service"].min, 2);
}

#[tokio::test(start_paused = true)]
async fn deleted_resources_are_no_failure() {
    let mut fixture = prerequisites();
    fixture.up(&graph(2, 10, 70.0)).await.must_succeed();
    scaling(&mut fixture).targets.clear();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}
