//! Load balancers, target groups and listeners on the sandbox.

use std::collections::BTreeMap;

use migrate_infra::address::Address;
use migrate_infra::graph::{Graph, Input};
use migrate_infra::resource::{Error, Handle};
use migrate_infra::resources::elbv2::{Action, Listener, LoadBalancer, Protocol, TargetGroup};
use migrate_infra::sandbox::world::ec2::{
    InternetGateway, NatGateway, Peer, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Vpc,
};
use migrate_infra::sandbox::world::elbv2::Elbv2;
use migrate_infra::sandbox::world::iam::Role;
use migrate_infra::sandbox::world::logs::LogGroup;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, check_lifecycle_in};

/// A world with a network (subnets `subnet-a` to `subnet-c` behind a NAT gateway, groups `sg-1` and `sg-2` in `vpc-1`,
/// which let HTTPS out and port 8080 in), two roles for tasks, a log group, and the secret of a database.
pub fn prerequisites() -> Fixture {
    let mut fixture = Fixture::default();
    let tags = BTreeMap::new;
    let ec2 = &mut fixture.world.region("us-east-1").ec2;
    let vpc = Vpc {
        vpc_id: "vpc-1".into(),
        cidr_block: "10.0.0.0/16".into(),
        dns_support: true,
        dns_hostnames: true,
        available_at: 0,
        tags: tags(),
    };
    ec2.vpcs.insert("vpc-1".into(), vpc);
    let gateway = InternetGateway { internet_gateway_id: "igw-1".into(), vpc_id: Some("vpc-1".into()), tags: tags() };
    ec2.internet_gateways.insert("igw-1".into(), gateway);
    for (number, zone) in ["a", "b", "c"].into_iter().enumerate() {
        let id = format!("subnet-{zone}");
        let subnet = Subnet {
            subnet_id: id.clone(),
            vpc_id: "vpc-1".into(),
            cidr_block: format!("10.0.{number}.0/24"),
            availability_zone: format!("us-east-1{zone}"),
            availability_zone_id: String::new(),
            map_public_ip_on_launch: false,
            available_at: 0,
            tags: tags(),
        };
        ec2.subnets.insert(id, subnet);
    }
    for id in ["sg-1", "sg-2"] {
        let group = SecurityGroup {
            group_id: id.into(),
            group_name: id.into(),
            description: "for tests".into(),
            vpc_id: "vpc-1".into(),
            tags: tags(),
        };
        ec2.security_groups.insert(id.into(), group);
    }
    for name in ["execution", "task"] {
        let role = Role {
            permissions_boundary: None,
            role_name: name.into(),
            role_id: format!("AROA{name}"),
            arn: format!("arn:aws:iam::111122223333:role/{name}"),
            description: None,
            assume_role_policy: serde_json::json!({ "Statement": [{ "Effect": "Allow",
                "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" }] }),
            inline_policies: BTreeMap::from([(
                "all".to_owned(),
                serde_json::json!({ "Statement": [{ "Effect": "Allow",
                    "Action": ["secretsmanager:GetSecretValue", "logs:CreateLogStream"], "Resource": "*" }] }),
            )]),
            attached_policies: std::collections::BTreeSet::default(),
            tags: tags(),
            created_at: 0,
            max_session_seconds: 3600,
            assumable_at: 0,
        };
        fixture.world.iam.roles.insert(name.into(), role);
    }
    let region = fixture.world.region("us-east-1");
    let gateway = NatGateway {
        nat_gateway_id: "nat-1".into(),
        subnet_id: "subnet-a".into(),
        vpc_id: "vpc-1".into(),
        allocation_id: "eipalloc-1".into(),
        interface_id: "eni-nat-1".into(),
        creation_ends_at: 0,
        failure: None,
        removed_at: None,
        tags: tags(),
    };
    region.ec2.nat_gateways.insert("nat-1".into(), gateway);
    let table = RouteTable {
        route_table_id: "rtb-1".into(),
        vpc_id: "vpc-1".into(),
        main: true,
        routes: BTreeMap::from([("0.0.0.0/0".to_owned(), "nat-1".to_owned())]),
        associations: BTreeMap::new(),
        tags: tags(),
    };
    region.ec2.route_tables.insert("rtb-1".into(), table);
    for (id, is_egress, port, range) in [
        ("sg-1", true, 443, "0.0.0.0/0"),
        ("sg-2", true, 443, "0.0.0.0/0"),
        ("sg-1", true, 8080, "10.0.0.0/16"),
        ("sg-1", false, 8080, "10.0.0.0/16"),
        ("sg-2", false, 8080, "10.0.0.0/16"),
    ] {
        let rule = SecurityGroupRule {
            rule_id: format!("sgr-{id}-{is_egress}-{port}"),
            group_id: id.into(),
            is_egress,
            ip_protocol: "tcp".into(),
            from_port: port,
            to_port: port,
            peer: Peer::Cidr(range.into()),
            description: String::new(),
            tags: tags(),
        };
        region.ec2.security_group_rules.insert(rule.rule_id.clone(), rule);
    }
    let logs = LogGroup {
        name: "/ecs/payment-service".into(),
        retention_days: None,
        kms_key: None,
        created_at: 0,
        tags: tags(),
    };
    region.logs.groups.insert(logs.name.clone(), logs);
    let arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:x";
    let secret = serde_json::json!({ "name": "database", "arn": arn, "description": null,
        "kms_key_id": null, "versions": {}, "rotation_enabled": false, "rotation_function": null,
        "rotation_days": null, "deleted_at": null, "gone_at": null, "forced": false, "tags": {} });
    let secret = serde_json::from_value(secret).expect("a secret");
    region.secretsmanager.secrets.insert("database".into(), secret);
    fixture
}

pub fn balancer() -> LoadBalancer {
    LoadBalancer {
        name: "payment-alb".into(),
        subnets: ["subnet-b", "subnet-a"].map(|id| Input::Value(id.into())).into(),
        security_groups: vec![Input::Value("sg-1".into())],
        internet_gateway: Input::Value("igw-1".into()),
        deletion_protection: false,
        idle_timeout_seconds: 60,
        client_keep_alive_seconds: 3600,
        drop_invalid_headers: true,
    }
}

pub fn targets() -> TargetGroup {
    TargetGroup {
        name: "payment-tg".into(),
        vpc: Input::Value("vpc-1".into()),
        port: 8080,
        health_check_path: "/health".into(),
        health_check_interval_seconds: 30,
        health_check_timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        deregistration_delay_seconds: 30,
    }
}

/// Adds the three kinds to a graph.
pub fn add(
    builder: &mut GraphBuilder,
    balancer: LoadBalancer,
    targets: TargetGroup,
) -> (Handle<LoadBalancer>, Handle<TargetGroup>, Handle<Listener>) {
    let balancer = builder.add("source/service/alb", balancer);
    let targets = builder.add("source/service/targets", targets);
    let listener = Listener {
        load_balancer: balancer.arn(),
        port: 80,
        protocol: Protocol::Http,
        action: Action::Forward(targets.arn()),
    };
    let listener = builder.add("source/service/http", listener);
    (balancer, targets, listener)
}

fn graph(balancer: LoadBalancer, targets: TargetGroup) -> Graph {
    let mut builder = GraphBuilder::new();
    add(&mut builder, balancer, targets);
    builder.finish()
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:111122223333:certificate/one";

/// HTTP that redirects to HTTPS.
fn secure_graph(policy: &str) -> Graph {
    let mut builder = GraphBuilder::new();
    let balancer = builder.add("source/service/alb", balancer());
    let targets = builder.add("source/service/targets", targets());
    let http =
        Listener { load_balancer: balancer.arn(), port: 80, protocol: Protocol::Http, action: Action::RedirectToHttps };
    builder.add("source/service/http", http);
    let protocol = Protocol::Https { certificate_arn: CERTIFICATE.into(), ssl_policy: policy.into() };
    let https = Listener { load_balancer: balancer.arn(), port: 443, protocol, action: Action::Forward(targets.arn()) };
    builder.add("source/service/https", https);
    builder.finish()
}

fn elb(fixture: &mut Fixture) -> &mut Elbv2 {
    &mut fixture.world.region("us-east-1").elbv2
}

/// Applies `graph` twice. The second run must change nothing.
pub async fn settle(fixture: &mut Fixture, graph: &Graph) {
    fixture.up(graph).await.must_succeed();
    let quiet = fixture.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.calls.mutations(), 0, "{:?}", quiet.calls.by_call());
}

/// Applies `graph`, which must fail, and returns the first error.
pub async fn refusal(fixture: &mut Fixture, graph: &Graph) -> String {
    let ran = fixture.up(graph).await;
    let failures = &ran.report().failures;
    migrate_infra::resource::describe(&failures.first().expect("something is refused").error)
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_with_listener_and_targets_passes_the_lifecycle_checks() {
    check_lifecycle_in(&prerequisites(), &graph(balancer(), targets())).await;
}

#[tokio::test(start_paused = true)]
async fn https_with_a_redirect_passes_the_lifecycle_checks() {
    check_lifecycle_in(&prerequisites(), &secure_graph("ELBSecurityPolicy-TLS13-1-2-2021-06")).await;
}

#[tokio::test(start_paused = true)]
async fn outputs_are_the_names_that_cloudwatch_and_route_53_need() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    let attrs = fixture.attrs("source/service/alb");
    let full_name = attrs["full_name"].as_str().unwrap();
    assert!(full_name.starts_with("app/payment-alb/"), "{full_name}");
    assert!(attrs["arn"].as_str().unwrap().ends_with(full_name));
    assert!(attrs["dns_name"].as_str().unwrap().ends_with(".us-east-1.elb.amazonaws.com"));
    assert_eq!(attrs["hosted_zone_id"], "Z35SXDOTRQ7X7K");
    assert!(
        fixture.attrs("source/service/targets")["full_name"].as_str().unwrap().starts_with("targetgroup/payment-tg/")
    );
    let interfaces = &fixture.world.region("us-east-1").ec2.interfaces;
    assert_eq!(
        interfaces.values().filter(|one| one.description == format!("ELB {full_name}") && one.public).count(),
        2
    );
}

#[tokio::test(start_paused = true)]
pub async fn a_load_balancer_is_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    let arn = fixture.attrs("source/service/alb")["arn"].clone();
    let changed = LoadBalancer {
        idle_timeout_seconds: 120,
        client_keep_alive_seconds: 60,
        drop_invalid_headers: false,
        security_groups: vec![Input::Value("sg-2".into())],
        ..balancer()
    };
    settle(&mut fixture, &graph(changed, targets())).await;
    assert_eq!(fixture.attrs("source/service/alb")["arn"], arn);
    let shown = elb(&mut fixture).load_balancers.values().next().unwrap().clone();
    assert_eq!(shown.security_groups, ["sg-2"]);
    assert_eq!(shown.attributes["idle_timeout.timeout_seconds"], "120");
    assert_eq!(shown.attributes["client_keep_alive.seconds"], "60");
    assert_eq!(shown.attributes["routing.http.drop_invalid_header_fields.enabled"], "false");
}

#[tokio::test(start_paused = true)]
pub async fn a_load_balancer_moves_to_other_subnets() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    let moved =
        LoadBalancer { subnets: ["subnet-c", "subnet-a"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    settle(&mut fixture, &graph(moved, targets())).await;
    let shown = elb(&mut fixture).load_balancers.values().next().unwrap().clone();
    assert_eq!(shown.subnets.into_iter().map(|(_, subnet)| subnet).collect::<Vec<_>>(), ["subnet-a", "subnet-c"]);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}

#[tokio::test(start_paused = true)]
pub async fn a_target_group_is_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    let changed = TargetGroup {
        health_check_path: "/ready".into(),
        health_check_interval_seconds: 10,
        deregistration_delay_seconds: 15,
        ..targets()
    };
    settle(&mut fixture, &graph(balancer(), changed)).await;
    let shown = elb(&mut fixture).target_groups.values().next().unwrap().clone();
    assert_eq!((shown.health_check.path.as_str(), shown.health_check.interval_seconds), ("/ready", 10));
    assert_eq!(shown.attributes["deregistration_delay.timeout_seconds"], "15");
}

#[tokio::test(start_paused = true)]
pub async fn a_listener_is_changed_in_place() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    let arn = fixture.attrs("source/service/http")["arn"].clone();
    settle(&mut fixture, &secure_graph("ELBSecurityPolicy-TLS13-1-2-2021-06")).await;
    assert_eq!(fixture.attrs("source/service/http")["arn"], arn);
    settle(&mut fixture, &secure_graph("ELBSecurityPolicy-TLS13-1-3-2021-06")).await;
    settle(&mut fixture, &graph(balancer(), targets())).await;
    assert_eq!(fixture.attrs("source/service/http")["arn"], arn);
    assert_eq!(elb(&mut fixture).listeners.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn manual_changes_are_corrected() {
    let mut fixture = prerequisites();
    let graph = graph(balancer(), targets());
    fixture.up(&graph).await.must_succeed();
    elb(&mut fixture)
        .load_balancers
        .values_mut()
        .next()
        .unwrap()
        .attributes
        .insert("idle_timeout.timeout_seconds".into(), "7".into());
    settle(&mut fixture, &graph).await;
    assert_eq!(
        elb(&mut fixture).load_balancers.values().next().unwrap().attributes["idle_timeout.timeout_seconds"],
        "60"
    );
}

#[tokio::test(start_paused = true)]
async fn a_protected_load_balancer_is_not_deleted() {
    let mut fixture = prerequisites();
    let protected = LoadBalancer { deletion_protection: true, ..balancer() };
    fixture.up(&graph(protected, targets())).await.must_succeed();
    let ran = fixture.down().await;
    assert!(matches!(ran.report().failures[0].error, Error::Refused(_)));
    assert_eq!(elb(&mut fixture).load_balancers.len(), 1);
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}

#[tokio::test(start_paused = true)]
async fn foreign_resources_with_the_same_names_are_left_alone() {
    for address in ["source/service/alb", "source/service/targets"] {
        let mut fixture = prerequisites();
        fixture.up(&graph(balancer(), targets())).await.must_succeed();
        fixture.store = Fixture::default().store;
        let elb = elb(&mut fixture);
        for tags in elb
            .load_balancers
            .values_mut()
            .map(|one| &mut one.tags)
            .chain(elb.target_groups.values_mut().map(|one| &mut one.tags))
        {
            if tags["migrate-infra:address"] == address {
                tags.insert("migrate-infra:stack".into(), "payment-migration/other".into());
            }
        }
        let before = fixture.world.inventory();
        let ran = fixture.up(&graph(balancer(), targets())).await;
        let failure = ran
            .report()
            .failures
            .iter()
            .find(|failure| failure.address == Address::new(address))
            .expect("it is refused");
        assert!(
            matches!(&failure.error, Error::Foreign { owner,
                .. } if owner.to_string().contains("payment-migration/other")),
            "{}",
            failure.error
        );
        assert_eq!(fixture.world.inventory(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_refuses_what_aws_refuses() {
    let one_subnet = LoadBalancer { subnets: vec![Input::Value("subnet-a".into())], ..balancer() };
    let twice =
        LoadBalancer { subnets: ["subnet-a", "subnet-a"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    let unknown_subnet =
        LoadBalancer { subnets: ["subnet-a", "subnet-x"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    let unknown_group = LoadBalancer { security_groups: vec![Input::Value("sg-x".into())], ..balancer() };
    let long_name = LoadBalancer { name: "a-name-of-more-than-thirty-two-letters".into(), ..balancer() };
    let idle = LoadBalancer { idle_timeout_seconds: 4001, ..balancer() };
    let keep_alive = LoadBalancer { client_keep_alive_seconds: 59, ..balancer() };
    let codes = [
        "ValidationError",
        "InvalidConfigurationRequest",
        "SubnetNotFound",
        "InvalidSecurityGroup",
        "ValidationError",
        "ValidationError",
        "ValidationError",
    ];
    let balancers = [one_subnet, twice, unknown_subnet, unknown_group, long_name, idle, keep_alive];
    for (balancer, code) in balancers.into_iter().zip(codes) {
        let text = refusal(&mut prerequisites(), &graph(balancer, targets())).await;
        assert!(text.contains(code), "{text}");
    }
    let slow = TargetGroup { health_check_timeout_seconds: 30, ..targets() };
    let elsewhere = TargetGroup { vpc: Input::Value("vpc-x".into()), ..targets() };
    for targets in [slow, elsewhere] {
        let text = refusal(&mut prerequisites(), &graph(balancer(), targets)).await;
        assert!(text.contains("ValidationError"), "{text}");
    }
    let text = refusal(&mut prerequisites(), &secure_graph("no-such-policy")).await;
    assert!(text.contains("SSLPolicyNotFound"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_second_listener_on_a_port_is_refused() {
    let mut builder = GraphBuilder::new();
    let (balancer, targets, _) = add(&mut builder, balancer(), targets());
    let again = Listener {
        load_balancer: balancer.arn(),
        port: 80,
        protocol: Protocol::Http,
        action: Action::Forward(targets.arn()),
    };
    builder.add("source/service/http-again", again);
    let ran = prerequisites().up(&builder.finish()).await;
    // The second listener finds the port in use: by an error of AWS, or by reading the other one.
    let error = &ran.report().failures[0].error;
    assert!(error.is_code("DuplicateListener") || matches!(error, Error::Foreign { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_target_group_in_use_is_not_deleted_and_its_user_is_reported() {
    let mut fixture = prerequisites();
    let mut builder = GraphBuilder::new();
    builder.add("source/service/targets", targets());
    fixture.up(&builder.finish()).await.must_succeed();
    let arn = fixture.attrs("source/service/targets")["arn"].as_str().unwrap().to_owned();
    let mut other = prerequisites();
    let mut builder = GraphBuilder::new();
    add(&mut builder, balancer(), targets());
    other.up(&builder.finish()).await.must_succeed();
    // A foreign load balancer begins to forward to the target group.
    let theirs = elb(&mut other).clone();
    elb(&mut fixture).load_balancers = theirs.load_balancers;
    elb(&mut fixture).listeners = theirs.listeners;
    for listener in elb(&mut fixture).listeners.values_mut() {
        listener.settings.action = migrate_infra::sandbox::world::elbv2::Action::Forward(arn.clone());
    }
    let ran = fixture.down().await;
    let Error::Blocked(blockers) = &ran.report().failures[0].error else {
        panic!("{}", ran.report().failures[0].error)
    };
    assert!(blockers[0].id.contains(":loadbalancer/app/payment-alb/"));
}

#[tokio::test(start_paused = true)]
async fn remaining_interfaces_are_reported() {
    let mut fixture = prerequisites();
    fixture.up(&graph(balancer(), targets())).await.must_succeed();
    // The load balancer disappears, and its interfaces are never released.
    let full_name = fixture.attrs("source/service/alb")["full_name"].as_str().unwrap().to_owned();
    let arn = fixture.attrs("source/service/alb")["arn"].as_str().unwrap().to_owned();
    elb(&mut fixture).listeners.clear();
    elb(&mut fixture).load_balancers.remove(&arn);
    let ran = fixture.down().await;
    let error = ran
        .report()
        .failures
        .iter()
        .map(|failure| &failure.error)
        .find(|error| matches!(error, Error::Blocked(_)))
        .expect("it is blocked");
    let text = error.to_string();
    assert!(
        text.contains("eni-") && text.contains(&format!("ELB {full_name}")) && text.contains("amazon-elb"),
        "{text}"
    );
}
