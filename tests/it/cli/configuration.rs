//! Configuration files: mistakes are reported with their location, overrides take precedence, and the output of
//! `config show` is a configuration.

use std::fs;

use migrate_infra::config::Layout;

use crate::harness::workspace::{Workspace, assert_transcript};

#[test]
fn bad_config_wrong_type() {
    let workspace = Workspace::new();
    workspace.edit("allocated_storage_gb = 100", "allocated_storage_gb = \"100\"");
    assert_transcript!(workspace.transcript("up --sandbox -y"));
    assert!(!workspace.path().join(".migrate-infra").exists());
}

#[test]
fn bad_config_unknown_key() {
    let workspace = Workspace::new();
    workspace.edit("multi_az = false", "multiaz = false");
    assert_transcript!(workspace.transcript("up --sandbox -y"));
}

#[test]
fn bad_config_several_mistakes_at_once() {
    let workspace = Workspace::new();
    workspace.edit("multi_az = false", "multi_az = 3");
    workspace.edit("rotation_days = 30", "rotation_days = 0");
    workspace.edit("nat_gateways = \"one\"", "nat_gateways = \"two\"");
    assert_transcript!(workspace.transcript("config check"));
}

#[test]
fn bad_config_overlapping_ranges() {
    let workspace = Workspace::new();
    workspace.edit("vpc_cidr = \"10.1.0.0/16\"", "vpc_cidr = \"10.0.128.0/20\"");
    assert_transcript!(workspace.transcript("up --sandbox -y"));
}

#[test]
fn bad_config_suffix_that_makes_a_name_too_long() {
    let workspace = Workspace::new();
    assert_transcript!(workspace.transcript("up --sandbox -y --suffix a-suffix-that-is-far-too-long"));
    assert!(!workspace.path().join(".migrate-infra").exists());
}

#[test]
fn bad_config_region_that_does_not_exist() {
    let workspace = Workspace::new();
    workspace.edit("region = \"us-east-1\"", "region = \"us-esat-1\"");
    assert_transcript!(workspace.transcript("up --sandbox -y"));
}

#[test]
fn bad_config_empty_words_of_the_command_that_opens_tunnels() {
    let workspace = Workspace::new();
    workspace.edit("via = []", "via = [\"./tunnel\", \"\"]");
    let transcript = workspace.transcript("config check");
    assert!(transcript.contains("[exit 2]") && transcript.contains("element 2 of `via` is empty"), "{transcript}");
    assert!(transcript.contains("[\"./tunnel\", \"{host}\", \"{port}\"]"), "{transcript}");
}

#[test]
fn bad_config_not_toml() {
    let workspace = Workspace::new();
    workspace.edit("[network]", "[network");
    assert_transcript!(workspace.transcript("plan"));
}

#[test]
fn bad_config_of_a_shared_state() {
    let workspace = Workspace::new();
    workspace.edit("backend = \"local\"", "backend = \"s3\"");
    assert_transcript!(workspace.transcript("up -y"));
    workspace.edit("bucket = \"\"", "bucket = \"Payments_State\"");
    assert_transcript!(workspace.transcript("up -y"));
    workspace.edit("Payments_State", "payment-logs-source-source-dev-001-111122223333-us-east-1");
    assert_transcript!(workspace.transcript("up -y"));
}

#[test]
fn no_config() {
    let workspace = Workspace::new();
    assert_transcript!(workspace.transcript("plan --config nowhere.toml"));
}

#[test]
fn an_invalid_override_is_reported_with_its_source() {
    let workspace = Workspace::new();
    let output = workspace
        .command("plan --set database.allocated_storage_gb=lots")
        .env("MIGRATE_INFRA_DATABASE__MULTI_AZ", "maybe")
        .output()
        .unwrap();
    assert_transcript!(workspace.format_output(&output, "plan --set database.allocated_storage_gb=lots"));
}

#[test]
fn overrides_take_precedence_over_the_file() {
    let workspace = Workspace::new();
    let output = workspace
        .command("config show --output json --set database.name=fromset --suffix s2")
        .env("MIGRATE_INFRA_DATABASE__NAME", "fromenv")
        .env("MIGRATE_INFRA_SECRETS__ROTATION_DAYS", "9")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["stack"]["suffix"], "s2");
    assert_eq!(shown["environments"]["source"]["database"]["name"], "fromset");
    assert_eq!(shown["environments"]["source"]["secrets"]["rotation_days"], 9);
}

#[test]
fn a_section_inside_an_environment_applies_to_that_environment_only() {
    let workspace = Workspace::new();
    let output = workspace.run("config show --output json --set environments.target.database.multi_az=true");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["environments"]["source"]["database"]["multi_az"], false);
    assert_eq!(shown["environments"]["target"]["database"]["multi_az"], true);
}

#[test]
fn a_number_is_accepted_where_the_key_expects_text() {
    let workspace = Workspace::new();
    let output = workspace.run("config show --output json --set database.engine_version=17");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["environments"]["source"]["database"]["engine_version"], "17");
}

#[test]
fn the_output_of_config_show_is_a_configuration() {
    let workspace = Workspace::new();
    let shown = workspace.run("config show --set database.name=other");
    assert!(shown.status.success(), "{}", workspace.format_output(&shown, "config show"));
    fs::write(workspace.path().join("shown.toml"), &shown.stdout).unwrap();
    let check = workspace.run("config check --config shown.toml");
    assert!(check.status.success(), "{}", workspace.format_output(&check, "config check"));
    // An empty file is valid, too.
    let again = workspace.run("config show --config shown.toml");
    assert_eq!(String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&shown.stdout));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("name = \"other\""));
}

#[test]
fn config_show_failed_on_the_default_configuration_without_a_cause() {
    let commands = ["config show", "config check", "config schema", "config resources", "plan", "graph"];
    for file in ["config/migration.toml", "config/self-contained.toml"] {
        let workspace = Workspace::with(file);
        for command in commands {
            for output in ["text", "json"] {
                let arguments = format!("{command} --output {output} --sandbox --sandbox-timing instant");
                let ran = workspace.run(&arguments);
                let transcript = workspace.format_output(&ran, &arguments);
                assert!(ran.status.success() && !ran.stdout.is_empty(), "{file}: {transcript}");
                if command == "config show" && output == "json" {
                    let shown: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
                    let schema = migrate_infra::config::schema();
                    for section in schema["properties"].as_object().unwrap().keys() {
                        assert!(shown.get(section).is_some(), "{file}: `{section}` is not shown");
                    }
                }
            }
        }
    }
}

#[test]
fn init_leaves_an_existing_file_alone() {
    let workspace = Workspace::new();
    assert_transcript!(workspace.transcript("init"));
}

#[test]
fn the_configurations_are_what_init_writes() {
    for (file, layout) in
        [("config/migration.toml", Layout::Paired), ("config/self-contained.toml", Layout::SelfContained)]
    {
        assert_eq!(fs::read_to_string(file).unwrap(), migrate_infra::config::template(layout), "run `just generate`");
    }
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string("config/schema.json").unwrap()).unwrap();
    assert_eq!(schema, migrate_infra::config::schema(), "run `just generate`");
}

#[test]
fn unknown_environment() {
    assert_transcript!(Workspace::new().transcript("plan --env sauce"));
}

#[test]
fn a_tag_that_only_some_services_accept_ended_in_the_middle_of_up() {
    let workspace = Workspace::new();
    let refused = |set: &str, why: &str| {
        let output = workspace.command("config check").arg("--set").arg(set).output().expect("the program runs");
        let transcript = workspace.format_output(&output, &format!("config check --set {set}"));
        assert!(transcript.contains("[exit 2]") && transcript.contains(why), "{transcript}");
    };
    refused("tags.Team=\"R&D, Payments (EU)\"", "contains '&'");
    refused("tags.\"semi;colon\"=\"v\"", "contains ';'");
    refused("tags.costcenter=\"x\"", "differ only in case");
    for key in ["environment", "name", "migrate-infra:stack", "Migrate-Infra:hold-rotation"] {
        refused(&format!("tags.\"{key}\"=\"x\""), "is set by this tool");
    }
    refused("tags.\"AWS:team\"=\"x\"", "is not a valid tag key");
    refused(&format!("tags.{}=x", "k".repeat(129)), "is not a valid tag key");
    refused(&format!("tags.Team={}", "x".repeat(257)), "has 257 characters");
    refused("database.username=pg_dba", "reserves the user name");
    refused("database.username=RDS_anything", "reserves the user name");
    for set in [format!("tags.Team={}", "支".repeat(100)), "database.username=postgres".to_owned()] {
        let output = workspace.command("config check").arg("--set").arg(&set).output().expect("the program runs");
        assert!(output.status.success(), "{}", workspace.format_output(&output, &set));
    }
    let many: String = (0..47).map(|number| format!("T{number} = \"x\"\n")).collect();
    workspace.edit("[tags]", &format!("[tags]\n{many}"));
    let transcript = workspace.transcript("config check");
    assert!(transcript.contains("[exit 2]") && transcript.contains("AWS allows 50"), "{transcript}");
}

#[test]
fn line_ends_of_windows_replaced_all_tasks() {
    let workspace = Workspace::new();
    let run = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox --sandbox-timing instant"));
    assert!(run("up --env source -y").contains("[exit 0]"));
    let path = workspace.path().join("config/migration.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace('\n', "\r\n")).unwrap();
    let plan = run("plan --env source --exit-code");
    assert!(plan.contains("[exit 0]") && plan.contains("there is nothing to do"), "{plan}");
}

#[test]
fn sixty_thousand_dots_overflowed_the_stack() {
    let workspace = Workspace::new();
    let set = format!("{}a=1", "a.".repeat(60_000));
    let output = workspace.command("config check --set").arg(set).output().unwrap();
    let shown = workspace.format_output(&output, "config check --set …");
    assert!(shown.contains("[exit 2]") && shown.contains("a key of more than 16 parts"), "{shown}");
}

#[test]
fn deep_nesting_in_the_file_is_a_mistake_with_a_message() {
    for text in [
        format!("{}a = 1\n", "a.".repeat(60_000)),
        format!("[{}a]\n", "a.".repeat(60_000)),
        format!("a = {}{}\n", "[".repeat(60_000), "]".repeat(60_000)),
        format!("a = {}1{}\n", "{ a = ".repeat(60_000), " }".repeat(60_000)),
    ] {
        let workspace = Workspace::new();
        fs::write(workspace.path().join("config/migration.toml"), &text).unwrap();
        let output = workspace.run("config check");
        assert_eq!(output.status.code(), Some(2), "{:.300}", workspace.format_output(&output, "config check"));
    }
}
