//! The lifecycle of a stack with the real program: plan, an `up` that is killed, the same `up` again, an `up` with
//! nothing to do, and `down`. One definition runs on the sandbox and, over HTTP, against LocalStack.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use migrate_infra::address::Address;

use crate::harness::backend::Backend;
use crate::harness::emulator::Emulator;
use crate::harness::matrix;
use crate::harness::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};
use crate::harness::workspace::Workspace;

/// Kinds of the graph, and their names in the inventory.
const NAMES: &[(&str, &str)] = &[
    ("ec2.vpc", "vpc"),
    ("ec2.subnet", "subnet"),
    ("ec2.internet_gateway", "internet gateway"),
    ("ec2.nat_gateway", "nat gateway"),
    ("ec2.elastic_ip", "elastic ip"),
    ("ec2.gateway_endpoint", "vpc endpoint"),
    ("ec2.vpc_peering_connection", "active peering"),
    ("rds.db_instance", "database"),
    ("rds.db_subnet_group", "db subnet group"),
    ("rds.db_parameter_group", "db parameter group"),
    ("lambda.function", "function"),
    ("s3.bucket", "bucket"),
    ("s3.bucket_replication", "bucket replication"),
    ("logs.log_group", "log group"),
    ("ecs.cluster", "cluster"),
    ("ecs.service", "service"),
    ("ecs.task_definition", "task definition"),
    ("elbv2.load_balancer", "load balancer"),
    ("elbv2.listener", "listener"),
    ("elbv2.target_group", "target group"),
    ("autoscaling.scalable_target", "scalable target"),
    ("autoscaling.scaling_policy", "scaling policy"),
    ("cloudwatch.alarm", "alarm"),
    ("cloudwatch.dashboard", "dashboard"),
    ("dms.replication_subnet_group", "replication subnet group"),
    ("dms.replication_instance", "replication instance"),
    ("dms.endpoint", "endpoint"),
    ("dms.replication_task", "replication task"),
    ("route53.hosted_zone", "hosted zone"),
    ("route53.health_check", "health check"),
    ("route53.weighted_record", "weighted record"),
];

/// The expected number of each kind, from the graph: shows duplicates as well as missing resources.
fn expected(file: &str, sets: &[&str]) -> BTreeMap<&'static str, usize> {
    let graph = graph(file, sets);
    let count = |kind: &str| graph.nodes().values().filter(|node| node.kind == kind).count();
    let mut expected: BTreeMap<_, _> = NAMES.iter().map(|(kind, name)| (*name, count(kind))).collect();
    // A replica is a secret, too.
    expected.insert("secret", count("secretsmanager.secret") + count("secretsmanager.secret_replica"));
    expected.insert("role", count("iam.role") + distinct_account_roles(&graph));
    let checks = ["route53.health_check", "route53.alarm_health_check", "route53.calculated_health_check"];
    expected.insert("health check", checks.iter().map(|kind| count(kind)).sum());
    expected.retain(|_, count| *count > 0);
    expected
}

/// The account-wide roles are shared by all replications of an account.
fn distinct_account_roles(graph: &migrate_infra::graph::Graph) -> usize {
    let names =
        graph.nodes().values().filter(|node| node.kind == "dms.account_role").map(|node| node.spec["name"].to_string());
    names.collect::<BTreeSet<_>>().len()
}

fn counted(made: &[&String], names: &BTreeMap<&'static str, usize>) -> BTreeMap<&'static str, usize> {
    let count = |name: &str| made.iter().filter(|id| id.split_once(": ").is_some_and(|(what, _)| what == name)).count();
    names.keys().map(|name| (*name, count(name))).filter(|(_, count)| *count > 0).collect()
}

/// Starts a command and kills it after it has reported this event a number of times.
fn killed(backend: &Backend, workspace: &Workspace, arguments: &str, event: &str, after: usize) {
    let arguments = format!("{arguments} --output json");
    let mut child = backend
        .slow_command(workspace, &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
    let event = format!("\"{event}\"");
    let transcript = lines.map_while(Result::ok).filter(|line| line.contains(&event)).take(after).count();
    assert_eq!(transcript, after, "it ended before it could be killed");
    child.kill().expect("it is killed");
    assert_eq!(child.wait().expect("it ends").code(), None, "it ended by itself");
}

fn lives(backend: &Backend, file: &str, two_regions: bool) {
    let workspace = Workspace::with(file);
    let set = if two_regions { format!(" --set {TWO_REGIONS}") } else { String::new() };
    let regions: &[&str] = if two_regions { &["us-east-1", FAR] } else { &["us-east-1"] };
    let expected = expected(file, if two_regions { &[TWO_REGIONS] } else { &[] });
    let before = backend.inventory(&workspace, regions);
    let run = |arguments: &str| backend.succeed(&workspace, &format!("{arguments}{set}"));

    assert!(run("plan").contains("to create"), "there is something to do");
    assert_eq!(backend.run(&workspace, &format!("plan --exit-code{set}")).status.code(), Some(4));
    killed(backend, &workspace, &format!("up -y{set}"), "step_created", 25);
    assert!(run("status").contains("`up` to resume"), "what is unfinished is shown");
    run("up -y");
    let up = backend.inventory(&workspace, regions);
    let made: Vec<&String> = up.difference(&before).collect();
    assert_eq!(counted(&made, &expected), expected, "{made:#?}");

    let again = run("up -y --output json");
    let finished = again.lines().find(|line| line.contains("\"run_finished\"")).expect("a last event");
    let finished: serde_json::Value = serde_json::from_str(finished).expect("an event is JSON");
    assert_eq!(finished["mutations"], 0, "a second up changed something:\n{again}");
    assert_eq!(backend.inventory(&workspace, regions), up);
    assert!(run("plan --exit-code").contains("there is nothing to do"));

    // A shift that is killed halfway, and completed by the same command. No emulator's tasks answer
    // health checks everywhere.
    killed(
        backend,
        &workspace,
        &format!("traffic shift --to 30 -y --force{set}"),
        "route53:ChangeResourceRecordSets",
        1,
    );
    assert_eq!(backend.weights(&workspace), [70, 30], "the batch was sent");
    assert!(run("status").contains("a shift to 30 % was started, and its end was not observed"));
    run("traffic shift --to 30 -y --force");
    assert_eq!(backend.weights(&workspace), [70, 30]);
    assert_eq!(
        backend.run(&workspace, &format!("plan --exit-code{set}")).status.code(),
        Some(0),
        "weights are no drift"
    );
    run("traffic rollback -y");
    assert_eq!(backend.weights(&workspace), [100, 0]);

    killed(backend, &workspace, &format!("down -y{set}"), "step_done", 15);
    run("down -y");
    let left: Vec<String> = backend.inventory(&workspace, regions).difference(&before).cloned().collect();
    assert_eq!(left, Vec::<String>::new(), "down left something");
    assert!(run("status").contains("nothing of"));
    run("down -y");
}

/// Resources of one part are changed and deleted manually, forgotten, imported and replaced.
fn by_hand(backend: &Backend) {
    let workspace = Workspace::with(PAIRED);
    let before = backend.inventory(&workspace, &["us-east-1"]);
    let part = "--target source/service/target-group --target source/service/logs";
    let run = |arguments: &str| backend.succeed(&workspace, arguments);
    let code = |arguments: &str| backend.run(&workspace, arguments).status.code();
    run(&format!("up -y {part}"));
    assert_eq!(code("drift"), Some(0));
    let graph = graph(PAIRED, &[]);
    let logs = graph.nodes()[&Address::new("source/service/logs")].spec["name"].as_str().expect("a name").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clients = runtime.block_on(backend.clients(&workspace, "us-east-1"));
    let groups = || {
        let shown = runtime.block_on(clients.elb.describe_target_groups().send()).expect("an answer");
        let group = |group: &aws_sdk_elasticloadbalancingv2::types::TargetGroup| {
            (
                group.target_group_arn().unwrap_or_default().to_owned(),
                group.port().unwrap_or_default(),
                group.health_check_path().unwrap_or_default().to_owned(),
            )
        };
        shown.target_groups().iter().map(group).collect::<Vec<_>>()
    };
    let [(first, 8080, _)] = &groups()[..] else { panic!("{:?}", groups()) };

    // Changed, and deleted.
    runtime
        .block_on(clients.elb.modify_target_group().target_group_arn(first).health_check_path("/by-hand").send())
        .expect("it is changed");
    runtime.block_on(clients.logs.delete_log_group().log_group_name(&logs).send()).expect("it is deleted");
    let seen = backend.run(&workspace, "drift");
    let transcript = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(
        seen.status.code() == Some(4)
            && transcript.contains("source/service/target-group")
            && transcript.contains("source/service/logs"),
        "{transcript}"
    );
    run(&format!("up -y {part}"));
    assert_eq!((code("drift"), &*groups()[0].2), (Some(0), "/health"));

    // Forgotten and imported: nothing remains to do.
    run("forget source/service/logs -y");
    run(&format!("adopt source/service/logs {} -y", &logs));
    assert_eq!(code(&format!("plan --exit-code {part}")), Some(0));

    // Replaced: the port of a target group cannot change.
    let set = "--set service.port=9090";
    let plan = run(&format!("plan {part} {set}"));
    assert!(plan.contains("to replace"), "{plan}");
    run(&format!("up -y {part} {set}"));
    let [(second, 9090, _)] = &groups()[..] else { panic!("{:?}", groups()) };
    assert_ne!(first, second);
    run(&format!("down -y {set}"));
    let left: Vec<String> = backend.inventory(&workspace, &["us-east-1"]).difference(&before).cloned().collect();
    assert_eq!(left, Vec::<String>::new(), "down left something");
}

/// The environments and the zone are in accounts of their own: everything is created in its account, and deleted there.
fn in_three_accounts(accounts: &[Emulator; 3]) {
    let workspace = Workspace::with(PAIRED);
    let tenants = ["environments.source", "environments.target", "routing"];
    let (mut profiles, mut sets) = (String::new(), String::new());
    for (Emulator { account, .. }, tenant) in accounts.iter().zip(tenants) {
        let _ = writeln!(profiles, "[profile of-{account}]\naws_access_key_id={account}\naws_secret_access_key=test");
        let _ = write!(sets, " --set {tenant}.profile=of-{account}");
        if tenant != "routing" {
            // The key of AWS cannot be shared with another account.
            let key = format!("arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
            let _ = write!(sets, " --set {tenant}.encryption.kms_key_arn={key}");
        }
    }
    let profiles_file = workspace.path().join("aws-config");
    std::fs::write(&profiles_file, profiles).expect("the profiles");
    let run = |arguments: &str| {
        let arguments = format!("{arguments}{sets}");
        let mut command = workspace.command(&arguments);
        command.env("AWS_ENDPOINT_URL", &accounts[0].url).env("AWS_CONFIG_FILE", &profiles_file);
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{}", workspace.format_output(&output, &arguments));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let inventories =
        || accounts.each_ref().map(|account| Backend::Http(account.clone()).inventory(&workspace, &["us-east-1"]));
    let before = inventories();
    run("up -y");
    let made = inventories();
    let count = |account: usize, what: &str| {
        let is_new = |id: &&String| id.starts_with(&format!("{what}: "));
        made[account].difference(&before[account]).filter(is_new).count()
    };
    assert_eq!([0, 1, 2].map(|account| count(account, "vpc")), [1, 1, 0]);
    assert_eq!([0, 1, 2].map(|account| count(account, "hosted zone")), [0, 0, 1]);
    assert_eq!([0, 1, 2].map(|account| count(account, "replication task") > 0), [false, true, false]);
    assert!(run("plan --exit-code").contains("there is nothing to do"));
    run("traffic shift --to 30 -y --force");
    run("traffic rollback -y");
    run("down -y");
    assert_eq!(inventories(), before, "down left something");
}

macro_rules! scenarios {
    ($($name:ident: $file:expr, $two_regions:expr;)*) => {
        mod on_the_sandbox {
            use super::*;
            $(#[test] fn $name() { lives(&Backend::Sandbox, $file, $two_regions); })*
        }
        mod over_http {
            use super::*;
            // Each half has both layouts, one of them in two regions.
            $(#[test] fn $name() {
                let name = concat!("cli::lifecycle::over_http::", stringify!($name));
                if matrix::tries_half(($file == PAIRED) == $two_regions, name) {
                    lives(&Backend::Http(Emulator::account()), $file, $two_regions);
                }
            })*

            /// On the sandbox, `engine/drift.rs`, `engine/import.rs` and `engine/replacement.rs` do this to everything.
            #[test]
            fn manual_changes_are_corrected_imported_and_replaced() {
                let name = "cli::lifecycle::over_http::manual_changes_are_corrected_imported_and_replaced";
                if matrix::tries_half(true, name) {
                    by_hand(&Backend::Http(Emulator::account()));
                }
            }

            /// On the sandbox, `environments/first_attempt.rs` does this.
            #[test]
            fn each_environment_in_its_account() {
                let name = "cli::lifecycle::over_http::each_environment_in_its_account";
                if matrix::tries_half(false, name) {
                    super::in_three_accounts(&[(); 3].map(|()| Emulator::account()));
                }
            }
        }
    };
}

scenarios! {
    the_paired_layout_in_one_region: PAIRED, false;
    the_paired_layout_in_two_regions: PAIRED, true;
    the_self_contained_layout_in_one_region: SELF_CONTAINED, false;
    the_self_contained_layout_in_two_regions: SELF_CONTAINED, true;
}
