//! Application Auto Scaling on the embedded AWS.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::autoscaling::{ScalableTarget, ScalingPolicy};
use migrate_infra::sandbox::world::autoscaling::Autoscaling;

use crate::containers::Parts;
use crate::lab::{Lab, Sketch, holds_its_promises_on};
use crate::load_balancing::{ground, refusal, settle};

fn graph(min: i32, max: i32, cpu: f64) -> Graph {
    let mut sketch = Sketch::new();
    let (cluster, service) = Parts::new().add(&mut sketch);
    let target = sketch.add("source/service/scaling", ScalableTarget { cluster_name: cluster.name(), service_name: service.name(), min, max });
    for (name, metric, target_percent) in [("cpu", "ECSServiceAverageCPUUtilization", cpu), ("memory", "ECSServiceAverageMemoryUtilization", 80.0)] {
        let policy = ScalingPolicy {
            name: format!("payment-{name}"),
            resource_id: target.resource_id(),
            metric: metric.into(),
            target_percent,
            scale_in_cooldown_seconds: 60,
            scale_out_cooldown_seconds: 60,
        };
        sketch.add(&format!("source/service/scale-by-{name}"), policy);
    }
    sketch.finish()
}

fn scaling(lab: &mut Lab) -> &mut Autoscaling {
    &mut lab.world.region("us-east-1").autoscaling
}

#[tokio::test(start_paused = true)]
async fn a_service_that_scales_holds_its_promises() {
    holds_its_promises_on(&ground(), &graph(2, 10, 70.0)).await;
}

#[tokio::test(start_paused = true)]
async fn limits_and_policies_are_changed_in_place() {
    let mut lab = ground();
    lab.up(&graph(2, 10, 70.0)).await.must_succeed();
    settle(&mut lab, &graph(3, 12, 55.5)).await;
    let target = scaling(&mut lab).targets["service/payment-cluster/payment-service"].clone();
    assert_eq!((target.min, target.max, target.policies["payment-cpu"].target_value), (3, 12, 55.5));
    assert!(target.tags.contains_key("migrate-infra:stack"));
}

#[tokio::test(start_paused = true)]
async fn limits_that_cross_are_refused() {
    let text = refusal(&mut ground(), &graph(5, 4, 70.0)).await;
    assert!(text.contains("ValidationException"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_scalable_target_of_somebody_else_is_left_alone() {
    let mut lab = ground();
    lab.up(&graph(2, 10, 70.0)).await.must_succeed();
    lab.store = Lab::default().store;
    for target in scaling(&mut lab).targets.values_mut() {
        target.tags.insert("migrate-infra:stack".into(), "payment-migration/other".into());
    }
    let ran = lab.up(&graph(3, 10, 70.0)).await;
    let failure = &ran.report().failures[0];
    assert_eq!(failure.address.as_str(), "source/service/scaling");
    assert!(matches!(failure.error, Error::Foreign { .. }));
    assert_eq!(scaling(&mut lab).targets["service/payment-cluster/payment-service"].min, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_already_is_no_trouble() {
    let mut lab = ground();
    lab.up(&graph(2, 10, 70.0)).await.must_succeed();
    scaling(&mut lab).targets.clear();
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), ground().world.inventory());
}
