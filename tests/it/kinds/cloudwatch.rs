//! Alarms and dashboards on the sandbox.

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::cloudwatch::{Alarm, AlarmMetric, Dashboard, Dimension, Metric, Widget};
use serde_json::json;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, check_lifecycle};

const ALARM: &str = "db-cpu-source-test-001";
const DASHBOARD: &str = "payment-migration-source-test-001";

fn alarm() -> Alarm {
    let dimensions = vec![Dimension { name: "DBInstanceIdentifier".into(), value: "payment-db".into() }];
    Alarm {
        name: ALARM.into(),
        description: "the database is busy".into(),
        metric: AlarmMetric { namespace: "AWS/RDS".into(), name: "CPUUtilization".into(), dimensions },
        statistic: "Average".into(),
        period_seconds: 300,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        threshold: 80.0,
        comparison: "GreaterThanThreshold".into(),
        treat_missing_data: "breaching".into(),
        actions: vec!["arn:aws:sns:us-east-1:111122223333:alarms".into()],
        insufficient_data_actions: vec!["arn:aws:sns:us-east-1:111122223333:alarms".into()],
    }
}

fn widget() -> Widget {
    let dimensions = vec![Dimension { name: "DBInstanceIdentifier".into(), value: "payment-db".into() }];
    let metric = Metric {
        namespace: "AWS/RDS".into(),
        name: "CPUUtilization".into(),
        dimensions,
        label: Some("cpu".into()),
        stat: None,
    };
    Widget {
        title: "database".into(),
        metrics: vec![metric],
        stat: "Average".into(),
        period_seconds: 60,
        view: "timeSeries".into(),
        y_label: Some("%".into()),
    }
}

fn dashboard() -> Dashboard {
    Dashboard { name: DASHBOARD.into(), widgets: vec![widget(), widget()] }
}

fn graph(alarm: Alarm, dashboard: Dashboard) -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add("source/monitoring/db-cpu", alarm);
    builder.add("source/monitoring/dashboard", dashboard);
    builder.finish()
}

#[tokio::test(start_paused = true)]
async fn alarms_and_dashboards_pass_the_lifecycle_checks() {
    check_lifecycle(&graph(alarm(), dashboard())).await;
}

#[tokio::test(start_paused = true)]
async fn they_are_created_as_configured() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(alarm(), dashboard())).await.must_succeed();
    let made = &fixture.world.region("us-east-1").cloudwatch.alarms[ALARM];
    assert_eq!((made.period, made.threshold, made.treat_missing_data.as_deref()), (300, 80.0, Some("breaching")));
    assert_eq!(made.tags["CostCenter"], "payment-processing");
    let body = &fixture.world.dashboards.0[DASHBOARD].body;
    assert_eq!(body["widgets"][1]["properties"]["region"], "us-east-1");
    assert_eq!(body["widgets"][1]["x"], 12);
    let attrs = fixture.attrs("source/monitoring/dashboard");
    assert_eq!(
        attrs["url"],
        format!(
            "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/{DASHBOARD}"
        )
    );
    assert_eq!(
        fixture.attrs("source/monitoring/db-cpu")["arn"],
        format!("arn:aws:cloudwatch:us-east-1:111122223333:alarm:{ALARM}")
    );
}

#[tokio::test(start_paused = true)]
async fn they_are_changed_in_place_and_keep_their_tags() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(alarm(), dashboard())).await.must_succeed();
    let tags = fixture.world.dashboards.0[DASHBOARD].tags.clone();
    let changed = graph(
        Alarm { threshold: 90.5, statistic: "p99".into(), actions: vec![], ..alarm() },
        Dashboard {
            widgets: vec![widget(), Widget { title: "other".into(), y_label: None, ..widget() }, widget()],
            ..dashboard()
        },
    );
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 2);
    let made = &fixture.world.region("us-east-1").cloudwatch.alarms[ALARM];
    assert_eq!(
        (made.threshold, made.statistic.as_deref(), made.extended_statistic.as_deref()),
        (90.5, None, Some("p99"))
    );
    assert_eq!(made.alarm_actions, Vec::<String>::new());
    assert_eq!(fixture.world.dashboards.0[DASHBOARD].body["widgets"][1]["properties"]["title"], "other");
    assert_eq!(fixture.world.dashboards.0[DASHBOARD].tags, tags);
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn manual_changes_are_corrected() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(alarm(), dashboard())).await.must_succeed();
    fixture.world.dashboards.0.get_mut(DASHBOARD).unwrap().body = json!({ "widgets": [] });
    let made = fixture.world.region("us-east-1").cloudwatch.alarms.get_mut(ALARM).unwrap();
    made.threshold = 1.0;
    made.tags.remove("CostCenter");
    fixture.up(&graph(alarm(), dashboard())).await.must_succeed();
    let made = &fixture.world.region("us-east-1").cloudwatch.alarms[ALARM];
    assert_eq!((made.threshold, made.tags["CostCenter"].as_str()), (80.0, "payment-processing"));
    assert_eq!(fixture.world.dashboards.0[DASHBOARD].body["widgets"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn foreign_alarms_and_dashboards_are_left_alone() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(alarm(), dashboard())).await.must_succeed();
    fixture.store = migrate_infra::state::MemoryStore::default();
    fixture.world.dashboards.0.get_mut(DASHBOARD).unwrap().tags.clear();
    fixture
        .world
        .region("us-east-1")
        .cloudwatch
        .alarms
        .get_mut(ALARM)
        .unwrap()
        .tags
        .insert("migrate-infra:stack".into(), "another/stack".into());
    let ran = fixture.up(&graph(alarm(), dashboard())).await;
    assert_eq!(ran.report().failures.len(), 2);
    assert!(ran.report().failures.iter().all(|failure| matches!(failure.error, Error::Foreign { .. })));
    assert_eq!(ran.calls.mutations(), 0);
}

/// What CloudWatch refuses, the sandbox refuses.
#[tokio::test(start_paused = true)]
async fn bad_alarms_and_dashboards_are_refused() {
    let alarms = [
        Alarm { period_seconds: 45, ..alarm() },
        Alarm { period_seconds: 300, evaluation_periods: 400, ..alarm() },
        Alarm { datapoints_to_alarm: 3, ..alarm() },
        Alarm { comparison: "MoreThan".into(), ..alarm() },
        Alarm { treat_missing_data: "bad".into(), ..alarm() },
        Alarm { statistic: "Mean".into(), ..alarm() },
        Alarm { actions: vec!["somebody".into()], ..alarm() },
    ];
    for bad in alarms {
        let ran = Fixture::default().up(&graph(bad, dashboard())).await;
        let error = &ran.report().failures[0].error;
        assert!(error.is_code("ValidationError"), "{error}");
    }
    let dashboards = [
        Dashboard { name: "with space".into(), ..dashboard() },
        Dashboard { widgets: vec![Widget { metrics: vec![], ..widget() }], ..dashboard() },
        Dashboard { widgets: vec![Widget { view: "lines".into(), ..widget() }], ..dashboard() },
        Dashboard { widgets: vec![Widget { period_seconds: 45, ..widget() }], ..dashboard() },
    ];
    for bad in dashboards {
        let ran = Fixture::default().up(&graph(alarm(), bad)).await;
        let error = &ran.report().failures[0].error;
        assert!(error.is_code("InvalidParameterInput"), "{error}");
    }
}
