//! Amazon ECS on AWS Fargate, and AWS Lambda.

use super::resources::Resources;
use crate::bill::Writer;
use crate::money::Quantity;
use crate::prices::{Price, Usage};
use crate::resource::Resource;

/// CPU units of a virtual processor, and MiB of a GB ("Task CPU and memory", Amazon ECS Developer Guide).
const PER_UNIT: i64 = 1024;

const MILLION: i64 = 1_000_000;

/// The metrics of Container Insights. How many there are depends on the tasks and services.
pub(super) fn cluster(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    if resource.is_on("container_insights") {
        bill.used("Container Insights", Price::MetricMonth, Usage::InsightsMetrics, Quantity::ONE);
    }
}

/// The tasks that always run, and those that auto scaling adds.
pub(super) fn service(resource: &Resource<'_>, all: &Resources<'_>, bill: &mut Writer<'_>) {
    let task = all.needed_by(resource, "ecs.task_definition");
    let size = task.and_then(|task| Some((task.number("cpu")?, task.number("memory")?)));
    let scaling = all.dependent_on(resource.address, "autoscaling.scalable_target");
    let scaling = scaling.and_then(|scaling| Some((scaling.number("min")?, scaling.number("max")?)));
    let desired = resource.number("desired_count");
    let (Some((cpu, memory)), Some((least, most))) = (size, scaling.or_else(|| Some((desired?, desired?)))) else {
        return bill.unknown("tasks", "their size or their number is not known");
    };
    let cpu = Quantity::fraction(cpu, PER_UNIT);
    let memory = Quantity::fraction(memory, PER_UNIT);
    let times = |count: i64, size: Quantity| Quantity::whole(count).times(size);
    bill.hourly(format!("{least} × {} vCPU", cpu.text()), Price::FargateCpuHour, times(least, cpu));
    bill.hourly(format!("{least} × {} GB", memory.text()), Price::FargateMemoryHour, times(least, memory));
    let more = most.saturating_sub(least);
    if more > 0 {
        bill.up_to(format!("up to {more} more × {} vCPU", cpu.text()), Price::FargateCpuHour, times(more, cpu));
        bill.up_to(format!("up to {more} more × {} GB", memory.text()), Price::FargateMemoryHour, times(more, memory));
    }
}

/// The runs of a function.
pub(super) fn function(resource: &Resource<'_>, _: &Resources<'_>, bill: &mut Writer<'_>) {
    bill.used("runs", Price::LambdaMillion, Usage::FunctionRuns, Quantity::fraction(1, MILLION));
    match resource.number("memory_mb") {
        Some(memory) => {
            let memory = Quantity::fraction(memory, PER_UNIT);
            bill.used("time of runs", Price::LambdaGbSecond, Usage::FunctionSeconds, memory);
        }
        None => bill.unknown("time of runs", "its memory is not known"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{Described, amounts, bill, bill_in};

    const NEEDS: &[&str] = &["source/service/task"];

    fn service(tasks: i64) -> [Described; 2] {
        [
            ("source/service/service", "ecs.service", json!({ "desired_count": tasks }), NEEDS),
            ("source/service/task", "ecs.task_definition", json!({ "cpu": "512", "memory": "1024" }), &[]),
        ]
    }

    #[test]
    fn a_service_is_its_tasks() {
        // 2 × 730 × (0.5 × $0.04048 + $0.004445)
        let expected = ("36.04".to_owned(), "0.00–0.00".to_owned());
        assert_eq!(amounts(&bill_in("us-east-1", &service(2))), expected);
        let [service, _] = service(2);
        assert_eq!(bill_in("us-east-1", &[service]).unknown().count(), 1, "the size of the tasks");
    }

    #[test]
    fn tasks_that_auto_scaling_adds_are_usage() {
        let [service, task] = service(4);
        let scaling: Described = (
            "source/service/scaling",
            "autoscaling.scalable_target",
            json!({ "min": 2, "max": 10 }),
            &["source/service/service"],
        );
        let scaled = bill_in("us-east-1", &[service, task, scaling]);
        assert_eq!(amounts(&scaled), ("36.04".to_owned(), "0.00–144.16".to_owned()), "the minimum always runs");
    }

    #[test]
    fn a_cluster_and_a_function_are_paid_by_use() {
        assert_eq!(bill("ecs.cluster", json!({ "container_insights": false })).items, []);
        let (fixed, usage) = amounts(&bill("ecs.cluster", json!({ "container_insights": true })));
        assert_eq!((fixed.as_str(), usage.as_str()), ("0.00", "3.00–18.00"));
        let function = bill("lambda.function", json!({ "memory_mb": 128 }));
        assert_eq!(function.usage().low.text(6), "0.000022", "4 runs, 10 seconds of an eighth of a GB");
    }
}
