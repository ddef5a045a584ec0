//! Alarms on the sandbox: their states follow from the metrics, also where data is missing.

use aws_sdk_cloudwatch::types::StateValue;
use migrate_infra::sandbox::World;

use crate::done;
use crate::sandbox::database_replication::{Account, pass};

#[tokio::test(start_paused = true)]
async fn the_stacks_alarms_follow_from_the_metrics() {
    let script =
        "[[events]]\nat_seconds = 1200\nfor_seconds = 300\nunhealthy_targets = { target = 1 }\nlag_seconds = 90\n
        [[events]]\nat_seconds = 1200\nfor_seconds = 1200\ncpu_percent = { \"*\" = 99 }\n";
    let account = Account::with(script).await;
    let names = ["replication-lag", "unhealthy-hosts", "db-cpu"];
    let alarms: Vec<String> = {
        let world = account.sandbox.snapshot();
        let all = world.regions["us-east-1"].cloudwatch.alarms.keys().filter(|name| name.contains("target"));
        names.iter().map(|name| all.clone().find(|alarm| alarm.contains(name)).unwrap().clone()).collect()
    };
    let states = || async {
        let mut states = Vec::new();
        for alarm in &alarms {
            states.push(account.alarm(alarm).await.0);
        }
        states
    };
    pass(660).await;
    assert_eq!(
        states().await,
        [StateValue::InsufficientData, StateValue::Ok, StateValue::Ok],
        "nothing is replicated yet"
    );
    account.run().await;
    pass(300).await;
    assert_eq!(states().await[0], StateValue::Ok);
    pass(420).await;
    let state = account.alarm(&alarms[0]).await;
    assert_eq!(state.0, StateValue::Alarm);
    assert!(
        state
            .1
            .starts_with("Threshold Crossed: 2 out of the last 2 datapoints [90, 90] was greater than the threshold"),
        "{}",
        state.1
    );
    assert_eq!(account.alarm(&alarms[1]).await.0, StateValue::Alarm);
    let sick = account.clients.cloudwatch.describe_alarms().state_value(StateValue::Alarm).send().await.unwrap();
    assert!(
        sick.metric_alarms().iter().all(|alarm| alarm.state_value() == Some(&StateValue::Alarm))
            && sick.metric_alarms().len() >= 2
    );
    pass(780).await;
    assert_eq!(states().await, [StateValue::Ok, StateValue::Ok, StateValue::Alarm]);
    pass(1200).await;
    assert_eq!(states().await[2], StateValue::Ok);
    account.stop().await;
    pass(600).await;
    assert_eq!(states().await[0], StateValue::InsufficientData, "a task that has stopped must not look healthy");
}

/// The tables of "Configuring how CloudWatch alarms treat missing data": points, oldest first, and the state for each
/// treatment.
#[tokio::test(start_paused = true)]
async fn alarms_treat_missing_data_as_documented() {
    use StateValue::{Alarm, InsufficientData, Ok};
    let treatments = ["missing", "ignore", "breaching", "notBreaching"];
    // A new alarm that keeps its state has none yet.
    let cases = [
        (3, "0-X-X", [Ok, Ok, Ok, Ok]),
        (3, "0----", [Ok, Ok, Ok, Ok]),
        (3, "-----", [InsufficientData, InsufficientData, Alarm, Ok]),
        (3, "0XX-X", [Alarm, Alarm, Alarm, Alarm]),
        (3, "--X--", [Alarm, InsufficientData, Alarm, Ok]),
        (2, "0-X-X", [Alarm, Alarm, Alarm, Alarm]),
        (2, "00X0X", [Alarm, Alarm, Alarm, Alarm]),
        (2, "0-X--", [Ok, Ok, Alarm, Ok]),
        (2, "----0", [Ok, Ok, Alarm, Ok]),
        (2, "---X-", [Alarm, InsufficientData, Alarm, Ok]),
    ];
    for (needed, points, expected) in cases {
        let account = Account::of(World::new()).await;
        let begin = account.minute().await;
        for treatment in treatments {
            let call =
                account.clients.cloudwatch.put_metric_alarm().alarm_name(treatment).namespace("Tests").metric_name("a");
            let call = call
                .statistic(aws_sdk_cloudwatch::types::Statistic::Maximum)
                .period(60)
                .evaluation_periods(3)
                .datapoints_to_alarm(needed);
            let call = call
                .threshold(0.5)
                .comparison_operator(aws_sdk_cloudwatch::types::ComparisonOperator::GreaterThanThreshold);
            done!("cloudwatch:PutMetricAlarm", call.treat_missing_data(treatment));
            assert_eq!(account.alarm(treatment).await.0, InsufficientData, "it is new");
        }
        for (minute, point) in (0_u64..).zip(points.chars()) {
            if point != '-' {
                account.put("a", begin + minute * 60_000 + 1000, if point == 'X' { 1.0 } else { 0.0 }).await;
            }
        }
        pass(300).await;
        for (treatment, expected) in treatments.iter().zip(expected) {
            let state = account.alarm(treatment).await;
            assert_eq!(state.0, expected, "{points}, {needed} of 3, {treatment}: {}", state.1);
        }
    }
}
