//! The life of a stack as a user lives it, with the real program: plan, an `up` that is killed, the same `up` again, an `up` with nothing
//! to do, and `down`. One definition; it runs on the embedded AWS and, over HTTP, against LocalStack.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cli::Place;
use crate::emulator::Emulator;
use crate::lane::Lane;
use crate::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

/// Kinds of the graph, and what the inventory calls them.
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

/// How many of each there must be: as many as the graph has, so that a duplicate is seen as well as what is missing.
fn expected(file: &str, sets: &[&str]) -> BTreeMap<&'static str, usize> {
    let graph = graph(file, sets);
    let count = |kind: &str| graph.nodes().values().filter(|node| node.kind == kind).count();
    let mut expected: BTreeMap<_, _> = NAMES.iter().map(|(kind, name)| (*name, count(kind))).collect();
    // A replica is a secret, too.
    expected.insert("secret", count("secretsmanager.secret") + count("secretsmanager.secret_replica"));
    expected.insert("role", count("iam.role") + distinct_account_roles(&graph));
    expected.retain(|_, count| *count > 0);
    expected
}

/// The account-wide roles are shared by all replications of an account.
fn distinct_account_roles(graph: &migrate_infra::graph::Graph) -> usize {
    let names = graph.nodes().values().filter(|node| node.kind == "dms.account_role").map(|node| node.spec["name"].to_string());
    names.collect::<BTreeSet<_>>().len()
}

fn counted(made: &[&String], names: &BTreeMap<&'static str, usize>) -> BTreeMap<&'static str, usize> {
    let count = |name: &str| made.iter().filter(|id| id.split_once(": ").is_some_and(|(what, _)| what == name)).count();
    names.keys().map(|name| (*name, count(name))).filter(|(_, count)| *count > 0).collect()
}

/// Starts a command and kills it once it has told of this event that many times.
fn killed(lane: &Lane, place: &Place, arguments: &str, event: &str, after: usize) {
    let arguments = format!("{arguments} --output json");
    let mut child = lane.slow_command(place, &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
    let lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
    let event = format!("\"{event}\"");
    let told = lines.map_while(Result::ok).filter(|line| line.contains(&event)).take(after).count();
    assert_eq!(told, after, "it ended before it could be killed");
    child.kill().expect("it is killed");
    assert_eq!(child.wait().expect("it ends").code(), None, "it ended by itself");
}

fn lives(lane: &Lane, file: &str, two_regions: bool) {
    let place = Place::with(file);
    let set = if two_regions { format!(" --set {TWO_REGIONS}") } else { String::new() };
    let regions: &[&str] = if two_regions { &["us-east-1", FAR] } else { &["us-east-1"] };
    let expected = expected(file, if two_regions { &[TWO_REGIONS] } else { &[] });
    let before = lane.inventory(&place, regions);
    let run = |arguments: &str| lane.succeed(&place, &format!("{arguments}{set}"));

    assert!(run("plan").contains("to create"), "there is something to do");
    assert_eq!(lane.run(&place, &format!("plan --exit-code{set}")).status.code(), Some(4));
    killed(lane, &place, &format!("up -y{set}"), "step_created", 25);
    assert!(run("status").contains("`up` to go on"), "what is unfinished is shown");
    run("up -y");
    let up = lane.inventory(&place, regions);
    let made: Vec<&String> = up.difference(&before).collect();
    assert_eq!(counted(&made, &expected), expected, "{made:#?}");

    let again = run("up -y --output json");
    let finished = again.lines().find(|line| line.contains("\"run_finished\"")).expect("a last event");
    let finished: serde_json::Value = serde_json::from_str(finished).expect("an event is JSON");
    assert_eq!(finished["mutations"], 0, "a second up changed something:\n{again}");
    assert_eq!(lane.inventory(&place, regions), up);
    assert!(run("plan --exit-code").contains("there is nothing to do"));

    // A shift of traffic that is killed in the middle, and finished by the same command. No emulator's tasks answer health checks everywhere.
    killed(lane, &place, &format!("traffic shift --to 30 -y --force{set}"), "call", 1);
    let [source, target] = lane.weights(&place);
    assert_eq!(source + target, 100, "{source} {target}");
    run("traffic shift --to 30 -y --force");
    assert_eq!(lane.weights(&place), [70, 30]);
    assert_eq!(lane.run(&place, &format!("plan --exit-code{set}")).status.code(), Some(0), "weights are no drift");
    run("traffic rollback -y");
    assert_eq!(lane.weights(&place), [100, 0]);

    killed(lane, &place, &format!("down -y{set}"), "step_done", 15);
    run("down -y");
    let left: Vec<String> = lane.inventory(&place, regions).difference(&before).cloned().collect();
    assert_eq!(left, Vec::<String>::new(), "down left something");
    assert!(run("status").contains("nothing of"));
    run("down -y");
}

macro_rules! scenarios {
    ($($name:ident: $file:expr, $two_regions:expr;)*) => {
        mod on_the_sandbox {
            use super::*;
            $(#[test] fn $name() { lives(&Lane::Sandbox, $file, $two_regions); })*
        }
        mod over_http {
            use super::*;
            $(#[test] fn $name() { lives(&Lane::Http(Emulator::account()), $file, $two_regions); })*
        }
    };
}

scenarios! {
    the_paired_layout_in_one_region: PAIRED, false;
    the_paired_layout_in_two_regions: PAIRED, true;
    the_self_contained_layout_in_one_region: SELF_CONTAINED, false;
    the_self_contained_layout_in_two_regions: SELF_CONTAINED, true;
}
