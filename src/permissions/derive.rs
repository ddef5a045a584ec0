//! From the resources of a stack and a command to statements.

use std::collections::{BTreeMap, BTreeSet};

use infra_base::address::{AccountId, Region};
use infra_base::tags::OWNER_STACK;
use infra_core::resource::Kind;
use infra_kinds::iam::service_linked_role;
use serde_json::Value;

use super::access::{Access, reads};
use super::policy::{Conditions, Policy, Statement};
use super::scope::Scope;
use super::table::{ActedOn, Action, Level, action};
use super::upper_camel::upper_camel;

/// A resource of the stack: as it is configured, or as the state has it.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Its region.
    pub region: &'a Region,
    /// Its account, if it is known.
    pub account: Option<&'a AccountId>,
    /// Its specification.
    pub spec: &'a Value,
    /// Its attributes, if it exists.
    pub attrs: Option<&'a Value>,
}

/// Which service uses the roles that a kind hands to it ("iam:PassedToService").
const PASSED_TO: &[(&str, &str)] = &[
    ("ecs.task_definition", "ecs-tasks.amazonaws.com"),
    ("lambda.function", "lambda.amazonaws.com"),
    ("s3.bucket_replication", "s3.amazonaws.com"),
];

/// What a service does on behalf of the caller, with the caller's permissions, when it encrypts with a key
/// ("Permissions required to use AWS KMS keys" of Amazon RDS, AWS DMS, Amazon S3, AWS Secrets Manager and CloudWatch
/// Logs).
const WITH_KEY: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
];

/// Operations on the default security group of a network, which AWS creates, and which has no tags.
const ON_DEFAULT_GROUP: &[&str] = &["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"];

/// A bucket with the state of the stack.
#[derive(Clone, Copy, Debug)]
pub struct StateBucket<'a> {
    /// Its name.
    pub bucket: &'a str,
    /// What the keys of the stack begin with.
    pub prefix: &'a str,
    /// The account whose credentials reach it, if it is known.
    pub account: Option<&'a AccountId>,
    /// The partition of its region.
    pub partition: &'a str,
    /// The key that encrypts the state, if it is not the default one.
    pub key: Option<&'a str>,
}

/// A topic of Amazon SNS to which commands publish.
#[derive(Clone, Copy, Debug)]
pub struct Topic<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account whose credentials publish, if it is known.
    pub account: Option<&'a AccountId>,
}

/// Operations at the other end of a peering, where it does not show its tags ("Work with VPC peering connections": tags
/// are visible to the owner of the requester only).
const AT_OTHER_END: &[&str] = &["ec2:AcceptVpcPeeringConnection", "ec2:ModifyVpcPeeringConnectionOptions"];

/// Returns the policies of some commands together, one for each account.
pub fn derive(
    parts: &[Part<'_>],
    stack: &str,
    commands: &[Access],
    state: Option<StateBucket<'_>>,
    topic: Option<Topic<'_>>,
) -> Vec<Policy> {
    let mut accounts: BTreeMap<Option<&str>, Vec<Part<'_>>> = BTreeMap::new();
    for part in parts {
        accounts.entry(part.account.map(AccountId::as_str)).or_default().push(*part);
    }
    let of_state = state.map(|state| state.account.map(AccountId::as_str));
    if let Some(account) = of_state {
        accounts.entry(account).or_default();
    }
    // A command that only reads publishes nothing.
    let topic = topic.filter(|_| commands.iter().any(|command| *command != Access::ReadOnly));
    let of_topic = topic.map(|topic| topic.account.map(AccountId::as_str));
    if let Some(account) = of_topic {
        accounts.entry(account).or_default();
    }
    accounts
        .into_iter()
        .map(|(account, parts)| {
            let mut derivation = Derivation::of(account, &parts, stack, commands);
            if let Some(state) = state.filter(|_| of_state == Some(account)) {
                derivation.use_state(&state);
            }
            if let Some(topic) = topic.filter(|_| of_topic == Some(account)) {
                derivation.grant("sns:Publish", ([topic.arn.to_owned()].into(), Conditions::default()));
            }
            Policy::new(account.map(str::to_owned), derivation.statements())
        })
        .collect()
}

/// What a group of actions has in common: resources and conditions.
type Limits = (BTreeSet<String>, Conditions);

struct Derivation<'a> {
    scope: Scope,
    stack: &'a str,
    /// The operations, and those that only create.
    operations: BTreeSet<&'static str>,
    creates: BTreeSet<&'static str>,
    /// Those that create, or change what exists.
    creates_or_changes: BTreeSet<&'static str>,
    grants: BTreeMap<Limits, BTreeSet<String>>,
}

impl<'a> Derivation<'a> {
    fn of(account: Option<&str>, parts: &[Part<'_>], stack: &'a str, commands: &[Access]) -> Self {
        let mut scope = Scope::new(account);
        let mut operations: BTreeSet<&'static str> = commands.iter().flat_map(|access| access.general()).collect();
        let (mut creates, mut changes) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
        for part in parts {
            scope.add(part.kind.name(), part.region, part.spec, part.attrs);
            operations.extend(commands.iter().flat_map(|access| access.operations(part.kind, part.spec)));
            let schema = part.kind.schema();
            creates.extend(schema.creates);
            changes.extend(schema.changes.iter().chain(schema.deletes));
        }
        let (creates_or_changes, creates) = creates.into_iter().partition(|operation| changes.contains(operation));
        Self { scope, stack, operations, creates, creates_or_changes, grants: BTreeMap::new() }
    }

    fn statements(mut self) -> Vec<Statement> {
        let mut read = BTreeSet::new();
        for operation in std::mem::take(&mut self.operations) {
            if reads(operation) {
                read.extend(infra_aws::iam_actions(operation).into_iter().map(str::to_owned));
                continue;
            }
            for name in infra_aws::iam_actions(operation) {
                self.allow(name, operation);
            }
        }
        self.use_keys();
        let mut all = vec![Statement {
            sid: "Read".into(),
            actions: read,
            resources: [String::from("*")].into(),
            conditions: Conditions::default(),
        }];
        let grants = std::mem::take(&mut self.grants);
        all.extend(grants.into_iter().enumerate().map(|(number, ((resources, conditions), actions))| Statement {
            sid: sid(&actions, number),
            actions,
            resources,
            conditions,
        }));
        all.retain(|statement| !statement.actions.is_empty());
        all
    }

    fn grant(&mut self, name: &str, limits: Limits) {
        self.grants.entry(limits).or_default().insert(name.to_owned());
    }

    /// Allows an action as far as the stack needs it.
    fn allow(&mut self, name: &str, operation: &'static str) {
        match name {
            "iam:PassRole" => return self.pass_roles(),
            "iam:CreateServiceLinkedRole" => return self.service_roles(),
            "ec2:CreateTags" => self.tag_new(),
            _ => {}
        }
        let Some(known) = action(name).filter(|action| !action.types.is_empty()) else {
            return self.grant(name, ([String::from("*")].into(), Conditions::default()));
        };
        let (service, _) = name.split_once(':').unwrap_or((name, ""));
        let types = self.types(known, service);
        let owned: Vec<(&ActedOn, String)> = types.iter().map(|one| (one, format!("{service}:{}", one.name))).collect();
        let in_scope = owned.iter().filter(|(_, name)| self.scope.arns(name).is_some()).count();
        let mut limits = Vec::new();
        for (acted_on, resource_type) in &owned {
            match self.scope.arns(resource_type) {
                Some(arns) => {
                    let is_bare = AT_OTHER_END.contains(&name) && acted_on.name == "vpc-peering-connection";
                    let conditions = match arns.named || is_bare {
                        true => vec![Conditions::default()],
                        false => self.tag_conditions(acted_on, operation),
                    };
                    limits.extend(conditions.into_iter().map(|condition| (arns.patterns.clone(), condition)));
                }
                // Somebody else's, such as the network at the other end of a peering.
                None if acted_on.required && (in_scope == 0 || service == "ec2") => {
                    limits.push((self.scope.any(resource_type), Conditions::default()));
                }
                None => {}
            }
        }
        if ON_DEFAULT_GROUP.contains(&name) && self.scope.has("ec2.default_security_group") {
            limits.push((self.scope.any("ec2:security-group"), Conditions::default()));
        }
        for limit in limits {
            self.grant(name, limit);
        }
    }

    /// Returns the types that an action acts on. For two groups of actions, AWS's table is of no use: those that tag
    /// anything of a service, and those of Elastic Load Balancing that both generations of its API have, of which the
    /// table has the older one.
    fn types(&self, known: &Action, service: &str) -> Vec<ActedOn> {
        let mut types = known.types.clone();
        if known.level == Level::Tagging && service == "elasticloadbalancing" {
            let flags = types[0];
            types = self
                .scope
                .types_of(service)
                .filter_map(|name| name.split_once(':'))
                .map(|(_, name)| ActedOn { name, required: false, ..flags })
                .collect();
        } else if service == "elasticloadbalancing" && types.iter().any(|one| one.name == "loadbalancer") {
            types.extend(types.clone().into_iter().map(|one| ActedOn { name: "loadbalancer/app", ..one }));
        }
        types
    }

    /// Returns the conditions, one of which must hold, that keep an action on resources of this stack whose ids AWS
    /// chooses.
    fn tag_conditions(&self, acted_on: &ActedOn, operation: &'static str) -> Vec<Conditions> {
        let creates = self.creates.contains(operation);
        // It creates the resource, or changes the one that exists.
        if self.creates_or_changes.contains(operation) && acted_on.request_tags && acted_on.resource_tags {
            return vec![self.owner("aws:RequestTag"), self.owner("aws:ResourceTag")];
        }
        let is_new = match operation.split_once(':') {
            // Amazon EC2 knows the tags of a resource that exists, and those of the request for one that is created.
            Some(("ec2", _)) => acted_on.request_tags && !acted_on.resource_tags,
            // The others have the conditions of the action. What is created has the type of the action's name.
            Some((_, name)) => creates && name.contains(acted_on.name),
            None => false,
        };
        let key = match (is_new, acted_on.request_tags, acted_on.resource_tags) {
            (true, true, _) => "aws:RequestTag",
            (false, _, true) => "aws:ResourceTag",
            _ => return vec![Conditions::default()],
        };
        vec![self.owner(key)]
    }

    fn owner(&self, key: &str) -> Conditions {
        equals(&format!("{key}/{OWNER_STACK}"), [self.stack])
    }

    /// Resources of Amazon EC2 are tagged while they are created ("Grant permission to tag Amazon EC2 resources during
    /// creation").
    fn tag_new(&mut self) {
        let of_ec2 = self.creates.iter().filter_map(|operation| operation.strip_prefix("ec2:"));
        let creating: Vec<&str> = of_ec2.filter(|name| *name != "CreateTags").collect();
        if creating.is_empty() {
            return;
        }
        let conditions = equals("ec2:CreateAction", creating);
        let types: Vec<&str> = self.scope.types_of("ec2").collect();
        let arns = types.into_iter().filter_map(|name| self.scope.arns(name)).flat_map(|arns| arns.patterns).collect();
        self.grant("ec2:CreateTags", (arns, conditions));
    }

    fn pass_roles(&mut self) {
        let mut services: Vec<String> = PASSED_TO
            .iter()
            .filter(|(kind, _)| self.scope.has(kind))
            .map(|(_, service)| (*service).to_owned())
            .collect();
        if self.scope.has("dms.endpoint") {
            // "dms.REGION.amazonaws.com" ("Using secrets to access AWS DMS endpoints").
            services.extend(self.scope.regions().map(|region| format!("dms.{region}.amazonaws.com")));
        }
        let roles = self.scope.arns("iam:role").map_or_else(|| self.scope.any("iam:role"), |arns| arns.patterns);
        self.grant("iam:PassRole", (roles, equals("iam:PassedToService", services.iter().map(String::as_str))));
    }

    /// The state, its journal and its lock.
    fn use_state(&mut self, state: &StateBucket<'_>) {
        let arn = format!("arn:{}:s3:::{}", state.partition, state.bucket);
        let objects = BTreeSet::from([format!("{arn}/{}*", state.prefix)]);
        for name in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"] {
            self.grant(name, (objects.clone(), Conditions::default()));
        }
        for name in ["s3:ListBucket", "s3:GetBucketVersioning"] {
            self.grant(name, ([arn.clone()].into(), Conditions::default()));
        }
        if let Some(key) = state.key {
            for name in ["kms:Decrypt", "kms:GenerateDataKey"] {
                self.grant(name, ([key.to_owned()].into(), Conditions::default()));
            }
        }
    }

    /// What is encrypted with a key of the user.
    fn use_keys(&mut self) {
        let Some(keys) = self.scope.arns("kms:key") else { return };
        for name in WITH_KEY {
            // "kms:GrantIsForAWSResource": only for grants to AWS services.
            let for_services =
                [("Bool", [("kms:GrantIsForAWSResource".to_owned(), ["true".to_owned()].into())].into())];
            let conditions = if *name == "kms:CreateGrant" { for_services.into() } else { Conditions::default() };
            self.grant(name, (keys.patterns.clone(), conditions));
        }
    }

    fn service_roles(&mut self) {
        let services = self.scope.kinds().filter_map(service_linked_role).map(|role| role.service);
        let conditions = equals("iam:AWSServiceName", services.collect::<Vec<_>>());
        let roles = self.scope.iam("role/aws-service-role/*");
        self.grant("iam:CreateServiceLinkedRole", ([roles].into(), conditions));
    }
}

fn equals<'v>(key: &str, values: impl IntoIterator<Item = &'v str>) -> Conditions {
    let values = values.into_iter().map(str::to_owned).collect();
    [("StringEquals", [(key.to_owned(), values)].into())].into()
}

/// Returns a name for a statement: the service, what its actions do, and a number.
fn sid(actions: &BTreeSet<String>, number: usize) -> String {
    let services: BTreeSet<&str> = actions.iter().filter_map(|name| Some(name.split_once(':')?.0)).collect();
    let service = upper_camel(&services.into_iter().collect::<Vec<_>>().join("-"));
    format!("{service}{}", number + 1)
}
