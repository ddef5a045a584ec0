//! Databases and their parameters on the sandbox.

use std::collections::BTreeMap;

use migrate_infra::address::{Arn, SecurityGroupId, SubnetId};
use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::ec2::{Subnet, Vpc, ZoneOffers};
use migrate_infra::resources::lambda::{Function, Package, Permission};
use migrate_infra::resources::rds::{DbInstance, DbParameterGroup, DbSubnetGroup, FinalSnapshot};
use migrate_infra::resources::secretsmanager::{Secret, SecretContent, SecretRotation};
use migrate_infra::sandbox::Script;
use migrate_infra::sandbox::world::ec2::SecurityGroup;
use migrate_infra::sandbox::world::iam::Role;
use migrate_infra::sandbox::world::rds::Instance;
use serde_json::{Value, json};

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind, RunResult, check_lifecycle_in, survives_kills};

pub const ROLE: &str = "arn:aws:iam::111122223333:role/rotation";
pub const DATABASE: &str = "payment-db-source-test-001";
pub const SECRET: &str = "payment-db-source-source-test-001";
pub const FUNCTION: &str = "payment-rotation-source-test-001";

/// What a test changes in the graph.
#[derive(Clone)]
pub struct Parts {
    pub database: DbInstance,
    pub parameters: BTreeMap<String, String>,
    pub recovery_window_days: Option<i64>,
    pub every_days: i64,
    pub rotates: bool,
    pub memory_mb: i32,
    pub only_this_account: Option<bool>,
    pub subnets: usize,
    pub secret_description: &'static str,
    pub username: &'static str,
}

impl Default for Parts {
    fn default() -> Self {
        let parameters = [
            ("rds.logical_replication", "1"),
            ("max_replication_slots", "10"),
            ("max_wal_senders", "10"),
            ("rds.force_ssl", "1"),
        ];
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
            rotates: true,
            memory_mb: 128,
            only_this_account: Some(true),
            subnets: 2,
            secret_description: "the payment database",
            username: "dbadmin",
        }
    }
}

impl Parts {
    pub fn graph(&self) -> Graph {
        let mut builder = GraphBuilder::new();
        let subnets = (0..self.subnets).map(|zone| SubnetId(format!("subnet-{zone}")).into());
        let group = DbSubnetGroup {
            name: "payment-subnets".into(),
            description: "private subnets".into(),
            subnets: subnets.collect(),
        };
        let group = builder.add("source/database/subnets", group);
        let parameters = DbParameterGroup {
            name: "payment-parameters".into(),
            family: "postgres16".into(),
            description: "logical replication".into(),
            parameters: self.parameters.clone(),
        };
        let parameters = builder.add("source/database/parameters", parameters);
        let secret = Secret {
            name: SECRET.into(),
            description: self.secret_description.into(),
            username: self.username.into(),
            password_length: 32,
            kms_key: None,
            recovery_window_days: self.recovery_window_days,
        };
        let secret = builder.add("source/secrets/database", secret);
        let database = DbInstance {
            master_secret: secret.arn(),
            subnet_group: group.name(),
            parameter_group: parameters.name(),
            ..self.database.clone()
        };
        let database = builder.add("source/database/instance", database);
        let content = SecretContent {
            secret: secret.arn(),
            engine: "postgres".into(),
            host: database.endpoint_address(),
            port: database.endpoint_port(),
            username: self.username.into(),
            dbname: "paymentdb".into(),
        };
        let content = builder.add("source/secrets/content", content);
        let function = Function {
            name: FUNCTION.into(),
            description: "rotates the master password".into(),
            role: Arn::from(ROLE).into(),
            package: Package::DbSecretRotation,
            timeout_seconds: 600,
            memory_mb: self.memory_mb,
            environment: [("DB_INSTANCE_IDENTIFIER".to_owned(), DATABASE.to_owned())].into(),
        };
        let function = builder.add("source/secrets/function", function);
        let permission = Permission {
            function: function.name(),
            statement_id: "secrets-manager".into(),
            principal: "secretsmanager.amazonaws.com".into(),
            source_arn: Some(secret.arn()),
            source_account: self.only_this_account,
        };
        let permission = builder.add("source/secrets/permission", permission);
        let rotation = SecretRotation {
            secret: secret.arn(),
            function: function.usable_arn(),
            every_days: self.every_days,
            content: content.done(),
            permission: permission.done(),
        };
        if self.rotates {
            builder.add("source/secrets/rotation", rotation);
        }
        builder.finish()
    }
}

/// A world with a network of three subnets, a security group, and a role that Lambda can assume soon.
pub fn prerequisites() -> Fixture {
    let mut fixture = Fixture::default();
    let assumable_at = fixture.world.now + 8_000;
    let region = fixture.world.region("us-east-1");
    for zone in 0..3 {
        let subnet = migrate_infra::sandbox::world::ec2::Subnet {
            subnet_id: format!("subnet-{zone}"),
            vpc_id: "vpc-1".into(),
            cidr_block: format!("10.0.{zone}.0/24"),
            availability_zone: format!("us-east-1{}", ["a", "b", "c"][zone]),
            availability_zone_id: String::new(),
            map_public_ip_on_launch: false,
            available_at: 0,
            tags: BTreeMap::new(),
        };
        region.ec2.subnets.insert(subnet.subnet_id.clone(), subnet);
    }
    for (group_id, vpc_id) in [("sg-1", "vpc-1"), ("sg-2", "vpc-1"), ("sg-elsewhere", "vpc-2")] {
        let group = json!({ "group_id": group_id, "group_name": group_id, "description": "for a \
            test", "vpc_id": vpc_id, "tags": {} });
        let group: SecurityGroup = serde_json::from_value(group).expect("a security group");
        region.ec2.security_groups.insert(group_id.into(), group);
    }
    let trust = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole" }] });
    let role = json!({
        "role_name": "rotation", "role_id": "AROA1", "arn": ROLE, "description": null, "assume_role_policy": trust,
            "inline_policies": {},
        "attached_policies": [], "tags": {}, "created_at": 0, "assumable_at": assumable_at,
    });
    let role: Role = serde_json::from_value(role).expect("a role");
    fixture.world.iam.roles.insert("rotation".into(), role);
    fixture
}

pub fn database(fixture: &mut Fixture) -> Instance {
    fixture.world.region("us-east-1").rds.instances[DATABASE].clone()
}

fn edit_database(fixture: &mut Fixture, edit: impl FnOnce(&mut Instance)) {
    edit(fixture.world.region("us-east-1").rds.instances.get_mut(DATABASE).expect("the database"));
}

/// Returns the content of the secret.
pub fn value(fixture: &mut Fixture) -> Value {
    let secret = &fixture.world.region("us-east-1").secretsmanager.secrets[SECRET];
    let (_, version) = secret.version("AWSCURRENT").expect("a current version");
    serde_json::from_str(&version.value).expect("an object")
}

pub fn failure(ran: &RunResult) -> &Error {
    &ran.report().failures.first().expect("something failed").error
}

/// Applies the settings, and checks that nothing is left to do.
pub async fn settle(fixture: &mut Fixture, parts: &Parts) -> RunResult {
    let ran = fixture.up(&parts.graph()).await;
    ran.must_succeed();
    let again = fixture.up(&parts.graph()).await;
    again.must_succeed();
    assert_eq!(again.calls.mutations(), 0, "a second up changed something: {:?}", again.calls.by_call());
    ran
}

pub fn calls(ran: &RunResult, call: &str) -> u64 {
    ran.calls.by_call().get(call).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_database_with_its_secret_passes_the_lifecycle_checks() {
    check_lifecycle_in(&prerequisites(), &Parts::default().graph()).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_in_its_own_subnets_passes_the_lifecycle_checks() {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    let subnets = [(0, "10.0.0.0/24"), (1, "10.0.1.0/24")].map(|(zone, cidr)| {
        builder
            .add(
                &format!("source/network/private-{zone}"),
                Subnet {
                    vpc: vpc.id(),
                    cidr: cidr.into(),
                    zone,
                    zone_id: None,
                    offers: ZoneOffers::default(),
                    public_addresses: false,
                    remove_guardduty: true,
                },
            )
            .id()
    });
    builder.add(
        "source/database/subnets",
        DbSubnetGroup { name: "payment".into(), description: "private".into(), subnets: subnets.into() },
    );
    check_lifecycle_in(&Fixture::default(), &builder.finish()).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_is_created_as_configured() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let made = database(&mut fixture);
    assert_eq!((made.storage_encrypted, made.publicly_accessible), (true, false));
    assert_eq!((made.copy_tags_to_snapshot, made.auto_minor_version_upgrade), (true, false));
    assert_eq!((made.settings.engine_version.as_str(), made.settings.backup_retention), ("16.9", 7));
    let held = value(&mut fixture);
    let keys: Vec<&String> = held.as_object().unwrap().keys().collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, ["dbname", "engine", "host", "password", "port", "username"]);
    assert_eq!(held["host"], made.host.as_str());
    assert_eq!(held["password"], made.settings.master_password.as_str());
    let password = held["password"].as_str().unwrap();
    assert!(password.len() == 32 && password.chars().all(|char| char.is_ascii_alphanumeric()));
    let secret = &fixture.world.region("us-east-1").secretsmanager.secrets[SECRET];
    assert_eq!((secret.rotation_enabled, secret.rotation_days), (true, Some(30)));
    let statement = &fixture.world.region("us-east-1").lambda.functions[FUNCTION].policy["secrets-manager"];
    assert_eq!(statement["Condition"]["StringEquals"]["AWS:SourceAccount"], "111122223333");
    let group = &fixture.world.region("us-east-1").rds.parameter_groups["payment-parameters"];
    assert_eq!(group.parameters, Parts::default().parameters);
}

#[tokio::test(start_paused = true)]
pub async fn a_database_is_changed_in_place() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let created = database(&mut fixture).resource_id;
    let mut parts = Parts::default();
    parts.database.instance_class = "db.r5.xlarge".into();
    parts.database.allocated_storage_gb = 200;
    parts.database.storage_type = "gp3".into();
    parts.database.backup_retention_days = 14;
    parts.database.log_exports = vec!["upgrade".into()];
    parts.database.performance_insights_days = None;
    parts.database.deletion_protection = true;
    parts.database.multi_az = true;
    parts.database.engine_version = "16.10".into();
    parts.database.security_groups = vec![SecurityGroupId::from("sg-2").into(), SecurityGroupId::from("sg-1").into()];
    let ran = settle(&mut fixture, &parts).await;
    assert_eq!(calls(&ran, "rds:ModifyDBInstance"), 1);
    let now = database(&mut fixture);
    assert_eq!(now.resource_id, created);
    assert_eq!(
        (now.settings.class.as_str(), now.settings.allocated_storage, now.settings.storage_type.as_str()),
        ("db.r5.xlarge", 200, "gp3")
    );
    assert_eq!(
        (now.settings.backup_retention, now.performance_insights_days, now.deletion_protection),
        (14, None, true)
    );
    assert_eq!((now.settings.multi_az, now.settings.engine_version.as_str()), (true, "16.10"));
    assert_eq!((now.settings.log_exports.len(), now.security_groups.len()), (1, 2));
    // Each other change alone.
    for days in [Some(7), Some(31)] {
        parts.database.performance_insights_days = days;
        settle(&mut fixture, &parts).await;
        assert_eq!(database(&mut fixture).performance_insights_days, days);
    }
}

#[tokio::test(start_paused = true)]
async fn pending_changes_are_applied_at_once_on_request() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let mut parts = Parts::default();
    parts.database.instance_class = "db.r5.xlarge".into();
    parts.database.apply_immediately = false;
    settle(&mut fixture, &parts).await;
    assert_eq!(database(&mut fixture).settings.class, "db.r5.large", "it waits for the window");
    parts.database.apply_immediately = true;
    let ran = settle(&mut fixture, &parts).await;
    assert_eq!(calls(&ran, "rds:ModifyDBInstance"), 1);
    assert_eq!(database(&mut fixture).settings.class, "db.r5.xlarge");
    assert!(ran.report().elapsed < std::time::Duration::from_mins(30), "{:?}", ran.report().elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_database_survives_kills() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let mut parts =
        Parts { memory_mb: 256, every_days: 60, secret_description: "new words", subnets: 3, ..Parts::default() };
    parts.database.instance_class = "db.r5.xlarge".into();
    parts.parameters.insert("max_wal_senders".into(), "20".into());
    let count = fixture.world.inventory().len();
    let bare = prerequisites().world.inventory();
    survives_kills(&parts.graph(), &fixture, RunKind::Up, count, &bare).await;
}

#[tokio::test(start_paused = true)]
pub async fn other_manual_changes_are_corrected() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    edit_database(&mut fixture, |instance| instance.settings.backup_retention = 1);
    let region = fixture.world.region("us-east-1");
    region.secretsmanager.secrets.get_mut(SECRET).unwrap().rotation_enabled = false;
    region.lambda.functions.get_mut(FUNCTION).unwrap().policy.clear();
    region.lambda.functions.get_mut(FUNCTION).unwrap().code_sha256 = "somebody else's".into();
    region
        .rds
        .parameter_groups
        .get_mut("payment-parameters")
        .unwrap()
        .parameters
        .insert("work_mem".into(), "64".into());
    settle(&mut fixture, &Parts::default()).await;
    assert_eq!(database(&mut fixture).settings.backup_retention, 7);
    let region = fixture.world.region("us-east-1");
    assert!(region.secretsmanager.secrets[SECRET].rotation_enabled);
    assert_eq!(region.lambda.functions[FUNCTION].policy.len(), 1);
    assert_eq!(region.rds.parameter_groups["payment-parameters"].parameters, Parts::default().parameters);
}

#[tokio::test(start_paused = true)]
pub async fn parameters_are_changed_and_reset_in_place() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let mut parts = Parts::default();
    parts.parameters.remove("rds.force_ssl");
    parts.parameters.insert("max_wal_senders".into(), "20".into());
    parts.parameters.insert("work_mem".into(), "65536".into());
    let ran = settle(&mut fixture, &parts).await;
    assert_eq!((calls(&ran, "rds:ModifyDBParameterGroup"), calls(&ran, "rds:ResetDBParameterGroup")), (1, 1));
    assert_eq!(
        fixture.world.region("us-east-1").rds.parameter_groups["payment-parameters"].parameters,
        parts.parameters
    );
}

/// RDS completes parameter groups minutes after their creation.
fn with_late_groups() -> Fixture {
    let mut fixture = prerequisites();
    let script = "[[events]]\nat_seconds = 0\nparameter_groups_late = true\n";
    fixture.world.load_script(Script::parse(script, "late.toml").expect("a script"));
    fixture
}

/// Without a reboot, it would have no logical replication, and nothing would say so before the replication starts.
#[tokio::test(start_paused = true)]
pub async fn a_new_database_that_was_too_early_for_its_parameters_is_rebooted() {
    let graph = Parts::default().graph();
    let mut fixture = with_late_groups();
    let ran = fixture.up(&graph).await;
    assert_eq!(calls(ran.must_succeed(), "rds:RebootDBInstance"), 1);
    assert!(!database(&mut fixture).lacks_parameters);
    assert_eq!(calls(settle(&mut fixture, &Parts::default()).await.must_succeed(), "rds:RebootDBInstance"), 0);
    let mut matrix = Matrix::stepping(1, 3);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = with_late_groups();
        fixture.run(&graph, RunKind::Up, crash_points).await;
        fixture.up(&graph).await.must_succeed();
        assert!(!database(&mut fixture).lacks_parameters, "killed at point {point}");
    }
}

/// A reboot interrupts the service, so it is left to the user.
#[tokio::test(start_paused = true)]
async fn a_database_in_use_is_not_rebooted_for_its_parameters() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let notices = fixture.record_notices();
    let mut parts = Parts::default();
    parts.parameters.insert("max_wal_senders".into(), "20".into());
    parts.database.deletion_protection = true;
    let ran = settle(&mut fixture, &parts).await;
    assert_eq!(calls(&ran, "rds:RebootDBInstance"), 0);
    assert!(database(&mut fixture).pending_reboot);
    let notices = notices.lock().expect("a list").join("\n");
    let command = format!("aws rds reboot-db-instance --db-instance-identifier {DATABASE} --region us-east-1");
    assert!(notices.contains("pending-reboot") && notices.contains(&command), "{notices}");
}

#[tokio::test(start_paused = true)]
pub async fn groups_secrets_and_functions_are_changed_in_place() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let parts = Parts {
        subnets: 3,
        secret_description: "new words",
        every_days: 60,
        memory_mb: 256,
        only_this_account: None,
        ..Parts::default()
    };
    let ran = settle(&mut fixture, &parts).await;
    for call in [
        "rds:ModifyDBSubnetGroup",
        "secretsmanager:UpdateSecret",
        "secretsmanager:RotateSecret",
        "lambda:UpdateFunctionConfiguration",
        "lambda:RemovePermission",
        "lambda:AddPermission",
    ] {
        assert_eq!(calls(&ran, call), 1, "{call}: {:?}", ran.calls.by_call());
    }
    let region = fixture.world.region("us-east-1");
    assert_eq!(region.rds.subnet_groups["payment-subnets"].subnet_ids.len(), 3);
    assert_eq!(region.secretsmanager.secrets[SECRET].description.as_deref(), Some("new words"));
    assert_eq!(region.secretsmanager.secrets[SECRET].rotation_days, Some(60));
    assert_eq!(region.lambda.functions[FUNCTION].memory, 256);
    assert!(region.lambda.functions[FUNCTION].policy["secrets-manager"].pointer("/Condition/StringEquals").is_none());
}

#[tokio::test(start_paused = true)]
pub async fn a_failed_database_reports_the_cause() {
    let mut fixture = prerequisites();
    let parts = Parts::default();
    settle(&mut fixture, &parts).await;
    edit_database(&mut fixture, |instance| {
        instance.stuck_status = Some("incompatible-parameters".into());
        instance.events.push("max_connections is too high for the memory of this class".into());
    });
    let ran = fixture.up(&parts.graph()).await;
    match failure(&ran) {
        Error::Failed { status, reason, .. } => {
            assert_eq!(status, "incompatible-parameters");
            assert!(reason.as_ref().unwrap().contains("max_connections"));
        }
        other => panic!("{other:?}"),
    }
    fixture.down().await.must_succeed();
}

#[tokio::test(start_paused = true)]
async fn a_full_database_gets_more_storage() {
    let mut fixture = prerequisites();
    let mut parts = Parts::default();
    settle(&mut fixture, &parts).await;
    edit_database(&mut fixture, |instance| instance.stuck_status = Some("storage-full".into()));
    assert!(matches!(failure(&fixture.up(&parts.graph()).await), Error::Failed { .. }));
    parts.database.allocated_storage_gb = 200;
    settle(&mut fixture, &parts).await;
    assert_eq!(database(&mut fixture).settings.allocated_storage, 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_major_version_is_refused() {
    let mut fixture = prerequisites();
    let mut parts = Parts::default();
    settle(&mut fixture, &parts).await;
    parts.database.engine_version = "17".into();
    let ran = fixture.up(&parts.graph()).await;
    assert!(
        matches!(failure(&ran), Error::Irreversible(text) if text.contains("major version")),
        "{:?}",
        failure(&ran)
    );
}

#[tokio::test(start_paused = true)]
async fn a_protected_database_is_not_deleted() {
    let mut fixture = prerequisites();
    let mut parts = Parts::default();
    parts.database.deletion_protection = true;
    settle(&mut fixture, &parts).await;
    let ran = fixture.down().await;
    assert!(
        matches!(failure(&ran), Error::Refused(text) if text.contains("database.deletion_protection")),
        "{:?}",
        failure(&ran)
    );
    assert!(database(&mut fixture).deletion_protection);
    parts.database.deletion_protection = false;
    fixture.up(&parts.graph()).await.must_succeed();
    // The protection was turned on manually, so it is kept.
    edit_database(&mut fixture, |instance| instance.deletion_protection = true);
    let ran = fixture.down().await;
    assert!(
        matches!(failure(&ran), Error::Refused(text) if text.contains("was turned on outside of this tool")),
        "{:?}",
        failure(&ran)
    );
    assert!(database(&mut fixture).deletion_protection);
    edit_database(&mut fixture, |instance| instance.deletion_protection = false);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), prerequisites().world.inventory());
}

#[tokio::test(start_paused = true)]
pub async fn a_final_snapshot_is_taken_exactly_once() {
    let mut fixture = prerequisites();
    let mut parts = Parts::default();
    parts.database.final_snapshot = FinalSnapshot::Take;
    settle(&mut fixture, &parts).await;
    let bare = prerequisites().world.inventory().len();
    assert!(survives_kills(&parts.graph(), &fixture, RunKind::Down, bare + 1, &[]).await > 0);
    let mut twice = fixture.fork();
    fixture.down().await.must_succeed();
    let name = fixture.world.region("us-east-1").rds.snapshots.keys().next().cloned().unwrap();
    assert!(name.starts_with("payment-db-source-test-001-final-"), "{name}");
    let snapshot = fixture.world.region("us-east-1").rds.snapshots[&name].clone();
    assert!(snapshot.tags.contains_key("migrate-infra:stack"));
    // A deletion that failed after its snapshot leaves the name taken.
    twice.world.region("us-east-1").rds.snapshots.insert(name.clone(), snapshot);
    twice.down().await.must_succeed();
    assert!(twice.world.region("us-east-1").rds.snapshots.contains_key(&format!("{name}-2")));
}

/// A resource, and how to remove its ownership tags.
type Mark = (&'static str, fn(&mut Fixture));

#[tokio::test(start_paused = true)]
async fn a_database_without_ownership_tags_is_foreign() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let marks: [Mark; 5] = [
        ("db instance payment", |fixture| edit_database(fixture, |instance| instance.tags.clear())),
        ("secret payment", |fixture| {
            fixture.world.region("us-east-1").secretsmanager.secrets.get_mut(SECRET).unwrap().tags.clear();
        }),
        ("function payment", |fixture| {
            fixture.world.region("us-east-1").lambda.functions.get_mut(FUNCTION).unwrap().tags.clear();
        }),
        ("db subnet group payment", |fixture| {
            fixture.world.region("us-east-1").rds.subnet_groups.get_mut("payment-subnets").unwrap().tags.clear();
        }),
        ("db parameter group payment", |fixture| {
            fixture.world.region("us-east-1").rds.parameter_groups.get_mut("payment-parameters").unwrap().tags.clear();
        }),
    ];
    for (what, clear) in marks {
        // The state is lost, and one resource is foreign.
        let mut theirs = Fixture { world: fixture.world.clone(), ..Fixture::default() };
        clear(&mut theirs);
        let ran = theirs.up(&Parts::default().graph()).await;
        assert!(ran.report().failures.iter().any(|failure| matches!(failure.error, Error::Foreign { .. })), "{what}");
        theirs.down().await;
        assert!(theirs.world.inventory().iter().any(|id| id.contains(what)), "{what} was deleted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_in_use_reports_its_user() {
    let mut fixture = prerequisites();
    settle(&mut fixture, &Parts::default()).await;
    let mut other = database(&mut fixture);
    other.identifier = "their-db".into();
    other.arn = "arn:theirs".into();
    other.tags.clear();
    fixture.world.region("us-east-1").rds.instances.insert("their-db".into(), other);
    let ran = fixture.down().await;
    let blocked = ran.report().failures.iter().filter(|failure| match &failure.error {
        Error::Blocked(blockers) => blockers[0].id == "their-db",
        _ => false,
    });
    assert_eq!(blocked.count(), 2, "both groups are in use");
}
