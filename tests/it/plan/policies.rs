//! The rules that every plan must fulfil.

use migrate_infra::config::Rule;
use migrate_infra::policy::{Review, review};

use crate::harness::stacks::{PAIRED, SELF_CONTAINED, config, graph};
use crate::harness::workspace::Workspace;

fn reviewed(sets: &[&str]) -> Review {
    review(&config(PAIRED, sets), &graph(PAIRED, sets))
}

/// Returns the addresses that break a rule. No other rule is broken.
fn broken(sets: &[&str], rule: Rule) -> Vec<String> {
    let violations = reviewed(sets).violations;
    assert!(violations.iter().all(|violation| violation.rule == rule), "{violations:#?}");
    violations.into_iter().map(|violation| violation.address.to_string()).collect()
}

#[test]
fn the_bundled_configurations_break_no_rule() {
    let key = "encryption.kms_key_arn=arn:aws:kms:us-east-1:111122223333:key/1234abcd";
    let cases: [(&str, &[&str]); 3] = [(PAIRED, &[]), (SELF_CONTAINED, &[]), (PAIRED, &[key])];
    for (file, sets) in cases {
        let review = review(&config(file, sets), &graph(file, sets));
        assert_eq!((review.violations, review.unknown), (Vec::new(), Vec::new()));
        // Without a certificate there is only HTTP, and the configuration says so.
        let excused: Vec<_> = review.excused.iter().map(|(one, _)| (one.rule, one.address.as_str())).collect();
        assert_eq!(excused, PLAIN.map(|address| (Rule::PlainHttp, address)));
    }
}

const PLAIN: [&str; 2] = ["source/service/listener-http", "target/service/listener-http"];
const CERTIFICATE: &str = "service.certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/1";

#[test]
fn plain_http_from_the_internet_was_a_silent_default() {
    assert_eq!(broken(&["policy.exceptions=[]"], Rule::PlainHttp), PLAIN);
    // With a certificate, port 80 redirects.
    assert_eq!(broken(&["policy.exceptions=[]", CERTIFICATE], Rule::PlainHttp), [""; 0]);
    assert_eq!(reviewed(&[CERTIFICATE]), Review::default());
}

#[test]
fn a_configuration_without_policies_excused_plain_http() {
    let workspace = Workspace::new();
    workspace.remove("[policy]", "[state]");
    let plan = workspace.transcript("plan");
    assert!(plan.contains("[exit 3]") && plan.contains(PLAIN[0]) && plan.contains("service.certificate_arn"), "{plan}");
}

#[test]
fn an_exception_of_a_removed_environment_is_no_mistake() {
    let exceptions = |environment: &str| {
        format!(
            "policy.exceptions=[{{ rule = \"plain-http\", address = \"{environment}/service/listener-http\", \
             reason = \"internal\" }}]"
        )
    };
    let review = |environment: &str| {
        let mut config = config(PAIRED, &[exceptions(environment).as_str()]);
        let graph = graph(PAIRED, &[]);
        config.environments.retain(|one| one.name == "target");
        review(&config, &graph.part(|address| address.environment() == "none", |_| None).expect("an empty graph"))
    };
    assert!(review("source").unknown.is_empty());
    assert_eq!(review("target").unknown.len(), 1);
    assert_eq!(review("sauce").unknown.len(), 1);
}

#[test]
fn a_database_without_encryption() {
    let found = broken(&["environments.target.database.storage_encrypted=false"], Rule::Encryption);
    assert_eq!(found, ["target/database-target/instance"]);
}

#[test]
fn a_bucket_that_can_be_made_public() {
    let found = broken(&["environments.source.storage.block_public_access=false"], Rule::PublicExposure);
    assert_eq!(found, ["source/storage-source/bucket"]);
}

#[test]
fn a_database_that_is_open_to_the_world() {
    for range in ["0.0.0.0/0", "128.0.0.0/1"] {
        let found =
            broken(&[&format!("environments.source.database.allowed_cidrs=[\"{range}\"]")], Rule::PublicExposure);
        assert_eq!(found, ["source/security/db-from-range-1"]);
    }
    assert_eq!(broken(&["database.allowed_cidrs=[\"10.8.0.0/24\"]"], Rule::PublicExposure), [""; 0]);
}

#[test]
fn a_tag_that_is_required_and_missing() {
    let found = broken(&["policy.required_tags=[\"Environment\", \"Owner\"]"], Rule::RequiredTags);
    assert!(found.len() > 100 && found.contains(&"routing/dns/zone".to_owned()), "{found:#?}");
    // A resource without tags in AWS cannot lack one.
    assert!(!found.iter().any(|address| address.ends_with("-default-route")));
}

#[test]
fn a_tag_without_a_value_counts_as_missing() {
    assert!(!broken(&["tags.CostCenter="], Rule::RequiredTags).is_empty());
}

const EXCUSED: &str = "policy.exceptions=[{ rule = \"encryption\", address = \"source/database-source/instance\", \
                       reason = \"copies of test data\" }, \
                       { rule = \"plain-http\", address = \"source/service/listener-http\", reason = \"a test\" }, \
                       { rule = \"plain-http\", address = \"target/service/listener-http\", reason = \"a test\" }]";

#[test]
fn an_exception_allows_one_rule_at_one_address() {
    let review = reviewed(&["database.storage_encrypted=false", EXCUSED]);
    let left: Vec<&str> = review.violations.iter().map(|violation| violation.address.as_str()).collect();
    assert_eq!(left, ["target/database-target/instance"]);
    let excused: Vec<&str> = review.excused.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(excused, ["copies of test data", "a test", "a test"]);
}

/// Runs the program with an override that contains spaces.
fn transcript(workspace: &Workspace, arguments: &str, sets: &[&str]) -> String {
    let mut command = workspace.command(arguments);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the program runs");
    workspace.format_output(&output, arguments)
}

#[test]
fn a_broken_rule_is_refused_by_plan_and_by_up() {
    let workspace = Workspace::new();
    let set = "database.storage_encrypted=false";
    let plan = transcript(&workspace, "plan", &[set]);
    insta::assert_snapshot!("what_breaks_a_rule_is_refused", plan);
    let up = transcript(&workspace, "up --sandbox -y", &[set]);
    assert!(up.contains("[exit 3]") && up.contains("source/database-source/instance"), "{up}");
    assert!(!workspace.path().join(".migrate-infra").exists(), "something was begun");
}

#[test]
fn an_exception_is_shown_with_its_reason() {
    let workspace = Workspace::new();
    let plan = transcript(&workspace, "plan", &["environments.source.database.storage_encrypted=false", EXCUSED]);
    assert!(plan.contains("[exit 0]"), "{plan}");
    assert!(
        plan.contains(
            "allowed by `policy.exceptions`: source/database-source/instance: its storage is not encrypted; \
            reason: copies of test data"
        ),
        "{plan}"
    );
}

#[test]
fn an_exception_for_an_unknown_address_is_an_error() {
    let workspace = Workspace::new();
    let typo = EXCUSED.replace("source/database-source/instance", "source/database-source/instanse");
    let plan = transcript(&workspace, "plan", &[&typo]);
    assert!(plan.contains("[exit 2]") && plan.contains("did you mean `source/database-source/instance`?"), "{plan}");
}

#[test]
fn an_exception_needs_a_reason() {
    let workspace = Workspace::new();
    let plan = transcript(&workspace, "plan", &[&EXCUSED.replace("copies of test data", " ")]);
    assert!(plan.contains("[exit 2]") && plan.contains("has no reason"), "{plan}");
}
