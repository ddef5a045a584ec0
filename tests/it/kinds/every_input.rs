//! Every input of every kind, changed one at a time: the plan reports what the kind declares, `up` applies it, AWS
//! shows the new value, and a second plan is empty.

use std::collections::BTreeMap;

use migrate_infra::address::Address;
use migrate_infra::aws::{CallCounter, Cancel, Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::{ReadContext, Refresh, TagReads, refresh};
use migrate_infra::events::Events;
use migrate_infra::graph::Graph;
use migrate_infra::plan::Action;
use migrate_infra::resources::KINDS;
use migrate_infra::sandbox::{Faults, Sandbox};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::harness::registry::{kind, kinds};
use crate::harness::sandbox_run::{Fixture, STACK};
use crate::harness::stacks::every_kind;
use crate::harness::workspace::Workspace;
use crate::kinds::declared_operations::Calls;

/// The new value of an input.
pub enum To {
    /// This value.
    Value(Value),
    /// The input is not changed here, for this reason.
    Not(&'static str),
}

/// Refreshes everything in the state of a fixture.
pub async fn look(fixture: &Fixture) -> Refresh {
    count(fixture).await.0
}

/// Does the same, and returns the number of calls of each operation.
pub async fn count(fixture: &Fixture) -> (Refresh, BTreeMap<&'static str, u64>) {
    look_at(fixture, |_| true).await
}

/// Does the same for some addresses.
pub async fn look_at(fixture: &Fixture, wanted: impl Fn(&Address) -> bool) -> (Refresh, BTreeMap<&'static str, u64>) {
    refresh_reading(fixture, wanted, TagReads::Each, Faults::default()).await
}

/// Does the same, and reads tags as a plan does, or as `drift` does. Reads can be old.
pub async fn refresh_reading(
    fixture: &Fixture,
    wanted: impl Fn(&Address) -> bool,
    tags: TagReads,
    faults: Faults,
) -> (Refresh, BTreeMap<&'static str, u64>) {
    let clock = Clock::real();
    let sandbox = Sandbox::with_faults(fixture.world.clone(), clock, None, CrashPoints::default(), faults);
    let in_process = match &fixture.recorder {
        Some(recorder) => recorder.tap(sandbox.in_process()),
        None => sandbox.in_process(),
    };
    let cloud =
        Cloud::connect(Endpoint::InProcess(in_process), &"us-east-1".into(), clock).await.expect("the sandbox answers");
    let (events, cancel, calls) = (Events::nowhere(), Cancel::default(), Arc::new(CallCounter::default()));
    let read_context = ReadContext {
        kinds: KINDS,
        cloud: Arc::new(cloud),
        events,
        cancel,
        calls: Arc::clone(&calls),
        stack: STACK.into(),
        parallelism: 32,
    };
    let refresh = refresh(&read_context, &fixture.state(), wanted, &|_, _| false, tags).await;
    assert!(refresh.failures.is_empty(), "{:?}", refresh.failures);
    (refresh, calls.by_call())
}

/// The new value of each input, by kind and name, without inputs that only reference other resources: those change with
/// their references.
pub fn values(kind: &str) -> Vec<(&'static str, To)> {
    const PART: &str =
        "everything in it changes with it: engine::replacement::another_address_range_replaces_the_environment";
    const FIXED: &str = "AWS has one of each, so the stack never changes it";
    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/9f1c2a7e-0000-4000-8000-000000000001";
    let to = |input, value: Value| (input, To::Value(value));
    let not = |input, why| (input, To::Not(why));
    match kind {
        "ec2.vpc" => vec![not("cidr", PART), to("remove_guardduty", json!(false))],
        "ec2.subnet" => {
            vec![
                to("cidr", json!("10.0.77.0/24")),
                to("zone", json!(2)),
                to("zone_id", json!("use1-az4")),
                to("offers", json!({ "fargate": true, "database": null, "replication_class": "dms.c5.large" })),
                to("public_addresses", json!(false)),
                to("remove_guardduty", json!(false)),
            ]
        }
        "ec2.route" => vec![to("destination", json!("198.51.100.0/24"))],
        "ec2.gateway_endpoint" => vec![to("service", json!("dynamodb"))],
        "ec2.security_group_rule" => vec![
            to("direction", json!("egress")),
            to("protocol", json!("udp")),
            to("from_port", json!(77)),
            to("to_port", json!(8077)),
            to("peer", json!({ "cidr": "198.51.100.0/24" })),
            to("description", json!("renamed")),
        ],
        "ec2.vpc_peering_connection" => vec![
            not("peer_region", "it follows the region of the environment"),
            not("peer_account", "it follows the account of the environment: environments::accounts"),
        ],
        "ec2.vpc_peering_dns" => vec![not("side", FIXED)],
        "elbv2.load_balancer" => vec![
            to("name", json!("payment-renamed")),
            to("deletion_protection", json!(true)),
            to("idle_timeout_seconds", json!(77)),
            to("client_keep_alive_seconds", json!(90)),
            to("drop_invalid_headers", json!(false)),
        ],
        "elbv2.target_group" => vec![
            to("name", json!("payment-renamed")),
            to("port", json!(8077)),
            to("health_check_path", json!("/renamed")),
            to("health_check_interval_seconds", json!(77)),
            to("health_check_timeout_seconds", json!(7)),
            to("healthy_threshold", json!(7)),
            to("unhealthy_threshold", json!(7)),
            to("deregistration_delay_seconds", json!(77)),
        ],
        "elbv2.listener" => vec![
            to("port", json!(8077)),
            to(
                "protocol",
                json!({ "https": { "certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/1",
                    "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06" } }),
            ),
            to("action", json!("redirect_to_https")),
        ],
        "elbv2.fence" => vec![to("priority", json!(7)), to("message", json!("closed"))],
        "elbv2.forward_rule" => vec![to("priority", json!(8))],
        "ecs.cluster" => vec![to("name", json!("payment-renamed")), to("container_insights", json!(false))],
        "ecs.task_definition" => {
            vec![
                to("family", json!("payment-renamed")),
                to("cpu", json!("256")),
                to("memory", json!("2048")),
                not("container", "its fields are changed by the configuration"),
            ]
        }
        "ecs.service" => vec![
            to("name", json!("payment-renamed")),
            to("desired_count", json!(3)),
            not("container_name", "it is that of the task definition"),
            not("container_port", "it is that of the task definition"),
            to("health_check_grace_seconds", json!(77)),
        ],
        "autoscaling.scalable_target" => vec![to("min", json!(1)), to("max", json!(17))],
        "autoscaling.scaling_policy" => vec![
            to("name", json!("payment-renamed")),
            not("metric", "each metric has a policy of its own"),
            to("target_percent", json!(77.0)),
            to("scale_in_cooldown_seconds", json!(77)),
            to("scale_out_cooldown_seconds", json!(77)),
        ],
        "lambda.function" => vec![
            to("name", json!("payment-renamed")),
            to("description", json!("renamed")),
            not("package", "there is one"),
            to("timeout_seconds", json!(77)),
            to("memory_mb", json!(256)),
            to("environment", json!({ "DB_INSTANCE_IDENTIFIER": "renamed" })),
        ],
        "lambda.permission" => {
            vec![
                to("statement_id", json!("renamed")),
                to("principal", json!("events.amazonaws.com")),
                to("source_account", json!(null)),
            ]
        }
        "rds.db_instance" => vec![
            to("identifier", json!("payment-renamed")),
            not("engine", "PostgreSQL is the only one"),
            to("engine_version", json!("16.10")),
            to("instance_class", json!("db.r5.xlarge")),
            to("allocated_storage_gb", json!(177)),
            to("storage_type", json!("gp3")),
            to("db_name", json!("renamed")),
            to("master_username", json!("renamed")),
            to("encrypted", json!(false)),
            to("kms_key", json!(KEY)),
            to("multi_az", json!(true)),
            to("backup_retention_days", json!(17)),
            to("log_exports", json!(["postgresql"])),
            to("performance_insights_days", json!(null)),
            to("deletion_protection", json!(true)),
            to("final_snapshot", json!("take")),
            to("apply_immediately", json!(false)),
        ],
        "rds.db_parameter_group" => vec![
            to("name", json!("payment-renamed")),
            to("family", json!("postgres16")),
            to("description", json!("renamed")),
            to(
                "parameters",
                json!({ "rds.logical_replication": "1", "max_replication_slots": "77", "rds.force_ssl": "1" }),
            ),
        ],
        "rds.db_subnet_group" | "ec2.security_group" => {
            vec![to("name", json!("payment-renamed")), to("description", json!("renamed"))]
        }
        "secretsmanager.secret" => vec![
            to("name", json!("payment-renamed")),
            to("description", json!("renamed")),
            not("username", "it is that of the database, which changes with it"),
            to("password_length", json!(40)),
            to("kms_key", json!(KEY)),
            to("recovery_window_days", json!(7)),
        ],
        "secretsmanager.secret_content" => vec![
            to("engine", json!("aurora-postgresql")),
            not("username", "it is that of the secret, which changes with it"),
            to("dbname", json!("renamed")),
        ],
        "secretsmanager.secret_rotation" => vec![to("every_days", json!(77))],
        "secretsmanager.secret_replica" => {
            vec![
                not("name", "it is that of the secret, which changes with it"),
                not("region", "it follows the region of the environment"),
                to("kms_key", json!(KEY.replace("us-east-1", "eu-west-1"))),
            ]
        }
        "iam.role" => vec![
            to("name", json!("payment-renamed")),
            to("description", json!("renamed")),
            to("trust", json!(["ec2.amazonaws.com", "lambda.amazonaws.com"])),
            to("source_account_condition", json!(true)),
            to("source_arns", json!(["arn:{partition}:lambda:us-east-1:{account}:function:renamed"])),
            to("path", json!("/renamed/")),
            to("permissions_boundary", json!("arn:aws:iam::111122223333:policy/boundary")),
        ],
        "iam.role_policy" => vec![
            to("name", json!("renamed")),
            to(
                "statements",
                json!([{ "sid": "Renamed", "actions": ["logs:PutLogEvents"], "resources": ["*"], "conditions": null }]),
            ),
        ],
        "iam.role_policy_attachment" => {
            vec![to("policy_arn", json!("arn:{partition}:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"))]
        }
        "s3.bucket" => vec![
            to("name", json!("payment-renamed-{account}-{region}")),
            not("versioned", "replication needs versions"),
            to("kms_key", json!(KEY)),
            to("tls_only", json!(false)),
            to("block_public_access", json!(false)),
            to(
                "lifecycle",
                json!({ "noncurrent_to_glacier_days": 77, "noncurrent_expire_days": 177, "abort_multipart_days": 7 }),
            ),
            to("empty_on_delete", json!(true)),
        ],
        "s3.bucket_replication" => vec![
            to("rule_id", json!("renamed")),
            to("priority", json!(77)),
            not("keys", "they are those of the buckets"),
        ],
        "route53.hosted_zone" => {
            vec![
                not("name", "the names in it change with it: replacing::a_zone_is_replaced_for_another_name"),
                to("comment", json!("renamed")),
            ]
        }
        "route53.health_check" => vec![
            not("protocol", "with the listener's: load_balancing.rs"),
            to("port", json!(8077)),
            to("path", json!("/renamed")),
            to("interval_seconds", json!(10)),
            to("failure_threshold", json!(7)),
            to("name", json!("payment-renamed")),
        ],
        "route53.alarm_health_check" => {
            vec![
                to("insufficient_data", json!("Unhealthy")),
                not("alarm_region", "the alarm's"),
                to("name", json!("payment-renamed")),
            ]
        }
        "route53.calculated_health_check" => {
            vec![
                to("health_threshold", json!(0)),
                to("starts_unhealthy", json!(false)),
                to("set_identifier", json!("source")),
                to("name", json!("payment-renamed")),
            ]
        }
        "route53.weighted_record" => vec![
            to("name", json!("renamed.payment-migration.internal")),
            to("set_identifier", json!("renamed")),
            to("initial_weight", json!(77)),
            to("evaluate_target_health", json!(true)),
            not("health_check", "only the record of the target has one: environments::routing"),
            to("take_over", json!(true)),
            not("after", "only a record that replaces a simple one has it: environments::taken_over_record"),
        ],
        "dms.account_role" => vec![
            not("name", FIXED),
            not("managed_policy", FIXED),
            not("permissions_boundary", "it is set when the role is created: environments::accounts"),
        ],
        "dms.replication_subnet_group" => {
            vec![to("identifier", json!("payment-renamed")), to("description", json!("renamed"))]
        }
        "dms.replication_instance" => vec![
            to("identifier", json!("payment-renamed")),
            to("instance_class", json!("dms.c5.xlarge")),
            to("allocated_storage_gb", json!(177)),
            to("engine_version", json!("3.5.4")),
            to("kms_key", json!(KEY.replace("us-east-1", "eu-west-1"))),
            to("multi_az", json!(true)),
        ],
        "dms.certificate" => vec![
            to("identifier", json!("payment-renamed")),
            to("pem", json!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")),
            to("kms_key", json!(KEY.replace("us-east-1", "eu-west-1"))),
        ],
        "dms.endpoint" => vec![
            to("identifier", json!("payment-renamed")),
            not("direction", "there is one of each"),
            not("engine", "PostgreSQL is the only one"),
            to("database_name", json!("renamed")),
            to("ssl_mode", json!("none")),
            to("after_connect_script", json!("SET statement_timeout = 0")),
            to("slot_name", json!("renamed")),
            not("plugin_name", "the slot that a switchover creates has the only one that the sandbox reads"),
            to("capture_ddls", json!(true)),
            to("fail_on_lob_truncation", json!(false)),
            to("extra_connection_attributes", json!("unboundedVarcharMaxSize=16384")),
            to("kms_key", json!(KEY.replace("us-east-1", "eu-west-1"))),
        ],
        "dms.replication_task" => vec![
            to("identifier", json!("payment-renamed")),
            to("resource_identifier", json!("payment-renamed")),
            to("migration_type", json!("full-load")),
            to(
                "table_mappings",
                json!({ "rules": [{ "rule-type": "selection", "rule-id": "1", "rule-name": "1",
                    "object-locator": { "schema-name": "renamed", "table-name": "%" }, "rule-action": "include" }] }),
            ),
            not("settings", "its parts are changed by the configuration"),
        ],
        "logs.log_group" => {
            vec![to("name", json!("/payment/renamed")), to("retention_days", json!(30)), to("kms_key", json!(KEY))]
        }
        "cloudwatch.dashboard" => {
            vec![to("name", json!("payment-renamed")), not("widgets", "the configuration changes what they show")]
        }
        "cloudwatch.alarm" => vec![
            to("name", json!("payment-renamed")),
            to("description", json!("renamed")),
            not("metric", "it follows what it watches"),
            to("statistic", json!("Maximum")),
            to("period_seconds", json!(60)),
            to("evaluation_periods", json!(7)),
            to("datapoints_to_alarm", json!(1)),
            to("threshold", json!(77.0)),
            to("comparison", json!("GreaterThanOrEqualToThreshold")),
            to("treat_missing_data", json!("breaching")),
            to("actions", json!(["arn:aws:sns:us-east-1:111122223333:renamed"])),
            to("insufficient_data_actions", json!(["arn:aws:sns:us-east-1:111122223333:renamed"])),
        ],
        "secretsmanager.secret_policy" => {
            vec![to("account", json!("999988887777")), to("readers", json!(["role/renamed"]))]
        }
        "s3.bucket_policy_statement" => vec![
            to("sid", json!("renamed")),
            to("account", json!("999988887777")),
            to("bucket_actions", json!(["s3:GetBucketAcl"])),
            to("object_actions", json!(["s3:GetObject"])),
        ],
        _ => vec![],
    }
}

/// Returns whether a value is nothing but references to other resources.
fn only_refers(value: &Value) -> bool {
    match value {
        Value::Object(fields) if fields.contains_key("$output") || fields.contains_key("$concat") => true,
        Value::Object(fields) => !fields.is_empty() && fields.values().all(only_refers),
        Value::Array(items) => !items.is_empty() && items.iter().all(only_refers),
        _ => false,
    }
}

/// The first resource of each kind, so that a change of it works.
pub fn examples(graph: &Graph) -> BTreeMap<&'static str, Address> {
    let mut examples = BTreeMap::new();
    for node in graph.nodes().values() {
        // A private subnet has the database in it, which RDS does not move. A health check follows the alarm of the
        // emergency switch, and takes only what it is.
        let special = ["source/network/private-1", "source/network/private-2", "routing/dns/target-switch-alarm"];
        if special.contains(&node.address.as_str()) {
            continue;
        }
        examples.entry(node.kind.get().name()).or_insert_with(|| node.address.clone());
    }
    examples
}

async fn changes(service: &str) {
    let base = every_kind();
    let mut initial = Fixture::default();
    initial.up(&base).await.must_succeed();
    initial.advance_a_day();
    for (name, address) in examples(&base).into_iter().filter(|(name, _)| name.split('.').next() == Some(service)) {
        let schema = kind(name).expect("it is registered").schema();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let what = format!("{name} `{input}` of {address}");
            let after = base.altered(&address, |spec| spec[input] = value.clone());
            let mut fixture = initial.fork();
            let calls = Calls::listening(&mut fixture);
            let state = fixture.state();
            let unchanged = state.get(&address).expect("it exists").spec.get(input) == Some(&value);
            let plan = fixture.plan(&after, &state);
            let step = plan.steps.iter().find(|step| step.address == address).expect("it has a step");
            match &step.action {
                _ if unchanged => assert_eq!(step.action, Action::NoOp, "{what}"),
                Action::NoOp => {
                    let later = kind(name).is_some_and(|kind| kind.only_at_deletion(input));
                    assert!(later || schema.create_only.contains(&input), "{what}: nothing is planned");
                }
                Action::Replace { .. } => {
                    assert!(schema.immutable.contains(&input), "{what}: a replacement is planned");
                }
                Action::Update { changes } => {
                    assert!(!schema.immutable.contains(&input), "{what}: a change in place is planned");
                    assert!(changes.iter().any(|change| change.field == input), "{what}: {changes:?}");
                }
                other => panic!("{what}: {other:?}"),
            }
            let before = serde_json::to_string(&fixture.world).expect("the world is data");
            fixture.up(&after).await.must_succeed();
            fixture.advance_a_day();
            let deletion = kind(name).expect("it is registered").deletion_inputs().contains(&input);
            let silent = unchanged || schema.create_only.contains(&input) || deletion || input == "apply_immediately";
            if !silent {
                let called = calls.of(&address);
                assert!(!called.is_empty(), "{what}: nothing was called");
                if matches!(step.action, Action::Update { .. }) {
                    let undeclared: Vec<_> = called.iter().filter(|call| !schema.changes.contains(call)).collect();
                    assert!(undeclared.is_empty(), "{what} called {undeclared:?}, which the kind does not declare");
                }
                // A unique value must be in AWS now, and was not before.
                let needle = match &value {
                    Value::String(text) if text.contains("renamed") => text.replace("-{account}-{region}", ""),
                    _ => String::new(),
                };
                let now = serde_json::to_string(&fixture.world).expect("the world is data");
                assert!(
                    !needle.is_empty() && now.matches(&needle).count() > before.matches(&needle).count()
                        || needle.is_empty() && now != before,
                    "{what}: AWS does not show it"
                );
            }
            let refresh = look(&fixture).await;
            assert!(refresh.drift.is_empty(), "{what}: AWS does not show it: {:?}", refresh.drift);
            fixture.listener = None;
            let plan = fixture.plan(&after, &fixture.state());
            let left: Vec<_> = plan
                .steps
                .iter()
                .filter(|step| step.action != Action::NoOp)
                .map(|step| format!("{} {} {}", step.action.verb(), step.address, step.reason))
                .collect();
            assert!(left.is_empty(), "{what}: a second plan is not empty: {left:?}");
            let quiet = fixture.up(&after).await;
            assert_eq!(quiet.must_succeed().calls.mutations(), 0, "{what}: {:?}", quiet.calls.by_call());
        }
    }
}

/// The table of inputs is that of the registry.
#[test]
fn the_page_of_resources_is_up_to_date() {
    let page = std::fs::read_to_string("docs/resources.md").expect("docs/resources.md");
    let made = Workspace::new().run("config resources");
    assert!(page.as_bytes() == made.stdout, "run `just generate`");
}

/// Each input has a value here, or a reason, or refers to another resource.
#[test]
fn every_input_of_every_kind_is_changed() {
    let graph = every_kind();
    let examples = examples(&graph);
    for kind in kinds() {
        let address = examples.get(kind.name()).unwrap_or_else(|| panic!("the stack has no {}", kind.name()));
        let spec = &graph.get(address).expect("it is part of the graph").spec;
        let values = values(kind.name());
        for input in kind.inputs() {
            let refers = spec.get(*input).is_some_and(only_refers) || kind.schema().order_only.contains(input);
            let changed = values.iter().any(|(name, _)| name == input);
            assert!(refers || changed, "{} `{input}` is never changed: {:?}", kind.name(), spec.get(*input));
        }
        for (name, to) in &values {
            assert!(kind.inputs().contains(name), "{} has no input `{name}`", kind.name());
            if let To::Not(why) = to {
                assert!(!why.is_empty());
            }
        }
        let schema = kind.schema();
        let lists = [
            schema.immutable,
            schema.weak_refs,
            schema.order_only,
            schema.same_scope_only,
            schema.create_only,
            kind.deletion_inputs(),
        ];
        for name in lists
            .into_iter()
            .flatten()
            .chain(schema.unique.iter().copied().flatten())
            .chain(schema.interrupts.iter().map(|(name, _)| name))
        {
            assert!(kind.inputs().contains(name), "{} declares something of `{name}`, which is no input", kind.name());
        }
    }
}

macro_rules! services {
    ($($name:ident: $service:expr;)*) => {
        $(#[tokio::test(start_paused = true)] async fn $name() { changes($service).await; })*
    };
}

services! {
    inputs_of_ec2: "ec2";
    inputs_of_elastic_load_balancing: "elbv2";
    inputs_of_ecs: "ecs";
    inputs_of_auto_scaling: "autoscaling";
    inputs_of_lambda: "lambda";
    inputs_of_rds: "rds";
    inputs_of_secrets_manager: "secretsmanager";
    inputs_of_iam: "iam";
    inputs_of_s3: "s3";
    inputs_of_route53: "route53";
    inputs_of_dms: "dms";
    inputs_of_logs: "logs";
    inputs_of_cloudwatch: "cloudwatch";
}
