//! `cost`, and the cost in a plan.

use serde_json::{Value, json};

use crate::harness::workspace::{Workspace, assert_transcript};

fn json_of(workspace: &Workspace, arguments: &str) -> Value {
    let output = workspace.run(&format!("{arguments} --output json"));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", workspace.format_output(&output, arguments));
    })
}

#[test]
fn cost_of_the_default_configuration() {
    let transcript = Workspace::new().transcript("cost");
    let table = transcript.lines().take_while(|line| !line.starts_with("unknown, ")).collect::<Vec<_>>();
    let wide: Vec<_> = table.iter().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "the table fits 80 columns: {wide:#?}");
    assert_transcript!(transcript);
}

#[test]
fn cost_needs_no_state_no_credentials_and_no_network() {
    let workspace = Workspace::new();
    let output = workspace.command("cost").env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").output().expect("it runs");
    assert!(output.status.success(), "{}", workspace.format_output(&output, "cost"));
    assert!(!workspace.state().exists(), "it writes nothing");
}

#[test]
fn the_total_is_the_sum_of_the_environments() {
    let workspace = Workspace::new();
    let whole = json_of(&workspace, "cost");
    let sum = |of: &str| -> f64 {
        let environments = whole["environments"].as_object().expect("environments");
        environments.values().map(|total| total[of].as_f64().expect("a number")).sum()
    };
    let total = whole["total"]["monthly"].as_f64().expect("a number");
    assert!((sum("monthly") - total).abs() < 1e-6 && total > 500.0, "{total}");
    assert_eq!(whole["most_expensive"].as_array().map(Vec::len), Some(5));
    let source = json_of(&workspace, "cost --env source");
    assert_eq!(source["total"], whole["environments"]["source"]);
    assert_eq!(source["environments"].as_object().map(serde_json::Map::len), Some(1));
    assert!(!workspace.transcript("cost --env source").contains("while both"), "there is only one");
}

#[test]
fn another_region_without_prices_is_unknown() {
    let workspace = Workspace::new();
    let here = json_of(&workspace, "cost --env target");
    let there = json_of(&workspace, "cost --env target --set environments.target.region=ap-south-2");
    let unknown = |report: &Value| report["total"]["unknown"].as_u64().expect("a number");
    assert_eq!(unknown(&here), 0);
    assert!(unknown(&there) > 20, "{}", there["total"]);
    let database = there["resources"].as_array().expect("resources").iter();
    let database = database.filter(|row| row["kind"] == "rds.db_instance").collect::<Vec<_>>();
    assert_eq!(
        database[0]["items"][0],
        json!({
            "what": "instance db.r5.large",
            "unknown": "no price `rds_postgres_hour.\"db.r5.large\"` in ap-south-2",
        })
    );
    let transcript = workspace.transcript("cost --env target --set environments.target.region=ap-south-2");
    assert!(transcript.contains("target/replication/instance               unknown"), "{transcript}");
}

#[test]
fn other_prices_replace_the_built_in_ones() {
    let workspace = Workspace::new();
    let table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/prices.toml")).expect("a table");
    let path = workspace.path().join("ours.toml");
    std::fs::write(&path, table.replace("\"db.r5.large\" = 0.25", "\"db.r5.large\" = 0.5")).expect("a file");
    let [built_in, ours] = ["cost", "cost --prices ours.toml"].map(|arguments| json_of(&workspace, arguments));
    let monthly = |report: &Value| report["total"]["monthly"].as_f64().expect("a number");
    assert!((monthly(&ours) - monthly(&built_in) - 365.0).abs() < 1e-6, "two databases");
    assert_eq!((&built_in["table"], &ours["table"]), (&json!("built-in"), &json!("ours.toml")));
    let with_variable = workspace.command("cost --output json").env("MIGRATE_INFRA_PRICES", "ours.toml").output();
    let with_variable: Value = serde_json::from_slice(&with_variable.expect("it runs").stdout).expect("JSON");
    assert_eq!(with_variable, ours);
}

#[test]
fn mistakes_in_a_price_table() {
    let workspace = Workspace::new();
    let table = "date = 2025-12-31\ncurrency = \"USD\"\n[regions.us-east-1]\nnat_gatway_hour = 1\nalarm_month = -1\n";
    std::fs::write(workspace.path().join("bad.toml"), table).expect("a file");
    assert_transcript!(workspace.transcript("cost --prices bad.toml"));
    assert_transcript!(workspace.transcript("plan --prices nowhere.toml"));
}

#[test]
fn a_plan_shows_how_the_cost_changes() {
    let workspace = Workspace::new();
    let line = |arguments: &str| {
        let transcript = workspace.transcript(&format!("plan --env source --sandbox {arguments}"));
        transcript.lines().find(|line| line.contains("onthly cost")).map(str::to_owned)
    };
    let created = line("").expect("a line");
    let fixed = json_of(&workspace, "cost --env source")["total"]["monthly"].as_f64().expect("a number");
    assert!(created.starts_with(&format!("monthly cost: +${fixed:.2}, usage +$")), "{created}");
    let up = workspace.run("up --env source --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    assert_eq!(line(""), None, "what changes nothing costs the same");
    let larger = "--set database.instance_class=db.r5.xlarge";
    assert_eq!(line(larger).as_deref(), Some("monthly cost: +$182.50 (prices of 2025-12-01)"));
    assert_eq!(
        line(&format!("{larger} --markdown")).as_deref(),
        Some("Monthly cost: +$182.50 (prices of 2025-12-01).")
    );
    let nothing_more = json!({ "low": 0.0, "high": 0.0 });
    assert_eq!(
        json_of(&workspace, &format!("plan --env source --sandbox {larger}"))["cost"],
        json!({ "prices": "2025-12-01", "currency": "USD", "monthly": 182.5, "usage": nothing_more, "unknown": 0 })
    );
    assert_eq!(
        line("--set service.max_count=12").as_deref(),
        Some("monthly cost: usage $0.00 to +$36.04 (prices of 2025-12-01)")
    );
    assert_eq!(
        line("--set database.backup_retention_days=14").as_deref(),
        Some("monthly cost: unchanged (prices of 2025-12-01)")
    );
    let unknown = line("--set database.instance_class=db.x2g.large").expect("a line");
    assert!(unknown.contains("-$182.50") && unknown.contains("one resource has no known price"), "{unknown}");
}
