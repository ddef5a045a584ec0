//! ECS clusters, task definitions and services on the sandbox.

use std::collections::BTreeMap;

use migrate_infra::aws::{Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::{Graph, Input};
use migrate_infra::resource::{Error, Handle};
use migrate_infra::resources::ecs::{Cluster, Container, Service, TaskDefinition};
use migrate_infra::sandbox::world::ecs::Ecs;
use migrate_infra::sandbox::{Faults, Sandbox};

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind, check_lifecycle_in};
use crate::kinds::load_balancing::{self, balancer, prerequisites, refusal, settle, targets};

fn role(name: &str) -> Input<migrate_infra::address::Arn> {
    Input::Value(format!("arn:aws:iam::111122223333:role/{name}").into())
}

pub fn definition() -> TaskDefinition {
    TaskDefinition {
        family: "payment-service".into(),
        cpu: "512".into(),
        memory: "1024".into(),
        execution_role: role("execution"),
        task_role: role("task"),
        container: Container {
            name: "payment".into(),
            image: "public.ecr.aws/payment:1".into(),
            command: vec!["serve".into()],
            port: 8080,
            environment: BTreeMap::from([
                ("ENVIRONMENT".to_owned(), "source".into()),
                ("DB_SECRET_ARN".to_owned(), "arn:aws:secretsmanager:us-east-1:111122223333:secret:x".into()),
            ]),
            log_group: "/ecs/payment-service".into(),
            health_check_command: Some(vec!["CMD-SHELL".into(), "wget -q -O - http://localhost:8080/health".into()]),
        },
        policies: vec!["policy".into()],
    }
}

/// The parts of a service that tests change.
#[derive(Clone)]
pub struct Parts {
    pub cluster: Cluster,
    pub definition: TaskDefinition,
    pub count: i32,
    pub grace: i32,
    pub group: &'static str,
    pub container_port: i32,
}

impl Parts {
    pub fn new() -> Self {
        let cluster = Cluster { name: "payment-cluster".into(), container_insights: true, log_group: None };
        Self { cluster, definition: definition(), count: 2, grace: 60, group: "sg-1", container_port: 8080 }
    }

    pub fn add(self, builder: &mut GraphBuilder) -> (Handle<Cluster>, Handle<Service>) {
        let (_, targets, listener) = load_balancing::add(builder, balancer(), targets());
        let cluster = builder.add("source/service/cluster", self.cluster);
        let definition = builder.add("source/service/definition", self.definition);
        let service = Service {
            name: "payment-service".into(),
            cluster: cluster.name(),
            task_definition: definition.arn(),
            desired_count: self.count,
            subnets: ["subnet-b", "subnet-a"].map(|id| Input::Value(id.into())).into(),
            security_groups: vec![Input::Value(self.group.into())],
            target_group: targets.arn(),
            container_name: "payment".into(),
            container_port: self.container_port,
            health_check_grace_seconds: self.grace,
            listener: listener.done(),
            egress: Vec::new(),
            database_ready: Vec::new(),
        };
        (cluster, builder.add("source/service/service", service))
    }

    pub fn graph(self) -> Graph {
        let mut builder = GraphBuilder::new();
        self.add(&mut builder);
        builder.finish()
    }
}

pub fn ecs(fixture: &mut Fixture) -> &mut Ecs {
    &mut fixture.world.region("us-east-1").ecs
}

fn statuses(fixture: &mut Fixture) -> Vec<(String, String)> {
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    ecs(fixture).task_definitions.values().map(|one| (name(&one.arn), one.status.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_and_a_task_definition_pass_the_lifecycle_checks() {
    let mut builder = GraphBuilder::new();
    builder.add("source/service/cluster", Parts::new().cluster);
    builder.add("source/service/definition", definition());
    check_lifecycle_in(&prerequisites(), &builder.finish()).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_a_load_balancer_passes_the_lifecycle_checks() {
    check_lifecycle_in(&prerequisites(), &Parts::new().graph()).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_is_ready_when_its_tasks_run() {
    let mut fixture = prerequisites();
    let ran = fixture.up(&Parts::new().graph()).await;
    ran.must_succeed();
    // The load balancer takes at least 130 s, and does not look at targets before.
    assert!(ran.report().elapsed.as_secs() >= 150, "{:?}", ran.report().elapsed);
    assert_eq!(ecs(&mut fixture).tasks.len(), 2);
}

#[tokio::test(start_paused = true)]
pub async fn a_cluster_is_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::new().graph()).await.must_succeed();
    let mut parts = Parts::new();
    parts.cluster.container_insights = false;
    settle(&mut fixture, &parts.graph()).await;
    assert_eq!(ecs(&mut fixture).clusters["payment-cluster"].container_insights, "disabled");
}

#[tokio::test(start_paused = true)]
async fn a_changed_task_definition_is_a_new_revision_that_the_service_moves_to() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::new().graph()).await.must_succeed();
    let mut parts = Parts::new();
    parts.definition.container.image = "public.ecr.aws/payment:2".into();
    settle(&mut fixture, &parts.clone().graph()).await;
    let expected = [("payment-service:1", "INACTIVE"), ("payment-service:2", "ACTIVE")]
        .map(|(name, status)| (name.to_owned(), status.to_owned()));
    assert_eq!(statuses(&mut fixture), expected);
    let service = ecs(&mut fixture).services.values().next().unwrap().clone();
    assert!(service.settings.task_definition.ends_with("payment-service:2"));
    assert_eq!(service.deployments.len(), 1);
    fixture.down().await.must_succeed();
    assert!(statuses(&mut fixture).iter().all(|(_, status)| status == "DELETE_IN_PROGRESS"));
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}

#[tokio::test(start_paused = true)]
async fn an_update_killed_anywhere_leaves_one_active_revision() {
    let mut before = prerequisites();
    before.up(&Parts::new().graph()).await.must_succeed();
    let mut parts = Parts::new();
    parts.definition.container.image = "public.ecr.aws/payment:2".into();
    parts.count = 3;
    let graph = parts.graph();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&graph, RunKind::Up, crash_points).await;
        // Until the deployment has completed, the circuit breaker may need the old revision.
        let deploying = ecs(&mut fixture).services.values().next().unwrap().clone();
        let is_completed = deploying.settings.task_definition.ends_with(":2") && deploying.deployments.len() == 1;
        assert!(is_completed || statuses(&mut fixture)[0].1 == "ACTIVE", "killed at point {point}");
        settle(&mut fixture, &graph).await;
        let active: Vec<String> =
            statuses(&mut fixture).into_iter().filter(|(_, status)| status == "ACTIVE").map(|(name, _)| name).collect();
        assert_eq!(active, ["payment-service:2"], "killed at point {point}");
        assert_eq!(ecs(&mut fixture).services.values().next().unwrap().desired_count, 3);
        fixture.down().await.must_succeed();
        assert_eq!(fixture.world.inventory(), prerequisites().world.inventory(), "killed at point {point}");
    }
}

#[tokio::test(start_paused = true)]
pub async fn a_service_is_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::new().graph()).await.must_succeed();
    settle(&mut fixture, &Parts { grace: 90, group: "sg-2", count: 3, ..Parts::new() }.graph()).await;
    let service = ecs(&mut fixture).services.values().next().unwrap().clone();
    assert_eq!((service.settings.health_check_grace_period_seconds, service.desired_count), (90, 3));
    assert_eq!(service.settings.security_groups, ["sg-2"]);
    assert_eq!(ecs(&mut fixture).tasks.values().filter(|task| task.removed_at.is_none()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn changes_by_auto_scaling_are_left_alone() {
    let mut fixture = prerequisites();
    let graph = Parts::new().graph();
    fixture.up(&graph).await.must_succeed();
    let service = ecs(&mut fixture).services.values_mut().next().unwrap();
    service.desired_count = 1;
    let arn = service.arn.clone();
    let task = ecs(&mut fixture).tasks.values().find(|task| task.service_arn == arn).unwrap().arn.clone();
    ecs(&mut fixture).tasks.remove(&task);
    settle(&mut fixture, &graph).await;
    assert_eq!(ecs(&mut fixture).services[&arn].desired_count, 1);
    settle(&mut fixture, &Parts { grace: 90, ..Parts::new() }.graph()).await;
    assert_eq!(ecs(&mut fixture).services[&arn].desired_count, 1);
    // A changed count of the specification is applied.
    settle(&mut fixture, &Parts { count: 4, grace: 90, ..Parts::new() }.graph()).await;
    assert_eq!(ecs(&mut fixture).services[&arn].desired_count, 4);
}

/// Auto scaling runs more tasks than the specification contains.
#[tokio::test(start_paused = true)]
async fn a_configured_count_does_not_stop_tasks_under_load() {
    let mut fixture = prerequisites();
    fixture.up(&Parts { count: 6, ..Parts::new() }.graph()).await.must_succeed();
    settle(&mut fixture, &Parts { count: 3, ..Parts::new() }.graph()).await;
    assert_eq!(ecs(&mut fixture).services.values().next().unwrap().desired_count, 6);
    settle(&mut fixture, &Parts { count: 3, grace: 90, ..Parts::new() }.graph()).await;
    assert_eq!(ecs(&mut fixture).services.values().next().unwrap().desired_count, 6);
    settle(&mut fixture, &Parts { count: 8, grace: 90, ..Parts::new() }.graph()).await;
    assert_eq!(ecs(&mut fixture).services.values().next().unwrap().desired_count, 8);
}

/// Killed at any point, and run again: the replacement of a service has the six tasks of the old one.
async fn has_its_load(before: &Fixture, graph: &Graph) {
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(graph, RunKind::Up, crash_points.clone()).await;
        if crash_points.is_dead() {
            fixture.up(graph).await.must_succeed();
        }
        let living: Vec<i32> = ecs(&mut fixture)
            .services
            .values()
            .filter(|service| !service.deleted)
            .map(|service| service.desired_count)
            .collect();
        assert_eq!(living, [6], "killed at {point}");
    }
}

/// The old service is deleted before the new one is created, at any time.
#[tokio::test(start_paused = true)]
async fn a_replaced_service_keeps_its_number_of_tasks() {
    let graph = Parts::new().graph();
    let mut before = prerequisites();
    before.up(&Parts { count: 6, ..Parts::new() }.graph()).await.must_succeed();
    settle(&mut before, &graph).await;
    before.replaced = "source/service/service".to_owned();
    has_its_load(&before, &graph).await;
}

/// The new service is created while the old one, which auto scaling has enlarged, still runs.
#[tokio::test(start_paused = true)]
async fn a_service_replaced_create_first_keeps_its_number_of_tasks() {
    let mut before = prerequisites();
    before.up(&Parts::new().graph()).await.must_succeed();
    ecs(&mut before).services.values_mut().next().unwrap().desired_count = 6;
    let cluster = Cluster { name: "other-cluster".into(), ..Parts::new().cluster };
    let graph = Parts { cluster, ..Parts::new() }.graph();
    has_its_load(&before, &graph).await;
}

#[tokio::test(start_paused = true)]
pub async fn a_failed_deployment_is_reported_with_its_events_and_retried_later() {
    let mut fixture = prerequisites();
    let role = fixture.world.iam.roles.remove("task").unwrap();
    let graph = Parts::new().graph();
    let ran = fixture.up(&graph).await;
    let Error::Failed { status, reason, .. } = &ran.report().failures[0].error else {
        panic!("{}", ran.report().failures[0].error)
    };
    assert_eq!(status, "FAILED");
    assert!(
        reason.as_deref().unwrap().contains("was unable to assume the role 'arn:aws:iam::111122223333:role/task'"),
        "{reason:?}"
    );
    fixture.world.iam.roles.insert("task".into(), role);
    settle(&mut fixture, &graph).await;
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_rolled_back_fails() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::new().graph()).await.must_succeed();
    let mut parts = Parts::new();
    parts.definition.task_role = role("nobody");
    let ran = fixture.up(&parts.graph()).await;
    let Error::Failed { status, reason, .. } = &ran.report().failures[0].error else {
        panic!("{}", ran.report().failures[0].error)
    };
    assert_eq!(status, "ROLLED_BACK");
    assert!(reason.as_deref().unwrap().contains("rolling back"), "{reason:?}");
    let service = ecs(&mut fixture).services.values().next().unwrap().clone();
    assert!(service.settings.task_definition.ends_with("payment-service:1"));
    let active = |name: &str| (name.to_owned(), "ACTIVE".to_owned());
    assert_eq!(statuses(&mut fixture), [active("payment-service:1"), active("payment-service:2")]);
    settle(&mut fixture, &Parts::new().graph()).await;
    let inactive = ("payment-service:2".to_owned(), "INACTIVE".to_owned());
    assert_eq!(statuses(&mut fixture), [active("payment-service:1"), inactive]);
}

/// What DescribeServices shows for half a minute is the deployment before.
#[tokio::test(start_paused = true)]
async fn an_old_description_is_no_rollback_and_no_success() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::new().graph()).await.must_succeed();
    fixture.advance_a_day();
    let mut image = Parts::new();
    image.definition.container.image = "public.ecr.aws/payment:2".into();
    for parts in [image, Parts { group: "sg-2", ..Parts::new() }] {
        let mut fixture = fixture.fork();
        let late = Faults::late("ecs:DescribeServices", 40_000, 8);
        fixture.run_with_faults(&parts.graph(), RunKind::Up, late).await.must_succeed();
        let service = ecs(&mut fixture).services.values().next().unwrap().clone();
        assert_eq!(service.deployments.len(), 1, "the deployment has completed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_being_deleted_is_not_adopted() {
    let graph = Parts::new().graph();
    let mut before = prerequisites();
    before.up(&graph).await.must_succeed();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        fixture.run(&graph, RunKind::Down, crash_points).await;
        settle(&mut fixture, &graph).await;
        let service = ecs(&mut fixture).services.values().next().unwrap().clone();
        assert_eq!(service.status(), "ACTIVE", "killed at point {point}");
        // A revision that `down` has deregistered stays until the next `down`.
        let revisions = ecs(&mut fixture).task_definitions.values().filter(|one| one.status == "INACTIVE").count();
        assert_eq!(
            fixture.world.inventory().len() - revisions,
            before.world.inventory().len(),
            "killed at point {point}"
        );
        fixture.down().await.must_succeed();
        assert_eq!(fixture.world.inventory(), prerequisites().world.inventory(), "killed at point {point}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_resources_with_the_same_names_are_left_alone() {
    let theirs = |tags: &mut BTreeMap<String, String>| {
        tags.insert("migrate-infra:stack".into(), "payment-migration/other".into())
    };
    for kind in ["cluster", "definition", "service"] {
        let mut fixture = prerequisites();
        fixture.up(&Parts::new().graph()).await.must_succeed();
        fixture.store = Fixture::default().store;
        let ecs = ecs(&mut fixture);
        match kind {
            "cluster" => theirs(&mut ecs.clusters.values_mut().next().unwrap().tags),
            "definition" => theirs(&mut ecs.task_definitions.values_mut().next().unwrap().tags),
            _ => theirs(&mut ecs.services.values_mut().next().unwrap().tags),
        };
        let before = fixture.world.inventory();
        let ran = fixture.up(&Parts::new().graph()).await;
        let failure = &ran.report().failures[0];
        assert_eq!(failure.address.as_str(), format!("source/service/{kind}"));
        assert!(
            matches!(&failure.error, Error::Foreign { owner, .. }
                if owner.to_string().contains("payment-migration/other")),
            "{}",
            failure.error
        );
        assert_eq!(fixture.world.inventory(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_refuses_what_aws_refuses() {
    let text = refusal(&mut prerequisites(), &Parts { group: "sg-x", ..Parts::new() }.graph()).await;
    assert!(text.contains("InvalidParameterException") && text.contains("InvalidGroup.NotFound"), "{text}");
    let text = refusal(&mut prerequisites(), &Parts { container_port: 80, ..Parts::new() }.graph()).await;
    assert!(text.contains("did not have a container port 80 defined"), "{text}");
    let mut parts = Parts::new();
    parts.definition.memory = "512".into();
    let text = refusal(&mut prerequisites(), &parts.graph()).await;
    assert!(text.contains("ClientException") && text.contains("No Fargate configuration exists"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_service_needs_a_target_group_with_a_load_balancer() {
    let mut builder = GraphBuilder::new();
    let targets = builder.add("source/service/targets", targets());
    let cluster = builder.add("source/service/cluster", Parts::new().cluster);
    let definition = builder.add("source/service/definition", definition());
    let service = Service {
        name: "payment-service".into(),
        cluster: cluster.name(),
        task_definition: definition.arn(),
        desired_count: 2,
        subnets: vec![Input::Value("subnet-a".into())],
        security_groups: vec![Input::Value("sg-1".into())],
        target_group: targets.arn(),
        container_name: "payment".into(),
        container_port: 8080,
        health_check_grace_seconds: 60,
        listener: "none".into(),
        egress: Vec::new(),
        database_ready: Vec::new(),
    };
    builder.add("source/service/service", service);
    let text = refusal(&mut prerequisites(), &builder.finish()).await;
    assert!(text.contains("does not have an associated load balancer"), "{text}");
}

/// Returns the states of the targets in Elastic Load Balancing.
async fn health(fixture: &Fixture) -> Vec<String> {
    let clock = Clock::real();
    let sandbox = Sandbox::new(fixture.world.clone(), clock, None, CrashPoints::default());
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), clock)
        .await
        .expect("the sandbox answers");
    let (clients, _) = cloud.clients(&"us-east-1".into());
    let arn = fixture.attrs("source/service/targets")["arn"].as_str().unwrap().to_owned();
    let answer = clients.elb.describe_target_health().target_group_arn(arn).send().await.unwrap();
    let states = answer
        .target_health_descriptions()
        .iter()
        .filter_map(|one| Some(one.target_health()?.state()?.as_str().to_owned()));
    states.collect()
}

#[tokio::test(start_paused = true)]
async fn tasks_are_healthy_targets_once_the_service_is_ready() {
    let mut fixture = prerequisites();
    let graph = Parts::new().graph();
    fixture.up(&graph).await.must_succeed();
    assert_eq!(health(&fixture).await, ["healthy", "healthy"]);
    // While a new revision starts, the old tasks still serve.
    let mut parts = Parts::new();
    parts.definition.container.image = "public.ecr.aws/payment:2".into();
    let next = parts.graph();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = fixture.fork();
        fixture.run(&next, RunKind::Up, crash_points).await;
        assert!(
            health(&fixture).await.iter().filter(|state| *state == "healthy").count() >= 2,
            "killed at point {point}"
        );
    }
}

/// Each case takes something away that tasks need. They stop, the circuit breaker acts, and the step says why.
#[tokio::test(start_paused = true)]
async fn tasks_that_cannot_start_say_why() {
    type Take = fn(&mut Fixture);
    let cases: [(Take, &str); 6] = [
        (
            |fixture| fixture.world.region("us-east-1").ec2.route_tables.get_mut("rtb-1").unwrap().routes.clear(),
            "CannotPullContainerError: pull image manifest",
        ),
        (
            |fixture| {
                let rules = &mut fixture.world.region("us-east-1").ec2.security_group_rules;
                rules.retain(|_, rule| rule.from_port != 443);
            },
            "CannotPullContainerError: pull image manifest",
        ),
        (
            |fixture| fixture.world.region("us-east-1").logs.groups.clear(),
            "ResourceInitializationError: failed to validate logger args",
        ),
        (
            |fixture| fixture.world.iam.roles.get_mut("execution").unwrap().inline_policies.clear(),
            "is not authorized to perform: logs:CreateLogStream",
        ),
        (
            |fixture| fixture.world.iam.roles.get_mut("task").unwrap().inline_policies.clear(),
            "Essential container in task exited",
        ),
        (
            |fixture| {
                let rules = &mut fixture.world.region("us-east-1").ec2.security_group_rules;
                rules.retain(|_, rule| rule.is_egress);
            },
            "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing",
        ),
    ];
    let graph = Parts::new().graph();
    for (take, words) in cases {
        let mut fixture = prerequisites();
        let complete = fixture.world.clone();
        take(&mut fixture);
        let ran = fixture.up(&graph).await;
        let Error::Failed { status, reason, .. } = &ran.report().failures[0].error else {
            panic!("{words}: {}", ran.report().failures[0].error)
        };
        assert_eq!(status, "FAILED", "{words}");
        assert!(reason.as_deref().unwrap().contains(words), "{reason:?}");
        // With it, the next run succeeds.
        fixture.world.iam = complete.iam;
        let region = fixture.world.region("us-east-1");
        let before = &complete.regions["us-east-1"];
        region.ec2.route_tables.clone_from(&before.ec2.route_tables);
        region.ec2.security_group_rules.clone_from(&before.ec2.security_group_rules);
        region.logs.clone_from(&before.logs);
        fixture.up(&graph).await.must_succeed();
        assert_eq!(ecs(&mut fixture).tasks.len(), 2, "{words}");
    }
}
