//! The ARNs of what a stack has, or will have, in one account.

use std::collections::{BTreeMap, BTreeSet};

use infra_base::address::Region;
use infra_core::resource::Kind;
use serde_json::Value;

use super::table::arn_format;

/// Where the name in the ARN of a resource comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// An input of the kind.
    Input(&'static str),
    /// An input, and a suffix that AWS or this program chooses.
    Prefix(&'static str),
    /// The path and the name of a role.
    Role,
    /// An attribute, once the resource exists; or an input with the id of somebody else's resource.
    Id(&'static str),
    /// AWS chooses it. Only tags tell whose it is.
    Chosen,
}

/// A resource type, and the kind whose resources are of this type or, for parts of a resource, contain them.
struct Type {
    name: &'static str,
    kind: &'static str,
    from: Name,
}

const fn of(name: &'static str, kind: &'static str, from: Name) -> Type {
    Type { name, kind, from }
}

/// Every type that the kinds create, or act on. A type without an entry is not part of any stack.
const TYPES: &[Type] = &[
    of("application-autoscaling:ScalableTarget", "autoscaling.scalable_target", Name::Chosen),
    of("cloudwatch:alarm", "cloudwatch.alarm", Name::Input("name")),
    of("cloudwatch:dashboard", "cloudwatch.dashboard", Name::Input("name")),
    of("dms:Certificate", "dms.certificate", Name::Chosen),
    of("dms:Endpoint", "dms.endpoint", Name::Chosen),
    of("dms:ReplicationInstance", "dms.replication_instance", Name::Chosen),
    of("dms:ReplicationSubnetGroup", "dms.replication_subnet_group", Name::Chosen),
    of("dms:ReplicationTask", "dms.replication_task", Name::Chosen),
    of("ec2:elastic-ip", "ec2.elastic_ip", Name::Chosen),
    of("ec2:internet-gateway", "ec2.internet_gateway", Name::Chosen),
    of("ec2:natgateway", "ec2.nat_gateway", Name::Chosen),
    of("ec2:route-table", "ec2.route_table", Name::Chosen),
    of("ec2:security-group", "ec2.security_group", Name::Chosen),
    of("ec2:security-group-rule", "ec2.security_group_rule", Name::Chosen),
    of("ec2:subnet", "ec2.subnet", Name::Chosen),
    of("ec2:vpc", "ec2.vpc", Name::Chosen),
    of("ec2:vpc-endpoint", "ec2.gateway_endpoint", Name::Chosen),
    of("ec2:vpc-peering-connection", "ec2.vpc_peering_acceptance", Name::Chosen),
    of("ec2:vpc-peering-connection", "ec2.vpc_peering_connection", Name::Chosen),
    of("ec2:vpc-peering-connection", "ec2.vpc_peering_dns", Name::Chosen),
    of("ecs:cluster", "ecs.cluster", Name::Input("name")),
    of("ecs:container-instance", "ecs.cluster", Name::Input("name")),
    of("ecs:service", "ecs.cluster", Name::Input("name")),
    of("ecs:task", "ecs.cluster", Name::Input("name")),
    of("ecs:task-definition", "ecs.task_definition", Name::Input("family")),
    of("elasticloadbalancing:listener-rule/app", "elbv2.load_balancer", Name::Input("name")),
    of("elasticloadbalancing:listener/app", "elbv2.load_balancer", Name::Input("name")),
    of("elasticloadbalancing:loadbalancer/app", "elbv2.load_balancer", Name::Input("name")),
    of("elasticloadbalancing:targetgroup", "elbv2.target_group", Name::Input("name")),
    of("iam:role", "iam.role", Name::Role),
    of("iam:role", "dms.account_role", Name::Input("name")),
    of("lambda:function", "lambda.function", Name::Input("name")),
    of("logs:log-group", "logs.log_group", Name::Input("name")),
    of("rds:db", "rds.db_instance", Name::Input("identifier")),
    of("rds:pg", "rds.db_parameter_group", Name::Input("name")),
    of("rds:snapshot", "rds.db_instance", Name::Prefix("identifier")),
    of("rds:subgrp", "rds.db_subnet_group", Name::Input("name")),
    of("route53:healthcheck", "route53.health_check", Name::Chosen),
    of("route53:healthcheck", "route53.alarm_health_check", Name::Chosen),
    of("route53:healthcheck", "route53.calculated_health_check", Name::Chosen),
    of("route53:hostedzone", "route53.hosted_zone", Name::Id("id")),
    of("route53:hostedzone", "route53.weighted_record", Name::Id("zone")),
    of("s3:bucket", "s3.bucket", Name::Input("name")),
    of("s3:object", "s3.bucket", Name::Input("name")),
    of("secretsmanager:Secret", "secretsmanager.secret", Name::Prefix("name")),
];

/// Returns whether resources of a kind are named by an id that AWS chooses, and that is known once they exist.
pub fn is_named_by_id(kind: &dyn Kind) -> bool {
    let is_id = |from: Name| matches!(from, Name::Id(field) if !kind.inputs().contains(&field));
    TYPES.iter().any(|one| one.kind == kind.name() && is_id(one.from))
}

/// The ARNs of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arns {
    /// The patterns.
    pub patterns: BTreeSet<String>,
    /// Whether the patterns name the resources of the stack, and no others.
    pub named: bool,
}

/// What a stack has in one account.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    partition: String,
    account: String,
    regions: BTreeSet<String>,
    types: BTreeMap<&'static str, Arns>,
    kinds: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Scope {
    /// Returns an empty scope. Without an account, patterns stand for any.
    pub fn new(account: Option<&str>) -> Self {
        Self { partition: "aws".into(), account: account.unwrap_or("*").to_owned(), ..Self::default() }
    }

    /// Adds a resource.
    pub fn add(&mut self, kind: &str, region: &Region, spec: &Value, attrs: Option<&Value>) {
        region.partition().clone_into(&mut self.partition);
        self.regions.insert(region.to_string());
        self.kinds.insert(kind.to_owned());
        keys(spec, &mut self.keys);
        for one in TYPES.iter().filter(|one| one.kind == kind) {
            // A reference: the resource that it refers to is added by itself.
            if matches!(one.from, Name::Id(field) if attrs.is_none() && spec[field].is_object()) {
                continue;
            }
            let name = self.name_of(one.from, region, spec, attrs);
            let Some(format) = arn_format(one.name) else { continue };
            let pattern = self.pattern(format, region.as_str(), name.as_deref());
            let arns = self.types.entry(one.name).or_insert_with(|| Arns { named: true, ..Arns::default() });
            if one.name == "logs:log-group" {
                // "Use the second version, with the trailing :*, to refer to the ARN when specifying permissions in
                // IAM policies for all other API actions": all but those that tag (CloudWatch Logs User Guide,
                // "Overview of managing access permissions").
                arns.patterns.insert(format!("{pattern}:*"));
            }
            arns.patterns.insert(pattern);
            arns.named &= name.is_some();
        }
    }

    /// Returns the ARNs of a type, if the stack has any.
    pub fn arns(&self, resource_type: &str) -> Option<Arns> {
        match resource_type {
            "kms:key" if !self.keys.is_empty() => Some(Arns { patterns: self.keys.clone(), named: true }),
            _ => self.types.get(resource_type).cloned(),
        }
    }

    /// Returns the ARNs of all resources of a type, whoever owns them.
    pub fn any(&self, resource_type: &str) -> BTreeSet<String> {
        let format = arn_format(resource_type).unwrap_or("*");
        self.regions.iter().map(|region| self.pattern(format, region, None)).collect()
    }

    /// Returns an ARN of IAM.
    pub fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }

    /// Returns whether it has resources of a kind.
    pub fn has(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Returns the kinds of its resources.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(String::as_str)
    }

    /// Returns the regions.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(String::as_str)
    }

    /// Returns the types of one service that the stack has.
    pub fn types_of(&self, service: &str) -> impl Iterator<Item = &'static str> {
        let is_of = move |name: &&str| name.split_once(':').is_some_and(|(of, _)| of == service);
        self.types.keys().copied().filter(is_of)
    }

    /// Returns the name in the ARN, unless only AWS knows it.
    fn name_of(&self, from: Name, region: &Region, spec: &Value, attrs: Option<&Value>) -> Option<String> {
        let text = |value: &Value| value.as_str().map(|text| self.filled(text, region));
        match from {
            Name::Input(input) => text(&spec[input]),
            Name::Prefix(input) => text(&spec[input]).map(|name| format!("{name}-*")),
            Name::Role => {
                let path = text(&spec["path"]).unwrap_or_default();
                text(&spec["name"]).map(|name| format!("{}{name}", path.trim_start_matches('/')))
            }
            Name::Id(field) => attrs.and_then(|attrs| text(&attrs[field])).or_else(|| text(&spec[field])),
            Name::Chosen => None,
        }
    }

    /// Fills in what a name has placeholders for.
    fn filled(&self, text: &str, region: &Region) -> String {
        text.replace("{account}", &self.account)
            .replace("{region}", region.as_str())
            .replace("{partition}", region.partition())
    }

    /// Returns an ARN. A name stands for the first variable of the resource; the others are unknown.
    fn pattern(&self, format: &str, region: &str, name: Option<&str>) -> String {
        let mut name = name;
        let mut pattern = String::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((variable, after)) = after.split_once('}') else { break };
            pattern.push_str(before);
            pattern.push_str(match variable {
                "Partition" => &self.partition,
                "Region" => region,
                "Account" => &self.account,
                _ => name.take().unwrap_or("*"),
            });
            rest = after;
        }
        pattern.push_str(rest);
        pattern
    }
}

/// Collects the keys of KMS that a specification names.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("arn:") && text.contains(":kms:") => drop(found.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|one| keys(one, found)),
        Value::Object(fields) => fields.values().for_each(|one| keys(one, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use infra_kinds::KINDS;

    fn patterns(scope: &Scope, name: &str) -> Vec<String> {
        scope.arns(name).map(|arns| arns.patterns.into_iter().collect()).unwrap_or_default()
    }

    #[test]
    fn every_entry_names_a_kind_its_inputs_and_a_known_type() {
        for one in TYPES {
            let kind = KINDS.get(one.kind).unwrap_or_else(|| panic!("there is no kind {}", one.kind));
            if let Name::Input(input) | Name::Prefix(input) = one.from {
                assert!(kind.get().inputs().contains(&input), "{}: {input}", one.kind);
            }
            assert!(arn_format(one.name).is_some(), "{}", one.name);
        }
    }

    /// A new kind whose resources have ARNs needs an entry.
    #[test]
    fn every_kind_with_arns_has_an_entry() {
        for kind in KINDS.iter().filter(|kind| !kind.get().schema().arns.is_empty()) {
            // A service, a listener and a rule have the name of what contains them in their ARN.
            let contained = ["ecs.service", "elbv2.listener", "elbv2.fence", "elbv2.forward_rule"];
            let is_known = TYPES.iter().any(|one| one.kind == kind.name()) || contained.contains(&kind.name());
            assert!(is_known, "{} has no entry in `TYPES`", kind.name());
        }
    }

    #[test]
    fn names_narrow_arns_and_ids_of_aws_do_not() {
        let mut scope = Scope::new(Some("111122223333"));
        let region = Region::from("eu-west-1");
        scope.add("rds.db_instance", &region, &json!({ "identifier": "payments" }), None);
        scope.add("s3.bucket", &region, &json!({ "name": "data-{account}" }), None);
        scope.add("ec2.vpc", &region, &json!({}), None);
        scope.add("elbv2.load_balancer", &region, &json!({ "name": "web" }), None);
        scope.add("iam.role", &region, &json!({ "name": "task", "path": "/team/" }), None);
        assert_eq!(patterns(&scope, "rds:db"), ["arn:aws:rds:eu-west-1:111122223333:db:payments"]);
        assert_eq!(patterns(&scope, "s3:object"), ["arn:aws:s3:::data-111122223333/*"]);
        assert_eq!(patterns(&scope, "iam:role"), ["arn:aws:iam::111122223333:role/team/task"]);
        assert_eq!(
            patterns(&scope, "elasticloadbalancing:listener/app"),
            ["arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/web/*/*"]
        );
        let vpc = scope.arns("ec2:vpc").expect("it has one");
        assert!(!vpc.named && vpc.patterns.contains("arn:aws:ec2:eu-west-1:111122223333:vpc/*"), "{vpc:?}");
        assert_eq!(scope.arns("ec2:subnet"), None);
    }

    #[test]
    fn one_resource_of_unknown_name_makes_the_type_unnamed() {
        let mut scope = Scope::new(None);
        let region = Region::from("us-gov-west-1");
        scope.add("route53.hosted_zone", &region, &json!({ "name": "a.example" }), Some(&json!({ "id": "Z1" })));
        let output = json!({ "zone": { "$output": { "of": "a/b", "name": "id", "at": "created" } } });
        scope.add("route53.weighted_record", &region, &output, None);
        assert!(scope.arns("route53:hostedzone").is_some_and(|arns| arns.named), "a reference adds nothing");
        scope.add("route53.hosted_zone", &region, &json!({ "name": "b.example" }), None);
        let zones = scope.arns("route53:hostedzone").expect("it has zones");
        assert!(!zones.named && zones.patterns.contains("arn:aws-us-gov:route53:::hostedzone/Z1"), "{zones:?}");
    }
}
