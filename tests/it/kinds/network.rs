//! The network kinds on the sandbox.

use migrate_infra::address::{RouteTableId, SecurityGroupId};
use migrate_infra::graph::{Graph, Input};
use migrate_infra::resource::{Error, Handle};
use migrate_infra::resources::ec2::{
    DefaultSecurityGroup, Direction, ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Peer, Route, RouteTable,
    RouteTableAssociation, RouteTarget, SecurityGroup, SecurityGroupRule, Subnet, Vpc, ZoneOffers,
};
use migrate_infra::sandbox::world::ec2::{self, Ec2};

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind, check_lifecycle, survives_kills};

/// The settings that tests vary.
#[derive(Clone, Copy)]
struct Options {
    /// The part of the description of one rule that is changed in place.
    rule_says: &'static str,
    /// Whether the second private subnet uses the route table of the first one.
    shared_table: bool,
    /// Whether the S3 endpoint serves the public subnets too.
    public_s3: bool,
}

const USUAL: Options = Options { rule_says: "DMS reads", shared_table: false, public_s3: true };

/// The VPC with its gateways, subnets, routes and S3 endpoint: system.md, part 1.
fn add_network(builder: &mut GraphBuilder, options: Options) -> Handle<Vpc> {
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/network/default-group", DefaultSecurityGroup { vpc: vpc.id() });
    let igw = builder.add("source/network/igw", InternetGateway { vpc: vpc.id() });
    let eip = builder.add("source/network/nat-ip", ElasticIp {});
    let mut public: Vec<Handle<Subnet>> = Vec::new();
    let mut tables: Vec<Input<RouteTableId>> = Vec::new();
    let mut nat = None;
    for (role, zone) in [("public", 0), ("public", 1), ("private", 0), ("private", 1)] {
        let is_public = role == "public";
        let cidr = format!("10.0.{}.0/24", if is_public { zone } else { 10 + zone });
        let subnet = builder.add(
            &format!("source/network/{role}-{zone}"),
            Subnet {
                vpc: vpc.id(),
                cidr,
                zone,
                zone_id: None,
                offers: ZoneOffers::default(),
                public_addresses: is_public,
                remove_guardduty: true,
            },
        );
        let table = builder.add(&format!("source/network/{role}-{zone}-table"), RouteTable { vpc: vpc.id() });
        let target = if is_public {
            public.push(subnet.clone());
            RouteTarget::InternetGateway(igw.id())
        } else {
            let nat = nat.get_or_insert_with(|| {
                builder.add(
                    "source/network/nat",
                    NatGateway { subnet: public[0].id(), allocation: eip.id(), internet_gateway: igw.id() },
                )
            });
            RouteTarget::NatGateway(nat.usable())
        };
        let route = Route { route_table: table.id(), destination: "0.0.0.0/0".into(), target };
        builder.add(&format!("source/network/{role}-{zone}-default-route"), route);
        let through =
            if options.shared_table && role == "private" && zone == 1 { tables[2].clone() } else { table.id() };
        builder.add(
            &format!("source/network/{role}-{zone}-association"),
            RouteTableAssociation { route_table: through, subnet: subnet.id() },
        );
        tables.push(table.id());
    }
    let route_tables = if options.public_s3 { tables } else { tables[2..].to_vec() };
    builder.add("source/network/s3", GatewayEndpoint { vpc: vpc.id(), service: "s3".into(), route_tables });
    vpc
}

fn group(builder: &mut GraphBuilder, vpc: &Handle<Vpc>, name: &str) -> Handle<SecurityGroup> {
    let spec = SecurityGroup {
        vpc: vpc.id(),
        name: format!("payment-{name}-source-test-001"),
        description: format!("{name} of the source environment"),
    };
    builder.add(&format!("source/security/{name}"), spec)
}

fn rule(
    group: Input<SecurityGroupId>,
    direction: Direction,
    port: i32,
    peer: Peer,
    description: &str,
) -> SecurityGroupRule {
    let (protocol, port) = if port < 0 { ("-1", -1) } else { ("tcp", port) };
    SecurityGroupRule {
        group,
        direction,
        protocol: protocol.into(),
        from_port: port,
        to_port: port,
        peer,
        description: description.into(),
        peering: None,
    }
}

/// The four groups and their rules: system.md, part 2.
fn add_security(builder: &mut GraphBuilder, vpc: &Handle<Vpc>, options: Options) {
    let [db, dms, ecs, alb] = ["db", "dms", "ecs", "alb"].map(|name| group(builder, vpc, name));
    let everywhere = || Peer::Cidr("0.0.0.0/0".into());
    let dms_reads = format!("{} the database", options.rule_says);
    let rules = [
        ("db-from-dms", rule(db.id(), Direction::Ingress, 5432, Peer::Group(dms.id()), &dms_reads)),
        (
            "db-from-ecs",
            rule(db.id(), Direction::Ingress, 5432, Peer::Group(ecs.id()), "the service uses the database"),
        ),
        (
            "ecs-from-alb",
            rule(ecs.id(), Direction::Ingress, 8080, Peer::Group(alb.id()), "the load balancer calls the service"),
        ),
        ("alb-http", rule(alb.id(), Direction::Ingress, 80, everywhere(), "the world, HTTP")),
        ("alb-https", rule(alb.id(), Direction::Ingress, 443, everywhere(), "the world, HTTPS")),
        ("dms-to-db", rule(dms.id(), Direction::Egress, 5432, Peer::Group(db.id()), "DMS reads the database")),
        ("dms-to-aws", rule(dms.id(), Direction::Egress, 443, everywhere(), "DMS calls AWS")),
        ("ecs-out", rule(ecs.id(), Direction::Egress, -1, everywhere(), "the service calls out")),
        (
            "alb-to-ecs",
            rule(alb.id(), Direction::Egress, 8080, Peer::Group(ecs.id()), "the load balancer calls the service"),
        ),
    ];
    for (name, spec) in rules {
        builder.add(&format!("source/security/{name}"), spec);
    }
}

fn network(options: Options) -> Graph {
    let mut builder = GraphBuilder::new();
    add_network(&mut builder, options);
    builder.finish()
}

fn security(options: Options) -> Graph {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/network/default-group", DefaultSecurityGroup { vpc: vpc.id() });
    add_security(&mut builder, &vpc, options);
    builder.finish()
}

fn everything(options: Options) -> Graph {
    let mut builder = GraphBuilder::new();
    let vpc = add_network(&mut builder, options);
    add_security(&mut builder, &vpc, options);
    builder.finish()
}

async fn made(graph: &Graph) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(graph).await.must_succeed();
    fixture
}

fn here(fixture: &mut Fixture) -> &mut Ec2 {
    &mut fixture.world.region("us-east-1").ec2
}

/// Applies a change, and checks that it makes exactly these mutating calls and that a second `up` makes none.
async fn changes_in_place(fixture: &mut Fixture, graph: &Graph, calls: &[(&str, usize)]) {
    let ran = fixture.up(graph).await;
    ran.must_succeed();
    let by_call = ran.calls.by_call();
    for (call, times) in calls {
        let made =
            by_call.iter().find(|(name, _)| *name == call).map_or(0, |(_, count)| usize::try_from(*count).unwrap());
        assert_eq!(made, *times, "{call}: {by_call:?}");
    }
    assert_eq!(ran.calls.mutations(), calls.iter().map(|(_, times)| *times as u64).sum::<u64>(), "{by_call:?}");
    let again = fixture.up(graph).await;
    again.must_succeed();
    assert_eq!(again.calls.mutations(), 0, "{:?}", again.calls.by_call());
}

/// Returns the only failure of a run.
fn failure(ran: &crate::harness::sandbox_run::RunResult) -> &Error {
    match ran.report().failures.as_slice() {
        [one] => &one.error,
        other => panic!("expected one failure, got {other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_passes_the_lifecycle_checks() {
    check_lifecycle(&network(USUAL)).await;
}

#[tokio::test(start_paused = true)]
async fn security_groups_pass_the_lifecycle_checks() {
    check_lifecycle(&security(USUAL)).await;
}

#[tokio::test(start_paused = true)]
async fn the_network_of_an_environment_is_created_and_deleted() {
    let graph = everything(USUAL);
    let mut fixture = made(&graph).await;
    let ec2 = here(&mut fixture);
    assert_eq!((ec2.subnets.len(), ec2.route_tables.len(), ec2.security_groups.len()), (4, 5, 5));
    let default = ec2.security_groups.values().find(|group| group.is_default()).unwrap().group_id.clone();
    assert!(
        !ec2.security_group_rules.values().any(|rule| rule.group_id == default),
        "the default group still has rules"
    );
    assert_eq!(ec2.security_group_rules.len(), 9, "just the rules of the graph: {:#?}", ec2.security_group_rules);
    assert!(ec2.security_group_rules.values().all(|rule| rule.tags.contains_key("migrate-infra:address")));
    assert!(
        ec2.route_tables
            .values()
            .filter(|table| !table.main)
            .all(|table| table.routes.len() == 1 && table.associations.len() == 1)
    );
    assert_eq!(ec2.vpc_endpoints.values().next().unwrap().route_table_ids.len(), 4);
    let again = fixture.up(&graph).await;
    again.must_succeed();
    assert_eq!(again.calls.mutations(), 0, "{:?}", again.calls.by_call());
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
    let ec2 = here(&mut fixture);
    assert!(
        ec2.route_tables.is_empty() && ec2.security_groups.is_empty() && ec2.security_group_rules.is_empty(),
        "what came with the VPC went with it"
    );
}

#[tokio::test(start_paused = true)]
pub async fn the_description_of_a_rule_changes_in_place() {
    let mut fixture = made(&security(USUAL)).await;
    let changed = security(Options { rule_says: "DMS copies", ..USUAL });
    changes_in_place(&mut fixture, &changed, &[("ec2:UpdateSecurityGroupRuleDescriptionsIngress", 1)]).await;
    assert!(here(&mut fixture).security_group_rules.values().any(|rule| rule.description == "DMS copies the database"));
}

/// AWS permits manual changes of a rule; its id and its tags stay.
#[tokio::test(start_paused = true)]
pub async fn a_manually_changed_rule_is_corrected() {
    let graph = security(USUAL);
    let mut fixture = made(&graph).await;
    fixture.advance_a_day();
    let before = here(&mut fixture).security_group_rules.clone();
    let mut changed = 0;
    for rule in here(&mut fixture).security_group_rules.values_mut().filter(|rule| rule.ip_protocol == "tcp") {
        rule.ip_protocol = "udp".into();
        (rule.from_port, rule.to_port) = (0, 65535);
        if let ec2::Peer::Cidr(range) = &mut rule.peer {
            "198.51.100.0/24".clone_into(range);
        }
        changed += 1;
    }
    let findings = crate::kinds::every_input::look(&fixture).await.drift;
    assert_eq!(findings.len(), changed, "{findings:?}");
    for (address, finding) in &findings {
        let text = finding.to_string();
        assert!(
            ["`protocol`", "`from_port`", "`to_port`"].iter().all(|field| text.contains(field)),
            "{address}: {text}"
        );
    }
    changes_in_place(&mut fixture, &graph, &[("ec2:ModifySecurityGroupRules", changed)]).await;
    assert_eq!(here(&mut fixture).security_group_rules, before);
}

#[tokio::test(start_paused = true)]
pub async fn the_route_tables_of_an_endpoint_and_of_a_subnet_change_in_place() {
    let mut fixture = made(&network(USUAL)).await;
    let changed = network(Options { public_s3: false, shared_table: true, ..USUAL });
    changes_in_place(&mut fixture, &changed, &[("ec2:ModifyVpcEndpoint", 1), ("ec2:ReplaceRouteTableAssociation", 1)])
        .await;
    assert_eq!(here(&mut fixture).vpc_endpoints.values().next().unwrap().route_table_ids.len(), 2);
    changes_in_place(
        &mut fixture,
        &network(USUAL),
        &[("ec2:ModifyVpcEndpoint", 1), ("ec2:ReplaceRouteTableAssociation", 1)],
    )
    .await;
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
pub async fn manual_changes_are_corrected() {
    let graph = everything(USUAL);
    let mut fixture = made(&graph).await;
    let ec2 = here(&mut fixture);
    let igw = ec2.internet_gateways.keys().next().unwrap().clone();
    // A private route bypasses the NAT gateway, a public one is missing, the default group has a rule, an own rule is
    // revoked.
    for table in ec2.route_tables.values_mut() {
        let address = table.tags.get("migrate-infra:address").cloned().unwrap_or_default();
        match address.as_str() {
            "source/network/private-0-table" => drop(table.routes.insert("0.0.0.0/0".into(), igw.clone())),
            "source/network/public-0-table" => table.routes.clear(),
            _ => {}
        }
    }
    let default = ec2.security_groups.values().find(|group| group.is_default()).unwrap().group_id.clone();
    let open = ec2::SecurityGroupRule {
        rule_id: "sgr-byhand".into(),
        group_id: default,
        is_egress: false,
        ip_protocol: "tcp".into(),
        from_port: 22,
        to_port: 22,
        peer: ec2::Peer::Cidr("0.0.0.0/0".into()),
        description: String::new(),
        tags: ec2::Tags::new(),
    };
    ec2.security_group_rules.insert("sgr-byhand".into(), open);
    let of_http = |rule: &&ec2::SecurityGroupRule| {
        rule.tags.get("migrate-infra:address").is_some_and(|address| address == "source/security/alb-http")
    };
    let http = ec2.security_group_rules.values().find(of_http).unwrap().rule_id.clone();
    ec2.security_group_rules.remove(&http);
    let calls = [
        ("ec2:ReplaceRoute", 1),
        ("ec2:CreateRoute", 1),
        ("ec2:RevokeSecurityGroupIngress", 1),
        ("ec2:AuthorizeSecurityGroupIngress", 1),
    ];
    changes_in_place(&mut fixture, &graph, &calls).await;
}

#[tokio::test(start_paused = true)]
pub async fn a_detached_gateway_is_attached_again_and_one_attached_elsewhere_is_refused() {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add("source/network/igw", InternetGateway { vpc: vpc.id() });
    let graph = builder.finish();
    let mut fixture = made(&graph).await;
    here(&mut fixture).internet_gateways.values_mut().next().unwrap().vpc_id = None;
    changes_in_place(&mut fixture, &graph, &[("ec2:AttachInternetGateway", 1)]).await;
    here(&mut fixture).internet_gateways.values_mut().next().unwrap().vpc_id = Some("vpc-elsewhere".into());
    assert!(matches!(failure(&fixture.up(&graph).await), Error::Refused(_)));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_group_with_the_same_name_stops_the_run() {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    let mut fixture = made(&builder.finish()).await;
    let vpc_id = fixture.attrs("source/network/vpc")["vpc_id"].as_str().unwrap().to_owned();
    let theirs = ec2::SecurityGroup {
        group_id: "sg-theirs".into(),
        group_name: "payment-db-source-test-001".into(),
        description: "made by hand".into(),
        vpc_id,
        tags: ec2::Tags::new(),
    };
    here(&mut fixture).security_groups.insert("sg-theirs".into(), theirs);
    let mut builder = GraphBuilder::new();
    builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    group(&mut builder, &vpc, "db");
    let ran = fixture.up(&builder.finish()).await;
    assert!(matches!(failure(&ran), Error::Foreign { id, .. } if id == "sg-theirs"), "{:?}", ran.report());
}

#[tokio::test(start_paused = true)]
async fn a_manually_created_equal_rule_stops_the_run() {
    let graph = |with_rule: bool| {
        let mut builder = GraphBuilder::new();
        let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
        let alb = group(&mut builder, &vpc, "alb");
        if with_rule {
            builder.add(
                "source/security/alb-http",
                rule(alb.id(), Direction::Ingress, 80, Peer::Cidr("0.0.0.0/0".into()), "the world"),
            );
        }
        builder.finish()
    };
    let mut fixture = made(&graph(false)).await;
    let group_id = fixture.attrs("source/security/alb")["group_id"].as_str().unwrap().to_owned();
    let theirs = ec2::SecurityGroupRule {
        rule_id: "sgr-theirs".into(),
        group_id,
        is_egress: false,
        ip_protocol: "tcp".into(),
        from_port: 80,
        to_port: 80,
        peer: ec2::Peer::Cidr("0.0.0.0/0".into()),
        description: "another description".into(),
        tags: ec2::Tags::new(),
    };
    here(&mut fixture).security_group_rules.insert("sgr-theirs".into(), theirs);
    let ran = fixture.up(&graph(true)).await;
    assert!(matches!(failure(&ran), Error::Foreign { id, .. } if id == "sgr-theirs"), "{:?}", ran.report());
    // A foreign rule is not deleted, except with its group.
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_failed_nat_gateway_reports_the_cause_and_is_recreated() {
    let graph = everything(USUAL);
    let mut fixture = made(&network(USUAL)).await;
    // The gateway becomes foreign and keeps the address, so that the replacement cannot have
    // it. The state is lost, so that everything else is found by its tags.
    let old = here(&mut fixture).nat_gateways.keys().next().unwrap().clone();
    here(&mut fixture).nat_gateways.get_mut(&old).unwrap().tags.clear();
    fixture.store = migrate_infra::state::MemoryStore::default();
    let ran = fixture.up(&graph).await;
    let failed = ran
        .report()
        .failures
        .iter()
        .find(|failure| failure.address.as_str() == "source/network/nat")
        .expect("the gateway fails");
    let text = failed.error.to_string();
    assert!(text.contains("failed") && text.contains("Resource.AlreadyAssociated"), "{text}");
    // Once the address is free, the same command creates another gateway.
    let ec2 = here(&mut fixture);
    let description = ec2.nat_gateways[&old].interface_description();
    ec2.release_interfaces(&description, 0);
    ec2.nat_gateways.remove(&old);
    ec2.addresses.values_mut().for_each(|address| address.nat_gateway_id = None);
    fixture.up(&graph).await.must_succeed();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_new_nat_gateway_is_created_while_the_deleted_one_is_still_listed() {
    let graph = network(USUAL);
    let mut fixture = made(&graph).await;
    fixture.down().await.must_succeed();
    assert_eq!(here(&mut fixture).nat_gateways.len(), 1, "AWS shows a deleted gateway for an hour");
    fixture.up(&graph).await.must_succeed();
    assert_eq!(here(&mut fixture).nat_gateways.len(), 2);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn up_after_a_killed_down_and_down_after_a_killed_up() {
    let graph = network(USUAL);
    let up = made(&graph).await;
    let mut matrix = Matrix::stepping(1, 7);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = up.fork();
        fixture.run(&graph, RunKind::Down, crash_points.clone()).await;
        if !crash_points.is_dead() {
            continue;
        }
        fixture.up(&graph).await.must_succeed();
        fixture.down().await.must_succeed();
        assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "down killed at point {point}, then up");
    }
    let mut matrix = Matrix::stepping(1, 7);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = Fixture::default();
        fixture.run(&graph, RunKind::Up, crash_points.clone()).await;
        if !crash_points.is_dead() {
            continue;
        }
        fixture.down().await.must_succeed();
        assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "up killed at point {point}, then down");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_interface_and_a_foreign_rule_are_reported_when_they_block() {
    let mut fixture = made(&everything(USUAL)).await;
    let (db, subnet) = (
        fixture.attrs("source/security/db")["group_id"].clone(),
        fixture.attrs("source/network/private-0")["subnet_id"].clone(),
    );
    let (db, subnet) = (db.as_str().unwrap().to_owned(), subnet.as_str().unwrap().to_owned());
    let vpc_id = fixture.attrs("source/network/vpc")["vpc_id"].as_str().unwrap().to_owned();
    let ec2 = here(&mut fixture);
    ec2.attach_interface("eni-lambda".into(), &subnet, &[], "AWS Lambda VPC ENI".into(), "awslambda", false);
    let theirs = ec2::SecurityGroup {
        group_id: "sg-theirs".into(),
        group_name: "theirs".into(),
        description: "theirs".into(),
        vpc_id,
        tags: ec2::Tags::new(),
    };
    ec2.security_groups.insert("sg-theirs".into(), theirs);
    let refers = ec2::SecurityGroupRule {
        rule_id: "sgr-theirs".into(),
        group_id: "sg-theirs".into(),
        is_egress: true,
        ip_protocol: "-1".into(),
        from_port: -1,
        to_port: -1,
        peer: ec2::Peer::Group(db),
        description: String::new(),
        tags: ec2::Tags::new(),
    };
    ec2.security_group_rules.insert("sgr-theirs".into(), refers);
    let ran = fixture.down().await;
    let report = ran.report();
    let error = |address: &str| {
        report.failures.iter().find(|failure| failure.address.as_str() == address).expect(address).error.to_string()
    };
    let text = error("source/network/private-0");
    assert!(text.contains("eni-lambda") && text.contains("awslambda"), "{text}");
    let text = error("source/security/db");
    assert!(text.contains("sg-theirs") && text.contains("outbound"), "{text}");
    // After their deletion, the same command resumes.
    let ec2 = here(&mut fixture);
    ec2.interfaces.remove("eni-lambda");
    ec2.security_groups.remove("sg-theirs");
    ec2.security_group_rules.remove("sgr-theirs");
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_gateway_waits_for_public_addresses_and_a_group_for_interfaces() {
    let graph = everything(USUAL);
    let mut fixture = made(&graph).await;
    let alb = fixture.attrs("source/security/alb")["group_id"].as_str().unwrap().to_owned();
    let subnet = fixture.attrs("source/network/public-1")["subnet_id"].as_str().unwrap().to_owned();
    let removed_at = fixture.world.now + 400_000;
    let ec2 = here(&mut fixture);
    ec2.attach_interface("eni-alb".into(), &subnet, &[alb], "ELB app/payment/1".into(), "amazon-elb", true);
    ec2.release_interfaces("ELB app/payment/1", removed_at);
    fixture.down().await.must_succeed();
    assert!(fixture.world.now >= removed_at);
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_blocks_the_deletion_of_a_vpc_is_reported() {
    let mut builder = GraphBuilder::new();
    builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    let mut fixture = made(&builder.finish()).await;
    let vpc_id = fixture.attrs("source/network/vpc")["vpc_id"].as_str().unwrap().to_owned();
    let theirs = ec2::SecurityGroup {
        group_id: "sg-theirs".into(),
        group_name: "theirs".into(),
        description: "theirs".into(),
        vpc_id: vpc_id.clone(),
        tags: ec2::Tags::new(),
    };
    here(&mut fixture).security_groups.insert("sg-theirs".into(), theirs);
    let theirs = ec2::VpcEndpoint {
        vpc_endpoint_id: "vpce-theirs".into(),
        vpc_id,
        service_name: "com.amazonaws.us-east-1.s3".into(),
        route_table_ids: std::collections::BTreeSet::new(),
        subnet_ids: std::collections::BTreeSet::new(),
        available_at: 0,
        removed_at: None,
        tags: ec2::Tags::new(),
    };
    here(&mut fixture).vpc_endpoints.insert("vpce-theirs".into(), theirs);
    let text = failure(&fixture.down().await).to_string();
    let named = "sg-theirs (the security group `theirs`), vpce-theirs (an endpoint for com.amazonaws.us-east-1.s3)";
    assert_eq!(text, format!("it is still in use by {named}"));
}

/// Kills at every point of the complete network take some time; this test covers `down` only.
#[tokio::test(start_paused = true)]
async fn the_whole_network_survives_kills_of_down() {
    let graph = everything(USUAL);
    let up = made(&graph).await;
    assert!(survives_kills(&graph, &up, RunKind::Down, 0, &[]).await > 50);
}
