//! Load balancers, target groups and listeners on the embedded AWS.

use std::collections::BTreeMap;

use migrate_infra::address::Address;
use migrate_infra::graph::{Graph, Input};
use migrate_infra::resource::{Error, Handle};
use migrate_infra::resources::elbv2::{Action, Listener, LoadBalancer, Protocol, TargetGroup};
use migrate_infra::sandbox::world::ec2::{InternetGateway, SecurityGroup, Subnet, Vpc};
use migrate_infra::sandbox::world::elbv2::Elbv2;
use migrate_infra::sandbox::world::iam::Role;

use crate::lab::{Lab, Sketch, holds_its_promises_on};

/// A world with a network (subnets `subnet-a` to `subnet-c`, groups `sg-1` and `sg-2` in `vpc-1`) and two roles for tasks.
pub fn ground() -> Lab {
    let mut lab = Lab::default();
    let tags = BTreeMap::new;
    let ec2 = &mut lab.world.region("us-east-1").ec2;
    let vpc = Vpc { vpc_id: "vpc-1".into(), cidr_block: "10.0.0.0/16".into(), dns_support: true, dns_hostnames: true, available_at: 0, tags: tags() };
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
            map_public_ip_on_launch: false,
            available_at: 0,
            tags: tags(),
        };
        ec2.subnets.insert(id, subnet);
    }
    for id in ["sg-1", "sg-2"] {
        let group =
            SecurityGroup { group_id: id.into(), group_name: id.into(), description: "for tests".into(), vpc_id: "vpc-1".into(), tags: tags() };
        ec2.security_groups.insert(id.into(), group);
    }
    for name in ["execution", "task"] {
        let role = Role {
            role_name: name.into(),
            role_id: format!("AROA{name}"),
            arn: format!("arn:aws:iam::111122223333:role/{name}"),
            description: None,
            assume_role_policy: serde_json::json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" }] }),
            inline_policies: BTreeMap::new(),
            attached_policies: std::collections::BTreeSet::default(),
            tags: tags(),
            created_at: 0,
            assumable_at: 0,
        };
        lab.world.iam.roles.insert(name.into(), role);
    }
    lab
}

pub fn balancer() -> LoadBalancer {
    LoadBalancer {
        name: "payment-alb".into(),
        subnets: ["subnet-b", "subnet-a"].map(|id| Input::Value(id.into())).into(),
        security_groups: vec![Input::Value("sg-1".into())],
        internet_gateway: Input::Value("igw-1".into()),
        deletion_protection: false,
        idle_timeout_seconds: 60,
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
pub fn add(sketch: &mut Sketch, balancer: LoadBalancer, targets: TargetGroup) -> (Handle<LoadBalancer>, Handle<TargetGroup>, Handle<Listener>) {
    let balancer = sketch.add("source/service/alb", balancer);
    let targets = sketch.add("source/service/targets", targets);
    let listener = Listener { load_balancer: balancer.arn(), port: 80, protocol: Protocol::Http, action: Action::Forward(targets.arn()) };
    let listener = sketch.add("source/service/http", listener);
    (balancer, targets, listener)
}

fn graph(balancer: LoadBalancer, targets: TargetGroup) -> Graph {
    let mut sketch = Sketch::new();
    add(&mut sketch, balancer, targets);
    sketch.finish()
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:111122223333:certificate/one";

/// HTTP that redirects to HTTPS.
fn secure_graph(policy: &str) -> Graph {
    let mut sketch = Sketch::new();
    let balancer = sketch.add("source/service/alb", balancer());
    let targets = sketch.add("source/service/targets", targets());
    let http = Listener { load_balancer: balancer.arn(), port: 80, protocol: Protocol::Http, action: Action::RedirectToHttps };
    sketch.add("source/service/http", http);
    let protocol = Protocol::Https { certificate_arn: CERTIFICATE.into(), ssl_policy: policy.into() };
    let https = Listener { load_balancer: balancer.arn(), port: 443, protocol, action: Action::Forward(targets.arn()) };
    sketch.add("source/service/https", https);
    sketch.finish()
}

fn elb(lab: &mut Lab) -> &mut Elbv2 {
    &mut lab.world.region("us-east-1").elbv2
}

/// Brings `graph` up, and again, which must change nothing.
pub async fn settle(lab: &mut Lab, graph: &Graph) {
    lab.up(graph).await.must_succeed();
    let quiet = lab.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.meter.mutations(), 0, "{:?}", quiet.meter.by_call());
}

/// Brings `graph` up, which must fail; returns the first error.
pub async fn refusal(lab: &mut Lab, graph: &Graph) -> String {
    let ran = lab.up(graph).await;
    let failures = &ran.report().failures;
    migrate_infra::resource::describe(&failures.first().expect("something is refused").error)
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_with_listener_and_targets_holds_its_promises() {
    holds_its_promises_on(&ground(), &graph(balancer(), targets())).await;
}

#[tokio::test(start_paused = true)]
async fn https_with_a_redirect_holds_its_promises() {
    holds_its_promises_on(&ground(), &secure_graph("ELBSecurityPolicy-TLS13-1-2-2021-06")).await;
}

#[tokio::test(start_paused = true)]
async fn outputs_are_the_names_that_cloudwatch_and_route_53_need() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    let attrs = lab.attrs("source/service/alb");
    let full_name = attrs["full_name"].as_str().unwrap();
    assert!(full_name.starts_with("app/payment-alb/"), "{full_name}");
    assert!(attrs["arn"].as_str().unwrap().ends_with(full_name));
    assert!(attrs["dns_name"].as_str().unwrap().ends_with(".us-east-1.elb.amazonaws.com"));
    assert_eq!(attrs["hosted_zone_id"], "Z35SXDOTRQ7X7K");
    assert!(lab.attrs("source/service/targets")["full_name"].as_str().unwrap().starts_with("targetgroup/payment-tg/"));
    let interfaces = &lab.world.region("us-east-1").ec2.interfaces;
    assert_eq!(interfaces.values().filter(|one| one.description == format!("ELB {full_name}") && one.public).count(), 2);
}

#[tokio::test(start_paused = true)]
pub async fn a_load_balancer_is_changed_in_place() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    let arn = lab.attrs("source/service/alb")["arn"].clone();
    let changed =
        LoadBalancer { idle_timeout_seconds: 120, drop_invalid_headers: false, security_groups: vec![Input::Value("sg-2".into())], ..balancer() };
    settle(&mut lab, &graph(changed, targets())).await;
    assert_eq!(lab.attrs("source/service/alb")["arn"], arn);
    let shown = elb(&mut lab).load_balancers.values().next().unwrap().clone();
    assert_eq!(shown.security_groups, ["sg-2"]);
    assert_eq!(shown.attributes["idle_timeout.timeout_seconds"], "120");
    assert_eq!(shown.attributes["routing.http.drop_invalid_header_fields.enabled"], "false");
}

#[tokio::test(start_paused = true)]
pub async fn a_load_balancer_moves_to_other_subnets() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    let moved = LoadBalancer { subnets: ["subnet-c", "subnet-a"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    settle(&mut lab, &graph(moved, targets())).await;
    let shown = elb(&mut lab).load_balancers.values().next().unwrap().clone();
    assert_eq!(shown.subnets.into_iter().map(|(_, subnet)| subnet).collect::<Vec<_>>(), ["subnet-a", "subnet-c"]);
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), ground().world.inventory());
}

#[tokio::test(start_paused = true)]
pub async fn a_target_group_is_changed_in_place() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    let changed =
        TargetGroup { health_check_path: "/ready".into(), health_check_interval_seconds: 10, deregistration_delay_seconds: 15, ..targets() };
    settle(&mut lab, &graph(balancer(), changed)).await;
    let shown = elb(&mut lab).target_groups.values().next().unwrap().clone();
    assert_eq!((shown.health_check.path.as_str(), shown.health_check.interval_seconds), ("/ready", 10));
    assert_eq!(shown.attributes["deregistration_delay.timeout_seconds"], "15");
}

#[tokio::test(start_paused = true)]
pub async fn a_listener_is_changed_in_place() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    let arn = lab.attrs("source/service/http")["arn"].clone();
    settle(&mut lab, &secure_graph("ELBSecurityPolicy-TLS13-1-2-2021-06")).await;
    assert_eq!(lab.attrs("source/service/http")["arn"], arn);
    settle(&mut lab, &secure_graph("ELBSecurityPolicy-TLS13-1-3-2021-06")).await;
    settle(&mut lab, &graph(balancer(), targets())).await;
    assert_eq!(lab.attrs("source/service/http")["arn"], arn);
    assert_eq!(elb(&mut lab).listeners.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_by_hand_is_put_right() {
    let mut lab = ground();
    let graph = graph(balancer(), targets());
    lab.up(&graph).await.must_succeed();
    elb(&mut lab).load_balancers.values_mut().next().unwrap().attributes.insert("idle_timeout.timeout_seconds".into(), "7".into());
    settle(&mut lab, &graph).await;
    assert_eq!(elb(&mut lab).load_balancers.values().next().unwrap().attributes["idle_timeout.timeout_seconds"], "60");
}

#[tokio::test(start_paused = true)]
async fn a_protected_load_balancer_is_not_deleted() {
    let mut lab = ground();
    let protected = LoadBalancer { deletion_protection: true, ..balancer() };
    lab.up(&graph(protected, targets())).await.must_succeed();
    let ran = lab.down().await;
    assert!(matches!(ran.report().failures[0].error, Error::Refused(_)));
    assert_eq!(elb(&mut lab).load_balancers.len(), 1);
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), ground().world.inventory());
}

#[tokio::test(start_paused = true)]
async fn names_that_somebody_else_has_are_left_alone() {
    for address in ["source/service/alb", "source/service/targets"] {
        let mut lab = ground();
        lab.up(&graph(balancer(), targets())).await.must_succeed();
        lab.store = Lab::default().store;
        let elb = elb(&mut lab);
        for tags in elb.load_balancers.values_mut().map(|one| &mut one.tags).chain(elb.target_groups.values_mut().map(|one| &mut one.tags)) {
            if tags["migrate-infra:address"] == address {
                tags.insert("migrate-infra:stack".into(), "payment-migration/other".into());
            }
        }
        let before = lab.world.inventory();
        let ran = lab.up(&graph(balancer(), targets())).await;
        let failure = ran.report().failures.iter().find(|failure| failure.address == Address::new(address)).expect("it is refused");
        assert!(matches!(&failure.error, Error::Foreign { owner, .. } if owner.contains("payment-migration/other")), "{}", failure.error);
        assert_eq!(lab.world.inventory(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_the_sandbox_refuses() {
    let one_subnet = LoadBalancer { subnets: vec![Input::Value("subnet-a".into())], ..balancer() };
    let twice = LoadBalancer { subnets: ["subnet-a", "subnet-a"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    let unknown_subnet = LoadBalancer { subnets: ["subnet-a", "subnet-x"].map(|id| Input::Value(id.into())).into(), ..balancer() };
    let unknown_group = LoadBalancer { security_groups: vec![Input::Value("sg-x".into())], ..balancer() };
    let long_name = LoadBalancer { name: "a-name-of-more-than-thirty-two-letters".into(), ..balancer() };
    let idle = LoadBalancer { idle_timeout_seconds: 4001, ..balancer() };
    let codes = ["ValidationError", "InvalidConfigurationRequest", "SubnetNotFound", "InvalidSecurityGroup", "ValidationError", "ValidationError"];
    for (balancer, code) in [one_subnet, twice, unknown_subnet, unknown_group, long_name, idle].into_iter().zip(codes) {
        let text = refusal(&mut ground(), &graph(balancer, targets())).await;
        assert!(text.contains(code), "{text}");
    }
    let slow = TargetGroup { health_check_timeout_seconds: 30, ..targets() };
    let elsewhere = TargetGroup { vpc: Input::Value("vpc-x".into()), ..targets() };
    for targets in [slow, elsewhere] {
        let text = refusal(&mut ground(), &graph(balancer(), targets)).await;
        assert!(text.contains("ValidationError"), "{text}");
    }
    let text = refusal(&mut ground(), &secure_graph("no-such-policy")).await;
    assert!(text.contains("SSLPolicyNotFound"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_second_listener_on_a_port_is_refused() {
    let mut sketch = Sketch::new();
    let (balancer, targets, _) = add(&mut sketch, balancer(), targets());
    let again = Listener { load_balancer: balancer.arn(), port: 80, protocol: Protocol::Http, action: Action::Forward(targets.arn()) };
    sketch.add("source/service/http-again", again);
    let ran = ground().up(&sketch.finish()).await;
    // Whichever comes second finds the port taken: by AWS's word, or by seeing the other one there.
    let error = &ran.report().failures[0].error;
    assert!(error.is_code("DuplicateListener") || matches!(error, Error::Foreign { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_target_group_in_use_is_not_deleted_and_its_user_is_named() {
    let mut lab = ground();
    let mut sketch = Sketch::new();
    sketch.add("source/service/targets", targets());
    lab.up(&sketch.finish()).await.must_succeed();
    let arn = lab.attrs("source/service/targets")["arn"].as_str().unwrap().to_owned();
    let mut other = ground();
    let mut sketch = Sketch::new();
    add(&mut sketch, balancer(), targets());
    other.up(&sketch.finish()).await.must_succeed();
    // Somebody else's load balancer begins to forward to our group.
    let theirs = elb(&mut other).clone();
    elb(&mut lab).load_balancers = theirs.load_balancers;
    elb(&mut lab).listeners = theirs.listeners;
    for listener in elb(&mut lab).listeners.values_mut() {
        listener.settings.action = migrate_infra::sandbox::world::elbv2::Action::Forward(arn.clone());
    }
    let ran = lab.down().await;
    let Error::Blocked(blockers) = &ran.report().failures[0].error else { panic!("{}", ran.report().failures[0].error) };
    assert!(blockers[0].id.contains(":loadbalancer/app/payment-alb/"));
}

#[tokio::test(start_paused = true)]
async fn interfaces_that_stay_are_named() {
    let mut lab = ground();
    lab.up(&graph(balancer(), targets())).await.must_succeed();
    // The load balancer vanishes, and nobody ever releases its interfaces.
    let full_name = lab.attrs("source/service/alb")["full_name"].as_str().unwrap().to_owned();
    let arn = lab.attrs("source/service/alb")["arn"].as_str().unwrap().to_owned();
    elb(&mut lab).listeners.clear();
    elb(&mut lab).load_balancers.remove(&arn);
    let ran = lab.down().await;
    let error = ran.report().failures.iter().map(|failure| &failure.error).find(|error| matches!(error, Error::Blocked(_))).expect("it is blocked");
    let text = error.to_string();
    assert!(text.contains("eni-") && text.contains(&format!("ELB {full_name}")) && text.contains("amazon-elb"), "{text}");
}
