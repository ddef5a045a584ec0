//! What RDS, Secrets Manager and Lambda refuse on the sandbox, call by call.

use std::sync::Arc;

use aws_sdk_rds::types::{ApplyMethod, Parameter};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use migrate_infra::address::SecurityGroupId;
use migrate_infra::aws::{AwsError, Clients, Cloud, Endpoint, intended};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::sandbox::Sandbox;

use crate::harness::sandbox_run::Fixture;
use crate::kinds::database::{DATABASE, FUNCTION, Parts, ROLE, prerequisites};

/// Applies changed settings in a world with the prerequisites, and returns the error codes of AWS.
async fn codes_of(change: impl FnOnce(&mut Parts, &mut Fixture)) -> Vec<String> {
    let mut fixture = prerequisites();
    let mut parts = Parts::default();
    change(&mut parts, &mut fixture);
    let ran = fixture.up(&parts.graph()).await;
    ran.report().failures.iter().filter_map(|failure| failure.error.aws()?.code.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_refuses_what_aws_refuses() {
    assert_eq!(codes_of(|parts, _| parts.subnets = 1).await, ["DBSubnetGroupDoesNotCoverEnoughAZs"]);
    assert_eq!(codes_of(|parts, _| parts.database.identifier = "under_score".into()).await, ["InvalidParameterValue"]);
    assert_eq!(
        codes_of(|parts, _| parts.database.identifier = "double--hyphen".into()).await,
        ["InvalidParameterValue"]
    );
    assert_eq!(codes_of(|parts, _| parts.database.engine_version = "99".into()).await, ["InvalidParameterCombination"]);
    assert_eq!(codes_of(|parts, _| parts.database.engine_version = "15".into()).await, ["InvalidParameterCombination"]);
    assert_eq!(
        codes_of(|parts, _| parts.database.performance_insights_days = Some(8)).await,
        ["InvalidParameterValue"]
    );
    assert_eq!(
        codes_of(|parts, _| parts.database.log_exports = vec!["error".into()]).await,
        ["InvalidParameterCombination"]
    );
    assert_eq!(
        codes_of(|parts, _| parts.database.security_groups = vec![SecurityGroupId::from("sg-9").into()]).await,
        ["InvalidParameterValue"]
    );
    let elsewhere = vec![SecurityGroupId::from("sg-elsewhere").into()];
    assert_eq!(codes_of(|parts, _| parts.database.security_groups = elsewhere).await, ["InvalidParameterCombination"]);
    assert_eq!(
        codes_of(|parts, _| drop(parts.parameters.insert("no_such".into(), "1".into()))).await,
        ["InvalidParameterValue"]
    );
    assert_eq!(codes_of(|parts, _| parts.every_days = 2000).await, ["InvalidParameterException"]);
    // Lambda returns the same code for a role that cannot be assumed yet and for one that never can.
    assert_eq!(codes_of(|_, fixture| fixture.world.iam.roles.clear()).await, ["InvalidParameterValueException"]);
}

/// Calls the sandbox directly, and returns its error code, if any.
async fn code<T, E>(
    call: &'static str,
    send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Option<String>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = AwsError::of(call, &intended(call, send).await.err()?);
    assert!(!error.to_string().contains("hunter2"), "an error shows a password: {error}");
    error.code
}

async fn clients(sandbox: &Arc<Sandbox>) -> Arc<Clients> {
    let cloud =
        Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real()).await.unwrap();
    cloud.clients(&"us-east-1".into()).0
}

fn with(code: &'static str) -> Option<String> {
    Some(code.to_owned())
}

#[tokio::test(start_paused = true)]
async fn rds_on_the_sandbox_took_names_and_parameters_that_rds_refuses() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::default().graph()).await.must_succeed();
    let sandbox = Sandbox::new(fixture.world.clone(), Clock::real(), None, CrashPoints::default());
    let rds = &clients(&sandbox).await.rds;
    let create = |user: &str, database: &str| {
        let call = rds.create_db_instance().db_instance_identifier("second").engine("postgres").engine_version("16");
        let call = call.db_instance_class("db.r5.large").allocated_storage(100).master_username(user).db_name(database);
        let call = call.master_user_password("hunter2hunter2").db_subnet_group_name("payment-subnets");
        code("rds:CreateDBInstance", call.db_parameter_group_name("payment-parameters").send())
    };
    for (user, database) in [("USER", "db"), ("public", "db"), ("Admin", "db"), ("dba", "rdsadmin"), ("dba", "Select")]
    {
        assert_eq!(create(user, database).await, with("InvalidParameterValue"), "{user} {database}");
    }
    let set = |name: &str, value: &str| {
        let parameter = Parameter::builder().parameter_name(name).parameter_value(value);
        let call = rds.modify_db_parameter_group().db_parameter_group_name("payment-parameters");
        let call = call.parameters(parameter.apply_method(ApplyMethod::PendingReboot).build());
        code("rds:ModifyDBParameterGroup", call.send())
    };
    assert_eq!(set("log_conections", "1").await, with("InvalidParameterValue"));
    assert_eq!(set("log_connections", "on").await, with("InvalidParameterValue"));
    assert_eq!(set("log_connections", "1").await, None);
    assert_eq!(set("statement_timeout", "60000").await, None);
}

#[tokio::test(start_paused = true)]
async fn rds_on_the_sandbox_is_strict() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::default().graph()).await.must_succeed();
    let sandbox = Sandbox::new(fixture.world.clone(), Clock::real(), None, CrashPoints::default());
    let rds = &clients(&sandbox).await.rds;
    let create = |name: &str, password: &str| {
        let call = rds
            .create_db_instance()
            .db_instance_identifier(name)
            .engine("postgres")
            .engine_version("16")
            .db_instance_class("db.r5.large");
        let call = call
            .allocated_storage(100)
            .master_username("dbadmin")
            .master_user_password(password)
            .db_subnet_group_name("payment-subnets");
        code("rds:CreateDBInstance", call.db_parameter_group_name("payment-parameters").send())
    };
    let group = |name: &str, zone: &str| {
        let call = rds
            .create_db_subnet_group()
            .db_subnet_group_name(name)
            .db_subnet_group_description("x")
            .subnet_ids("subnet-0")
            .subnet_ids(zone);
        code("rds:CreateDBSubnetGroup", call.send())
    };
    assert_eq!(create(DATABASE, "hunter2hunter2").await, with("DBInstanceAlreadyExists"));
    for password in ["hunter2", "hunter2/hunter2", "hunter2 hunter2", "hunter2@hunter2", "hunter2\"hunter2"] {
        assert_eq!(create("second", password).await, with("InvalidParameterValue"), "{password}");
    }
    assert_eq!(group("payment-subnets", "subnet-1").await, with("DBSubnetGroupAlreadyExists"));
    assert_eq!(group("second", "subnet-0").await, with("DBSubnetGroupDoesNotCoverEnoughAZs"));
    assert_eq!(group("second", "subnet-9").await, with("InvalidSubnet"));
    let parameters = rds
        .create_db_parameter_group()
        .db_parameter_group_name("payment-parameters")
        .db_parameter_group_family("postgres16");
    assert_eq!(
        code("rds:CreateDBParameterGroup", parameters.description("x").send()).await,
        with("DBParameterGroupAlreadyExists")
    );
    let in_use = rds.delete_db_parameter_group().db_parameter_group_name("payment-parameters").send();
    assert_eq!(code("rds:DeleteDBParameterGroup", in_use).await, with("InvalidDBParameterGroupState"));
    let in_use = rds.delete_db_subnet_group().db_subnet_group_name("payment-subnets").send();
    assert_eq!(code("rds:DeleteDBSubnetGroup", in_use).await, with("InvalidDBSubnetGroupStateFault"));

    // A new instance accepts no changes and has no endpoint.
    assert_eq!(create("second", "hunter2hunter2").await, None);
    let shown = rds.describe_db_instances().db_instance_identifier("second").send().await.unwrap();
    assert_eq!(
        (shown.db_instances()[0].db_instance_status(), shown.db_instances()[0].endpoint()),
        (Some("creating"), None)
    );
    let modify = |name: &str| rds.modify_db_instance().db_instance_identifier(name).apply_immediately(true);
    assert_eq!(
        code("rds:ModifyDBInstance", modify("second").multi_az(true).send()).await,
        with("InvalidDBInstanceState")
    );
    let delete = |name: &str| rds.delete_db_instance().db_instance_identifier(name);
    assert_eq!(
        code("rds:DeleteDBInstance", delete("second").skip_final_snapshot(true).send()).await,
        with("InvalidDBInstanceState")
    );
    assert_eq!(code("rds:DeleteDBInstance", delete(DATABASE).send()).await, with("InvalidParameterCombination"));
    assert_eq!(
        code("rds:DeleteDBInstance", delete("third").skip_final_snapshot(true).send()).await,
        with("DBInstanceNotFound")
    );
    assert_eq!(
        code("rds:ModifyDBInstance", modify(DATABASE).allocated_storage(50).send()).await,
        with("InvalidParameterCombination")
    );
    assert_eq!(
        code("rds:ModifyDBInstance", modify(DATABASE).engine_version("16.4").send()).await,
        with("InvalidParameterCombination")
    );
    assert_eq!(code("rds:ModifyDBInstance", modify(DATABASE).deletion_protection(true).send()).await, None);
    assert_eq!(
        code("rds:DeleteDBInstance", delete(DATABASE).skip_final_snapshot(true).send()).await,
        with("InvalidParameterCombination")
    );
    // Its interface blocks the subnet until it is deleted.
    let interfaces = sandbox.snapshot().region("us-east-1").ec2.interfaces.len();
    assert_eq!(interfaces, 2);
}

#[tokio::test(start_paused = true)]
async fn secrets_manager_and_lambda_on_the_sandbox_are_strict() {
    let mut fixture = prerequisites();
    fixture.up(&Parts::default().graph()).await.must_succeed();
    let sandbox = Sandbox::new(fixture.world.clone(), Clock::real(), None, CrashPoints::default());
    let clients = clients(&sandbox).await;
    let secrets = &clients.secrets;
    let token = "0123456789abcdef0123456789abcdef";
    let create = |name: &str, value: &str| {
        code(
            "secretsmanager:CreateSecret",
            secrets.create_secret().name(name).client_request_token(token).secret_string(value).send(),
        )
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
        let call = secrets
            .rotate_secret()
            .secret_id("another")
            .rotation_lambda_arn(function)
            .rotation_rules(rules)
            .rotate_immediately(false);
        code("secretsmanager:RotateSecret", call.send())
    };
    let function = format!("arn:aws:lambda:us-east-1:111122223333:function:{FUNCTION}");
    assert_eq!(rotate("arn:aws:lambda:us-east-1:111122223333:function:none").await, with("ResourceNotFoundException"));
    assert_eq!(rotate(&function).await, None);
    let remove = clients.lambda.remove_permission().function_name(FUNCTION).statement_id("secrets-manager").send();
    assert_eq!(code("lambda:RemovePermission", remove).await, None);
    assert_eq!(rotate(&function).await, with("AccessDeniedException"));

    let delete = |days: Option<i64>, forced: Option<bool>| {
        let call = secrets
            .delete_secret()
            .secret_id("another")
            .set_recovery_window_in_days(days)
            .set_force_delete_without_recovery(forced);
        code("secretsmanager:DeleteSecret", call.send())
    };
    assert_eq!(delete(Some(3), None).await, with("InvalidParameterException"));
    assert_eq!(delete(Some(7), Some(true)).await, with("InvalidParameterException"));
    assert_eq!(delete(Some(7), None).await, None);
    assert_eq!(create("another", "hunter2").await, with("InvalidRequestException"));
    assert_eq!(
        code("secretsmanager:GetSecretValue", secrets.get_secret_value().secret_id("another").send()).await,
        with("InvalidRequestException")
    );
    assert_eq!(code("secretsmanager:RestoreSecret", secrets.restore_secret().secret_id("another").send()).await, None);
    assert_eq!(delete(None, Some(true)).await, None);
    assert_eq!(
        code("secretsmanager:RestoreSecret", secrets.restore_secret().secret_id("another").send()).await,
        with("InvalidRequestException")
    );
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let gone = secrets.describe_secret().secret_id("another").send();
    assert_eq!(code("secretsmanager:DescribeSecret", gone).await, with("ResourceNotFoundException"));

    let zip = aws_sdk_lambda::primitives::Blob::new(b"PK\x03\x04");
    let code_of_it = aws_sdk_lambda::types::FunctionCode::builder().zip_file(zip.clone()).build();
    let create = |name: &str| {
        let call = clients
            .lambda
            .create_function()
            .function_name(name)
            .role(ROLE)
            .runtime(aws_sdk_lambda::types::Runtime::Python313);
        code("lambda:CreateFunction", call.handler("a.b").code(code_of_it.clone()).send())
    };
    assert_eq!(create(FUNCTION).await, with("ResourceConflictException"));
    assert_eq!(create("no spaces").await, with("ValidationException"));
    assert_eq!(create("second").await, None);
    let update = clients.lambda.update_function_code().function_name("second").zip_file(zip).send();
    assert_eq!(
        code("lambda:UpdateFunctionCode", update).await,
        with("ResourceConflictException"),
        "it is still Pending"
    );
}
