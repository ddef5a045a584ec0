//! The dashboard and the alarms of an environment.

use super::build::Builder;
use super::database::Database;
use super::replication::Replication;
use super::service::Service;
use crate::config::MigrationType;
use crate::graph::Input;
use crate::resources::cloudwatch::{Alarm, AlarmMetric, Dashboard, Dimension, Metric, Widget};

/// Adds the dashboard and the alarms. Replication is watched in the environment that it belongs to.
pub(super) fn add(builder: &mut Builder<'_>, databases: &[Database], service: &Service, replication: Option<&Replication>) {
    let widgets = widgets(databases, service, replication);
    builder.add("monitoring", "dashboard", &Dashboard { name: builder.names.dashboard(), widgets });
    for database in databases {
        let spec = Alarm {
            name: builder.names.alarm(&format!("db-cpu-{}", database.role)),
            description: format!("CPU of the {} payment database is high", database.role),
            metric: watched(of_database("CPUUtilization", database)),
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
        builder.add("monitoring", &format!("db-cpu-{}", database.role), &spec);
    }
    let spec = Alarm {
        name: builder.names.alarm("unhealthy-hosts"),
        description: "The load balancer has unhealthy targets".to_owned(),
        metric: watched(of_balancer("UnHealthyHostCount", service, true)),
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
    builder.add("monitoring", "unhealthy-hosts", &spec);
    // Where changes are not carried over there is no lag, and an alarm would never have data.
    if let Some(replication) = replication
        && builder.config.replication.migration_type != MigrationType::FullLoad
    {
        lag(builder, replication);
    }
}

/// Lag that is too high, and lag that nobody measures any more: a task that has stopped sends no data, which must not look
/// healthy, so whoever is told of the one is told of the other.
fn lag(builder: &mut Builder<'_>, replication: &Replication) {
    let spec = Alarm {
        name: builder.names.alarm("replication-lag"),
        description: "The target database lags behind the source".to_owned(),
        metric: watched(of_task("CDCLatencyTarget", replication)),
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
    builder.add("monitoring", "replication-lag", &spec);
}

fn actions(builder: &Builder<'_>) -> Vec<String> {
    let topic = &builder.config.monitoring.alarm_topic_arn;
    if topic.is_empty() { Vec::new() } else { vec![topic.clone()] }
}

fn metric(namespace: &str, name: &str, dimensions: Vec<(&str, Input<String>)>) -> Metric {
    let dimensions = dimensions.into_iter().map(|(name, value)| Dimension { name: name.to_owned(), value }).collect();
    Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions, label: None, stat: None }
}

/// The metric as an alarm names it.
fn watched(metric: Metric) -> AlarmMetric {
    AlarmMetric { namespace: metric.namespace, name: metric.name, dimensions: metric.dimensions }
}

fn of_database(name: &str, database: &Database) -> Metric {
    metric("AWS/RDS", name, vec![("DBInstanceIdentifier", database.instance.identifier())])
}

/// A task's metrics have both dimensions; the task goes by the last segment of its ARN ("Monitoring replication tasks using Amazon
/// CloudWatch").
fn of_task(name: &str, replication: &Replication) -> Metric {
    let dimensions = vec![
        ("ReplicationInstanceIdentifier", replication.instance.identifier()),
        ("ReplicationTaskIdentifier", replication.task.resource_identifier()),
    ];
    metric("AWS/DMS", name, dimensions)
}

fn of_service(name: &str, service: &Service) -> Metric {
    metric("AWS/ECS", name, vec![("ClusterName", service.cluster.name()), ("ServiceName", service.service.name())])
}

fn of_balancer(name: &str, service: &Service, of_targets: bool) -> Metric {
    let mut dimensions = vec![("LoadBalancer", service.load_balancer.full_name())];
    if of_targets {
        dimensions.insert(0, ("TargetGroup", service.target_group.full_name()));
    }
    metric("AWS/ApplicationELB", name, dimensions)
}

fn widgets(databases: &[Database], service: &Service, replication: Option<&Replication>) -> Vec<Widget> {
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
        let lag = vec![of_task("CDCLatencySource", replication), of_task("CDCLatencyTarget", replication)];
        widgets.push(widget("Replication lag", "Maximum", "seconds", lag));
    }
    if !databases.is_empty() {
        widgets.push(widget(
            "Database CPU",
            "Average",
            "percent",
            databases.iter().map(|database| of_database("CPUUtilization", database)).collect(),
        ));
        widgets.push(widget(
            "Database connections",
            "Average",
            "connections",
            databases.iter().map(|database| of_database("DatabaseConnections", database)).collect(),
        ));
    }
    widgets.push(widget(
        "Service CPU and memory",
        "Average",
        "percent",
        vec![of_service("CPUUtilization", service), of_service("MemoryUtilization", service)],
    ));
    widgets.push(widget("Load balancer requests", "Sum", "requests", vec![of_balancer("RequestCount", service, false)]));
    let health = vec![of_balancer("HealthyHostCount", service, true), of_balancer("UnHealthyHostCount", service, true)];
    widgets.push(widget("Target health", "Average", "targets", health));
    widgets
}
