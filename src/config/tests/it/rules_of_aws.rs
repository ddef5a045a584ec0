//! What AWS refuses is a mistake of the configuration; what it normalises is no difference.

use crate::support::{accepted, load_set, refused};

#[test]
fn names_that_the_engine_reserves_ended_in_the_middle_of_up() {
    for name in ["rdsadmin", "admin", "pg_dba", "rds_dba", "user", "TABLE", "public", "none"] {
        refused(&format!("database.username={name}"), "reserves the user name");
    }
    for name in ["rdsadmin", "template0", "template1", "select"] {
        refused(&format!("database.name={name}"), "reserves the name");
    }
    for name in ["pg_control", "order"] {
        refused(&format!("replication.control_schema={name}"), "is not a valid schema name");
    }
    accepted(&["database.username=postgres", "database.name=postgres"]);
}

#[test]
fn parameters_that_rds_refuses_ended_in_the_middle_of_up() {
    refused("database.parameters.log_conections=1", "PostgreSQL has no parameter `log_conections`");
    refused("database.parameters.Log_Connections=1", "PostgreSQL has no parameter");
    refused("database.parameters.log_connections=on", "RDS allows 0 and 1");
    refused("database.parameters.work_mem=", "is empty");
    refused("database.parameters.\"rds.force_ssl\"=true", "RDS allows 0 and 1");
    refused("database.parameters.work_mem=64MB", "RDS allows whole numbers from 64 to 2147483647");
    refused("database.parameters.max_connections=0", "RDS allows whole numbers from 1 to 262143");
    refused("database.parameters.random_page_cost=-1", "RDS allows numbers from 0");
    refused("database.parameters.log_statement=some", "RDS allows none, ddl, mod, all");
    let mistakes = load_set(&["database.parameters.log_conections=1"]).unwrap_err();
    assert_eq!(mistakes[0].help.as_deref(), Some("did you mean `log_connections`?"));
    accepted(&[
        "database.parameters.log_connections=1",
        "database.parameters.max_connections={DBInstanceClassMemory/9531392}",
        "database.parameters.\"auto_explain.log_min_duration\"=500",
        "database.parameters.transaction_timeout=60000",
        "database.parameters.random_page_cost=1.1",
        "database.parameters.log_min_duration_statement=-1",
        "database.parameters.log_statement=ddl",
    ]);
}

#[test]
fn versions_and_classes_that_no_service_has_were_accepted() {
    for version in ["+16", "016", "16.04", "16.", " 16", "16.4.1", "sixteen"] {
        refused(&format!("database.engine_version={version}"), "is not a PostgreSQL version");
    }
    for version in ["3.6", "3.06.1", "+3.6.1"] {
        refused(&format!("replication.engine_version={version}"), "is not a version of the replication engine");
    }
    for class in ["db.R5.large", "db..large", "r5.large", "db.r5.large ", "dms.c5.large"] {
        refused(&format!("database.instance_class={class}"), "is not an instance class");
    }
    refused("replication.instance_class=dms.C5.large", "is not a class of a replication instance");
    accepted(&["database.instance_class=db.r6gd.24xlarge", "database.engine_version=16.10"]);
}

#[test]
fn sizes_that_fargate_does_not_have_were_accepted() {
    refused("service.memory=1536", "Fargate does not support 1536 MiB");
    let odd = load_set(&["service.cpu=256", "service.memory=1536"]).unwrap_err();
    assert!(odd[0].message.contains("with 256 CPU units"), "{}", odd[0].message);
    for (cpu, memory) in [(256, 512), (256, 2048), (512, 4096), (8192, 20480), (16384, 122_880)] {
        accepted(&[&format!("service.cpu={cpu}"), &format!("service.memory={memory}")]);
    }
}

#[test]
fn ranges_that_ec2_writes_another_way_were_changed_again_and_again() {
    refused("database.allowed_cidrs=[\"10.8.0.1/24\"]", "does not start at its first address");
    let mistakes = load_set(&["database.allowed_cidrs=[\"10.8.0.1/24\"]"]).unwrap_err();
    assert_eq!(mistakes[0].help.as_deref(), Some("use 10.8.0.0/24"));
    refused("environments.source.vpc_cidr=10.0.0.1/16", "is not a valid range of a VPC");
    for range in ["127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16", "0.0.0.0/16", "240.0.0.0/16"] {
        refused(&format!("environments.source.vpc_cidr={range}"), "is never the range of a network");
    }
    accepted(&["environments.source.vpc_cidr=100.64.0.0/16"]);
}

#[test]
fn the_spelling_of_a_zone_changed_its_name() {
    let written = load_set(&["routing.zone_name=Pay.Example-Bank.COM.", "routing.record=API"]).unwrap();
    let plain = load_set(&["routing.zone_name=pay.example-bank.com", "routing.record=api"]).unwrap();
    assert_eq!(written, plain);
    let long = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(62));
    refused(&format!("routing.zone_name={long}"), "DNS allows 255");
}

#[test]
fn other_values_that_aws_refuses_were_accepted() {
    for path in ["health", "/a b", "/\u{e9}"] {
        refused(&format!("service.health_check_path={path}"), "is not a path");
    }
    refused(&format!("service.health_check_path=/{}", "a".repeat(1024)), "is not a path");
    refused("service.image=nginx :1", "is not the name of a container image");
    refused(&format!("service.image={}", "a".repeat(256)), "is not the name of a container image");
    refused("service.certificate_arn=arn:aws:acm:us-east-1:111122223333:other/1", "is not the ARN of a certificate");
    for topic in [
        "payments",
        "arn:aws:sqs:us-east-1:111122223333:payments",
        "arn:aws:sns:us-east-1:1111:payments",
        "arn:aws:sns:us-east-1:111122223333:payments.fifo",
        "arn:aws-cn:sns:us-east-1:111122223333:payments",
    ] {
        refused(&format!("notify.topic={topic}"), "is not the ARN of a standard topic");
    }
    refused("notify.topic=arn:aws:sns:us-east-9:111122223333:payments", "there is no region `us-east-9`");
    refused("database.log_exports=[\"upgrade\", \"upgrade\"]", "is listed twice");
    refused(&format!("stack.name={}", "n".repeat(125)), "have 133 characters");
    for bucket in ["a..bucket", "192.168.5.4", "xn--bucket", "bucket-s3alias", "bucket--x-s3"] {
        refused(&format!("state.bucket={bucket}"), "is not a valid bucket name");
    }
    accepted(&["state.bucket=payments.state"]);
}
