//! Roles and their policies on the sandbox.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::iam::{Role, RolePolicy, RolePolicyAttachment, Statement};
use migrate_infra::sandbox::world::ServiceCaller;
use serde_json::json;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, STACK, check_lifecycle};

const ROLE: &str = "payment-task-source-test-001";

fn role() -> Role {
    Role {
        name: ROLE.into(),
        description: "what the payment tasks may do".into(),
        trust: vec!["ecs-tasks.amazonaws.com".into()],
        source_account_condition: true,
        source_arns: vec!["arn:{partition}:ecs:us-east-1:{account}:*".into()],
        path: "/".into(),
        permissions_boundary: None,
    }
}

fn statement() -> Statement {
    Statement {
        sid: "Secrets".into(),
        actions: vec!["secretsmanager:GetSecretValue".into(), "secretsmanager:DescribeSecret".into()],
        resources: vec!["arn:{partition}:secretsmanager:{region}:{account}:secret:payment-*".into()],
        conditions: None,
    }
}

fn graph_of(role: Role, statements: Vec<Statement>) -> Graph {
    let mut builder = GraphBuilder::new();
    let role = builder.add("source/service/task-role", role);
    builder.add("source/service/task-policy", RolePolicy { role: role.name(), name: "secrets".into(), statements });
    let policy_arn = "arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy".into();
    builder.add("source/service/task-managed", RolePolicyAttachment { role: role.name(), policy_arn });
    builder.finish()
}

fn graph() -> Graph {
    graph_of(role(), vec![statement()])
}

#[tokio::test(start_paused = true)]
async fn roles_pass_the_lifecycle_checks() {
    check_lifecycle(&graph()).await;
}

#[tokio::test(start_paused = true)]
async fn documents_are_written_as_configured() {
    let mut fixture = Fixture::default();
    fixture.up(&graph()).await.must_succeed();
    let made = &fixture.world.iam.roles[ROLE];
    let trust = &made.assume_role_policy["Statement"][0];
    assert_eq!(trust["Principal"], json!({ "Service": ["ecs-tasks.amazonaws.com"] }));
    let account = fixture.world.account.clone();
    assert_eq!(
        trust["Condition"],
        json!({
            "StringEquals": { "aws:SourceAccount": account },
            "ArnLike": { "aws:SourceArn": [format!("arn:aws:ecs:us-east-1:{account}:*")] },
        })
    );
    let policy = &made.inline_policies["secrets"]["Statement"][0];
    assert_eq!(
        policy["Resource"],
        json!([format!("arn:aws:secretsmanager:us-east-1:{}:secret:payment-*", fixture.world.account)])
    );
    assert!(made.attached_policies.contains("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"));
    assert_eq!(made.tags["migrate-infra:stack"], STACK);
    assert_eq!(made.tags["CostCenter"], "payment-processing");
    let task = format!("arn:aws:ecs:us-east-1:{account}:task/payment/1");
    let caller = ServiceCaller { principal: "ecs-tasks.amazonaws.com", account: &account, arn: Some(&task) };
    let can_assume = |caller: &ServiceCaller<'_>| fixture.world.iam.can_assume(&made.arn, caller, u64::MAX);
    assert!(can_assume(&caller));
    assert!(!can_assume(&ServiceCaller { account: "444455556666", ..caller }));
    assert!(!can_assume(&ServiceCaller { arn: Some("arn:aws:ecs:eu-west-1:111122223333:task/payment/1"), ..caller }));
    assert!(!can_assume(&ServiceCaller { arn: None, ..caller }));
}

/// `UpdateRole` without a duration sets the default of one hour.
#[tokio::test(start_paused = true)]
pub async fn a_change_of_the_description_reset_the_duration_of_sessions() {
    let mut builder = GraphBuilder::new();
    builder.add("source/security/role", role());
    let mut fixture = Fixture::default();
    fixture.up(&builder.finish()).await.must_succeed();
    let name = role().name;
    fixture.world.iam.roles.get_mut(&name).expect("the role").max_session_seconds = 7200;
    let mut builder = GraphBuilder::new();
    builder.add("source/security/role", Role { description: "other words".into(), ..role() });
    fixture.up(&builder.finish()).await.must_succeed();
    let made = &fixture.world.iam.roles[&name];
    assert_eq!((made.description.as_deref(), made.max_session_seconds), (Some("other words"), 7200));
}

#[tokio::test(start_paused = true)]
pub async fn trust_description_and_policy_are_changed_in_place() {
    let mut fixture = Fixture::default();
    fixture.up(&graph()).await.must_succeed();
    let id = fixture.world.iam.roles[ROLE].role_id.clone();
    let trust = vec!["ecs-tasks.amazonaws.com".into(), "dms.{region}.amazonaws.com".into()];
    let role = Role { description: "other words".into(), trust, ..role() };
    let changed = graph_of(
        role,
        vec![Statement { conditions: Some(json!({ "Bool": { "aws:SecureTransport": true } })), ..statement() }],
    );
    let ran = fixture.up(&changed).await;
    ran.must_succeed();
    assert_eq!(ran.calls.mutations(), 3, "{:?}", ran.calls.by_call());
    let made = &fixture.world.iam.roles[ROLE];
    assert_eq!(made.role_id, id, "it was recreated");
    assert_eq!(made.description.as_deref(), Some("other words"));
    assert_eq!(made.assume_role_policy["Statement"][0]["Principal"]["Service"][1], "dms.us-east-1.amazonaws.com");
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn manual_changes_are_corrected() {
    let mut fixture = Fixture::default();
    fixture.up(&graph()).await.must_succeed();
    let made = fixture.world.iam.roles.get_mut(ROLE).unwrap();
    made.inline_policies.clear();
    made.attached_policies.clear();
    made.tags.remove("CostCenter");
    fixture.up(&graph()).await.must_succeed();
    let made = &fixture.world.iam.roles[ROLE];
    assert_eq!((made.inline_policies.len(), made.attached_policies.len()), (1, 1));
    assert_eq!(made.tags["CostCenter"], "payment-processing");
}

#[tokio::test(start_paused = true)]
async fn a_role_of_another_stack_is_left_alone() {
    let mut fixture = Fixture::default();
    fixture.up(&graph()).await.must_succeed();
    let mut other = Fixture { world: fixture.world.clone(), ..Fixture::default() };
    other.world.iam.roles.get_mut(ROLE).unwrap().tags.insert("migrate-infra:stack".into(), "another/stack".into());
    let before = other.world.iam.clone();
    let ran = other.up(&graph()).await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Foreign { owner, .. } if owner.to_string().contains("another/stack")), "{error}");
    assert_eq!(other.world.iam, before);
}

#[tokio::test(start_paused = true)]
pub async fn foreign_policies_that_block_the_deletion_of_a_role_are_reported() {
    let mut fixture = Fixture::default();
    fixture.up(&graph()).await.must_succeed();
    let made = fixture.world.iam.roles.get_mut(ROLE).unwrap();
    made.inline_policies.insert("by-hand".into(), json!({}));
    let ran = fixture.down().await;
    let error = ran.report().failures[0].error.to_string();
    assert!(error.contains("by-hand"), "{error}");
    fixture.world.iam.roles.get_mut(ROLE).unwrap().inline_policies.clear();
    fixture.down().await.must_succeed();
    assert!(fixture.world.inventory().is_empty());
}

/// What IAM refuses, the sandbox refuses.
#[tokio::test(start_paused = true)]
async fn bad_roles_and_policies_are_refused() {
    let with = |change: fn(&mut Role)| {
        let mut role = role();
        change(&mut role);
        graph_of(role, vec![statement()])
    };
    let stating = |change: fn(&mut Statement)| {
        let mut statement = statement();
        change(&mut statement);
        graph_of(role(), vec![statement])
    };
    let cases = [
        ("ValidationError", with(|role| role.name = "a b".into())),
        ("ValidationError", with(|role| role.name = "a".repeat(65))),
        ("MalformedPolicyDocument", with(|role| role.trust = vec!["nobody".into()])),
        ("MalformedPolicyDocument", stating(|statement| statement.resources = vec!["payment".into()])),
        ("MalformedPolicyDocument", stating(|statement| statement.actions = vec!["GetSecretValue".into()])),
        ("MalformedPolicyDocument", stating(|statement| statement.sid = "with-hyphen".into())),
        ("LimitExceeded", stating(|statement| statement.actions = vec![format!("s3:{}", "x".repeat(11_000))])),
    ];
    for (code, graph) in cases {
        let ran = Fixture::default().up(&graph).await;
        let error = &ran.report().failures[0].error;
        assert!(error.is_code(code), "expected {code}, got {error}");
    }
    let mut builder = GraphBuilder::new();
    let role = builder.add("source/service/task-role", role());
    let policy_arn = "arn:{partition}:iam::aws:policy/AmazonECSTaskExecutionRolePolicy".into();
    builder.add("source/service/task-managed", RolePolicyAttachment { role: role.name(), policy_arn });
    let ran = Fixture::default().up(&builder.finish()).await;
    assert!(ran.report().failures[0].error.is_code("NoSuchEntity"), "the path `service-role/` is missing");
}
