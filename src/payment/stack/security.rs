//! Security groups and their rules.

use super::builder::Builder;
use super::network::Network;
use infra_base::address::SecurityGroupId;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ec2::{Direction, Peer, SecurityGroup, SecurityGroupRule};

/// The port of PostgreSQL.
pub(super) const POSTGRES: i32 = 5432;
const EVERYWHERE: &str = "0.0.0.0/0";

/// The security groups of an environment.
pub(super) struct SecurityGroups {
    pub(super) db: Handle<SecurityGroup>,
    pub(super) dms: Handle<SecurityGroup>,
    pub(super) ecs: Handle<SecurityGroup>,
    pub(super) alb: Handle<SecurityGroup>,
    /// Ready when the rules of the service are in effect: it can pull its image, connect to its database, and receive
    /// requests from the load balancer.
    pub(super) service_rules: Vec<Input<String>>,
    /// Ready when the rules of the replication are in effect: it can connect to the databases of this environment and
    /// to the internet.
    pub(super) replication_rules: Vec<Input<String>>,
}

/// Name, security group, direction, port, peer, description.
type Rule = (&'static str, Input<SecurityGroupId>, Direction, i32, Peer, &'static str);

/// Adds the security groups and their rules.
pub(super) fn add(builder: &mut Builder<'_>, network: &Network) -> SecurityGroups {
    let mut group = |role: &str, description: &str| {
        let spec = SecurityGroup {
            vpc: network.vpc.id(),
            name: builder.names.security_group(role),
            description: description.to_owned(),
        };
        builder.add("security", role, &spec)
    };
    let db = group("db", "Payment databases");
    let dms = group("dms", "Database replication");
    let ecs = group("ecs", "Payment service tasks");
    let alb = group("alb", "Payment load balancer");
    let port = builder.config.service.port;
    let to = |group: &Handle<SecurityGroup>| Peer::Group(group.id());
    let internet = || Peer::Cidr(EVERYWHERE.to_owned());

    let rules: [Rule; 10] = [
        ("db-from-dms", db.id(), Direction::Ingress, POSTGRES, to(&dms), "PostgreSQL from the replication instance"),
        ("db-from-ecs", db.id(), Direction::Ingress, POSTGRES, to(&ecs), "PostgreSQL from the payment service"),
        (
            "ecs-from-alb",
            ecs.id(),
            Direction::Ingress,
            port,
            to(&alb),
            "requests and health checks from the load balancer",
        ),
        ("alb-http", alb.id(), Direction::Ingress, 80, internet(), "HTTP from the internet"),
        ("alb-https", alb.id(), Direction::Ingress, 443, internet(), "HTTPS from the internet"),
        (
            "alb-to-ecs",
            alb.id(),
            Direction::Egress,
            port,
            to(&ecs),
            "requests and health checks to the payment service",
        ),
        ("ecs-to-db", ecs.id(), Direction::Egress, POSTGRES, to(&db), "PostgreSQL"),
        ("ecs-https", ecs.id(), Direction::Egress, 443, internet(), "images, secrets, logs and buckets"),
        ("dms-to-db", dms.id(), Direction::Egress, POSTGRES, to(&db), "PostgreSQL"),
        ("dms-https", dms.id(), Direction::Egress, 443, internet(), "secrets and logs"),
    ];
    let (mut service_rules, mut replication_rules) = (Vec::new(), Vec::new());
    for (name, group, direction, port, peer, description) in rules {
        let protocol = "tcp".to_owned();
        let spec = SecurityGroupRule {
            group,
            direction,
            protocol,
            from_port: port,
            to_port: port,
            peer,
            description: description.to_owned(),
            peering: None,
        };
        let rule = builder.add("security", name, &spec);
        if name.contains("ecs") {
            service_rules.push(rule.done());
        }
        if name.contains("dms") {
            replication_rules.push(rule.done());
        }
    }
    allowed_ranges(builder, &db);
    SecurityGroups { db, dms, ecs, alb, service_rules, replication_rules }
}

/// Allows the configured address ranges to connect to the databases.
fn allowed_ranges(builder: &mut Builder<'_>, db: &Handle<SecurityGroup>) {
    for (index, range) in builder.config.database.allowed_cidrs.iter().enumerate() {
        let spec = SecurityGroupRule {
            group: db.id(),
            direction: Direction::Ingress,
            protocol: "tcp".to_owned(),
            from_port: POSTGRES,
            to_port: POSTGRES,
            peer: Peer::Cidr(range.clone()),
            description: "PostgreSQL from an address range of the configuration".to_owned(),
            peering: None,
        };
        builder.add("security", &format!("db-from-range-{}", index + 1), &spec);
    }
}
