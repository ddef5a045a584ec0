//! What the roles of a stack may do, and on whose behalf services may assume them.

use migrate_infra::sandbox::World;
use migrate_infra::sandbox::world::ServiceCaller;
use migrate_infra::sandbox::world::iam::Role;
use serde_json::Value;

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

async fn up(file: &str, sets: &[&str]) -> World {
    let mut fixture = Fixture::default();
    fixture.up(&graph(file, sets)).await.must_succeed();
    fixture.world
}

/// The roles that the stack has made, without those that AWS makes for its services.
fn roles(world: &World) -> impl Iterator<Item = &Role> {
    world.iam.roles.values().filter(|role| !role.arn.contains(":role/aws-service-role/"))
}

fn statements(role: &Role) -> impl Iterator<Item = &Value> {
    role.inline_policies.values().flat_map(|policy| policy["Statement"].as_array().expect("statements"))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a text")).collect()
}

/// The secret that each task uses, and its role.
fn tasks(world: &World) -> Vec<(&str, &Role)> {
    let definitions = world.regions.values().flat_map(|region| region.ecs.task_definitions.values());
    let task = |arn: &str| roles(world).find(|role| role.arn == arn).expect("the task role");
    definitions
        .map(|definition| {
            let mut variables = definition.container.environment.iter();
            let (_, secret) = variables.find(|(name, _)| name == "DB_SECRET_ARN").expect("the secret of its database");
            (secret.as_str(), task(definition.task_role_arn.as_deref().expect("a task role")))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn tasks_could_read_the_secret_of_a_database_that_they_do_not_use() {
    for file in [PAIRED, SELF_CONTAINED] {
        let world = up(file, &[]).await;
        let tasks = tasks(&world);
        assert!(tasks.len() >= 2, "{}", tasks.len());
        for (secret, role) in tasks {
            let readable: Vec<&str> = statements(role)
                .filter(|one| texts(&one["Action"]).iter().any(|action| action.starts_with("secretsmanager:")))
                .flat_map(|one| texts(&one["Resource"]))
                .collect();
            assert_eq!(readable, [secret], "{}", role.role_name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_could_delete_objects_that_nobody_asked_them_to() {
    let may_delete = |world: &World| {
        let allows = |role: &Role| statements(role).any(|one| texts(&one["Action"]).contains(&"s3:DeleteObject"));
        roles(world).filter(|role| allows(role)).map(|role| role.role_name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(may_delete(&up(PAIRED, &[]).await), [""; 0]);
    let one = up(PAIRED, &["environments.source.service.may_delete_objects=true"]).await;
    assert_eq!(may_delete(&one), ["payment-task-source-dev-001"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_use_a_key_for_their_secret_and_their_objects_only() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";
    let world = up(PAIRED, &[&format!("encryption.kms_key_arn={key}")]).await;
    for (_, role) in tasks(&world) {
        let on_key = statements(role).filter(|one| texts(&one["Resource"]).contains(&key));
        let actions: Vec<&str> = on_key.flat_map(|one| texts(&one["Action"])).collect();
        assert_eq!(actions, ["kms:Decrypt", "kms:GenerateDataKey"], "{}", role.role_name);
    }
}

/// A wildcard stands only for what has no name yet: the objects of a bucket and the streams of a log group.
#[tokio::test(start_paused = true)]
async fn a_policy_allowed_more_than_the_resources_of_its_stack() {
    let world = up(PAIRED, &[TWO_REGIONS]).await;
    let mut seen = 0;
    for role in roles(&world) {
        for statement in statements(role) {
            let actions = texts(&statement["Action"]);
            assert!(!actions.iter().any(|action| action.contains('*')), "{}: {actions:?}", role.role_name);
            for resource in texts(&statement["Resource"]) {
                seen += 1;
                // It acts on no resource.
                let is_random = actions == ["secretsmanager:GetRandomPassword"] && resource == "*";
                let named = resource.strip_suffix("/*").or_else(|| resource.strip_suffix(":*")).unwrap_or(resource);
                assert!(
                    is_random || (named.starts_with("arn:aws:") && !named.contains('*')),
                    "{}: {actions:?} on {resource}",
                    role.role_name
                );
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// Lambda and S3 are exceptions: nothing documents that they say for whom they act. With conditions, DMS writes no
/// logs.
#[tokio::test(start_paused = true)]
async fn services_could_assume_roles_on_behalf_of_other_accounts() {
    let world = up(PAIRED, &[TWO_REGIONS]).await;
    let mut seen = Vec::new();
    for role in roles(&world) {
        let statement = &role.assume_role_policy["Statement"][0];
        let principal = &statement["Principal"]["Service"];
        let principal = principal.as_str().or_else(|| principal[0].as_str()).expect("a service");
        let service = principal.split('.').next().unwrap_or_default();
        seen.push(service);
        if ["lambda", "s3"].contains(&service) || role.role_name == "dms-cloudwatch-logs-role" {
            assert!(statement.get("Condition").is_none(), "{statement}");
            continue;
        }
        // What each service sends. DMS acts in the region that its principal names, or in any.
        let region = principal.split('.').nth(1).filter(|part| *part != "amazonaws");
        let regions: Vec<&str> =
            region.map_or_else(|| world.regions.keys().map(String::as_str).collect(), |one| vec![one]);
        let own = |account: &str| -> Vec<String> {
            let name = if service == "ecs-tasks" { "ecs" } else { service };
            regions.iter().map(|region| format!("arn:aws:{name}:{region}:{account}:any/thing")).collect()
        };
        let can_be_assumed = |account: &str| {
            own(account).iter().any(|arn| {
                world.iam.can_assume(&role.arn, &ServiceCaller { principal, account, arn: Some(arn) }, world.now)
            })
        };
        assert!(can_be_assumed(&world.account), "{}: {statement}", role.role_name);
        assert!(!can_be_assumed("444455556666"), "{}: {statement}", role.role_name);
    }
    for service in ["dms", "ecs-tasks", "lambda", "s3"] {
        assert!(seen.contains(&service), "{seen:?}");
    }
}

#[test]
fn an_arn_named_the_partition_of_one_region_only() {
    for file in [PAIRED, SELF_CONTAINED] {
        let graph = graph(file, &[]);
        let fixed = graph.nodes().values().filter(|node| node.spec.to_string().contains("arn:aws:"));
        assert_eq!(fixed.map(|node| node.address.to_string()).collect::<Vec<_>>(), [""; 0]);
    }
}
