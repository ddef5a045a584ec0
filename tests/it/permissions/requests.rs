//! From a call of the sandbox to what IAM decides about: the actions, the resources with their tags, the context keys.

use std::collections::BTreeMap;

use migrate_infra::aws::iam_actions;
use migrate_infra::permissions::table::{ActedOn, Action, Level, action, arn_format};
use migrate_infra::sandbox::WatchedCall;

use super::evaluator::{Request, Target};

/// The tag with the owner.
const OWNER: &str = "migrate-infra:stack";

/// The fields of requests that name a resource of a type.
const NAMES: &[(&str, &[&str])] = &[
    ("cloudwatch:alarm", &["alarm_name", "alarm_names"]),
    ("cloudwatch:dashboard", &["dashboard_name", "dashboard_names"]),
    ("ecs:cluster", &["cluster", "cluster_name"]),
    ("ecs:service", &["cluster"]),
    ("ecs:task-definition", &["family", "task_definition", "task_definitions"]),
    ("elasticloadbalancing:loadbalancer/app", &["name", "load_balancer_arn", "resource_arns"]),
    ("elasticloadbalancing:targetgroup", &["name", "target_group_arn"]),
    ("iam:role", &["role_name"]),
    ("lambda:function", &["function_name", "resource"]),
    ("logs:log-group", &["log_group_name"]),
    ("rds:db", &["db_instance_identifier"]),
    ("rds:pg", &["db_parameter_group_name"]),
    ("rds:snapshot", &["final_db_snapshot_identifier"]),
    ("rds:subgrp", &["db_subnet_group_name"]),
    ("route53:healthcheck", &["health_check_id", "resource_id", "resource_ids"]),
    ("route53:hostedzone", &["hosted_zone_id", "id", "resource_id", "resource_ids"]),
    ("s3:bucket", &["bucket"]),
    ("s3:object", &["bucket"]),
    ("secretsmanager:Secret", &["secret_id", "name"]),
];

/// What the ids of Amazon EC2 begin with.
const PREFIXES: &[(&str, &str)] = &[
    ("elastic-ip", "eipalloc-"),
    ("internet-gateway", "igw-"),
    ("natgateway", "nat-"),
    ("route-table", "rtb-"),
    ("security-group", "sg-"),
    ("security-group-rule", "sgr-"),
    ("subnet", "subnet-"),
    ("vpc", "vpc-"),
    ("vpc-endpoint", "vpce-"),
    ("vpc-peering-connection", "pcx-"),
];

/// Who uses the roles that a call hands over.
const PASSING: &[(&str, &str)] = &[
    ("ecs:RegisterTaskDefinition", "ecs-tasks.amazonaws.com"),
    ("lambda:CreateFunction", "lambda.amazonaws.com"),
    ("s3:PutBucketReplication", "s3.amazonaws.com"),
    ("dms:CreateEndpoint", "dms"),
];

/// What a creation with tags needs in addition, apart from Amazon EC2 ("Grant permission to tag resources during
/// creation", "Tagging resources during creation" of the services).
const TAGGING: &[(&str, &str)] = &[
    ("ecs:CreateCluster", "ecs:TagResource"),
    ("ecs:CreateService", "ecs:TagResource"),
    ("ecs:RegisterTaskDefinition", "ecs:TagResource"),
    ("iam:CreateRole", "iam:TagRole"),
    ("lambda:CreateFunction", "lambda:TagResource"),
    ("logs:CreateLogGroup", "logs:TagResource"),
    ("rds:CreateDBInstance", "rds:AddTagsToResource"),
    ("rds:CreateDBParameterGroup", "rds:AddTagsToResource"),
    ("rds:CreateDBSubnetGroup", "rds:AddTagsToResource"),
    ("secretsmanager:CreateSecret", "secretsmanager:TagResource"),
];

/// Returns what IAM decides about for a call.
pub fn requests(call: &WatchedCall<'_>) -> Vec<Request> {
    let texts = texts(call.input);
    let tagged = texts.iter().position(|text| text == OWNER).and_then(|at| texts.get(at + 1)).cloned();
    let mut context = BTreeMap::new();
    context.extend(tagged.clone().map(|stack| (format!("aws:RequestTag/{OWNER}"), stack)));
    if call.call == "iam:CreateServiceLinkedRole" {
        context.insert("iam:AWSServiceName".to_owned(), texts.first().cloned().unwrap_or_default());
    }
    let request = |action: &str, targets: Vec<Target>, more: Option<(&str, String)>| {
        let mut context = context.clone();
        context.extend(more.map(|(key, value)| (key.to_owned(), value)));
        Request { account: call.account.to_owned(), action: action.to_owned(), targets, context }
    };
    let mut all: Vec<Request> = iam_actions(&call.call)
        .into_iter()
        .map(|action| request(action, targets(call, action, &texts), None))
        .collect();
    if let Some((_, operation)) = call.call.split_once("ec2:").filter(|(_, name)| name.starts_with("Create"))
        && operation != "CreateTags"
        && tagged.is_some()
    {
        let targets = all[0].targets.iter().filter(|target| target.arn.ends_with("/new")).cloned().collect();
        all.push(request("ec2:CreateTags", targets, Some(("ec2:CreateAction", operation.to_owned()))));
    }
    if let Some((_, tagging)) = TAGGING.iter().find(|(of, _)| *of == call.call && tagged.is_some()) {
        let targets = all[0].targets.clone();
        all.push(request(tagging, targets, None));
    }
    if let Some((_, service)) = PASSING.iter().find(|(of, _)| *of == call.call) {
        let roles: Vec<Target> =
            texts.iter().filter(|text| text.contains(":role/")).map(|arn| target(call, arn.clone())).collect();
        let service = if *service == "dms" { format!("dms.{}.amazonaws.com", call.region) } else { (*service).into() };
        if !roles.is_empty() {
            all.push(request("iam:PassRole", roles, Some(("iam:PassedToService", service))));
        }
    }
    all
}

/// Returns the quoted texts of an input, in order.
fn texts(input: &str) -> Vec<String> {
    input.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the values of a field of an input.
fn values(input: &str, field: &str) -> Vec<String> {
    let Some((_, rest)) = input.split_once(&format!(" {field}: ")) else { return Vec::new() };
    let end = if rest.starts_with("Some([") || rest.starts_with('[') { ']' } else { ',' };
    texts(rest.split(end).next().unwrap_or_default())
}

fn targets(call: &WatchedCall<'_>, name: &str, texts: &[String]) -> Vec<Target> {
    let Some(known) = action(name).filter(|action| !action.types.is_empty()) else {
        return vec![Target { arn: "*".to_owned(), ..Target::default() }];
    };
    let (service, _) = name.split_once(':').expect("a service");
    let mut targets: Vec<Target> = types(known, service)
        .iter()
        .flat_map(|one| arns(call, service, one, texts))
        .map(|arn| target(call, arn))
        .collect();
    targets.sort();
    targets.dedup();
    if targets.is_empty() {
        targets.push(unnamed(call, known, service));
    }
    targets
}

/// A call that names nothing acts on everything, if it reads. Another one names a part of what it acts on, such as the
/// association of a route table: any resource of the stack stands for that.
fn unnamed(call: &WatchedCall<'_>, known: &Action, service: &str) -> Target {
    let prefixes: Vec<String> = types(known, service)
        .iter()
        .filter_map(|one| arn_format(&format!("{service}:{}", one.name)))
        .map(|format| fill(format, call, "\u{0}").split('\u{0}').next().unwrap_or_default().to_owned())
        .collect();
    let is_owned = |arn: &str| prefixes.iter().any(|prefix| arn.starts_with(prefix));
    let listed = call.world.listed_by_tag(call.region);
    let owned = listed.into_iter().find(|(arn, tags)| tags.contains_key(OWNER) && is_owned(arn));
    match owned.filter(|_| known.level != Level::Read) {
        Some((arn, tags)) => Target { arn, tags: tags.into_iter().collect() },
        None => Target { arn: "*".to_owned(), ..Target::default() },
    }
}

/// The types of an action: AWS's table has those of the classic load balancers for what both APIs have.
fn types(known: &Action, service: &str) -> Vec<ActedOn> {
    let mut types = known.types.clone();
    if service == "elasticloadbalancing" {
        let flags = types[0];
        let more: &[&'static str] = match known.level {
            Level::Tagging => &["loadbalancer/app", "listener/app", "listener-rule/app", "targetgroup"],
            _ if flags.name == "loadbalancer" => &["loadbalancer/app"],
            _ => &[],
        };
        types.extend(more.iter().map(|name| ActedOn { name, required: false, ..flags }));
        types.retain(|one| one.name != "loadbalancer" && !one.name.ends_with("/net") && !one.name.ends_with("/gwy"));
    }
    types
}

/// Returns the ARNs of a type in a call.
fn arns(call: &WatchedCall<'_>, service: &str, one: &ActedOn, texts: &[String]) -> Vec<String> {
    let resource_type = format!("{service}:{}", one.name);
    let format = arn_format(&resource_type).expect("a known type");
    let of = |name: &str| fill(format, call, name);
    let begins = of("\u{0}").split('\u{0}').next().unwrap_or_default().to_owned();
    let mut found: Vec<String> = texts.iter().filter(|text| text.starts_with(&begins)).cloned().collect();
    if call.call == "iam:CreateServiceLinkedRole" {
        return vec![of("aws-service-role/service/name")];
    }
    // The existing resource that the call changes without naming it: the network at the accepting end of a peering, the
    // target of a scaling policy.
    let existing = || {
        let listed = call.world.listed_by_tag(call.region);
        let owned = |tags: &migrate_infra::sandbox::world::tags::Tags| tags.contains_key(OWNER);
        listed.into_iter().find(|(arn, tags)| arn.starts_with(&begins) && owned(tags)).map(|(arn, _)| arn)
    };
    if service == "application-autoscaling" && !call.input.contains(OWNER) {
        return vec![existing().unwrap_or_else(|| of("new"))];
    }
    // "The requester VPC" (CreateVpcPeeringConnection); the other one is not evaluated.
    let peer = values(call.input, "peer_vpc_id");
    let texts: Vec<String> = texts.iter().filter(|text| !peer.contains(text)).cloned().collect();
    if service == "ec2" {
        let (_, prefix) = PREFIXES.iter().find(|(name, _)| *name == one.name).copied().unwrap_or((one.name, "none"));
        found.extend(texts.iter().filter(|text| text.starts_with(prefix)).map(|id| of(id)));
        if found.is_empty() && (one.required || one.request_tags && !one.resource_tags) {
            let is_new = one.request_tags && !one.resource_tags;
            found.push(existing().filter(|_| !is_new).unwrap_or_else(|| of("new")));
        }
        return found;
    }
    let fields = NAMES.iter().find(|(name, _)| *name == resource_type).map_or(&[][..], |(_, fields)| fields);
    let named = fields.iter().flat_map(|field| values(call.input, field)).filter(|name| !name.starts_with("arn:"));
    found.extend(named.map(|name| match resource_type.as_str() {
        "iam:role" => role(call, &name),
        "secretsmanager:Secret" => of(&format!("{name}-AbCdEf")),
        _ => of(name.trim_start_matches("/hostedzone/")),
    }));
    if found.is_empty() && one.required {
        let known = existing().filter(|_| !call.input.contains(OWNER));
        found.push(known.unwrap_or_else(|| of("new")));
    }
    found
}

/// A role has a path, which only its creation names.
fn role(call: &WatchedCall<'_>, name: &str) -> String {
    let known = call.world.iam.roles.get(name).map(|role| role.arn.clone());
    let path = values(call.input, "path").pop().unwrap_or_else(|| "/".to_owned());
    known.unwrap_or_else(|| format!("arn:aws:iam::{}:role{path}{name}", call.account))
}

/// Fills in the format of an ARN. The name stands for the first variable.
fn fill(format: &str, call: &WatchedCall<'_>, name: &str) -> String {
    let mut name = Some(name);
    let mut arn = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').expect("a variable ends");
        arn.push_str(before);
        arn.push_str(match variable {
            "Partition" => "aws",
            "Region" => call.region,
            "Account" => call.account,
            _ => name.take().unwrap_or("id"),
        });
        rest = after;
    }
    // AWS chooses the names of DMS.
    arn + &rest.replace('*', name.take().unwrap_or("id"))
}

fn target(call: &WatchedCall<'_>, arn: String) -> Target {
    let listed = call.world.listed_by_tag(call.region);
    let tags = listed.into_iter().find(|(other, _)| *other == arn).map(|(_, tags)| tags.into_iter().collect());
    Target { arn, tags: tags.unwrap_or_default() }
}
