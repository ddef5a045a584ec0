//! What is read out of events.

use super::{cutover, timeline, up};
use crate::{Bar, End, Retry, Timeline, Verdict, Wait};

fn step<'a>(timeline: &'a Timeline, address: &str) -> &'a Bar {
    timeline.steps.iter().find(|bar| bar.address == address).expect("the step")
}

#[expect(clippy::float_cmp, reason = "they are read from the same text")]
fn same(one: f64, other: f64) -> bool {
    one == other
}

#[test]
fn a_step_has_its_moments_waits_and_retries() {
    let up = up();
    assert!(same(up.seconds, 500.5));
    let database = step(&up, "source/database/instance");
    assert_eq!((database.kind.as_str(), database.end, database.expected), ("rds.db_instance", End::Done, Some(453)));
    assert_eq!((database.start, database.created, database.finish), (10.0, Some(13.0), 400.0));
    // Its subnet was there earlier: it waited for a place.
    assert!(same(database.possible, 4.2));
    let wait = |from, to, status: &str| Wait { from, to, what: "the database".into(), status: status.into() };
    assert_eq!(database.waits, [wait(13.0, 320.0, "creating"), wait(320.0, 400.0, "backing-up")]);
    assert_eq!(database.retries, [], "what does not exist yet is not found");
    let retry = Retry { at: 2.0, call: "ec2:CreateSubnet".into(), code: "InvalidVpcID.NotFound".into() };
    assert_eq!(step(&up, "source/network/subnet-a").retries, [retry]);
    // The id of the database was enough.
    assert!(same(step(&up, "source/database/alarm").possible, 13.0));
    assert_eq!(up.unchanged(), 1);
}

#[test]
fn the_critical_path_follows_the_moments_that_steps_waited_for() {
    let up = up();
    let path: Vec<&str> = up.critical_path.iter().map(|index| up.steps[*index].address.as_str()).collect();
    let chain = ["source/network/vpc", "source/network/subnet-a", "source/database/instance", "source/service/api"];
    assert_eq!(path, chain);
}

#[test]
fn errors_name_their_step_and_what_aws_said() {
    let up = up();
    let texts: Vec<&str> = up.errors.iter().map(|error| error.text.as_str()).collect();
    let blocked = "not attempted, because it depends on source/service/api";
    let failed = "the tasks do not start; call ecs:DescribeServices; code ServiceNotActive; request r-1";
    assert_eq!(texts, [failed, blocked]);
    let failed = &up.steps[up.errors[0].step.expect("its step")];
    assert_eq!((failed.address.as_str(), failed.end), ("source/service/api", End::Failed));
    assert_eq!(step(&up, "source/service/scaling").end, End::Blocked);
}

#[test]
fn calls_are_counted_for_each_service() {
    let calls = up().calls;
    let counts: Vec<(&str, u64, u64)> = calls.iter().map(|of| (of.service.as_str(), of.calls, of.with_code)).collect();
    assert_eq!(counts, [("ec2", 4, 1), ("rds", 2, 1), ("logs", 1, 0)]);
    assert_eq!((calls[0].slowest_millis, calls[0].operations[0].clone()), (600, ("CreateSubnet".to_owned(), 2)));
}

#[test]
fn a_cutover_has_weights_lag_gates_and_the_time_without_writes() {
    let migration = cutover().migration.expect("a migration");
    let shares: Vec<(f64, u8)> = migration.weights.iter().map(|weight| (weight.at, weight.live)).collect();
    assert_eq!(shares, [(0.0, 0), (40.0, 0), (45.0, 10), (45.0, 10), (400.0, 100)]);
    let lag: Vec<f64> = migration.lag.iter().map(|point| point.value).collect();
    assert_eq!(lag, [4.0, 75.0, 6.0, 2.0]);
    let verdict =
        |from, to, verdict: &str, text: &str| Verdict { from, to, verdict: verdict.into(), text: text.into() };
    assert_eq!(
        migration.gates[0].verdicts,
        [
            verdict(5.0, 35.0, "no data", "nothing was measured yet"),
            verdict(35.0, 200.0, "pass", "4 s"),
            verdict(200.0, 230.0, "fail", "75 s, more than 60 s"),
            verdict(230.0, 1199.0, "pass", "6 s"),
        ]
    );
    assert_eq!(migration.outcome.as_deref(), Some("completed"));
    assert_eq!(migration.without_writes_seconds, Some(75.0), "from the row `fence` to the end of the last row");
    let [switchover] = migration.switchovers.as_slice() else { panic!("one switchover") };
    let rows: Vec<_> = switchover.rows.iter().map(|row| (row.name.as_str(), row.to - row.from, row.forecast)).collect();
    let expected = [("prepare", 65.0, None), ("fence", 3.0, Some(2.5)), ("drain", 32.0, Some(20.0))];
    assert_eq!(rows[..3], expected);
    assert_eq!(rows[3], ("open", 40.0, Some(48.0)));
}

#[test]
fn a_run_that_was_killed_ends_with_its_last_event() {
    let run = r#"{"format":1,"id":"a","command":"up","stack":"s/1","started":"2026-01-01T00:00:00Z"}"#;
    let events = "{\"at_seconds\":1.0,\"event\":\"step_started\",\"address\":\"source/a/b\",\"action\":\"create\"}\n\
                  {\"at_seconds\":2.0,\"event\":\"step_waiting\",\"address\":\"source/a/b\",\"what\":\"w\",\
                  \"status\":\"creating\"}\n\
                  {\"at_seconds\":9.0,\"event\":\"notice\",\"text\":\"a text\"}\n";
    let killed = timeline(run, events);
    assert_eq!(killed.run.outcome(), "unfinished");
    let [bar] = killed.steps.as_slice() else { panic!("one step") };
    assert_eq!((bar.end, bar.finish, bar.waits[0].to), (End::Interrupted, 9.0, 9.0));
    // The next run of the same rehearsal starts it again.
    let again = events.to_owned() + &events.replace(":1.0", ":10.0").replace(":2.0", ":11.0").replace(":9.0", ":12.0");
    let ends: Vec<(f64, f64)> = timeline(run, &again).steps.iter().map(|bar| (bar.start, bar.finish)).collect();
    assert_eq!(ends, [(1.0, 10.0), (10.0, 12.0)]);
}

#[test]
fn nothing_happened() {
    let run = r#"{"format":1,"id":"a","command":"up","stack":"s/1","started":""}"#;
    let empty = timeline(run, "");
    assert!(empty.steps.is_empty() && empty.critical_path.is_empty() && empty.migration.is_none());
    assert_eq!(crate::chart(&empty, 80).len(), 1);
    assert!(crate::html::page(&empty).contains("unfinished"));
}
