//! Whether what was built is connected: from the record to the load balancer, to the service, to the database of that
//! environment, and from the replication to both databases, hop by hop, with the routes and the security-group rules of
//! each hop.
//!
//! The test follows the paths in the world with its own model of AWS, independently of the code that built it.

use infra_connect::rds_roots_pem;
use ipnet::Ipv4Net;
use migrate_infra::sandbox::World;
use migrate_infra::sandbox::world::dms::Endpoint;
use migrate_infra::sandbox::world::ec2::{Peer, Subnet};
use migrate_infra::sandbox::world::ecs::Service;
use migrate_infra::sandbox::world::elbv2::{Action, LoadBalancer};
use migrate_infra::sandbox::world::rds::Instance;
use migrate_infra::sandbox::world::{AccountRegion, ServiceCaller};
use serde_json::Value;

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

/// The source or the destination of packets.
struct Spot<'a> {
    what: String,
    region: &'a str,
    subnets: Vec<&'a Subnet>,
    groups: Vec<&'a str>,
}

impl<'a> Spot<'a> {
    fn new(
        world: &'a World,
        what: &str,
        region: &'a str,
        subnets: impl IntoIterator<Item = &'a String>,
        groups: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let ec2 = &world.regions[region].ec2;
        let subnets: Vec<&Subnet> = subnets.into_iter().map(|id| &ec2.subnets[id]).collect();
        assert!(!subnets.is_empty(), "{what} is in no subnet");
        Self { what: what.to_owned(), region, subnets, groups: groups.into_iter().map(String::as_str).collect() }
    }
}

fn range(text: &str) -> Ipv4Net {
    text.parse().unwrap_or_else(|_| panic!("{text} is no range"))
}

/// Returns the target of the most specific route from `subnet` to `destination`.
fn route<'a>(world: &'a World, region: &str, subnet: &Subnet, destination: Ipv4Net) -> Option<&'a str> {
    let ec2 = &world.regions[region].ec2;
    let table = ec2.route_tables.values().find(|table| table.associations.values().any(|id| *id == subnet.subnet_id));
    let table = table
        .or_else(|| ec2.route_tables.values().find(|table| table.main && table.vpc_id == subnet.vpc_id))
        .expect("a route table");
    if range(&ec2.vpcs[&subnet.vpc_id].cidr_block).contains(&destination) {
        return Some("local");
    }
    let fitting = table.routes.iter().filter(|(to, _)| range(to).contains(&destination));
    fitting.max_by_key(|(to, _)| range(to).prefix_len()).map(|(_, target)| target.as_str())
}

fn active_peering(world: &World, id: &str, one: &str, other: &str) -> bool {
    world
        .regions
        .values()
        .filter_map(|region| region.ec2.peerings.get(id))
        .any(|peering| peering.connects(one, other, world.now))
}

/// Fails unless a connection between both places can be opened and answered.
fn must_reach(world: &World, from: &Spot<'_>, to: &Spot<'_>, port: i32) {
    let hop = format!("{} -> {}:{port}", from.what, to.what);
    for near in &from.subnets {
        for far in &to.subnets {
            for (region, here, there) in [(from.region, near, far), (to.region, far, near)] {
                let target = route(world, region, here, range(&there.cidr_block))
                    .unwrap_or_else(|| panic!("{hop}: no route from {} to {}", here.cidr_block, there.cidr_block));
                let leads = if here.vpc_id == there.vpc_id {
                    target == "local"
                } else {
                    active_peering(world, target, &here.vpc_id, &there.vpc_id)
                };
                assert!(leads, "{hop}: the route from {} to {} is {target}", here.cidr_block, there.cidr_block);
            }
        }
    }
    for (is_egress, own, other) in [(true, from, to), (false, to, from)] {
        let allowed = |range_of: &Subnet| {
            let rules = world.regions[own.region].ec2.security_group_rules.values();
            rules.filter(|rule| rule.is_egress == is_egress && own.groups.contains(&rule.group_id.as_str())).any(
                |rule| {
                    let port_fits = rule.ip_protocol == "-1"
                        || (rule.ip_protocol == "tcp" && (rule.from_port..=rule.to_port).contains(&port));
                    port_fits
                        && match &rule.peer {
                            Peer::Cidr(cidr) => range(cidr).contains(&range(&range_of.cidr_block)),
                            Peer::Group(group) => own.region == other.region && other.groups.contains(&group.as_str()),
                        }
                },
            )
        };
        for subnet in &other.subnets {
            assert!(allowed(subnet), "{hop}: no rule of {} lets it {}", own.what, if is_egress { "out" } else { "in" });
        }
    }
}

/// Fails unless the place reaches AWS services on the internet by HTTPS through a NAT gateway.
fn must_reach_the_outside(world: &World, from: &Spot<'_>) {
    for subnet in &from.subnets {
        let target = route(world, from.region, subnet, range("203.0.113.0/24")).unwrap_or("nothing");
        let gateway = world.regions[from.region]
            .ec2
            .nat_gateways
            .get(target)
            .unwrap_or_else(|| panic!("{}: its default route is {target}", from.what));
        let public = &world.regions[from.region].ec2.subnets[&gateway.subnet_id];
        assert!(
            route(world, from.region, public, range("203.0.113.0/24")).is_some_and(|target| target.starts_with("igw-")),
            "{} is in a private subnet",
            gateway.nat_gateway_id
        );
    }
    let rules = world.regions[from.region].ec2.security_group_rules.values();
    let out = rules.filter(|rule| {
        rule.is_egress
            && from.groups.contains(&rule.group_id.as_str())
            && (rule.from_port..=rule.to_port).contains(&443)
    });
    assert!(
        out.into_iter().any(|rule| rule.peer == Peer::Cidr("0.0.0.0/0".into())),
        "{}: no rule lets HTTPS out",
        from.what
    );
}

/// Fails unless the internet reaches this port of the load balancer.
fn must_be_public(world: &World, region: &str, balancer: &LoadBalancer, port: i32) {
    assert_eq!(balancer.scheme, "internet-facing");
    let ec2 = &world.regions[region].ec2;
    for (_, subnet) in &balancer.subnets {
        let target = route(world, region, &ec2.subnets[subnet], range("203.0.113.0/24")).unwrap_or("nothing");
        assert!(target.starts_with("igw-"), "{}: the default route of {subnet} is {target}", balancer.name);
    }
    let open = ec2.security_group_rules.values().any(|rule| {
        !rule.is_egress
            && balancer.security_groups.contains(&rule.group_id)
            && rule.from_port == port
            && rule.peer == Peer::Cidr("0.0.0.0/0".into())
    });
    assert!(open, "port {port} of {} is closed", balancer.name);
}

/// Returns the current content of a secret.
fn secret(world: &World, region: &str, id: &str) -> Value {
    let secret = world.regions[region].secretsmanager.secrets.values().find(|one| one.arn == id || one.name == id);
    let secret = secret.unwrap_or_else(|| panic!("there is no secret {id} in {region}"));
    let (_, version) = secret.version("AWSCURRENT").expect("a current version");
    serde_json::from_str(&version.value).expect("a JSON document")
}

/// Returns the database that a secret refers to, with its region. User and password must be those of the database.
fn database<'a>(world: &'a World, content: &Value) -> (&'a str, &'a Instance) {
    let host = content["host"].as_str().expect("a host");
    let mut all = world
        .regions
        .iter()
        .flat_map(|(region, here)| here.rds.instances.values().map(move |instance| (region.as_str(), instance)));
    let (region, instance) =
        all.find(|(_, instance)| instance.host == host).unwrap_or_else(|| panic!("no database is at {host}"));
    assert_eq!(content["username"], instance.master_username.as_str());
    assert_eq!(content["password"], instance.settings.master_password.as_str());
    assert_eq!(content["port"], 5432);
    assert_eq!(content["dbname"], instance.db_name.as_deref().unwrap_or_default());
    (region, instance)
}

fn spot_of_database<'a>(world: &'a World, region: &'a str, instance: &'a Instance) -> Spot<'a> {
    let group = &world.regions[region].rds.subnet_groups[&instance.subnet_group];
    assert!(!instance.publicly_accessible);
    Spot::new(world, &instance.identifier, region, &group.subnet_ids, &instance.security_groups)
}

/// Follows the path from the record of an environment to its database.
fn walk_from_the_record(world: &World, environment: &str, region: &str, own_database: &str) {
    let here = &world.regions[region];
    let zone = world.route53.zones.values().next().expect("a hosted zone");
    let record =
        zone.records.iter().find(|record| record.set_identifier.as_deref() == Some(environment)).expect("a record");
    let alias = record.alias.as_ref().expect("an alias");
    let plain = |name: &str| name.trim_end_matches('.').trim_start_matches("dualstack.").to_lowercase();
    let balancer = here.elbv2.load_balancers.values().find(|one| plain(&one.dns_name) == plain(&alias.dns_name));
    let balancer = balancer.unwrap_or_else(|| panic!("{} is no load balancer in {region}", alias.dns_name));
    assert!(balancer.name.contains(environment), "the record of {environment} leads to {}", balancer.name);
    assert_eq!(alias.hosted_zone_id, balancer.hosted_zone_id);

    // Only the record of the target has a health check, which follows the emergency switch and nothing else.
    let followed = record.health_check_id.as_ref().map(|id| &world.route53.health_checks[id].config);
    assert_eq!(followed.map(|check| check.kind.as_str()), (environment == "target").then_some("CALCULATED"));
    for child in followed.iter().flat_map(|check| &check.children) {
        assert_eq!(world.route53.health_checks[child].config.kind, "CLOUDWATCH_METRIC");
    }
    let checks = world.route53.health_checks.values().map(|check| &check.config);
    let mut of_balancer = checks.filter(|check| plain(&check.fqdn) == plain(&balancer.dns_name));
    let check = of_balancer.next().expect("a health check of the load balancer");
    must_be_public(world, region, balancer, check.port);

    let mut listeners = here.elbv2.listeners.values().filter(|listener| listener.load_balancer_arn == balancer.arn);
    let asked = listeners
        .find(|listener| listener.settings.port == check.port)
        .expect("a listener on the port of the health check");
    assert_eq!(asked.settings.protocol, check.kind, "the health check speaks what the listener does");
    let Action::Forward(target_group) = &asked.settings.action else {
        panic!("the listener does not forward: {:?}", asked.settings.action)
    };
    let targets = &here.elbv2.target_groups[target_group];
    assert_eq!(targets.health_check.path, check.path);

    let service = here
        .ecs
        .services
        .values()
        .find(|service| service.settings.target_group_arn == targets.arn)
        .expect("a service behind the target group");
    let definition = &here.ecs.task_definitions[&service.settings.task_definition];
    assert_eq!((definition.container.port, service.settings.container_port), (Some(targets.port), targets.port));
    let subnets: Vec<String> = balancer.subnets.iter().map(|(_, subnet)| subnet.clone()).collect();
    let tasks = spot_of_service(world, region, service);
    must_reach(
        world,
        &Spot::new(world, &balancer.name, region, &subnets, &balancer.security_groups),
        &tasks,
        targets.port,
    );
    must_reach_the_outside(world, &tasks);

    let arn = definition
        .container
        .environment
        .iter()
        .find(|(name, _)| name == "DB_SECRET_ARN")
        .map(|(_, value)| value.as_str())
        .expect("DB_SECRET_ARN");
    let role = world
        .iam
        .roles
        .values()
        .find(|role| Some(&role.arn) == definition.task_role_arn.as_ref())
        .expect("the task role");
    let may_read = role
        .inline_policies
        .values()
        .any(|policy| policy.to_string().contains(arn) && policy.to_string().contains("secretsmanager:GetSecretValue"));
    assert!(may_read, "the task role may not read {arn}");
    let (there, instance) = database(world, &secret(world, region, arn));
    assert_eq!(instance.identifier, own_database);
    must_reach(world, &tasks, &spot_of_database(world, there, instance), 5432);
}

fn spot_of_service<'a>(world: &'a World, region: &'a str, service: &'a Service) -> Spot<'a> {
    Spot::new(world, &service.name, region, &service.settings.subnets, &service.settings.security_groups)
}

/// Follows the path from each replication task to its two databases.
fn walk_from_the_replication(world: &World, region: &str, ends: [&str; 2]) {
    let dms = &world.regions[region].dms;
    // One fallback replicates from the target to the source; the other one in the direction of the replication.
    let is_reverse = |task: &&migrate_infra::sandbox::world::dms::Task| task.identifier.contains("-reverse-");
    let (back, there): (Vec<_>, Vec<_>) = dms.tasks.values().partition(is_reverse);
    assert_eq!((there.len(), back.len()), (2, 1), "replication tasks in {region}");
    for task in there {
        walk_from_a_task(world, region, task, ends);
    }
    let [from, to] = ends;
    walk_from_a_task(world, region, back[0], [to, from]);
}

fn walk_from_a_task(world: &World, region: &str, task: &migrate_infra::sandbox::world::dms::Task, ends: [&str; 2]) {
    let dms = &world.regions[region].dms;
    let instance = dms.instances.values().find(|one| one.arn == task.instance_arn).expect("the replication instance");
    let subnets = &dms.subnet_groups[&instance.subnet_group].subnet_ids;
    let from = Spot::new(world, &instance.identifier, region, subnets, &instance.security_group_ids);
    assert!(!instance.publicly_accessible);
    must_reach_the_outside(world, &from);
    let endpoint = |arn: &str| -> &Endpoint { dms.endpoints.values().find(|one| one.arn == arn).expect("an endpoint") };
    for (arn, wanted) in [&task.source_endpoint_arn, &task.target_endpoint_arn].into_iter().zip(ends) {
        let endpoint = endpoint(arn);
        assert_eq!(endpoint.ssl_mode, "verify-full");
        let certificate = endpoint.certificate_arn.as_ref().expect("its certificates");
        let certificate = dms.certificates.values().find(|one| one.arn == *certificate).expect("they are there");
        let content = secret(world, region, &endpoint.secret_id);
        assert_eq!(content["dbname"], endpoint.database_name.as_str());
        let role = world
            .iam
            .roles
            .values()
            .find(|role| role.arn == endpoint.access_role_arn)
            .expect("the role that reads the secret");
        let principal = format!("dms.{region}.amazonaws.com");
        let caller = ServiceCaller { principal: &principal, account: &world.account, arn: Some(&endpoint.arn) };
        assert!(world.iam.can_assume(&role.arn, &caller, world.now));
        assert!(
            role.inline_policies.values().any(|policy| policy.to_string().contains(&endpoint.secret_id)),
            "the role may not read {}",
            endpoint.secret_id
        );
        let (there, instance) = database(world, &content);
        assert_eq!(instance.identifier, wanted);
        let region_of_database = AccountRegion::of_key(there).region;
        let roots = rds_roots_pem(region_of_database.as_str()).expect("the roots of RDS there");
        assert!(roots.split_inclusive("-----END CERTIFICATE-----\n").all(|one| certificate.pem.contains(one)));
        must_reach(world, &from, &spot_of_database(world, there, instance), 5432);
    }
}

/// Follows the path from each replicated bucket to its replica, including the permissions of the role.
fn walk_from_the_bucket(world: &World, from: &str, to: &str) {
    let buckets = &world.s3.buckets;
    let source =
        buckets.values().find(|bucket| bucket.name.starts_with(from)).unwrap_or_else(|| panic!("no bucket {from}"));
    let replication = source.replication.as_ref().unwrap_or_else(|| panic!("{} is not replicated", source.name));
    let rule = &replication.rules[0];
    let destination = &buckets[rule.destination.rsplit(':').next().expect("a name")];
    assert!(destination.name.starts_with(to), "{} is replicated into {}", source.name, destination.name);
    assert!(
        rule.enabled
            && rule.delete_markers
            && rule.time_control_minutes == Some(15)
            && rule.metrics_minutes == Some(15)
    );
    assert_eq!([source, destination].map(|bucket| bucket.versioning.as_deref()), [Some("Enabled"); 2]);
    // Nothing documents that S3 says for whom it replicates.
    let caller = ServiceCaller { principal: "s3.amazonaws.com", account: &world.account, arn: None };
    assert!(world.iam.can_assume(&replication.role, &caller, world.now));
    let role = world.iam.roles.values().find(|role| role.arn == replication.role).expect("the role");
    let allowed = |action: &str, bucket: &str, objects: &str| {
        let statements =
            role.inline_policies.values().flat_map(|policy| policy["Statement"].as_array().expect("statements"));
        let resource = format!("arn:aws:s3:::{bucket}{objects}");
        let holds = |value: &Value, text: &str| value.as_array().is_some_and(|all| all.iter().any(|one| one == text));
        statements
            .into_iter()
            .any(|statement| holds(&statement["Action"], action) && holds(&statement["Resource"], &resource))
    };
    // "Setting up permissions for live replication", Amazon S3 user guide.
    for action in ["s3:GetReplicationConfiguration", "s3:ListBucket"] {
        assert!(allowed(action, &source.name, ""), "the role may not {action}");
    }
    for action in ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"] {
        assert!(allowed(action, &source.name, "/*"), "the role may not {action}");
    }
    for action in ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"] {
        assert!(allowed(action, &destination.name, "/*"), "the role may not {action}");
    }
}

async fn up(file: &str, sets: &[&str]) -> World {
    let mut fixture = Fixture::default();
    fixture.up(&graph(file, sets)).await.must_succeed();
    fixture.world
}

#[tokio::test(start_paused = true)]
async fn everything_in_the_paired_layout_is_connected() {
    for (sets, target) in [(&[][..], "us-east-1"), (&[TWO_REGIONS][..], FAR)] {
        let world = up(PAIRED, sets).await;
        let [source_db, target_db] = ["payment-db-source-source-dev-001", "payment-db-target-target-dev-001"];
        walk_from_the_record(&world, "source", "us-east-1", source_db);
        walk_from_the_record(&world, "target", target, target_db);
        walk_from_the_replication(&world, target, [source_db, target_db]);
        walk_from_the_bucket(&world, "payment-logs-source-source", "payment-logs-target-target");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_in_the_self_contained_layout_is_connected() {
    let world = up(SELF_CONTAINED, &[TWO_REGIONS]).await;
    for (environment, region) in [("source", "us-east-1"), ("target", FAR)] {
        let database = |role: &str| format!("payment-db-{role}-{environment}-dev-001");
        let [source, target] = ["source", "target"].map(database);
        walk_from_the_record(&world, environment, region, &database(environment));
        walk_from_the_replication(&world, region, [&source, &target]);
        walk_from_the_bucket(
            &world,
            &format!("payment-logs-source-{environment}"),
            &format!("payment-logs-target-{environment}"),
        );
    }
}

/// Both load balancers offer HTTPS: the health checks use it, and port 80 redirects to it.
#[tokio::test(start_paused = true)]
async fn with_certificates_the_health_checks_use_https() {
    let certificate = "service.certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/1234abcd";
    let world = up(PAIRED, &[certificate]).await;
    walk_from_the_record(&world, "source", "us-east-1", "payment-db-source-source-dev-001");
    let mut asking = world.route53.health_checks.values().filter(|check| !check.config.fqdn.is_empty());
    assert!(asking.all(|check| (check.config.kind.as_str(), check.config.port) == ("HTTPS", 443)));
}

/// A wrong character in a dimension results in a graph without data.
fn must_exist(world: &World, region: &str, namespace: &str, dimension: &str, value: &str) {
    let here = &world.regions[region];
    let exists = match (namespace, dimension) {
        ("AWS/RDS", "DBInstanceIdentifier") => here.rds.instances.contains_key(value),
        ("AWS/DMS", "ReplicationInstanceIdentifier") => here.dms.instances.contains_key(value),
        ("AWS/DMS", "ReplicationTaskIdentifier") => {
            here.dms.tasks.values().any(|task| task.arn.rsplit(':').next() == Some(value))
        }
        ("AWS/ECS", "ClusterName") => here.ecs.clusters.values().any(|cluster| cluster.name == value),
        ("AWS/ECS", "ServiceName") => here.ecs.services.values().any(|service| service.name == value),
        // `app/NAME/ID` and `targetgroup/NAME/ID`: what follows in the ARN.
        ("AWS/ApplicationELB", "LoadBalancer") => {
            here.elbv2.load_balancers.keys().any(|arn| arn.ends_with(&format!(":loadbalancer/{value}")))
        }
        ("AWS/ApplicationELB", "TargetGroup") => {
            here.elbv2.target_groups.keys().any(|arn| arn.ends_with(&format!(":{value}")))
        }
        // A custom metric, by stack.
        ("MigrateInfra", "Stack") => value == "payment-migration/dev-001",
        other => panic!("{other:?} is a dimension that this test does not know"),
    };
    assert!(exists, "{namespace}: no {dimension} is called {value} in {region}");
}

#[tokio::test(start_paused = true)]
async fn every_metric_dimension_is_the_identifier_of_something_that_exists() {
    for file in [PAIRED, SELF_CONTAINED] {
        let world = up(file, &[TWO_REGIONS]).await;
        let mut resolved = 0;
        for (region, here) in &world.regions {
            for alarm in here.cloudwatch.alarms.values() {
                assert!(!alarm.dimensions.is_empty());
                for (name, value) in &alarm.dimensions {
                    must_exist(&world, region, &alarm.namespace, name, value);
                    resolved += 1;
                }
            }
        }
        for dashboard in world.dashboards.0.values() {
            let widgets = dashboard.body["widgets"].as_array().expect("widgets");
            for widget in widgets {
                let properties = &widget["properties"];
                let region = properties["region"].as_str().expect("a region");
                for metric in properties["metrics"].as_array().expect("metrics") {
                    let line: Vec<&str> = metric.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
                    for pair in line[2..].chunks(2) {
                        must_exist(&world, region, line[0], pair[0], pair[1]);
                        resolved += 1;
                    }
                }
            }
        }
        assert!(resolved > 30, "only {resolved} dimensions");
    }
}

/// The widgets of an environment with a replication.
#[tokio::test(start_paused = true)]
async fn the_dashboard_of_a_replicating_environment_has_six_widgets() {
    let world = up(PAIRED, &[]).await;
    let widgets = |name: &str| world.dashboards.0[name].body["widgets"].as_array().expect("widgets").len();
    assert_eq!((widgets("payment-migration-target-dev-001"), widgets("payment-migration-source-dev-001")), (6, 5));
}
