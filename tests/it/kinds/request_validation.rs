//! Every request of the tool is valid according to AWS's service models.
//!
//! The requests of whole runs on the sandbox are recorded where they leave the program, as the SDK has
//! serialized them, and then checked in Python against the models that botocore ships
//! (`tests/localstack/validate_requests.py`).

use std::collections::BTreeSet;
use std::process::Command;

use migrate_infra::engine::TagReads;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::Faults;

use crate::cutover::{emergency, fences, whole_cutover};
use crate::environments::source::PERMISSIONS_ONLY;
use crate::environments::{accounts, cross_environment_links, guardduty, taken_over_record};
use crate::harness::emulator;
use crate::harness::registry::kinds;
use crate::harness::request_recorder::RequestRecorder;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, every_kind, graph, source};
use crate::kinds::every_input::refresh_reading;
use crate::kinds::{database, database_secrets, ecs, iam, load_balancing, logs, network, s3};

/// Creates, changes and deletes a graph, and records the requests.
async fn record(recorder: &RequestRecorder, before: &Graph, after: &Graph) {
    let mut fixture = Fixture { recorder: Some(recorder.clone()), ..Fixture::default() };
    fixture.up(before).await.must_succeed();
    refresh_reading(&fixture, |_| true, TagReads::Listed, Faults::default()).await;
    fixture.up(after).await.must_succeed();
    fixture.down().await.must_succeed();
}

/// Changes in place of every setting that differs from its default.
pub const CHANGES: &[&str] = &[
    "tags.CostCenter=elsewhere",
    "database.instance_class=db.r6g.xlarge",
    "database.allocated_storage_gb=200",
    "database.multi_az=true",
    "database.backup_retention_days=14",
    "database.performance_insights_days=31",
    "database.log_exports=[\"postgresql\"]",
    "database.allowed_cidrs=[\"10.8.0.0/24\"]",
    "secrets.rotation_days=60",
    "storage.noncurrent_to_glacier_days=30",
    "storage.empty_on_down=true",
    "service.cpu=1024",
    "service.memory=2048",
    "service.min_count=3",
    "service.desired_count=3",
    "service.cpu_target_percent=50",
    "service.scaling_cooldown_seconds=120",
    "service.health_check_path=/ready",
    "service.health_check_grace_seconds=90",
    "service.deregistration_delay_seconds=15",
    "service.client_keep_alive_seconds=120",
    "service.log_retention_days=30",
    "replication.instance_class=dms.c5.xlarge",
    "replication.allocated_storage_gb=200",
    "replication.multi_az=true",
    "replication.tables=[\"public.payments\", \"ledger.%\"]",
    "replication.excluded_tables=[\"public.sessions\"]",
    "replication.table_preparation=do-nothing",
    "replication.full_load_subtasks=16",
    "replication.validation=false",
    "monitoring.database_cpu_percent=70",
    "monitoring.replication_lag_seconds=30",
    "routing.health_check_failures=5",
];

/// Tests of single kinds whose changes whole systems do not make: their requests are recorded, too.
pub const CHANGING: &[fn()] = &[
    network::the_description_of_a_rule_changes_in_place,
    network::a_manually_changed_rule_is_corrected,
    network::the_route_tables_of_an_endpoint_and_of_a_subnet_change_in_place,
    network::manual_changes_are_corrected,
    network::a_detached_gateway_is_attached_again_and_one_attached_elsewhere_is_refused,
    database::a_database_is_changed_in_place,
    database::other_manual_changes_are_corrected,
    database::parameters_are_changed_and_reset_in_place,
    database::a_new_database_that_was_too_early_for_its_parameters_is_rebooted,
    database::groups_secrets_and_functions_are_changed_in_place,
    database_secrets::another_user_name_keeps_the_password,
    database_secrets::the_label_of_a_failed_rotation_is_removed,
    database::a_failed_database_reports_the_cause,
    database::a_final_snapshot_is_taken_exactly_once,
    s3::each_setting_is_changed_in_place,
    s3::foreign_additions_are_kept,
    s3::a_bucket_is_emptied_in_pages_of_a_thousand_with_permission,
    s3::a_bucket_in_another_region_is_reported_with_its_region,
    ecs::a_cluster_is_changed_in_place,
    ecs::a_service_is_changed_in_place,
    ecs::a_failed_deployment_is_reported_with_its_events_and_retried_later,
    load_balancing::a_load_balancer_is_changed_in_place,
    load_balancing::a_load_balancer_moves_to_other_subnets,
    load_balancing::a_target_group_is_changed_in_place,
    load_balancing::a_listener_is_changed_in_place,
    iam::trust_description_and_policy_are_changed_in_place,
    iam::foreign_policies_that_block_the_deletion_of_a_role_are_reported,
    logs::retention_and_key_are_changed_in_place,
    cross_environment_links::a_running_task_is_stopped_before_it_is_deleted,
    cross_environment_links::a_running_task_is_stopped_changed_and_resumed,
    cross_environment_links::manual_changes_of_a_replication_are_corrected,
    cross_environment_links::manual_changes_of_the_routing_are_corrected,
    whole_cutover::all_traffic_is_shifted_when_the_gates_hold,
    whole_cutover::a_running_replication_is_stopped_and_resumed,
    emergency::the_target_is_removed_and_restored_without_a_call_of_route_53,
    fences::up_and_drift_leave_a_closed_fence_closed,
    accounts::each_environment_is_in_its_account_and_the_zone_in_a_third,
    accounts::two_accounts_in_two_regions_share_a_replica_of_the_secret,
    guardduty::down_succeeds_at_the_first_attempt,
    guardduty::an_endpoint_beside_a_foreign_instance_stays,
    taken_over_record::a_simple_record_is_replaced_and_comes_back,
];

#[test]
fn every_request_fits_the_service_models_of_aws() {
    let recorder = RequestRecorder::default();
    recorder.during(|| CHANGING.iter().for_each(|test| test()));
    whole_systems(&recorder);
    assert_all_valid(&recorder);
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn whole_systems(recorder: &RequestRecorder) {
    let with_changes = |sets: &[&str]| graph(PAIRED, &[sets, CHANGES].concat());
    record(recorder, &graph(PAIRED, &[TWO_REGIONS]), &with_changes(&[TWO_REGIONS])).await;
    record(recorder, &graph(SELF_CONTAINED, &["tags.Temporary=yes"]), &graph(SELF_CONTAINED, CHANGES)).await;
    record(recorder, &every_kind(), &every_kind()).await;
    let boundary = |name: &str| source(&[&format!("iam.permissions_boundary=arn:aws:iam::111122223333:policy/{name}")]);
    record(recorder, &boundary("one"), &boundary("other")).await;
    record(recorder, &boundary("one"), &source(&[])).await;
    let mut fixture = Fixture { recorder: Some(recorder.clone()), ..Fixture::default() };
    let restorable = graph(PAIRED, &["secrets.recovery_window_days=7"]);
    for _ in 0..2 {
        fixture.up(&restorable).await.must_succeed();
        fixture.down().await.must_succeed();
    }
    let key = |environment: &str, region: &str| {
        format!(
            "environments.{environment}.encryption.kms_key_arn=arn:aws:kms:{region}:111122223333:\
             key/1234abcd-12ab-34cd-56ef-1234567890ab"
        )
    };
    let certificate = |environment: &str, region: &str| {
        format!(
            "environments.{environment}.service.certificate_arn=arn:aws:acm:{region}:111122223333:\
             certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
        )
    };
    let topic = "environments.source.monitoring.alarm_topic_arn=arn:aws:sns:us-east-1:111122223333:alarms".to_owned();
    let sets = [
        TWO_REGIONS.to_owned(),
        key("source", "us-east-1"),
        key("target", FAR),
        certificate("source", "us-east-1"),
        certificate("target", FAR),
        topic,
    ];
    let sets = sets.each_ref().map(String::as_str);
    record(recorder, &graph(PAIRED, &sets), &graph(PAIRED, &sets)).await;
}

fn assert_all_valid(recorder: &RequestRecorder) {
    let (valid, output) = validate(&recorder.text());
    assert!(valid, "{output}");
    let last: serde_json::Value = serde_json::from_str(output.lines().last().expect("a last line")).expect("JSON");
    println!("{} requests of {} operations", last["requests"], last["operations"].as_array().map_or(0, Vec::len));
    let checked: BTreeSet<String> = last["operations"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| Some(as_kinds_write(one.as_str()?)))
        .collect();
    let listed: BTreeSet<&str> = kinds().iter().flat_map(|kind| kind.schema().operations.iter().copied()).collect();
    let unchecked: Vec<&str> =
        listed.into_iter().filter(|call| !checked.contains(*call) && !PERMISSIONS_ONLY.contains(call)).collect();
    assert_eq!(unchecked, UNUSUAL, "these operations were not among the recorded requests");
}

/// Converts an operation name of botocore to the notation of the kinds.
fn as_kinds_write(operation: &str) -> String {
    let (service, name) = operation.split_once(':').expect("service:Operation");
    let service = match service {
        "elbv2" => "elasticloadbalancing",
        "resourcegroupstaggingapi" => "tag",
        other => other,
    };
    format!("{service}:{name}")
}

/// Operations of unusual situations that no test above covers: another description of an egress rule, a deployment
/// whose tasks fail, a bucket that cannot be read by name, and one with other ownership controls.
const UNUSUAL: &[&str] = &[
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ecs:DescribeTasks",
    "s3:ListBuckets",
    "s3:PutBucketOwnershipControls",
];

/// Validates requests in Python. Returns whether all are valid, and the output.
fn validate(requests: &str) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("requests.jsonl");
    std::fs::write(&file, requests).expect("the recorded requests");
    let run = Command::new(emulator::python().unwrap_or_else(|missing| panic!("{missing}")))
        .arg("tests/localstack/validate_requests.py")
        .arg(&file)
        .output()
        .expect("Python runs");
    let output = format!("{}{}", String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
    (run.status.success(), output)
}

/// The validation must find mistakes, or the test above proves nothing.
#[test]
fn the_validation_of_requests_finds_mistakes() {
    let request = |service: &str, target: &str, body: serde_json::Value| {
        let body = aws_smithy_types::base64::encode(body.to_string());
        let headers = serde_json::json!({ "content-type": "application/x-amz-json-1.1", "x-amz-target": target });
        let url = format!("https://{service}.us-east-1.amazonaws.com/");
        serde_json::json!({ "service": service, "method": "POST", "url": url, "headers": headers, "body": body })
            .to_string()
    };
    let rotation = request(
        "secretsmanager",
        "secretsmanager.RotateSecret",
        serde_json::json!({ "RotationRules": { "AutomaticallyAfterDays": 5000 } }),
    );
    let retention = serde_json::json!({ "logGroupName": "no blanks", "retentionInDays": 7 });
    let retention = request("logs", "Logs_20140328.PutRetentionPolicy", retention);
    let task = serde_json::json!({
        "ReplicationTaskIdentifier": "task", "SourceEndpointArn": "a", "TargetEndpointArn": "b",
            "ReplicationInstanceArn": "c",
        "MigrationType": "everything", "TableMappings": "{ not json",
    });
    let task = request("dms", "AmazonDMSv20160101.CreateReplicationTask", task);
    let (valid, output) = validate(&[rotation, retention, task].join("\n"));
    assert!(!valid);
    for wrong in [
        "RotateSecret .SecretId is required",
        "AutomaticallyAfterDays: 5000 is more than 1000",
        "'no blanks' does not match",
        "'everything' is not one of full-load, cdc, full-load-and-cdc",
        "TableMappings is not JSON",
    ] {
        assert!(output.contains(wrong), "`{wrong}` was not found:\n{output}");
    }
}
