//! What a run teaches about durations.

use super::up;
use crate::{Sample, samples};

#[test]
fn only_steps_that_were_done_count() {
    let found = samples(&up());
    let sample = |kind: &str, created, ready| Sample { kind: kind.into(), operation: "create".into(), created, ready };
    let is_near = |one: &Sample, other: &Sample| {
        one.kind == other.kind && (one.created - other.created).abs() < 1e-9 && (one.ready - other.ready).abs() < 1e-9
    };
    let expected = [
        sample("ec2.vpc", 1.0, 2.0),
        sample("ec2.subnet", 2.8, 0.2),
        sample("rds.db_instance", 3.0, 387.0),
        sample("cloudwatch.alarm", 0.0, 1.0),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(found.iter().zip(&expected).all(|(one, other)| is_near(one, other)), "{found:?}");
}

#[test]
fn a_creation_that_was_resumed_says_nothing() {
    let mut resumed = up();
    for step in resumed.run.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
        step.action = "resume".to_owned();
    }
    assert_eq!(samples(&resumed), []);
}
