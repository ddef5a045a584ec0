//! What differs between accounts, as the real program reports it: quotas, regions and zones.

use std::fs;

use crate::harness::workspace::Workspace;

/// Runs `up` with a script of the sandbox.
fn up(script: &str, more: &str) -> String {
    let workspace = Workspace::new();
    fs::write(workspace.path().join("account.toml"), script).expect("the script");
    workspace.transcript(&format!(
        "up --sandbox --sandbox-timing instant -y --no-color --sandbox-script account.toml {more}"
    ))
}

#[test]
fn a_used_up_quota_is_named_with_the_command_that_raises_it() {
    let options = "--env source --set environments.source.region=eu-west-1";
    let refused = up("[quotas]\nelastic_ips = 0\n", options);
    assert!(refused.contains("[exit 3]") && refused.contains("nothing was changed"), "{refused}");
    assert!(refused.contains("EC2-VPC Elastic IPs: 0 exist, 1 more are planned, 0 are allowed"), "{refused}");
    assert!(refused.contains("--quota-code L-0263D0A3 --desired-value 1 --region eu-west-1"), "{refused}");
    let text = up("[quotas]\nelastic_ips = 0\n", &format!("{options} --skip-preflight"));
    assert!(text.contains("[exit 1]") && text.contains("AddressLimitExceeded"), "{text}");
    assert!(text.contains("the quota \"EC2-VPC Elastic IPs\" of this account is used up"), "{text}");
    assert!(text.contains("--service-code ec2 --quota-code L-0263D0A3 --desired-value N --region eu-west-1"), "{text}");
}

#[test]
fn a_region_that_is_not_enabled_is_to_be_enabled() {
    let text = up("", "--set environments.target.region=eu-south-1");
    assert!(!text.contains("[exit 0]"), "{text}");
    assert!(text.contains("aws account enable-region --region-name eu-south-1"), "{text}");
    assert!(!text.contains("hint: renew the credentials"), "{text}");
}

#[test]
fn a_region_with_one_usable_zone_is_refused() {
    let text = up("[regions.us-east-1]\nzones = [\"b\"]\n", "--env source");
    assert!(text.contains("[exit 3]"), "{text}");
    assert!(text.contains("us-east-1 has 1 availability zones that this stack can use (use1-az2)"), "{text}");
}

#[test]
fn zones_are_two_or_three_ids() {
    for (zones, message) in [
        ("[\"use1-az1\"]", "there are 1 zones"),
        ("[\"us-east-1a\", \"use1-az2\"]", "`us-east-1a` is not the id of an availability zone"),
        ("[\"use1-az2\", \"use1-az2\"]", "the zone `use1-az2` is listed twice"),
    ] {
        let workspace = Workspace::new();
        workspace.edit("zones = []", &format!("zones = {zones}"));
        let text = workspace.transcript("config check");
        assert!(text.contains("[exit 2]") && text.contains(message), "{text}");
    }
}

#[test]
fn address_ranges_are_counted_before_the_first_call() {
    let ranges = |count: usize| (0..count).map(|index| format!("\"10.8.{index}.0/24\"")).collect::<Vec<_>>().join(", ");
    let check = |ranges: &str| {
        let workspace = Workspace::new();
        workspace.edit("allowed_cidrs = []", &format!("allowed_cidrs = [{ranges}]"));
        workspace.transcript("config check")
    };
    let text = check(&ranges(56));
    assert!(text.contains("[exit 2]") && text.contains("56 address ranges are more rules"), "{text}");
    let text = check("\"10.8.0.0/24\", \"10.8.0.0/24\"");
    assert!(text.contains("[exit 2]") && text.contains("`10.8.0.0/24` is listed twice"), "{text}");
    let text = check(&ranges(55));
    assert!(text.contains("[exit 0]"), "{text}");
    // The quota can be raised.
    let workspace = Workspace::new();
    workspace.edit("allowed_cidrs = []", &format!("allowed_cidrs = [{}]", ranges(120)));
    let text = workspace.transcript("config check --set network.rules_per_security_group=125");
    assert!(text.contains("[exit 0]"), "{text}");
}

/// What `up` would fail with is shown before, and what passes, too.
#[test]
fn preflight_shows_each_check_and_up_refuses_what_fails() {
    let workspace = Workspace::new();
    let passes = workspace.transcript("preflight --sandbox --sandbox-timing instant --no-color");
    assert!(passes.contains("[exit 0]") && passes.contains("pass") && !passes.contains("fail"), "{passes}");
    let denied = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:CreateDBInstance\" = \"AccessDenied\" }\n";
    fs::write(workspace.path().join("account.toml"), denied).expect("the script");
    let script = "--sandbox --sandbox-timing instant --no-color --sandbox-script account.toml";
    let fails = workspace.transcript(&format!("preflight {script}"));
    assert!(fails.contains("[exit 3]") && fails.contains("may not call rds:CreateDBInstance"), "{fails}");
    let refused = workspace.transcript(&format!("up -y {script}"));
    assert!(refused.contains("[exit 3]") && refused.contains("may not call rds:CreateDBInstance"), "{refused}");
    assert!(refused.contains("`migrate-infra policy up` writes the policy that is needed"), "{refused}");
    let status = workspace.transcript("status --sandbox --no-color");
    assert!(!status.contains("source/"), "{status}");
    let failed = workspace.transcript(&format!("up -y --skip-preflight {script}"));
    assert!(failed.contains("[exit 1]"), "{failed}");
}
