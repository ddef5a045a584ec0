//! Every request that the tool sends is valid for AWS's own service models.
//!
//! The requests of whole runs on the embedded AWS are recorded where they would leave the program, as the SDK has serialized them, and
//! then checked in Python against the models that botocore ships (`tests/localstack/validate_requests.py`).

use std::collections::BTreeSet;
use std::process::Command;

use migrate_infra::graph::Graph;
use migrate_infra::resource::kinds;

use crate::emulator;
use crate::lab::Lab;
use crate::recorder::Recorder;
use crate::source::PERMISSIONS_ONLY;
use crate::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};
use crate::{containers, cutting_over, database, emergency, iam, linking, load_balancing, logs, network, s3};

/// Brings a graph up, changes it, and takes it down, recording.
async fn record(recorder: &Recorder, before: &Graph, after: &Graph) {
    let mut lab = Lab { recorder: Some(recorder.clone()), ..Lab::default() };
    lab.up(before).await.must_succeed();
    lab.up(after).await.must_succeed();
    lab.down().await.must_succeed();
}

/// Whatever can be changed in place, other than it is by default.
const CHANGES: &[&str] = &[
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
    "service.log_retention_days=30",
    "replication.instance_class=dms.c5.xlarge",
    "replication.allocated_storage_gb=200",
    "replication.multi_az=true",
    "replication.tables=[\"public.payments\", \"ledger.%\"]",
    "replication.excluded_tables=[\"public.sessions\"]",
    "replication.table_preparation=truncate",
    "replication.full_load_subtasks=16",
    "replication.validation=false",
    "monitoring.database_cpu_percent=70",
    "monitoring.replication_lag_seconds=30",
    "routing.health_check_failures=5",
];

/// Tests of single kinds that make changes which whole systems do not: their requests are recorded, too.
const CHANGING: &[fn()] = &[
    network::the_description_of_a_rule_changes_in_place,
    network::a_rule_that_was_changed_by_hand_went_unseen,
    network::the_route_tables_of_an_endpoint_and_of_a_subnet_change_in_place,
    network::what_was_changed_by_hand_is_put_right,
    network::a_detached_gateway_is_attached_again_and_one_attached_elsewhere_is_refused,
    database::a_database_is_changed_in_place,
    database::other_outside_changes_are_put_right,
    database::parameters_are_changed_and_reset_in_place,
    database::groups_secrets_and_functions_are_changed_in_place,
    database::another_user_name_keeps_the_password,
    database::a_database_that_failed_says_why,
    database::a_final_snapshot_is_taken_once_whatever_happens,
    s3::each_setting_is_changed_in_place,
    s3::what_others_have_added_stays,
    s3::a_bucket_is_emptied_by_the_thousand_when_that_is_allowed,
    s3::a_bucket_elsewhere_names_its_region,
    containers::a_cluster_is_changed_in_place,
    containers::a_service_is_changed_in_place,
    containers::a_deployment_that_is_given_up_is_told_with_the_events_and_tried_again_later,
    load_balancing::a_load_balancer_is_changed_in_place,
    load_balancing::a_load_balancer_moves_to_other_subnets,
    load_balancing::a_target_group_is_changed_in_place,
    load_balancing::a_listener_is_changed_in_place,
    iam::trust_description_and_policy_are_changed_in_place,
    iam::policies_that_somebody_added_are_named_when_they_keep_a_role,
    logs::retention_and_key_are_changed_in_place,
    linking::a_task_that_runs_is_stopped_before_it_is_deleted,
    linking::a_task_that_runs_is_stopped_changed_and_goes_on,
    linking::what_somebody_changed_in_a_replication_is_put_right,
    linking::what_somebody_changed_in_the_routing_is_put_right,
    cutting_over::all_traffic_is_shifted_when_the_gates_hold,
    cutting_over::a_replication_that_runs_is_stopped_and_resumed,
    emergency::the_target_is_taken_out_and_put_in_without_a_call_of_route_53,
];

#[test]
fn every_request_fits_the_service_models_of_aws() {
    let recorder = Recorder::default();
    recorder.during(|| CHANGING.iter().for_each(|test| test()));
    whole_systems(&recorder);
    all_fit(&recorder);
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn whole_systems(recorder: &Recorder) {
    let with_changes = |sets: &[&str]| graph(PAIRED, &[sets, CHANGES].concat());
    record(recorder, &graph(PAIRED, &[TWO_REGIONS]), &with_changes(&[TWO_REGIONS])).await;
    record(recorder, &graph(SELF_CONTAINED, &["tags.Temporary=yes"]), &graph(SELF_CONTAINED, CHANGES)).await;
    let mut lab = Lab { recorder: Some(recorder.clone()), ..Lab::default() };
    let restorable = graph(PAIRED, &["secrets.recovery_window_days=7"]);
    for _ in 0..2 {
        lab.up(&restorable).await.must_succeed();
        lab.down().await.must_succeed();
    }
    let key = |environment: &str, region: &str| {
        format!("environments.{environment}.encryption.kms_key_arn=arn:aws:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    };
    let certificate = |environment: &str, region: &str| {
        format!(
            "environments.{environment}.service.certificate_arn=arn:aws:acm:{region}:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
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

fn all_fit(recorder: &Recorder) {
    let (fits, told) = validated(&recorder.text());
    assert!(fits, "{told}");
    let last: serde_json::Value = serde_json::from_str(told.lines().last().expect("a last line")).expect("JSON");
    println!("{} requests of {} operations", last["requests"], last["operations"].as_array().map_or(0, Vec::len));
    let checked: BTreeSet<String> =
        last["operations"].as_array().expect("a list").iter().filter_map(|one| Some(as_kinds_write(one.as_str()?))).collect();
    let listed: BTreeSet<&str> = kinds().iter().flat_map(|kind| kind.about().operations.iter().copied()).collect();
    let unchecked: Vec<&str> = listed.into_iter().filter(|call| !checked.contains(*call) && !PERMISSIONS_ONLY.contains(call)).collect();
    assert_eq!(unchecked, UNUSUAL, "these operations were not among the recorded requests");
}

/// Botocore's name of an operation as the kinds write it.
fn as_kinds_write(operation: &str) -> String {
    let (service, name) = operation.split_once(':').expect("service:Operation");
    let service = match service {
        "elbv2" => "elasticloadbalancing",
        "resourcegroupstaggingapi" => "tag",
        other => other,
    };
    format!("{service}:{name}")
}

/// Operations that only something unusual leads to, and that no test above has led to: another description of a rule for traffic out, a
/// deployment whose tasks fail, a bucket that cannot be looked at by name, and one with other ownership controls.
const UNUSUAL: &[&str] = &["ec2:UpdateSecurityGroupRuleDescriptionsEgress", "ecs:DescribeTasks", "s3:ListBuckets", "s3:PutBucketOwnershipControls"];

/// Has requests checked in Python. Returns whether all of them fit, and what it says.
fn validated(requests: &str) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("requests.jsonl");
    std::fs::write(&file, requests).expect("the recorded requests");
    let output = Command::new(emulator::python()).arg("tests/localstack/validate_requests.py").arg(&file).output().expect("Python runs");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    (output.status.success(), told)
}

/// Whoever checks must find something, or the test above says nothing.
#[test]
fn the_check_of_requests_finds_what_is_wrong() {
    let request = |service: &str, target: &str, body: serde_json::Value| {
        let body = aws_smithy_types::base64::encode(body.to_string());
        let headers = serde_json::json!({ "content-type": "application/x-amz-json-1.1", "x-amz-target": target });
        let url = format!("https://{service}.us-east-1.amazonaws.com/");
        serde_json::json!({ "service": service, "method": "POST", "url": url, "headers": headers, "body": body }).to_string()
    };
    let rotation =
        request("secretsmanager", "secretsmanager.RotateSecret", serde_json::json!({ "RotationRules": { "AutomaticallyAfterDays": 5000 } }));
    let retention = serde_json::json!({ "logGroupName": "no blanks", "retentionInDays": 7 });
    let retention = request("logs", "Logs_20140328.PutRetentionPolicy", retention);
    let task = serde_json::json!({
        "ReplicationTaskIdentifier": "task", "SourceEndpointArn": "a", "TargetEndpointArn": "b", "ReplicationInstanceArn": "c",
        "MigrationType": "everything", "TableMappings": "{ not json",
    });
    let task = request("dms", "AmazonDMSv20160101.CreateReplicationTask", task);
    let (fits, told) = validated(&[rotation, retention, task].join("\n"));
    assert!(!fits);
    for wrong in [
        "RotateSecret .SecretId is required",
        "AutomaticallyAfterDays: 5000 is more than 1000",
        "'no blanks' does not match",
        "'everything' is not one of full-load, cdc, full-load-and-cdc",
        "TableMappings is not JSON",
    ] {
        assert!(told.contains(wrong), "`{wrong}` was not found:\n{told}");
    }
}
