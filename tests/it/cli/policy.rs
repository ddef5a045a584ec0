//! `policy`, as its user sees it.

use serde_json::Value;

use crate::harness::workspace::Workspace;

fn stdout(workspace: &Workspace, arguments: &str) -> String {
    String::from_utf8(workspace.run(arguments).stdout).expect("text")
}

fn documents(workspace: &Workspace, command: &str) -> Vec<Value> {
    let shown = stdout(workspace, &format!("policy {command} --sandbox --output json"));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let policies = shown["policies"].as_array().expect("policies");
    policies.iter().flat_map(|policy| policy["documents"].as_array().expect("documents")).cloned().collect()
}

#[test]
fn a_policy_names_the_stack_and_its_account() {
    let workspace = Workspace::new();
    let before = serde_json::to_string(&documents(&workspace, "up --env source")).unwrap();
    assert!(before.contains("\"aws:ResourceTag/migrate-infra:stack\""), "{before}");
    assert!(before.contains(":*:db:payment-db-source-source-dev-001"), "the account is not known yet: {before}");
    assert!(!before.contains("payment-db-target"), "{before}");
    workspace.transcript("up -y --env source --sandbox");
    let after = serde_json::to_string(&documents(&workspace, "up --env source")).unwrap();
    assert!(after.contains("arn:aws:rds:us-east-1:111122223333:db:payment-db-source-source-dev-001"), "{after}");
}

#[test]
fn the_forms_for_a_platform_team_are_complete() {
    let workspace = Workspace::new();
    let terraform = workspace.transcript("policy read-only --format terraform --sandbox");
    assert!(terraform.contains("resource \"aws_iam_policy\""), "{terraform}");
    let template = stdout(&workspace, "policy read-only --format cloudformation --sandbox");
    let template: Value = serde_json::from_str(&template).expect("JSON");
    let resources = template["Resources"].as_object().expect("resources");
    assert!(resources.values().all(|one| one["Type"] == "AWS::IAM::ManagedPolicy"), "{template}");
}

#[test]
fn each_document_is_a_file() {
    let workspace = Workspace::new();
    let written = workspace.transcript("policy up down --out policies --sandbox");
    assert!(written.contains("[exit 0]"), "{written}");
    let files: Vec<_> = std::fs::read_dir(workspace.path().join("policies")).expect("a directory").collect();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a file");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["Version"], "2012-10-17");
    }
    let unknown = workspace.transcript("policy up --env nowhere --sandbox");
    assert!(unknown.contains("[exit 2]") || unknown.contains("[exit 3]"), "{unknown}");
}

#[test]
fn a_topic_can_be_notified_by_commands_that_change_something() {
    let workspace = Workspace::new();
    let topic = "arn:aws:sns:eu-west-1:444455556666:payments";
    let with_topic = |command: &str| {
        serde_json::to_string(&documents(&workspace, &format!("{command} --set notify.topic={topic}"))).unwrap()
    };
    for command in ["up", "down", "cutover"] {
        let policy = with_topic(command);
        assert!(policy.contains("\"sns:Publish\"") && policy.contains(topic), "{command}: {policy}");
    }
    assert!(!with_topic("read-only").contains("sns:"), "it publishes nothing");
    assert!(!serde_json::to_string(&documents(&workspace, "up")).unwrap().contains("sns:"));
}
