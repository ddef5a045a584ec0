//! What keeps the tasks of a new deployment from becoming healthy.
//!
//! A Fargate task needs roles that ECS can assume, a way to its image, and a log group. The payment service then needs
//! the secret of its database, and the load balancer a way to its port. The reasons are those of "Stopped tasks error
//! messages" in the ECS Developer Guide.

use std::collections::BTreeMap;

use super::account_region::AccountRegion;
use super::ec2::{Ec2, NatState, Peer, SecurityGroupRule};
use super::ecs::{Obstacle, Service, TaskDefinition};
use super::elbv2::LoadBalancer;
use super::iam::Iam;
use super::state::{RegionState, World};
use super::trust::ServiceCaller;
use super::zones::has_fargate;

/// The principal that task roles trust.
const TASK_PRINCIPAL: &str = "ecs-tasks.amazonaws.com";
/// The managed policy that lets ECS pull images and write logs.
const EXECUTION_POLICY: &str = "service-role/AmazonECSTaskExecutionRolePolicy";
/// The variable of the container that names the secret of its database.
const SECRET_VARIABLE: &str = "DB_SECRET_ARN";
const INTERNET: &str = "0.0.0.0/0";
const HTTPS: i32 = 443;

impl World {
    /// Returns what keeps the tasks of new deployments from becoming healthy, by the ARN of the service.
    pub(super) fn obstacles(&self) -> BTreeMap<String, Obstacle> {
        let mut found = BTreeMap::new();
        for (key, region) in &self.regions {
            let starting = region.ecs.services.values().filter(|service| service.is_starting());
            let obstacle = |service: &Service| Some((service.arn.clone(), self.obstacle(key, region, service)?));
            found.extend(starting.filter_map(obstacle));
        }
        found
    }

    fn obstacle(&self, key: &str, region: &RegionState, service: &Service) -> Option<Obstacle> {
        let iam = self.iam_of(key);
        let definition = region.ecs.task_definitions.get(&service.deployments.first()?.task_definition)?;
        let stopped = || {
            image(&region.ec2, service, definition, self.now)
                .or_else(|| logs(region, iam, definition))
                .or_else(|| self.secret(iam, definition))
                .or_else(|| health_checks(region, service))
        };
        let not_placed = roles(iam, service, definition, self.now).or_else(|| capacity(&region.ec2, service));
        not_placed.map(Obstacle::NotPlaced).or_else(|| stopped().map(Obstacle::Stopped))
    }

    /// The service ends if it cannot read the secret of its database, which its own role must allow, and the policy of
    /// a secret of another account. A customer managed key requires `kms:Decrypt`, too ("Secret encryption and
    /// decryption in AWS Secrets Manager").
    fn secret(&self, iam: &Iam, definition: &TaskDefinition) -> Option<String> {
        let variables = &definition.container.environment;
        let (_, arn) = variables.iter().find(|(name, _)| name == SECRET_VARIABLE)?;
        let mut secrets = self.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        let secret = secrets.find(|secret| secret.arn == *arn && secret.deleted_at.is_none());
        let account = |arn: &str| AccountRegion::of_arn(arn).map(|of| of.account);
        let is_allowed = definition.task_role_arn.as_ref().zip(secret).is_some_and(|(role, secret)| {
            // The ARN of a role has no region.
            let is_own = account(role) == account(arn);
            let may_decrypt = secret.kms_key_id.as_ref().is_none_or(|key| iam.allows(role, "kms:Decrypt", key));
            iam.allows(role, "secretsmanager:GetSecretValue", arn)
                && may_decrypt
                && (is_own || secret.may_be_read_by(role))
        });
        (!is_allowed).then(|| "Essential container in task exited".to_owned())
    }
}

fn roles(iam: &Iam, service: &Service, definition: &TaskDefinition, now: u64) -> Option<String> {
    let mut roles = [&definition.execution_role_arn, &definition.task_role_arn].into_iter().flatten();
    // "arn:aws:ecs:us-west-2:111122223333:*" matches: ECS acts for a task ("Amazon ECS task IAM role").
    let account = AccountRegion::of_arn(&service.arn).map(|of| of.account).unwrap_or_default();
    let task = service.arn.replacen(":service/", ":task/", 1);
    let caller = ServiceCaller { principal: TASK_PRINCIPAL, account: &account, arn: Some(&task) };
    let role = roles.find(|role| !iam.can_assume(role, &caller, now))?;
    Some(format!(
        "(service {}) was unable to place a task. Reason: ECS was unable to assume the role '{role}' that was provided \
         for this task. Please verify that the role being passed has the proper trust relationship and permissions \
         and that your IAM user has permissions to pass this role..",
        service.name
    ))
}

/// The message for a zone in which Fargate has no capacity ("Service event messages").
fn capacity(ec2: &Ec2, service: &Service) -> Option<String> {
    let mut zones = service.settings.subnets.iter().filter_map(|id| Some(&ec2.subnets.get(id)?.availability_zone_id));
    zones.any(|zone| !has_fargate(zone)).then(|| {
        format!(
            "(service {}) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again \
             later or in a different availability zone.",
            service.name
        )
    })
}

/// "Tasks in private subnets […] must have a route to the internet" or endpoints of ECR and S3 ("Fargate task
/// networking"); the sandbox has no interface endpoints, and its services no public addresses.
fn image(ec2: &Ec2, service: &Service, definition: &TaskDefinition, now: u64) -> Option<String> {
    let has_route = service.settings.subnets.iter().all(|subnet| reaches_internet(ec2, subnet, now));
    let may_leave = allows(ec2, &service.settings.security_groups, true, HTTPS, |peer| match peer {
        Peer::Cidr(range) => range == INTERNET,
        Peer::Group(_) => false,
    });
    let image = &definition.container.image;
    (!has_route || !may_leave).then(|| {
        format!(
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}: \
             failed to do request: Head \"https://{image}\": dial tcp: i/o timeout"
        )
    })
}

/// Returns whether packets from a subnet leave through a NAT gateway. A subnet without an association uses the main
/// route table ("Subnet route tables", VPC User Guide).
fn reaches_internet(ec2: &Ec2, subnet: &str, now: u64) -> bool {
    let Some(vpc) = ec2.subnets.get(subnet).map(|subnet| &subnet.vpc_id) else { return false };
    let own = ec2.route_tables.values().find(|table| table.associations.values().any(|other| other == subnet));
    let main = || ec2.route_tables.values().find(|table| table.main && table.vpc_id == *vpc);
    let target = own.or_else(main).and_then(|table| table.routes.get(INTERNET));
    let gateway = target.and_then(|target| ec2.nat_gateways.get(target));
    gateway.is_some_and(|gateway| gateway.state(now) == NatState::Available)
}

fn logs(region: &RegionState, iam: &Iam, definition: &TaskDefinition) -> Option<String> {
    let group = definition.container.log_options.as_ref()?.get("awslogs-group")?;
    let role = definition.execution_role_arn.as_deref().unwrap_or_default();
    let cause = if !iam.has_policy(role, EXECUTION_POLICY) && !iam.allows(role, "logs:CreateLogStream", group) {
        format!("AccessDeniedException: {role} is not authorized to perform: logs:CreateLogStream")
    } else if !region.logs.groups.contains_key(group) {
        "ResourceNotFoundException: The specified log group does not exist.".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed \
         to create Cloudwatch log stream: {cause}"
    ))
}

/// "Your load balancer security group must allow traffic to the targets on both the listener port and the health check
/// port", and the targets must accept it ("Security groups for your Application Load Balancer").
fn health_checks(region: &RegionState, service: &Service) -> Option<String> {
    let settings = &service.settings;
    let reaches = |balancer: &&LoadBalancer| {
        let ranges = |subnets: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            subnets.filter_map(|id| Some(region.ec2.subnets.get(id)?.cidr_block.clone())).collect()
        };
        let from = ranges(&mut balancer.subnets.iter().map(|(_, subnet)| subnet));
        let to = ranges(&mut settings.subnets.iter());
        let rule = |groups: &[String], is_egress, peers: &[String], ranges: &[String]| {
            allows(&region.ec2, groups, is_egress, settings.container_port, |peer| match peer {
                Peer::Group(group) => peers.contains(group),
                Peer::Cidr(range) => ranges.iter().all(|inner| contains(range, inner)),
            })
        };
        rule(&balancer.security_groups, true, &settings.security_groups, &to)
            && rule(&settings.security_groups, false, &balancer.security_groups, &from)
    };
    let balancers = region.elbv2.attached_load_balancers(&settings.target_group_arn);
    let is_reached = balancers.is_empty() || balancers.iter().any(reaches);
    (!is_reached).then(|| format!("Task failed ELB health checks in (target-group {})", settings.target_group_arn))
}

/// Returns whether one of the groups has a rule for a TCP port and an accepted peer.
fn allows(ec2: &Ec2, groups: &[String], is_egress: bool, port: i32, accepts: impl Fn(&Peer) -> bool) -> bool {
    let fits = |rule: &&SecurityGroupRule| {
        let protocol =
            rule.ip_protocol == "-1" || (rule.ip_protocol == "tcp" && (rule.from_port..=rule.to_port).contains(&port));
        groups.contains(&rule.group_id) && rule.is_egress == is_egress && protocol
    };
    ec2.security_group_rules.values().filter(fits).any(|rule| accepts(&rule.peer))
}

/// Returns whether an address range is inside another one.
fn contains(range: &str, inner: &str) -> bool {
    let parse = |text: &str| text.parse::<ipnet::Ipv4Net>().ok();
    parse(range).zip(parse(inner)).is_some_and(|(range, inner)| range.contains(&inner))
}
