//! The dashboard and the alarms of an environment.

use super::builder::Builder;
use super::database::Database;
use super::layout::{LAG_ALARM, MONITORING};
use super::replication::Replication;
use super::service::Service;
use infra_config::MigrationType;
use infra_core::graph::Input;
use infra_kinds::cloudwatch::{Alarm, AlarmMetric, Dashboard, Dimension, Metric, Widget};

/// Adds the dashboard and the alarms. The environment that replicates monitors the replication.
pub(super) fn add(
    builder: &mut Builder<'_>,
    databases: &[Database],
    service: &Service,
    replication: Option<&Replication<'_>>,
) {
    let widgets = widgets(databases, service, replication);
    builder.add(MONITORING, "dashboard", &Dashboard { name: builder.names.dashboard(), widgets });
    for database in databases {
        let spec = Alarm {
            name: builder.names.alarm(&format!("db-cpu-{}", database.role)),
            description: format!("CPU of the {} payment database is high", database.role),
            metric: alarm_metric(database_metric("CPUUtilization", database)),
            statistic: "Average".to_owned(),
            period_seconds: 300,
            evaluation_periods: 2,
            datapoints_to_alarm: 2,
            threshold: builder.config.monitoring.database_cpu_percent,
            comparison: "GreaterThanThreshold".to_owned(),
            treat_missing_data: "missing".to_owned(),
            actions: actions(builder),
            insufficient_data_actions: Vec::new(),
        };
        builder.add(MONITORING, &format!("db-cpu-{}", database.role), &spec);
    }
    let spec = Alarm {
        name: builder.names.alarm("unhealthy-hosts"),
        description: "The load balancer has unhealthy targets".to_owned(),
        metric: alarm_metric(balancer_metric("UnHealthyHostCount", service, true)),
        statistic: "Maximum".to_owned(),
        period_seconds: 60,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        threshold: 1.0,
        comparison: "GreaterThanOrEqualToThreshold".to_owned(),
        treat_missing_data: "missing".to_owned(),
        actions: actions(builder),
        insufficient_data_actions: Vec::new(),
    };
    builder.add(MONITORING, "unhealthy-hosts", &spec);
    // Without ongoing replication there is no lag, and the alarm would never have data.
    if let Some(replication) = replication
        && builder.config.replication.migration_type != MigrationType::FullLoad
    {
        replication_lag(builder, replication);
    }
}

/// Adds the alarm on the replication lag. A stopped task sends no data, which must not count as healthy, so missing
/// data notifies the same recipients.
fn replication_lag(builder: &mut Builder<'_>, replication: &Replication<'_>) {
    let spec = Alarm {
        name: builder.names.alarm(LAG_ALARM),
        description: "The target database lags behind the source".to_owned(),
        metric: alarm_metric(task_metric("CDCLatencyTarget", replication)),
        statistic: "Maximum".to_owned(),
        period_seconds: 60,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        threshold: builder.config.monitoring.replication_lag_seconds,
        comparison: "GreaterThanThreshold".to_owned(),
        treat_missing_data: "missing".to_owned(),
        actions: actions(builder),
        insufficient_data_actions: actions(builder),
    };
    builder.add(MONITORING, LAG_ALARM, &spec);
}

fn actions(builder: &Builder<'_>) -> Vec<String> {
    let topic = &builder.config.monitoring.alarm_topic_arn;
    if topic.is_empty() { Vec::new() } else { vec![topic.clone()] }
}

fn metric(namespace: &str, name: &str, dimensions: Vec<(&str, Input<String>)>) -> Metric {
    let dimensions = dimensions.into_iter().map(|(name, value)| Dimension { name: name.to_owned(), value }).collect();
    Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions, label: None, stat: None }
}

/// Returns the metric in the form that an alarm expects.
fn alarm_metric(metric: Metric) -> AlarmMetric {
    AlarmMetric { namespace: metric.namespace, name: metric.name, dimensions: metric.dimensions }
}

fn database_metric(name: &str, database: &Database) -> Metric {
    metric("AWS/RDS", name, vec![("DBInstanceIdentifier", database.instance.identifier())])
}

/// Returns a metric of the replication task. Both dimensions are required. The task is identified by the last segment
/// of its ARN ("Monitoring replication tasks using Amazon CloudWatch").
fn task_metric(name: &str, replication: &Replication<'_>) -> Metric {
    let dimensions = vec![
        ("ReplicationInstanceIdentifier", replication.base.instance.identifier()),
        ("ReplicationTaskIdentifier", replication.task.resource_identifier()),
    ];
    metric("AWS/DMS", name, dimensions)
}

fn service_metric(name: &str, service: &Service) -> Metric {
    metric("AWS/ECS", name, vec![("ClusterName", service.cluster.name()), ("ServiceName", service.service.name())])
}

fn balancer_metric(name: &str, service: &Service, per_target_group: bool) -> Metric {
    let mut dimensions = vec![("LoadBalancer", service.load_balancer.full_name())];
    if per_target_group {
        dimensions.insert(0, ("TargetGroup", service.target_group.full_name()));
    }
    metric("AWS/ApplicationELB", name, dimensions)
}

fn widgets(databases: &[Database], service: &Service, replication: Option<&Replication<'_>>) -> Vec<Widget> {
    let widget = |title: &str, stat: &str, y_label: &str, metrics: Vec<Metric>| Widget {
        title: title.to_owned(),
        metrics,
        stat: stat.to_owned(),
        period_seconds: 60,
        view: "timeSeries".to_owned(),
        y_label: Some(y_label.to_owned()),
    };
    let mut widgets = Vec::new();
    if let Some(replication) = replication {
        let lag = vec![task_metric("CDCLatencySource", replication), task_metric("CDCLatencyTarget", replication)];
        widgets.push(widget("Replication lag", "Maximum", "seconds", lag));
    }
    if !databases.is_empty() {
        widgets.push(widget(
            "Database CPU",
            "Average",
            "percent",
            databases.iter().map(|database| database_metric("CPUUtilization", database)).collect(),
        ));
        widgets.push(widget(
            "Database connections",
            "Average",
            "connections",
            databases.iter().map(|database| database_metric("DatabaseConnections", database)).collect(),
        ));
    }
    widgets.push(widget(
        "Service CPU and memory",
        "Average",
        "percent",
        vec![service_metric("CPUUtilization", service), service_metric("MemoryUtilization", service)],
    ));
    widgets.push(widget(
        "Load balancer requests",
        "Sum",
        "requests",
        vec![balancer_metric("RequestCount", service, false)],
    ));
    let health =
        vec![balancer_metric("HealthyHostCount", service, true), balancer_metric("UnHealthyHostCount", service, true)];
    widgets.push(widget("Target health", "Average", "targets", health));
    widgets
}
