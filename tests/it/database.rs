//! Databases, their secrets and the rotation of these, on the embedded AWS.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use migrate_infra::address::{Arn, SecurityGroupId, SubnetId};
use migrate_infra::aws::{AwsError, Clients, Cloud, Endpoint, permitted};
use migrate_infra::clock::Clock;
use migrate_infra::events::Events;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::ec2::{Subnet, Vpc};
use migrate_infra::resources::lambda::{Function, Package, Permission};
use migrate_infra::resources::rds::{DbInstance, DbParameterGroup, DbSubnetGroup, FinalSnapshot};
use migrate_infra::resources::secretsmanager::{Secret, SecretContent, SecretRotation};
use migrate_infra::sandbox::Sandbox;
use migrate_infra::sandbox::world::ec2::SecurityGroup;
use migrate_infra::sandbox::world::iam::Role;
use migrate_infra::sandbox::world::rds::Instance;
use migrate_infra::state::Store;
use serde_json::{Value, json};

use crate::lab::{Lab, Ran, Sketch, Way, holds_its_promises_on, survives_kills};

const ROLE: &str = "arn:aws:iam::111122223333:role/rotation";
const DATABASE: &str = "payment-db-source-test-001";
const SECRET: &str = "payment-db-source-source-test-001";
const FUNCTION: &str = "payment-rotation-source-test-001";

/// What a test changes in the graph.
#[derive(Clone)]
struct Wish {
    database: DbInstance,
    parameters: BTreeMap<String, String>,
    recovery_window_days: Option<i64>,
    every_days: i64,
    memory_mb: i32,
    only_this_account: Option<bool>,
    subnets: usize,
    secret_description: &'static str,
    username: &'static str,
}

impl Default for Wish {
    fn default() -> Self {
        let parameters = [("rds.logical_replication", "1"), ("max_replication_slots", "10"), ("max_wal_senders", "10"), ("rds.force_ssl", "1")];
        Self {
            database: DbInstance {
                identifier: DATABASE.into(),
                engine: "postgres".into(),
                engine_version: "16".into(),
                instance_class: "db.r5.large".into(),
                allocated_storage_gb: 100,
                storage_type: "gp2".into(),
                db_name: "paymentdb".into(),
                master_username: "dbadmin".into(),
                master_secret: Arn::from("replaced below").into(),
                subnet_group: "replaced below".into(),
                parameter_group: "replaced below".into(),
                security_groups: vec![SecurityGroupId::from("sg-1").into()],
                encrypted: true,
                kms_key: None,
                multi_az: false,
                backup_retention_days: 7,
                log_exports: vec!["postgresql".into(), "upgrade".into()],
                log_groups: Vec::new(),
                performance_insights_days: Some(7),
                deletion_protection: false,
                final_snapshot: FinalSnapshot::Skip,
                apply_immediately: true,
            },
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            recovery_window_days: None,
            every_days: 30,
            memory_mb: 128,
            only_this_account: Some(true),
            subnets: 2,
            secret_description: "the payment database",
            username: "dbadmin",
        }
    }
}

impl Wish {
    fn graph(&self) -> Graph {
        let mut sketch = Sketch::new();
        let subnets = (0..self.subnets).map(|zone| SubnetId(format!("subnet-{zone}")).into());
        let group = DbSubnetGroup { name: "payment-subnets".into(), description: "private subnets".into(), subnets: subnets.collect() };
        let group = sketch.add("source/database/subnets", group);
        let parameters = DbParameterGroup {
            name: "payment-parameters".into(),
            family: "postgres16".into(),
            description: "logical replication".into(),
            parameters: self.parameters.clone(),
        };
        let parameters = sketch.add("source/database/parameters", parameters);
        let secret = Secret {
            name: SECRET.into(),
            description: self.secret_description.into(),
            username: self.username.into(),
            password_length: 32,
            kms_key: None,
            recovery_window_days: self.recovery_window_days,
        };
        let secret = sketch.add("source/secrets/database", secret);
        let database =
            DbInstance { master_secret: secret.arn(), subnet_group: group.name(), parameter_group: parameters.name(), ..self.database.clone() };
        let database = sketch.add("source/database/instance", database);
        let content = SecretContent {
            secret: secret.arn(),
            engine: "postgres".into(),
            host: database.endpoint_address(),
            port: database.endpoint_port(),
            username: self.username.into(),
            dbname: "paymentdb".into(),
        };
        let content = sketch.add("source/secrets/content", content);
        let function = Function {
            name: FUNCTION.into(),
            description: "rotates the master password".into(),
            role: Arn::from(ROLE).into(),
            package: Package::DbSecretRotation,
            timeout_seconds: 600,
            memory_mb: self.memory_mb,
            environment: [("DB_INSTANCE_IDENTIFIER".to_owned(), DATABASE.to_owned())].into(),
        };
        let function = sketch.add("source/secrets/function", function);
        let permission = Permission {
            function: function.name(),
            statement_id: "secrets-manager".into(),
            principal: "secretsmanager.amazonaws.com".into(),
            source_arn: Some(secret.arn()),
            source_account: self.only_this_account,
        };
        let permission = sketch.add("source/secrets/permission", permission);
        let rotation = SecretRotation {
            secret: secret.arn(),
            function: function.usable_arn(),
            every_days: self.every_days,
            content: content.done(),
            permission: permission.done(),
        };
        sketch.add("source/secrets/rotation", rotation);
        sketch.finish()
    }
}

/// A world with a network of three subnets, a security group, and a role that Lambda can assume soon.
fn furnished() -> Lab {
    let mut lab = Lab::default();
    let assumable_at = lab.world.now + 8_000;
    let region = lab.world.region("us-east-1");
    for zone in 0..3 {
        let subnet = migrate_infra::sandbox::world::ec2::Subnet {
            subnet_id: format!("subnet-{zone}"),
            vpc_id: "vpc-1".into(),
            cidr_block: format!("10.0.{zone}.0/24"),
            availability_zone: format!("us-east-1{}", ["a", "b", "c"][zone]),
            map_public_ip_on_launch: false,
            available_at: 0,
            tags: BTreeMap::new(),
        };
        region.ec2.subnets.insert(subnet.subnet_id.clone(), subnet);
    }
    for (group_id, vpc_id) in [("sg-1", "vpc-1"), ("sg-2", "vpc-1"), ("sg-elsewhere", "vpc-2")] {
        let group = json!({ "group_id": group_id, "group_name": group_id, "description": "for a test", "vpc_id": vpc_id, "tags": {} });
        let group: SecurityGroup = serde_json::from_value(group).expect("a security group");
        region.ec2.security_groups.insert(group_id.into(), group);
    }
    let trust = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let role = json!({
        "role_name": "rotation", "role_id": "AROA1", "arn": ROLE, "description": null, "assume_role_policy": trust, "inline_policies": {},
        "attached_policies": [], "tags": {}, "created_at": 0, "assumable_at": assumable_at,
    });
    let role: Role = serde_json::from_value(role).expect("a role");
    lab.world.iam.roles.insert("rotation".into(), role);
    lab
}

fn database(lab: &mut Lab) -> Instance {
    lab.world.region("us-east-1").rds.instances[DATABASE].clone()
}

fn edit_database(lab: &mut Lab, edit: impl FnOnce(&mut Instance)) {
    edit(lab.world.region("us-east-1").rds.instances.get_mut(DATABASE).expect("the database"));
}

/// What a secret holds now.
fn value(lab: &mut Lab) -> Value {
    let secret = &lab.world.region("us-east-1").secretsmanager.secrets[SECRET];
    let (_, version) = secret.version("AWSCURRENT").expect("a current version");
    serde_json::from_str(&version.value).expect("an object")
}

fn failure(ran: &Ran) -> &Error {
    &ran.report().failures.first().expect("something failed").error
}

/// Brings the wish up, and checks that nothing is left to do afterwards.
async fn settle(lab: &mut Lab, wish: &Wish) -> Ran {
    let ran = lab.up(&wish.graph()).await;
    ran.must_succeed();
    let again = lab.up(&wish.graph()).await;
    again.must_succeed();
    assert_eq!(again.meter.mutations(), 0, "a second up changed something: {:?}", again.meter.by_call());
    ran
}

fn calls(ran: &Ran, call: &str) -> u64 {
    ran.meter.by_call().get(call).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_database_with_its_secret_holds_its_promises() {
    holds_its_promises_on(&furnished(), &Wish::default().graph()).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_in_subnets_of_its_own_holds_its_promises() {
    let mut sketch = Sketch::new();
    let vpc = sketch.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into() });
    let subnets = [(0, "10.0.0.0/24"), (1, "10.0.1.0/24")].map(|(zone, cidr)| {
        sketch.add(&format!("source/network/private-{zone}"), Subnet { vpc: vpc.id(), cidr: cidr.into(), zone, public_addresses: false }).id()
    });
    sketch.add("source/database/subnets", DbSubnetGroup { name: "payment".into(), description: "private".into(), subnets: subnets.into() });
    holds_its_promises_on(&Lab::default(), &sketch.finish()).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_with_a_recovery_window_is_restored_after_any_kill() {
    let wish = Wish { recovery_window_days: Some(7), ..Wish::default() };
    let mut lab = furnished();
    let bare = lab.world.inventory();
    settle(&mut lab, &wish).await;
    let password = value(&mut lab)["password"].clone();
    assert!(survives_kills(&wish.graph(), &lab, Way::Down, bare.len(), &[]).await > 0);
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), bare);
    let ran = settle(&mut lab, &wish).await;
    assert_eq!((calls(&ran, "secretsmanager:RestoreSecret"), calls(&ran, "secretsmanager:CreateSecret")), (1, 0));
    assert_eq!(value(&mut lab)["password"], password);
    assert_eq!(value(&mut lab)["password"], database(&mut lab).settings.master_password.as_str());
}

#[tokio::test(start_paused = true)]
async fn up_after_a_killed_down_makes_everything_again() {
    for recovery_window_days in [None, Some(7)] {
        let mut wish = Wish { recovery_window_days, ..Wish::default() };
        wish.database.deletion_protection = false;
        let graph = wish.graph();
        let mut before = furnished();
        settle(&mut before, &wish).await;
        let made = before.world.inventory().len();
        for point in 1.. {
            let Some(mut lab) = before.killed(&graph, Way::Down, point).await else { break };
            settle(&mut lab, &wish).await;
            assert_eq!(lab.world.inventory().len(), made, "down killed at point {point}, then up");
            assert_eq!(value(&mut lab)["password"], database(&mut lab).settings.master_password.as_str(), "killed at point {point}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_scheduled_for_deletion_by_somebody_else_is_foreign() {
    let wish = Wish { recovery_window_days: Some(7), ..Wish::default() };
    let mut lab = furnished();
    settle(&mut lab, &wish).await;
    lab.down().await.must_succeed();
    lab.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap().tags.clear();
    let ran = lab.up(&wish.graph()).await;
    assert!(matches!(failure(&ran), Error::Foreign { .. }), "{:?}", failure(&ran));
}

#[tokio::test(start_paused = true)]
async fn a_database_is_made_as_specified() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let made = database(&mut lab);
    assert_eq!((made.storage_encrypted, made.publicly_accessible), (true, false));
    assert_eq!((made.copy_tags_to_snapshot, made.auto_minor_version_upgrade), (true, false));
    assert_eq!((made.settings.engine_version.as_str(), made.settings.backup_retention), ("16.9", 7));
    let held = value(&mut lab);
    let keys: Vec<&String> = held.as_object().unwrap().keys().collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, ["dbname", "engine", "host", "password", "port", "username"]);
    assert_eq!(held["host"], made.host.as_str());
    assert_eq!(held["password"], made.settings.master_password.as_str());
    let password = held["password"].as_str().unwrap();
    assert!(password.len() == 32 && password.chars().all(|char| char.is_ascii_alphanumeric()));
    let secret = &lab.world.region("us-east-1").secretsmanager.secrets[SECRET];
    assert_eq!((secret.rotation_enabled, secret.rotation_days), (true, Some(30)));
    let statement = &lab.world.region("us-east-1").lambda.functions[FUNCTION].policy["secrets-manager"];
    assert_eq!(statement["Condition"]["StringEquals"]["AWS:SourceAccount"], "111122223333");
    let group = &lab.world.region("us-east-1").rds.parameter_groups["payment-parameters"];
    assert_eq!(group.parameters, Wish::default().parameters);
}

#[tokio::test(start_paused = true)]
async fn the_password_is_nowhere_but_in_aws() {
    let events: Arc<Mutex<String>> = Arc::default();
    let keep = Arc::clone(&events);
    let listener = Events::to(move |event| *keep.lock().unwrap() += &format!("{}\n{event:?}\n", serde_json::to_string(&event).unwrap()));
    let before = Lab { listener: Some(listener), ..furnished() };
    let mut journal = 0;
    // A run tidies its journal up when it ends; so look at what a run leaves that is killed, at every point.
    for point in 1.. {
        let mut lab = before.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(&Wish::default().graph(), Way::Up, fuse.clone()).await;
        let (text, snapshot) = (lab.store.text(), lab.store.snapshot().await.unwrap().unwrap_or_default());
        journal = journal.max(text.len());
        for secret in lab.world.region("us-east-1").secretsmanager.secrets.values() {
            for version in secret.versions.values() {
                let value: Value = serde_json::from_str(&version.value).unwrap();
                let password = value["password"].as_str().unwrap();
                assert_eq!(password.len(), 32);
                for (what, text) in
                    [("journal", text.as_str()), ("snapshot", &String::from_utf8_lossy(&snapshot)), ("events", &events.lock().unwrap())]
                {
                    assert!(!text.contains(password), "the password is in the {what}, killed at point {point}");
                }
            }
        }
        if !fuse.is_dead() {
            assert!(String::from_utf8_lossy(&snapshot).contains(SECRET));
            break;
        }
    }
    assert!(journal > 5_000, "the longest journal has {journal} bytes");
    assert!(events.lock().unwrap().contains("secretsmanager:CreateSecret"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_made_anew_gives_the_database_its_password() {
    let mut lab = furnished();
    let wish = Wish::default();
    settle(&mut lab, &wish).await;
    lab.world.region("us-east-1").secretsmanager.secrets.remove(SECRET);
    lab.up(&wish.graph()).await.must_succeed();
    settle(&mut lab, &wish).await;
    assert_eq!(value(&mut lab)["password"], database(&mut lab).settings.master_password.as_str());
    assert_eq!(value(&mut lab)["host"], database(&mut lab).host.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_rotated_password_and_a_hold_are_left_alone() {
    let mut lab = furnished();
    let wish = Wish::default();
    settle(&mut lab, &wish).await;
    let mut rotated = value(&mut lab);
    rotated["password"] = "Rotated0Rotated0Rotated0Rotated0".into();
    let secret = lab.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap();
    secret.versions.values_mut().find(|version| version.stages.contains("AWSCURRENT")).unwrap().value = rotated.to_string();
    secret.tags.insert("migrate-infra:hold-rotation".into(), "a replication runs".into());
    let before = lab.store.text();
    let again = lab.up(&wish.graph()).await;
    again.must_succeed();
    assert_eq!(again.meter.mutations(), 0, "{:?}", again.meter.by_call());
    assert!(!lab.store.text()[before.len()..].contains("intent"), "a look at a held secret was written down as a change");
    assert_eq!(value(&mut lab), rotated);
}

#[tokio::test(start_paused = true)]
pub async fn a_database_is_changed_in_place() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let created = database(&mut lab).resource_id;
    let mut wish = Wish::default();
    wish.database.instance_class = "db.r5.xlarge".into();
    wish.database.allocated_storage_gb = 200;
    wish.database.storage_type = "gp3".into();
    wish.database.backup_retention_days = 14;
    wish.database.log_exports = vec!["upgrade".into()];
    wish.database.performance_insights_days = None;
    wish.database.deletion_protection = true;
    wish.database.multi_az = true;
    wish.database.engine_version = "16.10".into();
    wish.database.security_groups = vec![SecurityGroupId::from("sg-2").into(), SecurityGroupId::from("sg-1").into()];
    let ran = settle(&mut lab, &wish).await;
    assert_eq!(calls(&ran, "rds:ModifyDBInstance"), 1);
    let now = database(&mut lab);
    assert_eq!(now.resource_id, created);
    assert_eq!((now.settings.class.as_str(), now.settings.allocated_storage, now.settings.storage_type.as_str()), ("db.r5.xlarge", 200, "gp3"));
    assert_eq!((now.settings.backup_retention, now.performance_insights_days, now.deletion_protection), (14, None, true));
    assert_eq!((now.settings.multi_az, now.settings.engine_version.as_str()), (true, "16.10"));
    assert_eq!((now.settings.log_exports.len(), now.security_groups.len()), (1, 2));
    // Each of the other changes alone.
    for days in [Some(7), Some(31)] {
        wish.database.performance_insights_days = days;
        settle(&mut lab, &wish).await;
        assert_eq!(database(&mut lab).performance_insights_days, days);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_window_is_made_at_once_when_told_so() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let mut wish = Wish::default();
    wish.database.instance_class = "db.r5.xlarge".into();
    wish.database.apply_immediately = false;
    settle(&mut lab, &wish).await;
    assert_eq!(database(&mut lab).settings.class, "db.r5.large", "it waits for the window");
    wish.database.apply_immediately = true;
    let ran = settle(&mut lab, &wish).await;
    assert_eq!(calls(&ran, "rds:ModifyDBInstance"), 1);
    assert_eq!(database(&mut lab).settings.class, "db.r5.xlarge");
    assert!(ran.report().elapsed < std::time::Duration::from_mins(30), "{:?}", ran.report().elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_database_survives_kills() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let mut wish = Wish { memory_mb: 256, every_days: 60, secret_description: "new words", subnets: 3, ..Wish::default() };
    wish.database.instance_class = "db.r5.xlarge".into();
    wish.parameters.insert("max_wal_senders".into(), "20".into());
    let things = lab.world.inventory().len();
    let bare = furnished().world.inventory();
    survives_kills(&wish.graph(), &lab, Way::Up, things, &bare).await;
}

#[tokio::test(start_paused = true)]
pub async fn other_outside_changes_are_put_right() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    edit_database(&mut lab, |instance| instance.settings.backup_retention = 1);
    let region = lab.world.region("us-east-1");
    region.secretsmanager.secrets.get_mut(SECRET).unwrap().rotation_enabled = false;
    region.lambda.functions.get_mut(FUNCTION).unwrap().policy.clear();
    region.lambda.functions.get_mut(FUNCTION).unwrap().code_sha256 = "somebody else's".into();
    region.rds.parameter_groups.get_mut("payment-parameters").unwrap().parameters.insert("work_mem".into(), "64".into());
    settle(&mut lab, &Wish::default()).await;
    assert_eq!(database(&mut lab).settings.backup_retention, 7);
    let region = lab.world.region("us-east-1");
    assert!(region.secretsmanager.secrets[SECRET].rotation_enabled);
    assert_eq!(region.lambda.functions[FUNCTION].policy.len(), 1);
    assert_eq!(region.rds.parameter_groups["payment-parameters"].parameters, Wish::default().parameters);
}

#[tokio::test(start_paused = true)]
pub async fn parameters_are_changed_and_reset_in_place() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let mut wish = Wish::default();
    wish.parameters.remove("rds.force_ssl");
    wish.parameters.insert("max_wal_senders".into(), "20".into());
    wish.parameters.insert("work_mem".into(), "65536".into());
    let ran = settle(&mut lab, &wish).await;
    assert_eq!((calls(&ran, "rds:ModifyDBParameterGroup"), calls(&ran, "rds:ResetDBParameterGroup")), (1, 1));
    assert_eq!(lab.world.region("us-east-1").rds.parameter_groups["payment-parameters"].parameters, wish.parameters);
}

#[tokio::test(start_paused = true)]
pub async fn groups_secrets_and_functions_are_changed_in_place() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let wish = Wish { subnets: 3, secret_description: "new words", every_days: 60, memory_mb: 256, only_this_account: None, ..Wish::default() };
    let ran = settle(&mut lab, &wish).await;
    for call in [
        "rds:ModifyDBSubnetGroup",
        "secretsmanager:UpdateSecret",
        "secretsmanager:RotateSecret",
        "lambda:UpdateFunctionConfiguration",
        "lambda:RemovePermission",
        "lambda:AddPermission",
    ] {
        assert_eq!(calls(&ran, call), 1, "{call}: {:?}", ran.meter.by_call());
    }
    let region = lab.world.region("us-east-1");
    assert_eq!(region.rds.subnet_groups["payment-subnets"].subnet_ids.len(), 3);
    assert_eq!(region.secretsmanager.secrets[SECRET].description.as_deref(), Some("new words"));
    assert_eq!(region.secretsmanager.secrets[SECRET].rotation_days, Some(60));
    assert_eq!(region.lambda.functions[FUNCTION].memory, 256);
    assert!(region.lambda.functions[FUNCTION].policy["secrets-manager"].pointer("/Condition/StringEquals").is_none());
}

#[tokio::test(start_paused = true)]
pub async fn another_user_name_keeps_the_password() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let before = value(&mut lab);
    settle(&mut lab, &Wish { username: "another", ..Wish::default() }).await;
    let after = value(&mut lab);
    assert_eq!((&after["username"], &after["password"], &after["host"]), (&"another".into(), &before["password"], &before["host"]));
}

#[tokio::test(start_paused = true)]
pub async fn a_database_that_failed_says_why() {
    let mut lab = furnished();
    let wish = Wish::default();
    settle(&mut lab, &wish).await;
    edit_database(&mut lab, |instance| {
        instance.stuck_in = Some("incompatible-parameters".into());
        instance.events.push("max_connections is too high for the memory of this class".into());
    });
    let ran = lab.up(&wish.graph()).await;
    match failure(&ran) {
        Error::Failed { status, reason, .. } => {
            assert_eq!(status, "incompatible-parameters");
            assert!(reason.as_ref().unwrap().contains("max_connections"));
        }
        other => panic!("{other:?}"),
    }
    lab.down().await.must_succeed();
}

#[tokio::test(start_paused = true)]
async fn a_full_database_is_given_room() {
    let mut lab = furnished();
    let mut wish = Wish::default();
    settle(&mut lab, &wish).await;
    edit_database(&mut lab, |instance| instance.stuck_in = Some("storage-full".into()));
    assert!(matches!(failure(&lab.up(&wish.graph()).await), Error::Failed { .. }));
    wish.database.allocated_storage_gb = 200;
    settle(&mut lab, &wish).await;
    assert_eq!(database(&mut lab).settings.allocated_storage, 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_major_version_is_refused() {
    let mut lab = furnished();
    let mut wish = Wish::default();
    settle(&mut lab, &wish).await;
    wish.database.engine_version = "17".into();
    let ran = lab.up(&wish.graph()).await;
    assert!(matches!(failure(&ran), Error::OneWay(text) if text.contains("major version")), "{:?}", failure(&ran));
}

#[tokio::test(start_paused = true)]
async fn a_protected_database_is_not_deleted() {
    let mut lab = furnished();
    let mut wish = Wish::default();
    wish.database.deletion_protection = true;
    settle(&mut lab, &wish).await;
    let ran = lab.down().await;
    assert!(matches!(failure(&ran), Error::Refused(text) if text.contains("database.deletion_protection")), "{:?}", failure(&ran));
    assert!(database(&mut lab).deletion_protection);
    wish.database.deletion_protection = false;
    lab.up(&wish.graph()).await.must_succeed();
    // Somebody turned it on by hand: who did so wants to keep it.
    edit_database(&mut lab, |instance| instance.deletion_protection = true);
    let ran = lab.down().await;
    assert!(matches!(failure(&ran), Error::Refused(text) if text.contains("somebody has turned deletion protection on")), "{:?}", failure(&ran));
    assert!(database(&mut lab).deletion_protection);
    edit_database(&mut lab, |instance| instance.deletion_protection = false);
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), furnished().world.inventory());
}

#[tokio::test(start_paused = true)]
pub async fn a_final_snapshot_is_taken_once_whatever_happens() {
    let mut lab = furnished();
    let mut wish = Wish::default();
    wish.database.final_snapshot = FinalSnapshot::Take;
    settle(&mut lab, &wish).await;
    let bare = furnished().world.inventory().len();
    assert!(survives_kills(&wish.graph(), &lab, Way::Down, bare + 1, &[]).await > 0);
    let mut twice = lab.fork();
    lab.down().await.must_succeed();
    let name = lab.world.region("us-east-1").rds.snapshots.keys().next().cloned().unwrap();
    assert!(name.starts_with("payment-db-source-test-001-final-"), "{name}");
    let snapshot = lab.world.region("us-east-1").rds.snapshots[&name].clone();
    assert!(snapshot.tags.contains_key("migrate-infra:stack"));
    // A deletion that failed after its snapshot leaves the name taken.
    twice.world.region("us-east-1").rds.snapshots.insert(name.clone(), snapshot);
    twice.down().await.must_succeed();
    assert!(twice.world.region("us-east-1").rds.snapshots.contains_key(&format!("{name}-2")));
}

/// A thing, and how to take the marks off it.
type Mark = (&'static str, fn(&mut Lab));

#[tokio::test(start_paused = true)]
async fn a_database_of_somebody_else_is_foreign() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let marks: [Mark; 5] = [
        ("db instance payment", |lab| edit_database(lab, |instance| instance.tags.clear())),
        ("secret payment", |lab| lab.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap().tags.clear()),
        ("function payment", |lab| lab.world.region("us-east-1").lambda.functions.get_mut(FUNCTION).unwrap().tags.clear()),
        ("db subnet group payment", |lab| lab.world.region("us-east-1").rds.subnet_groups.get_mut("payment-subnets").unwrap().tags.clear()),
        ("db parameter group payment", |lab| lab.world.region("us-east-1").rds.parameter_groups.get_mut("payment-parameters").unwrap().tags.clear()),
    ];
    for (what, clear) in marks {
        // The state is lost, and one thing is not ours.
        let mut theirs = Lab { world: lab.world.clone(), ..Lab::default() };
        clear(&mut theirs);
        let ran = theirs.up(&Wish::default().graph()).await;
        assert!(ran.report().failures.iter().any(|failure| matches!(failure.error, Error::Foreign { .. })), "{what}");
        theirs.down().await;
        assert!(theirs.world.inventory().iter().any(|id| id.contains(what)), "{what} was deleted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_in_use_by_somebody_else_names_the_user() {
    let mut lab = furnished();
    settle(&mut lab, &Wish::default()).await;
    let mut other = database(&mut lab);
    other.identifier = "their-db".into();
    other.arn = "arn:theirs".into();
    other.tags.clear();
    lab.world.region("us-east-1").rds.instances.insert("their-db".into(), other);
    let ran = lab.down().await;
    let blocked = ran.report().failures.iter().filter(|failure| match &failure.error {
        Error::Blocked(blockers) => blockers[0].id == "their-db",
        _ => false,
    });
    assert_eq!(blocked.count(), 2, "both groups are in use");
}

/// Brings up a changed wish in a furnished world, and returns the error codes that AWS answered.
async fn codes_of(change: impl FnOnce(&mut Wish, &mut Lab)) -> Vec<String> {
    let mut lab = furnished();
    let mut wish = Wish::default();
    change(&mut wish, &mut lab);
    let ran = lab.up(&wish.graph()).await;
    ran.report().failures.iter().filter_map(|failure| failure.error.aws()?.code.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_embedded_aws_refuses_what_aws_refuses() {
    assert_eq!(codes_of(|wish, _| wish.subnets = 1).await, ["DBSubnetGroupDoesNotCoverEnoughAZs"]);
    assert_eq!(codes_of(|wish, _| wish.database.identifier = "under_score".into()).await, ["InvalidParameterValue"]);
    assert_eq!(codes_of(|wish, _| wish.database.identifier = "double--hyphen".into()).await, ["InvalidParameterValue"]);
    assert_eq!(codes_of(|wish, _| wish.database.engine_version = "99".into()).await, ["InvalidParameterCombination"]);
    assert_eq!(codes_of(|wish, _| wish.database.engine_version = "15".into()).await, ["InvalidParameterCombination"]);
    assert_eq!(codes_of(|wish, _| wish.database.performance_insights_days = Some(8)).await, ["InvalidParameterValue"]);
    assert_eq!(codes_of(|wish, _| wish.database.log_exports = vec!["error".into()]).await, ["InvalidParameterCombination"]);
    assert_eq!(codes_of(|wish, _| wish.database.security_groups = vec![SecurityGroupId::from("sg-9").into()]).await, ["InvalidParameterValue"]);
    let elsewhere = vec![SecurityGroupId::from("sg-elsewhere").into()];
    assert_eq!(codes_of(|wish, _| wish.database.security_groups = elsewhere).await, ["InvalidParameterCombination"]);
    assert_eq!(codes_of(|wish, _| drop(wish.parameters.insert("no_such".into(), "1".into()))).await, ["InvalidParameterValue"]);
    assert_eq!(codes_of(|wish, _| wish.every_days = 2000).await, ["InvalidParameterException"]);
    // Lambda tells by the same code that a role cannot be assumed yet and that it never will be.
    assert_eq!(codes_of(|_, lab| lab.world.iam.roles.clear()).await, ["InvalidParameterValueException"]);
}

#[tokio::test(start_paused = true)]
async fn a_function_waits_for_its_role() {
    let mut lab = furnished();
    let ran = settle(&mut lab, &Wish::default()).await;
    assert!(calls(&ran, "lambda:CreateFunction") > 1, "the role could be assumed at once");
}

/// Asks the embedded AWS directly and returns its error code, or nothing when it agreed.
async fn code<T, E>(call: &'static str, send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>) -> Option<String>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = AwsError::of(call, &permitted(call, send).await.err()?);
    assert!(!error.to_string().contains("hunter2"), "an error shows a password: {error}");
    error.code
}

async fn clients(sandbox: &Arc<Sandbox>) -> Arc<Clients> {
    let cloud = Cloud::connect(Endpoint::Plugged(sandbox.plug()), &"us-east-1".into(), Clock::real()).await.unwrap();
    cloud.clients(&"us-east-1".into()).0
}

fn with(code: &'static str) -> Option<String> {
    Some(code.to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_embedded_rds_is_strict() {
    let mut lab = furnished();
    lab.up(&Wish::default().graph()).await.must_succeed();
    let sandbox = Sandbox::new(lab.world.clone(), Clock::real(), None, Fuse::default());
    let rds = &clients(&sandbox).await.rds;
    let create = |name: &str, password: &str| {
        let call = rds.create_db_instance().db_instance_identifier(name).engine("postgres").engine_version("16").db_instance_class("db.r5.large");
        let call = call.allocated_storage(100).master_username("dbadmin").master_user_password(password).db_subnet_group_name("payment-subnets");
        code("rds:CreateDBInstance", call.db_parameter_group_name("payment-parameters").send())
    };
    let group = |name: &str, zone: &str| {
        let call = rds.create_db_subnet_group().db_subnet_group_name(name).db_subnet_group_description("x").subnet_ids("subnet-0").subnet_ids(zone);
        code("rds:CreateDBSubnetGroup", call.send())
    };
    assert_eq!(create(DATABASE, "hunter2hunter2").await, with("DBInstanceAlreadyExists"));
    for password in ["hunter2", "hunter2/hunter2", "hunter2 hunter2", "hunter2@hunter2", "hunter2\"hunter2"] {
        assert_eq!(create("second", password).await, with("InvalidParameterValue"), "{password}");
    }
    assert_eq!(group("payment-subnets", "subnet-1").await, with("DBSubnetGroupAlreadyExists"));
    assert_eq!(group("second", "subnet-0").await, with("DBSubnetGroupDoesNotCoverEnoughAZs"));
    assert_eq!(group("second", "subnet-9").await, with("InvalidSubnet"));
    let parameters = rds.create_db_parameter_group().db_parameter_group_name("payment-parameters").db_parameter_group_family("postgres16");
    assert_eq!(code("rds:CreateDBParameterGroup", parameters.description("x").send()).await, with("DBParameterGroupAlreadyExists"));
    let in_use = rds.delete_db_parameter_group().db_parameter_group_name("payment-parameters").send();
    assert_eq!(code("rds:DeleteDBParameterGroup", in_use).await, with("InvalidDBParameterGroupState"));
    let in_use = rds.delete_db_subnet_group().db_subnet_group_name("payment-subnets").send();
    assert_eq!(code("rds:DeleteDBSubnetGroup", in_use).await, with("InvalidDBSubnetGroupStateFault"));

    // A new instance takes no orders and has no endpoint.
    assert_eq!(create("second", "hunter2hunter2").await, None);
    let shown = rds.describe_db_instances().db_instance_identifier("second").send().await.unwrap();
    assert_eq!((shown.db_instances()[0].db_instance_status(), shown.db_instances()[0].endpoint()), (Some("creating"), None));
    let modify = |name: &str| rds.modify_db_instance().db_instance_identifier(name).apply_immediately(true);
    assert_eq!(code("rds:ModifyDBInstance", modify("second").multi_az(true).send()).await, with("InvalidDBInstanceState"));
    let delete = |name: &str| rds.delete_db_instance().db_instance_identifier(name);
    assert_eq!(code("rds:DeleteDBInstance", delete("second").skip_final_snapshot(true).send()).await, with("InvalidDBInstanceState"));
    assert_eq!(code("rds:DeleteDBInstance", delete(DATABASE).send()).await, with("InvalidParameterCombination"));
    assert_eq!(code("rds:DeleteDBInstance", delete("third").skip_final_snapshot(true).send()).await, with("DBInstanceNotFound"));
    assert_eq!(code("rds:ModifyDBInstance", modify(DATABASE).allocated_storage(50).send()).await, with("InvalidParameterCombination"));
    assert_eq!(code("rds:ModifyDBInstance", modify(DATABASE).engine_version("16.4").send()).await, with("InvalidParameterCombination"));
    assert_eq!(code("rds:ModifyDBInstance", modify(DATABASE).deletion_protection(true).send()).await, None);
    assert_eq!(code("rds:DeleteDBInstance", delete(DATABASE).skip_final_snapshot(true).send()).await, with("InvalidParameterCombination"));
    // Its interface holds the subnet until it is gone.
    let interfaces = sandbox.snapshot().region("us-east-1").ec2.interfaces.len();
    assert_eq!(interfaces, 2);
}

#[tokio::test(start_paused = true)]
async fn the_embedded_secrets_manager_and_lambda_are_strict() {
    let mut lab = furnished();
    lab.up(&Wish::default().graph()).await.must_succeed();
    let sandbox = Sandbox::new(lab.world.clone(), Clock::real(), None, Fuse::default());
    let clients = clients(&sandbox).await;
    let secrets = &clients.secrets;
    let token = "0123456789abcdef0123456789abcdef";
    let create = |name: &str, value: &str| {
        code("secretsmanager:CreateSecret", secrets.create_secret().name(name).client_request_token(token).secret_string(value).send())
    };
    assert_eq!(create("another", "hunter2").await, None);
    assert_eq!(create("another", "hunter2").await, None, "the same call again is the same secret");
    assert_eq!(create("another", "hunter2hunter2").await, with("ResourceExistsException"));
    let put = |value: &str| {
        let call = secrets.put_secret_value().secret_id("another").client_request_token(token).secret_string(value);
        code("secretsmanager:PutSecretValue", call.send())
    };
    assert_eq!(put("hunter2").await, None);
    assert_eq!(put("hunter2hunter2").await, with("ResourceExistsException"));
    let rotate = |function: &str| {
        let rules = aws_sdk_secretsmanager::types::RotationRulesType::builder().automatically_after_days(30).build();
        let call = secrets.rotate_secret().secret_id("another").rotation_lambda_arn(function).rotation_rules(rules).rotate_immediately(false);
        code("secretsmanager:RotateSecret", call.send())
    };
    let function = format!("arn:aws:lambda:us-east-1:111122223333:function:{FUNCTION}");
    assert_eq!(rotate("arn:aws:lambda:us-east-1:111122223333:function:none").await, with("ResourceNotFoundException"));
    assert_eq!(rotate(&function).await, None);
    let remove = clients.lambda.remove_permission().function_name(FUNCTION).statement_id("secrets-manager").send();
    assert_eq!(code("lambda:RemovePermission", remove).await, None);
    assert_eq!(rotate(&function).await, with("AccessDeniedException"));

    let delete = |days: Option<i64>, forced: Option<bool>| {
        let call = secrets.delete_secret().secret_id("another").set_recovery_window_in_days(days).set_force_delete_without_recovery(forced);
        code("secretsmanager:DeleteSecret", call.send())
    };
    assert_eq!(delete(Some(3), None).await, with("InvalidParameterException"));
    assert_eq!(delete(Some(7), Some(true)).await, with("InvalidParameterException"));
    assert_eq!(delete(Some(7), None).await, None);
    assert_eq!(create("another", "hunter2").await, with("InvalidRequestException"));
    assert_eq!(code("secretsmanager:GetSecretValue", secrets.get_secret_value().secret_id("another").send()).await, with("InvalidRequestException"));
    assert_eq!(code("secretsmanager:RestoreSecret", secrets.restore_secret().secret_id("another").send()).await, None);
    assert_eq!(delete(None, Some(true)).await, None);
    assert_eq!(code("secretsmanager:RestoreSecret", secrets.restore_secret().secret_id("another").send()).await, with("InvalidRequestException"));
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let gone = secrets.describe_secret().secret_id("another").send();
    assert_eq!(code("secretsmanager:DescribeSecret", gone).await, with("ResourceNotFoundException"));

    let zip = aws_sdk_lambda::primitives::Blob::new(b"PK\x03\x04");
    let code_of_it = aws_sdk_lambda::types::FunctionCode::builder().zip_file(zip.clone()).build();
    let create = |name: &str| {
        let call = clients.lambda.create_function().function_name(name).role(ROLE).runtime(aws_sdk_lambda::types::Runtime::Python313);
        code("lambda:CreateFunction", call.handler("a.b").code(code_of_it.clone()).send())
    };
    assert_eq!(create(FUNCTION).await, with("ResourceConflictException"));
    assert_eq!(create("no spaces").await, with("ValidationException"));
    assert_eq!(create("second").await, None);
    let update = clients.lambda.update_function_code().function_name("second").zip_file(zip).send();
    assert_eq!(code("lambda:UpdateFunctionCode", update).await, with("ResourceConflictException"), "it is still Pending");
}

#[test]
fn the_rotation_function_does_what_its_tests_say() {
    let run = Command::new("python3").args(["-m", "unittest", "tests/rotation/test_rotation.py"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = run.expect("the tests of the rotation function need `python3` in the PATH");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("OK"), "{text}");
}
