//! Verdicts on measurements, the sections `[cutover]` and `[gates]`, and the report of a cutover.

use std::fs;
use std::path::Path;

use migrate_infra::config::{
    Bound, Check, Config, ConfigError, CustomCheck, Gate, Limit, Metric, Overrides, Query, RateLimit, Side, Statistic,
    load,
};
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::{CutoverPlan, Event, Input, Outcome, Progress, step};
use migrate_infra::migration::cutover::{CutoverReport, Initiator};
use migrate_infra::migration::gate::Verdict::{Error, Fail, NoData, NotJudged, Pass};
use migrate_infra::migration::gate::{
    Alarm, AlarmState, EvalContext, Point, Reading, Requests, Series, Table, TableState, Targets, Verdict, evaluate,
};

use crate::cutover::state_machine_driver::{Driver, evaluated, schedule, split};

/// A time 30 seconds after the beginning of a minute.
const NOW: i64 = 1_800_000_030;

fn limit(bound: Bound) -> Limit {
    Limit { bound, window_seconds: 180, period_seconds: 60, min_points: 2 }
}

fn gate(check: Check) -> Gate {
    Gate { name: "gate".into(), check, failures_in_a_row: 1 }
}

fn eval_context(live: u8, next: u8) -> EvalContext {
    EvalContext { now: NOW, live: split(live), next: split(next), since: None, bake_seconds: 300 }
}

/// Values by the age of the beginning of their minute, in seconds.
fn points(values: &[(i64, f64)]) -> Vec<Point> {
    values.iter().map(|(ago, value)| Point { at: NOW - ago, value: *value }).collect()
}

fn series(of: &str, side: Option<Side>, values: &[(i64, f64)]) -> Series {
    Series { of: of.into(), side, points: points(values) }
}

/// Returns the verdict and the text of a gate while each side receives half of the traffic.
fn verdict(check: Check, reading: &Reading) -> (Verdict, String) {
    let judgement = evaluate(&gate(check), reading, &eval_context(50, 100));
    assert_eq!((judgement.gate.as_str(), judgement.at), ("gate", NOW));
    (judgement.verdict, judgement.text)
}

#[test]
fn a_lag_gate_evaluates_every_point_of_its_window() {
    type Values = &'static [(i64, f64)];
    let table: &[(Values, Verdict, &str)] = &[
        (&[(90, 5.0), (150, 59.9)], Pass, "lag: 59.9 s"),
        (&[(150, 59.9), (90, 5.0)], Pass, "lag: 59.9 s"),
        (&[(90, 60.0), (150, 5.0)], Fail, "lag: 60 s, must be below 60 s"),
        (&[(90, 5.0), (150, 75.0), (210, 5.0)], Fail, "lag: 75 s, must be below 60 s"),
        // The newest minutes are missing: metrics of AWS arrive late, and that is no failure.
        (&[(150, 5.0), (210, 6.0)], Pass, "lag: 6 s"),
        // A minute that is not over does not count.
        (&[(30, 500.0), (90, 5.0), (150, 5.0)], Pass, "lag: 5 s"),
        // Points before the window do not count.
        (&[(90, 5.0), (150, 5.0), (240, 500.0)], Pass, "lag: 5 s"),
        (&[(90, 5.0), (240, 5.0), (300, 5.0)], NoData, "lag: 1 of 2 values within 180 s"),
        (&[(239, 5.0), (90, 5.0)], Pass, "lag: 5 s"),
        (&[(90, 75.0)], NoData, "lag: 1 of 2 values within 180 s"),
        (&[], NoData, "lag: 0 of 2 values within 180 s"),
        (&[(90, f64::NAN), (150, 5.0)], Error, "lag: a value is not a number"),
        (&[(90, f64::INFINITY), (150, 5.0)], Error, "lag: a value is not a number"),
        (&[(90, f64::NEG_INFINITY)], Error, "lag: a value is not a number"),
        (
            &[(90, 5.0), (150, 5.0), (-3600, 5.0)],
            Error,
            "lag: there are values from the future, so the clock of this machine is wrong",
        ),
    ];
    for (values, expected, text) in table {
        let reading = Reading::Series(vec![series("lag", None, values)]);
        assert_eq!(
            verdict(Check::ReplicationLag(limit(Bound::Below(60.0))), &reading),
            (*expected, (*text).to_owned()),
            "{values:?}"
        );
    }
}

#[test]
fn a_stopped_replication_fails_and_an_unreadable_one_is_an_error() {
    let check = || Check::ReplicationLag(limit(Bound::Below(60.0)));
    assert_eq!(verdict(check(), &Reading::Broken("the task is stopped".into())), (Fail, "the task is stopped".into()));
    assert_eq!(verdict(check(), &Reading::Unknown("no answer".into())), (Error, "no answer".into()));
    assert_eq!(verdict(check(), &Reading::Series(Vec::new())).0, NoData);
    assert_eq!(verdict(check(), &Reading::Alarms(Vec::new())).0, Error);
}

#[test]
fn every_database_must_have_free_storage() {
    let fine = series("source", Some(Side::Source), &[(90, 10.0), (150, 20.0)]);
    let busy = series("target", Some(Side::Target), &[(90, 10.0), (150, 80.0)]);
    let silent = series("target", Some(Side::Target), &[]);
    let check = || Check::DatabaseCpu(limit(Bound::Below(80.0)));
    assert_eq!(
        verdict(check(), &Reading::Series(vec![fine.clone(), busy])),
        (Fail, "target: 80 %, must be below 80 %".into())
    );
    assert_eq!(verdict(check(), &Reading::Series(vec![fine.clone(), silent])).0, NoData);
    assert_eq!(verdict(check(), &Reading::Series(vec![fine])), (Pass, "source: 20 %".into()));
}

#[test]
fn a_verdict_names_the_environments_that_fail() {
    let of = |side: Side, value| series(side.as_str(), Some(side), &[(90, value), (150, value)]);
    let unhealthy = |source, target| {
        let reading = Reading::Series(vec![of(Side::Source, source), of(Side::Target, target)]);
        let gate = gate(Check::DatabaseCpu(limit(Bound::Below(80.0))));
        evaluate(&gate, &reading, &eval_context(50, 100)).unhealthy
    };
    assert_eq!(unhealthy(10.0, 10.0), []);
    assert_eq!(unhealthy(90.0, 10.0), [Side::Source]);
    assert_eq!(unhealthy(10.0, 90.0), [Side::Target]);
    assert_eq!(unhealthy(90.0, 95.0), [Side::Source, Side::Target]);
}

fn rate(min_requests: u32) -> RateLimit {
    RateLimit { below_percent: 1.0, excess_percent: 0.5, min_requests, min_points: 1, window_seconds: 300 }
}

/// Requests per minute by the age of its beginning, without health checkers.
fn requests(side: Side, all: &[(i64, f64)], hits: &[(i64, f64)]) -> Requests {
    Requests { side, all: points(all), hits: points(hits), probes_per_minute: 0.0, is_fenced: false }
}

/// Four minutes with requests; the newest that counts begins 150 seconds ago.
fn steady(side: Side, per_minute: f64, hits: f64) -> Requests {
    let minutes = |value: f64| [150, 210, 270, 330].map(|ago| (ago, value));
    requests(side, &minutes(per_minute), &minutes(hits))
}

#[test]
fn the_share_of_failed_requests_is_pooled_and_compared_with_confidence() {
    // Requests and failures per minute of the source and of the target, of four minutes.
    let table = [
        ((1000.0, 0.0), (1000.0, 0.0), Pass, "target: 0 % of 4000 requests fail"),
        // One bad minute is not a bad step: the share of all minutes counts.
        ((1000.0, 5.0), (1000.0, 9.0), Pass, "target: 0.9 % of 4000 requests fail"),
        (
            (1000.0, 0.0),
            (1000.0, 30.0),
            Fail,
            "target: 3 % of 4000 requests fail (2.515 to 3.575 % with 95 % confidence), must be below 1 %",
        ),
        // Clearly more than at the source, although below the limit.
        (
            (1000.0, 0.0),
            (1000.0, 9.0),
            Fail,
            "target: 0.9 % of 4000 requests fail, and 0 % at the source: 0.633 to 1.243 percentage points more with \
             95 % confidence, must be at most 0.5",
        ),
        // Above the limit, but perhaps by chance.
        (
            (100.0, 0.0),
            (50.0, 0.75),
            NoData,
            "target: 1.5 % of 200 requests fail (0.511 to 4.317 % with 95 % confidence), must be below 1 %: more \
             requests are necessary",
        ),
        ((100.0, 0.0), (20.0, 0.0), NoData, "target: 80 of 100 requests in 4 of 1 minutes since the split is live"),
        ((100.0, 0.0), (0.0, 0.0), NoData, "target: 0 of 100 requests in 0 of 1 minutes since the split is live"),
        // No target received the requests.
        (
            (1000.0, 0.0),
            (0.0, 50.0),
            Fail,
            "target: 100 % of 200 requests fail (98.115 to 100 % with 95 % confidence), must be below 1 %",
        ),
    ];
    for ((of_source, bad), (of_target, worse), expected, text) in table {
        let reading =
            Reading::Requests(vec![steady(Side::Source, of_source, bad), steady(Side::Target, of_target, worse)]);
        let judgement = evaluate(&gate(Check::ErrorRate(rate(100))), &reading, &eval_context(50, 100));
        // The worst side is shown; the first of two that are equally bad.
        let text = if expected == Pass { text.replace("target: 0 %", "source: 0 %") } else { text.to_owned() };
        assert_eq!(judgement.verdict, expected, "{}", judgement.text);
        if expected != Pass {
            assert_eq!(judgement.text, text);
        }
        let unhealthy: &[Side] = if expected == Fail { &[Side::Target] } else { &[] };
        assert_eq!(judgement.unhealthy, unhealthy);
        let before = evaluate(&gate(Check::ErrorRate(rate(100))), &reading, &eval_context(0, 50));
        assert_eq!(before.verdict, Pass, "the target has no traffic yet");
    }
}

#[test]
fn one_bad_minute_of_many_is_not_a_bad_step() {
    let minutes = [150, 210, 270, 330].map(|ago| (ago, 1000.0));
    let target = requests(Side::Target, &minutes, &[(210, 12.0)]);
    let reading = Reading::Requests(vec![steady(Side::Source, 1000.0, 0.0), target]);
    let judgement = evaluate(&gate(Check::ErrorRate(rate(100))), &reading, &eval_context(50, 100));
    assert_eq!(judgement.verdict, Pass, "{}", judgement.text);
}

#[test]
fn only_complete_minutes_since_the_shift_count() {
    let check = gate(Check::ErrorRate(rate(100)));
    // All failures are in minutes that are not over, that may still be incomplete, or from before the shift.
    let target = requests(
        Side::Target,
        &[(30, 1000.0), (90, 1000.0), (150, 1000.0), (210, 1000.0), (270, 1000.0)],
        &[(30, 900.0), (90, 900.0), (270, 900.0)],
    );
    let reading = Reading::Requests(vec![steady(Side::Source, 1000.0, 0.0), target]);
    let context = EvalContext { since: Some(NOW - 240), ..eval_context(50, 100) };
    assert_eq!(evaluate(&check, &reading, &context).verdict, Pass);
    let context = EvalContext { since: Some(NOW - 60), ..eval_context(50, 100) };
    assert_eq!(evaluate(&check, &reading, &context).verdict, NoData, "nothing is complete yet");
    let context = EvalContext { since: None, ..eval_context(50, 100) };
    assert_eq!(evaluate(&check, &reading, &context).verdict, Fail);
    for (all, hits) in [((150, f64::NAN), (210, 1.0)), ((150, 1000.0), (210, f64::NAN)), ((-3600, 1.0), (150, 1.0))] {
        let target = requests(Side::Target, &[all], &[hits]);
        let reading = Reading::Requests(vec![steady(Side::Source, 1000.0, 0.0), target]);
        assert_eq!(evaluate(&check, &reading, &eval_context(50, 100)).verdict, Error);
    }
    let one = Reading::Requests(vec![steady(Side::Source, 1000.0, 0.0)]);
    assert_eq!(evaluate(&check, &one, &eval_context(50, 100)).verdict, NoData);
}

#[test]
fn the_requests_of_health_checkers_and_of_a_closed_fence_do_not_count() {
    let check = gate(Check::ErrorRate(rate(100)));
    let verdict = |target: Requests| {
        let reading = Reading::Requests(vec![steady(Side::Source, 1000.0, 0.0), target]);
        evaluate(&check, &reading, &eval_context(50, 100)).verdict
    };
    assert_eq!(verdict(steady(Side::Target, 30.0, 0.0)), Pass);
    assert_eq!(verdict(Requests { probes_per_minute: 30.0, ..steady(Side::Target, 30.0, 0.0) }), NoData);
    assert_eq!(verdict(Requests { probes_per_minute: 30.0, ..steady(Side::Target, 60.0, 0.0) }), Pass);
    assert_eq!(verdict(steady(Side::Target, 1000.0, 1000.0)), Fail);
    // Only health checkers have seen that there is no target.
    assert_eq!(verdict(Requests { probes_per_minute: 30.0, ..steady(Side::Target, 0.0, 30.0) }), NoData);
    // All requests are answered with 503, on purpose: the side is not judged, and the source passes.
    assert_eq!(verdict(Requests { is_fenced: true, ..steady(Side::Target, 1000.0, 1000.0) }), Pass);
}

#[test]
fn requests_must_arrive_as_the_weights_say() {
    let check = gate(Check::TrafficShare { tolerance_percent: 20.0, min_requests: 100, window_seconds: 300 });
    let at = |live, source, target| {
        let reading = Reading::Requests(vec![steady(Side::Source, source, 0.0), steady(Side::Target, target, 0.0)]);
        let judgement = evaluate(&check, &reading, &eval_context(live, 100));
        (judgement.verdict, judgement.text)
    };
    let table = [
        (0, 1000.0, 0.0, Pass, "0 % of 4000 requests arrive at the target"),
        // Nobody resolves the zone: that is known before the first step.
        (
            0,
            0.0,
            0.0,
            NoData,
            "0 of 100 requests arrive at the load balancers of both environments: do clients resolve this zone?",
        ),
        (50, 500.0, 500.0, Pass, "50 % of 4000 requests arrive at the target"),
        (50, 650.0, 350.0, Pass, "35 % of 4000 requests arrive at the target"),
        (
            50,
            1000.0,
            0.0,
            NoData,
            "0 % of 4000 requests arrive at the target, but its weight is 50 %, and they may differ by 20 points",
        ),
        (
            10,
            0.0,
            1000.0,
            NoData,
            "100 % of 4000 requests arrive at the target, but its weight is 10 %, and they may differ by 20 points",
        ),
        (100, 0.0, 1000.0, Pass, "100 % of 4000 requests arrive at the target"),
    ];
    for (live, source, target, verdict, text) in table {
        assert_eq!(at(live, source, target), (verdict, text.to_owned()));
    }
}

proptest::proptest! {
    /// Whatever is measured, a gate never passes with too few requests, and never fails without a share that is clearly
    /// too high.
    #[test]
    fn too_few_requests_never_pass_and_a_failure_is_never_by_chance(all in 0_u32..2000, bad in 0_u32..2000,
        others in 0_u32..2000, others_bad in 0_u32..100, min_requests in 1_u32..1000) {
        let (bad, others_bad) = (bad.min(all), others_bad.min(others));
        let one = |side, all: u32, bad: u32| requests(side, &[(150, f64::from(all))], &[(150, f64::from(bad))]);
        let reading = Reading::Requests(vec![
            one(Side::Source, others, others_bad), one(Side::Target, all, bad),
        ]);
        let judgement = evaluate(&gate(Check::ErrorRate(rate(min_requests))), &reading, &eval_context(50, 100));
        if all < min_requests || others < min_requests {
            proptest::prop_assert_ne!(judgement.verdict, Pass);
        }
        if all < min_requests {
            proptest::prop_assert!(!judgement.unhealthy.contains(&Side::Target));
        }
        let share = |bad: u32, all: u32| if all == 0 { 0.0 } else { 100.0 * f64::from(bad) / f64::from(all) };
        if judgement.verdict == Pass {
            proptest::prop_assert!(share(bad, all) < 1.0 && share(others_bad, others) < 1.0);
        }
        if judgement.unhealthy.contains(&Side::Target) {
            let exceeds = share(bad, all) - share(others_bad, others) > 0.5;
            proptest::prop_assert!(share(bad, all) >= 1.0 || exceeds);
        }
    }
}

#[test]
fn targets_must_be_healthy_where_traffic_arrives_or_will_arrive() {
    let of =
        |side, healthy, unhealthy, desired| Targets { side, healthy, initial: 0, unhealthy, desired, is_fenced: false };
    let table = [
        (0, 10, 2, 0, 2, Pass),
        (0, 10, 1, 1, 2, Fail),
        // A task is being started.
        (0, 10, 1, 0, 2, NoData),
        (0, 10, 0, 0, 0, Fail),
        (0, 0, 0, 0, 2, Pass),
        (100, 100, 3, 0, 2, Pass),
        (100, 100, 1, 1, 2, Fail),
    ];
    for (live, next, healthy, unhealthy, desired, expected) in table {
        let reading = Reading::Targets(vec![of(Side::Source, 2, 0, 2), of(Side::Target, healthy, unhealthy, desired)]);
        let judgement = evaluate(&gate(Check::HealthyTargets), &reading, &eval_context(live, next));
        assert_eq!(judgement.verdict, expected, "{live} {next} {healthy} {unhealthy} {desired}");
        assert_eq!(judgement.unhealthy, if expected == Fail { vec![Side::Target] } else { Vec::new() });
    }
    let source_is_gone = Reading::Targets(vec![of(Side::Target, 2, 0, 2)]);
    assert_eq!(evaluate(&gate(Check::HealthyTargets), &source_is_gone, &eval_context(50, 100)).verdict, NoData);
    assert_eq!(evaluate(&gate(Check::HealthyTargets), &source_is_gone, &eval_context(100, 100)).verdict, Pass);
}

#[test]
fn validation_passes_only_when_all_tables_were_compared() {
    let table = |name: &str, state| Table { name: name.into(), state, is_suspended: false };
    let check = |with_traffic| Check::Validation { with_traffic, ignored_tables: vec!["public.audit".into()] };
    let all =
        |states: &[TableState]| Reading::Tables(states.iter().map(|state| table("public.payments", *state)).collect());
    let cases: [(&[TableState], Verdict); 7] = [
        (&[], NoData),
        (&[TableState::Same, TableState::Same], Pass),
        (&[TableState::Same, TableState::Pending], NoData),
        (&[TableState::Pending, TableState::Failed], Error),
        (&[TableState::Same, TableState::NotCompared], Fail),
        (&[TableState::Different, TableState::Pending], Fail),
        (&[TableState::Different, TableState::Failed], Fail),
    ];
    for (states, expected) in cases {
        assert_eq!(evaluate(&gate(check(false)), &all(states), &eval_context(0, 10)).verdict, expected, "{states:?}");
        // The service writes to the target, so rows differ. Without any table, nothing is known.
        let with_traffic = if states.is_empty() { NoData } else { Pass };
        assert_eq!(
            evaluate(&gate(check(false)), &all(states), &eval_context(10, 20)).verdict,
            with_traffic,
            "{states:?}"
        );
        assert_eq!(evaluate(&gate(check(true)), &all(states), &eval_context(10, 20)).verdict, expected, "{states:?}");
    }
    let ignored = Reading::Tables(vec![
        table("public.audit", TableState::NotCompared),
        table("public.payments", TableState::Same),
    ]);
    assert_eq!(evaluate(&gate(check(false)), &ignored, &eval_context(0, 10)).verdict, Pass);
    let only_ignored = Reading::Tables(vec![table("public.audit", TableState::Same)]);
    assert_eq!(evaluate(&gate(check(false)), &only_ignored, &eval_context(0, 10)).verdict, NoData);
    // A table that is not replicated any more counts in every case, also if its comparison is ignored.
    for (name, live) in [("public.payments", 0), ("public.payments", 10), ("public.audit", 10)] {
        let suspended = Table { is_suspended: true, ..table(name, TableState::Same) };
        let judgement = evaluate(&gate(check(false)), &Reading::Tables(vec![suspended]), &eval_context(live, 20));
        assert_eq!((judgement.verdict, judgement.unhealthy.len()), (Fail, 0), "{name} at {live}");
    }
}

#[test]
fn alarms_pass_only_when_they_have_data() {
    let alarms = |states: &[AlarmState]| {
        let alarm = |(index, state): (usize, &AlarmState)| Alarm {
            name: format!("alarm-{index}"),
            side: Some(Side::Target),
            state: *state,
        };
        verdict(Check::Alarms, &Reading::Alarms(states.iter().enumerate().map(alarm).collect()))
    };
    let (quiet, raised, blind) = (AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData);
    assert_eq!(alarms(&[quiet, quiet]), (Pass, "2 alarms are quiet".into()));
    assert_eq!(alarms(&[quiet, blind]), (NoData, "without data: alarm-1".into()));
    assert_eq!(alarms(&[blind, raised]), (Fail, "raised: alarm-1".into()));
    assert_eq!(alarms(&[]).0, NoData);
}

#[test]
fn a_custom_metric_is_compared_with_its_bound() {
    let own = |bound, statistic: &str, needs_traffic| {
        let statistic = Statistic::parse(statistic).unwrap();
        let metric = Metric { namespace: "Payments".into(), name: "Declined".into(), dimensions: [].into(), statistic };
        gate(Check::Custom(CustomCheck {
            query: Query::Metric(metric),
            environment: None,
            region: "us-east-1".into(),
            limit: limit(bound),
            needs_traffic,
        }))
    };
    let reading = |values: &[(i64, f64)]| Reading::Series(vec![series("declined", None, values)]);
    let values = reading(&[(90, 5.0), (150, 7.0), (210, 6.0)]);
    let table = [
        (Bound::AtMost(7.0), Pass, 7.0),
        (Bound::Below(7.0), Fail, 7.0),
        (Bound::AtLeast(5.0), Pass, 5.0),
        (Bound::Above(5.0), Fail, 5.0),
    ];
    for (bound, expected, worst) in table {
        let judgement = evaluate(&own(bound, "Average", None), &values, &eval_context(50, 100));
        assert_eq!((judgement.verdict, judgement.value), (expected, Some(worst)), "{bound:?}");
    }
    // A sum that is still growing is no reason to fail, and none to pass.
    let growing = reading(&[(30, 1.0), (90, 100.0), (150, 100.0)]);
    assert_eq!(evaluate(&own(Bound::AtLeast(50.0), "Sum", None), &growing, &eval_context(50, 100)).verdict, Pass);
    let needs = own(Bound::AtLeast(50.0), "Sum", Some(Side::Target));
    assert_eq!(evaluate(&needs, &reading(&[]), &eval_context(0, 10)).verdict, NotJudged);
    assert_eq!(evaluate(&needs, &reading(&[]), &eval_context(10, 20)).verdict, NoData);
}

/// Returns the bundled configuration with additional text.
fn with(text: &str) -> Result<Config, ConfigError> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("migration.toml");
    let all = fs::read_to_string("config/migration.toml").unwrap();
    // A section can occur once in a file: the additional sections replace those of the file.
    let written = |section: &str| text.lines().any(|line| line == section);
    let mut kept = String::new();
    let mut keep = true;
    for line in all.lines() {
        if line.starts_with('[') {
            keep = !written(line);
        }
        if keep {
            kept.push_str(&format!("{line}\n"));
        }
    }
    fs::write(&file, format!("{kept}\n{text}\n")).unwrap();
    load(Some(&file), &Overrides::default())
}

/// Returns the mistakes of a configuration, each with the text that it marks.
fn mistakes(text: &str) -> Vec<String> {
    let Err(ConfigError::Mistakes(problems)) = with(text) else { panic!("no mistake in {text}") };
    let place = |problem: &migrate_infra::config::ConfigDiagnostic| {
        let file = problem.file.as_ref().expect("the file").inner().clone();
        file[problem.span.clone().expect("a place")].to_owned()
    };
    assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:#?}");
    problems.iter().map(|problem| format!("{} @ {}", problem.message, place(problem))).collect()
}

#[test]
fn the_default_gates_and_steps() {
    let config = load(Some(Path::new("config/migration.toml")), &Overrides::default()).unwrap();
    let gates: Vec<String> = config.gates.iter().map(|gate| format!("{}: {}", gate.name, gate.requirement())).collect();
    assert_eq!(
        gates,
        [
            "replication-lag: below 60 s",
            "validation: all tables equal on both sides",
            "healthy-targets: as many healthy targets as desired tasks",
            "capacity: enough healthy targets for the next step",
            "traffic-share: requests arrive as the weights say, within 20 percentage points",
            "error-rate: below 1 %",
            "latency: below 1 % slower than 2 s",
            "database-cpu: below 80 %",
            "alarms: no alarm raised",
        ]
    );
    let schedule = CutoverPlan::of(&config).expect("there is a routing");
    assert_eq!(
        schedule.steps.as_slice().iter().map(|step| step.percent()).collect::<Vec<_>>(),
        [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    );
    assert_eq!((schedule.bake_seconds, schedule.lag_zero_seconds, schedule.quiesce), (300, None, false));
    assert_eq!(schedule.eval_context(split(40), None, NOW), eval_context(40, 50));
}

#[test]
fn a_partial_section_keeps_its_other_defaults() {
    let config = with("[gates.latency]\nwindow_seconds = 600\n[gates.replication-lag]\nenabled = false").unwrap();
    let latency = config.gates.iter().find(|gate| gate.name == "latency").expect("it is on");
    let share = RateLimit { window_seconds: 600, ..rate(100) };
    assert_eq!(latency.check, Check::Latency { seconds: 2.0, share });
    assert!(!config.gates.iter().any(|gate| gate.name == "replication-lag"));
}

#[test]
fn a_configuration_without_routing_has_no_cutover() {
    let overrides = Overrides {
        sets: vec!["routing.enabled=false".into(), "gates.alarms.enabled=false".into()],
        ..Overrides::default()
    };
    let config = load(Some(Path::new("config/migration.toml")), &overrides).unwrap();
    assert_eq!(CutoverPlan::of(&config), None);
}

#[test]
fn without_replication_its_gates_do_not_apply() {
    let config = with("[environments.target.replicates.database]").map(|_| ());
    assert!(config.is_err(), "a replication needs both ends");
    let text = fs::read_to_string("config/migration.toml").unwrap();
    let (before, after) = (
        text.find("[environments.target.replicates.database]").unwrap(),
        text.find("[environments.target.replicates.bucket]").unwrap(),
    );
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("migration.toml");
    fs::write(&file, format!("{}{}", &text[..before], &text[after..])).unwrap();
    let config = load(Some(&file), &Overrides::default()).unwrap();
    assert!(!config.gates.iter().any(|gate| ["replication-lag", "validation"].contains(&gate.name.as_str())));
    assert_eq!(CutoverPlan::of(&config).expect("a schedule").lag_zero_seconds, None);
}

#[test]
fn custom_gates() {
    let config = with(
        "[gates.custom.declined]\n\
         metric = { namespace = \"Payments\", name = \"Declined\", dimensions = { Stage = \"target\" }, statistic = \
         \"Sum\" }\n\
         at_most = 5\nenvironment = \"target\"\nonly_with_traffic = true\n\
         [gates.custom.share]\n\
         expression = \"100 * declined / all\"\nbelow = 2.5\nregion = \"eu-west-1\"\nperiod_seconds = \
         10\nwindow_seconds = 30\n\
         metrics.declined = { namespace = \"Payments\", name = \"Declined\", statistic = \"Sum\" }\n\
         metrics.all = { namespace = \"Payments\", name = \"All\", statistic = \"Sum\" }\n\
         [gates.custom.off]\nenabled = false",
    );
    let config = config.unwrap_or_else(|error| panic!("{error:?}"));
    let own: Vec<&CustomCheck> = config
        .gates
        .iter()
        .filter_map(|gate| if let Check::Custom(custom) = &gate.check { Some(custom) } else { None })
        .collect();
    let [declined, share] = own[..] else { panic!("{own:#?}") };
    assert_eq!(
        (declined.limit.bound, declined.needs_traffic, declined.region.as_str()),
        (Bound::AtMost(5.0), Some(Side::Target), "us-east-1")
    );
    assert_eq!((share.limit.bound, share.needs_traffic, share.region.as_str()), (Bound::Below(2.5), None, "eu-west-1"));
    assert!(matches!(&share.query, Query::Expression { metrics, .. } if metrics.len() == 2));
}

#[test]
fn mistakes_in_the_steps_are_reported_with_their_location() {
    let table = [
        ("step_percent = 0", "`cutover.step_percent` cannot be 0 @ 0"),
        ("steps = [10, 300]", "`cutover.steps.1` cannot be 300 @ 300"),
        ("steps = [0, 100]", "`cutover.steps.0` cannot be 0 @ 0"),
        ("steps = [10, 50, 25, 100]", "the step 25 follows the step 50 @ 25"),
        ("steps = [10, 10, 100]", "the step 10 follows the step 10 @ 10"),
        ("steps = [10, 50]", "the last step is 50, so the cutover would never complete @ 50"),
        ("pause_at = [10, 15]", "there is no step 15 to pause at @ 15"),
        ("pause_at = [10, 10]", "the step 10 is listed twice @ 10"),
        ("quiesce_command = [\"\", \"--now\"]", "element 1 of `quiesce_command` is empty @ \"\""),
        (
            "release_command = [\"./go\"]",
            "there is a `release_command`, but no `quiesce_command` that it could revert @ [\"./go\"]",
        ),
        ("on_failure = \"panic\"", "`cutover.on_failure` cannot be `panic` @ \"panic\""),
        ("bake = 3", "unknown key `cutover.bake` @ bake"),
    ];
    for (line, mistake) in table {
        assert_eq!(mistakes(&format!("[cutover]\n{line}")), [mistake]);
    }
}

#[test]
fn mistakes_in_the_gates_are_reported_with_their_location() {
    let metric = "metric = { namespace = \"Payments\", name = \"Declined\" }\n";
    let own = |rest: &str| mistakes(&format!("[gates.custom.mine]\n{rest}"));
    assert_eq!(own("below = 1"), ["the gate `mine` has neither a metric nor an expression @ mine"]);
    assert_eq!(
        own(&format!("{metric}expression = \"a\"\nbelow = 1")),
        ["the gate `mine` has both a metric and an expression @ \"a\""]
    );
    assert_eq!(own(metric), ["the gate `mine` has no threshold @ mine"]);
    assert_eq!(
        own(&format!("{metric}below = 1\nat_least = 2")),
        ["the gate `mine` has two thresholds, `below` and `at_least` @ 2"]
    );
    let unknown = own("metric = { namespace = \"Payments\", name = \"Declined\", statistic = \"Avarage\" }\nbelow = 1");
    assert_eq!(unknown, ["there is no statistic `Avarage` @ \"Avarage\""]);
    assert_eq!(
        own(&format!("{metric}below = 1\nperiod_seconds = 45")),
        ["CloudWatch has no data points of 45 seconds @ 45"]
    );
    assert_eq!(
        own(&format!("{metric}below = 1\nregion = \"us-esat-1\"")),
        ["there is no region `us-esat-1` @ \"us-esat-1\""]
    );
    let both = own(&format!("{metric}below = 1\nregion = \"us-east-1\"\nenvironment = \"target\""));
    assert_eq!(both, ["the gate `mine` has both an environment and a region @ \"us-east-1\""]);
    let nowhere = own(&format!("{metric}below = 1\nonly_with_traffic = true"));
    assert_eq!(nowhere, ["the gate `mine` is evaluated only with traffic, but it has no environment @ true"]);
    let late = own(&format!("{metric}below = 1\nmin_points = 3"));
    assert_eq!(
        late,
        ["3 data points of 60 seconds do not fit into 180 seconds, because AWS delivers them up to one period late \
                @ mine"]
    );
    let unused = own(
        "expression = \"100 * bad\"\nbelow = 1\nmetrics.bad = { namespace = \"P\", name = \"B\" }\nmetrics.all = { \
            namespace = \"P\", name = \"A\" }",
    );
    assert_eq!(unused.len(), 1);
    assert!(unused[0].starts_with("the expression of the gate `mine` does not use `all`"), "{unused:?}");
    let taken = mistakes(&format!("[gates.custom.latency]\n{metric}below = 1"));
    assert_eq!(taken, ["a gate `latency` already exists @ latency"]);
    assert_eq!(mistakes("[gates.replication-lag]\nbelow = 0"), ["`gates.replication-lag.below` cannot be 0 @ 0"]);
}

#[test]
fn a_cutover_without_an_unconditional_gate_needs_permission() {
    let off = [
        "replication-lag",
        "healthy-targets",
        "traffic-share",
        "error-rate",
        "latency",
        "database-cpu",
        "validation",
        "alarms",
    ];
    let mut sets: Vec<String> = off.iter().map(|gate| format!("gates.{gate}.enabled=false")).collect();
    let loaded = |sets: &[String]| {
        load(Some(Path::new("config/migration.toml")), &Overrides { sets: sets.to_vec(), ..Overrides::default() })
    };
    let Err(ConfigError::Mistakes(problems)) = loaded(&sets) else { panic!("it was allowed") };
    assert!(problems.len() == 1 && problems[0].message.contains("without any check"), "{problems:?}");
    sets.push("cutover.gates_required=false".into());
    assert!(loaded(&sets).is_ok());
}

/// Runs a driver to its end, and writes a report with a clock that counts events.
fn recorded(driver: &Driver) -> CutoverReport {
    let who = Initiator { user: "anna".into(), host: "laptop".into() };
    let id = "c-1".try_into().expect("a name");
    let mut record = CutoverReport::new(id, "payments/dev", who, "2026-01-02T03:04:00Z", driver.schedule.clone());
    let mut progress = Progress::new();
    for (index, input) in driver.events.iter().enumerate() {
        let event = Event { now: index as u64 * 30, input: input.clone() };
        let (after, _) = step(&driver.schedule, &progress, &event);
        record.append(&format!("2026-01-02T03:05:{index:02}Z"), &event, &progress, &after);
        progress = after;
    }
    record
}

#[test]
fn a_report_begins_with_the_reason_of_its_outcome() {
    let mut driver = Driver::start(CutoverPlan { pause_at: vec![split(50)], ..schedule() });
    for _ in 0..3 {
        driver.now += 30;
        driver.answer();
        driver.send(evaluated(Verdict::Pass));
    }
    driver.send(Input::Approved("bert | <b>".into()));
    driver.send(evaluated(Verdict::Fail));
    driver.answer();
    let mut record = recorded(&driver);
    record.version = "1.2.3".into();
    record.add_hook("2026-01-02T03:06:00Z", "release", Some(3), 12);
    assert_eq!(record.result, Some(Outcome::RolledBack { why: "gate `lag`: fail: as scripted".into() }));
    let changes: Vec<(u8, u8, &str)> =
        record.changes.iter().map(|one| (one.from.percent(), one.to.percent(), one.why.as_str())).collect();
    assert_eq!(changes, [(0, 50, "step 1 of 2"), (50, 0, "gate `lag`: fail: as scripted")]);
    assert_eq!(
        record.verdicts.iter().map(|one| (one.live, one.verdict)).collect::<Vec<_>>(),
        [(TrafficSplit::SOURCE, Pass), (split(50), Fail)]
    );
    let read: CutoverReport = serde_json::from_str(&record.to_json().unwrap()).unwrap();
    assert_eq!(read, record);
    insta::assert_snapshot!(record.to_markdown());
}

#[test]
fn a_report_has_the_minimum_the_maximum_and_the_last_value_of_each_step() {
    let driver = Driver::start(schedule());
    let mut record = recorded(&driver);
    let progress = Progress::new();
    for value in [Some(5.0), Some(75.0), None, Some(7.0)] {
        let Input::Judged(mut judgements) = evaluated(if value.is_some() { Pass } else { NoData }) else {
            panic!("not judged")
        };
        judgements[0].value = value;
        record.append(
            "2026-01-02T03:05:00Z",
            &Event { now: 0, input: Input::Judged(judgements) },
            &progress,
            &progress,
        );
    }
    let values = &record.values[0];
    assert_eq!(
        (values.min, values.max, values.last, values.judged, values.passed),
        (Some(5.0), Some(75.0), Some(7.0), 4, 3)
    );
    assert_eq!((record.result, record.ended), (None, None));
}
