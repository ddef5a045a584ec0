//! Traffic on the sandbox: requests follow weights, health checks and the name servers.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StateValue};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use migrate_infra::sandbox::World;

use crate::sandbox::database_replication::{Account, pass, stack};
use crate::sandbox::metrics::{NAME, balancer, of_balancer, of_targets};
use crate::{done, refused};

#[tokio::test(start_paused = true)]
async fn requests_follow_the_weights_of_the_name_servers() {
    let account = Account::of(stack()).await;
    let requests = |environment: &'static str| account.values(of_balancer("RequestCount", environment), "Sum", 1);
    let began = account.minute().await;
    account.ask(60, 40).await;
    // Nothing changes before the name servers are updated, after ten seconds at the earliest.
    let known = |world: &World| {
        world.route53.weights.0.iter().map(|history| history.changes.last().unwrap().live_at).max().unwrap()
    };
    let live_at = known(&account.sandbox.snapshot());
    assert!(live_at >= account.now() + 10_000);
    pass(60).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![390.0], vec![270.0]));
    account.minute().await;
    account.shift(100, 0).await;
    account.minute().await;
    assert_eq!(requests("source").await, [630.0]);
    assert_eq!(requests("target").await, [30.0], "the health checkers of Route 53 are clients as well");
    for name in ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] {
        assert_eq!(account.values(of_balancer(name, "target"), "Sum", 1).await, [0.0; 0], "{name}");
    }
    assert_eq!(account.values(of_balancer("TargetResponseTime", "source"), "p99", 1).await, [0.05]);
    assert_eq!(account.values(of_targets("RequestCount", "source"), "Sum", 1).await, [630.0]);
    assert_eq!(
        account.values(of_balancer("RequestCount", "source"), "Average", 1).await,
        [1.0],
        "each request is a sample of 1"
    );
    for (environment, count) in [("source", 2.0), ("target", 2.0)] {
        assert_eq!(account.values(of_targets("HealthyHostCount", environment), "Minimum", 1).await, [count]);
        assert_eq!(account.values(of_targets("UnHealthyHostCount", environment), "Maximum", 1).await, [0.0]);
        assert_eq!(
            account.values(of_balancer("HealthyHostCount", environment), "Minimum", 1).await,
            [0.0; 0],
            "it needs the target group"
        );
    }
    // The history does not change.
    let all = account.values(of_balancer("RequestCount", "target"), "Sum", (account.now() - began) / 60_000).await;
    assert_eq!(all.first(), Some(&270.0), "{all:?}");
}

/// At every instant that is visible in DNS, the weights add up to all of the traffic.
#[tokio::test(start_paused = true)]
async fn the_history_of_weights_covers_every_instant() {
    let account = Account::of(stack()).await;
    let began = account.now();
    for target in [10, 20, 30] {
        account.ask(100 - target, target).await;
        // The next shift is requested before this one is effective everywhere.
        pass(5).await;
    }
    account.ask(100, 0).await;
    pass(120).await;
    let world = account.sandbox.snapshot();
    let (zone, name) = (account.zone(), format!("{NAME}."));
    let mut seen = Vec::new();
    for at in (began..world.now).step_by(500) {
        let live = world.route53.weights.live(&zone, &name, "A", at);
        assert_eq!(live.iter().map(|(_, weight)| weight).sum::<i64>(), 100, "{live:?}");
        let target = live.iter().find(|(set, _)| *set == "target").unwrap().1;
        if seen.last() != Some(&target) {
            seen.push(target);
        }
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&0)), "{seen:?}");
    // A manually changed weight is detected, and so is a missing record.
    account.sandbox.mutate_out_of_band(|world| {
        let records = world.route53.zones.values_mut().flat_map(|zone| &mut zone.records);
        records
            .filter(|record| record.set_identifier.as_deref() == Some("target"))
            .for_each(|record| record.weight = Some(50));
    });
    account.shown().await;
    let world = account.sandbox.snapshot();
    assert_eq!(
        world.route53.weights.live(&zone, &name, "A", world.now).iter().map(|(_, weight)| weight).sum::<i64>(),
        150
    );
    account.sandbox.mutate_out_of_band(|world| world.route53.zones.values_mut().for_each(|zone| zone.records.clear()));
    account.shown().await;
    let world = account.sandbox.snapshot();
    assert_eq!(world.route53.weights.live(&zone, &name, "A", world.now), []);
}

#[tokio::test(start_paused = true)]
async fn resolvers_are_answered_by_weight() {
    let account = Account::of(stack()).await;
    let source = account.resolve("192.0.2.1").await;
    assert_eq!(source.len(), 2);
    account.shift(70, 30).await;
    let mut answers = BTreeMap::new();
    for number in 0..200 {
        *answers.entry(account.resolve(&format!("192.0.2.{number}")).await).or_insert(0) += 1;
    }
    assert_eq!(answers.len(), 2);
    assert!((120..=160).contains(&answers[&source]), "about 140 of 200: {answers:?}");
    assert_eq!(account.resolve("192.0.2.7").await, account.resolve("192.0.2.7").await);
    // A name that has not reached the name servers does not exist.
    let batch = ResourceRecordSet::builder()
        .name("new.payment-migration.internal")
        .r#type(RrType::A)
        .set_identifier("a")
        .weight(1)
        .ttl(60);
    let batch = batch.resource_records(ResourceRecord::builder().value("192.0.2.1").build().unwrap()).build().unwrap();
    let batch = ChangeBatch::builder()
        .changes(Change::builder().action(ChangeAction::Create).resource_record_set(batch).build().unwrap());
    let call = account
        .clients
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(account.zone())
        .change_batch(batch.build().unwrap());
    done!("route53:ChangeResourceRecordSets", call);
    let new = || async {
        let call = account
            .clients
            .route53
            .test_dns_answer()
            .hosted_zone_id(account.zone())
            .record_name("new.payment-migration.internal");
        let answer = call.record_type(RrType::A).send().await.unwrap();
        (answer.response_code().to_owned(), answer.record_data().to_vec())
    };
    assert_eq!(new().await, ("NXDOMAIN".to_owned(), vec![]));
    pass(61).await;
    assert_eq!(new().await, ("NOERROR".to_owned(), vec!["192.0.2.1".to_owned()]));
    account.ask(0, 100).await;
    let waiting = account.resolve("192.0.2.9").await;
    pass(61).await;
    assert!(answers.contains_key(&waiting));
    for number in 0..20 {
        assert_ne!(account.resolve(&format!("192.0.2.{number}")).await, source);
    }
    let ask = |name: &str| {
        account
            .clients
            .route53
            .test_dns_answer()
            .hosted_zone_id(account.zone())
            .record_name(name)
            .record_type(RrType::A)
    };
    let unknown = ask("www.payment-migration.internal").send().await.unwrap();
    assert_eq!((unknown.response_code(), unknown.record_data().len()), ("NXDOMAIN", 0));
    let other = ask(NAME).record_type(RrType::Mx).send().await.unwrap();
    assert_eq!((other.response_code(), other.record_data().len()), ("NOERROR", 0));
    let servers = ask("payment-migration.internal").record_type(RrType::Ns).send().await.unwrap();
    assert_eq!((servers.record_data().len(), servers.protocol()), (4, "UDP"));
    refused!("InvalidInput", "route53:TestDNSAnswer", ask("example.org"));
    refused!("InvalidInput", "route53:TestDNSAnswer", ask(NAME).resolver_ip("somewhere"));
    refused!("InvalidInput", "route53:TestDNSAnswer", ask(NAME).edns0_client_subnet_mask("24"));
    refused!("NoSuchHostedZone", "route53:TestDNSAnswer", ask(NAME).hosted_zone_id("ZNOBODY"));
}

#[tokio::test(start_paused = true)]
async fn traffic_leaves_an_environment_without_healthy_targets() {
    let account =
        Account::with("[[events]]\nat_seconds = 600\nfor_seconds = 600\nunhealthy_targets = { target = 2 }\n").await;
    account.shift(50, 50).await;
    let requests = |environment: &'static str| account.values(of_balancer("RequestCount", environment), "Sum", 1);
    account.minute().await;
    pass(60).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![330.0], vec![330.0]));
    pass(600).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![630.0], vec![30.0]));
    assert_eq!(account.values(of_targets("UnHealthyHostCount", "target"), "Maximum", 1).await, [2.0]);
    assert_eq!(account.values(of_targets("HealthyHostCount", "target"), "Maximum", 1).await, [0.0]);
    let group = account.sandbox.snapshot().regions["us-east-1"]
        .elbv2
        .target_groups
        .values()
        .find(|one| one.name.contains("target"))
        .unwrap()
        .arn
        .clone();
    let health = || async {
        let answer = account.clients.elb.describe_target_health().target_group_arn(&group).send().await.unwrap();
        let state = |one: &aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
            let health = one.target_health().unwrap();
            (health.state().unwrap().as_str().to_owned(), health.reason().map(|reason| reason.as_str().to_owned()))
        };
        answer.target_health_descriptions().iter().map(state).collect::<Vec<_>>()
    };
    let sick = ("unhealthy".to_owned(), Some("Target.FailedHealthChecks".to_owned()));
    assert_eq!(health().await, [sick.clone(), sick]);
    pass(600).await;
    assert_eq!(health().await, [("healthy".to_owned(), None), ("healthy".to_owned(), None)]);
    assert_eq!((requests("source").await, requests("target").await), (vec![330.0], vec![330.0]));
}

#[tokio::test(start_paused = true)]
async fn errors_and_latency_can_be_scripted_for_an_environment() {
    let script = "[[events]]\nat_seconds = 0\nerror_percent = { target = 5 }\nlatency_seconds = { target = 2 }\n
        [[events]]\nat_seconds = 900\nunhealthy_targets = { \"*\" = 9 }\n";
    let account = Account::with(script).await;
    account.shift(50, 50).await;
    account.minute().await;
    pass(60).await;
    assert_eq!(account.values(of_balancer("HTTPCode_Target_5XX_Count", "target"), "Sum", 1).await, [15.0]);
    assert_eq!(account.values(of_targets("HTTPCode_Target_5XX_Count", "target"), "Sum", 1).await, [15.0]);
    assert_eq!(
        account.values(of_balancer("HTTPCode_Target_5XX_Count", "source"), "Sum", 1).await,
        [0.0; 0],
        "it is not zero, it is not there"
    );
    assert_eq!(account.values(of_balancer("TargetResponseTime", "target"), "Maximum", 1).await, [2.0]);
    assert_eq!(account.values(of_balancer("TargetResponseTime", "source"), "Average", 1).await, [0.05]);
    pass(1200).await;
    // With no healthy target anywhere all records count as healthy, and the load balancers answer by themselves.
    assert_eq!(account.values(of_balancer("RequestCount", "target"), "Sum", 1).await, [330.0]);
    assert_eq!(account.values(of_balancer("HTTPCode_ELB_5XX_Count", "target"), "Sum", 1).await, [330.0]);
    assert_eq!(account.values(of_balancer("TargetResponseTime", "target"), "Average", 1).await, [0.0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_health_check_can_be_inverted_and_disabled() {
    let account = Account::of(stack()).await;
    let route53 = &account.clients.route53;
    account.shift(50, 50).await;
    let world = account.sandbox.snapshot();
    let of_target = balancer(&world, "target").0.split('/').nth(1).unwrap().to_owned();
    let check =
        world.route53.health_checks.values().find(|check| check.config.fqdn.contains(&of_target)).unwrap().id.clone();
    let status = || async {
        let answer = route53.get_health_check_status().health_check_id(&check).send().await.unwrap();
        let words = |one: &aws_sdk_route53::types::HealthCheckObservation| {
            one.status_report().unwrap().status().unwrap().to_owned()
        };
        answer.health_check_observations().iter().map(words).collect::<Vec<_>>()
    };
    assert!(status().await.len() == 3 && status().await.iter().all(|words| words.starts_with("Success")));
    let update = || route53.update_health_check().health_check_id(&check);
    let changed = done!("route53:UpdateHealthCheck", update().inverted(true).health_check_version(1));
    let config = changed.health_check().unwrap().health_check_config().unwrap().clone();
    assert_eq!((config.inverted(), config.disabled()), (Some(true), Some(false)));
    refused!(
        "HealthCheckVersionMismatch",
        "route53:UpdateHealthCheck",
        update().inverted(false).health_check_version(1)
    );
    account.minute().await;
    pass(60).await;
    assert_eq!(
        account.values(of_balancer("RequestCount", "target"), "Sum", 1).await,
        [30.0],
        "an inverted check takes the traffic away, and the probes stay"
    );
    done!("route53:UpdateHealthCheck", update().inverted(false).disabled(true));
    pass(60).await;
    assert_eq!(account.values(of_balancer("RequestCount", "target"), "Sum", 1).await, [300.0]);
    assert!(status().await.is_empty(), "nothing is checked any more");
    refused!(
        "NoSuchHealthCheck",
        "route53:GetHealthCheckStatus",
        route53.get_health_check_status().health_check_id("nobody")
    );
}

/// A health check on an alarm evaluates the metric itself, keeps the last result, and counts for a calculated check.
#[tokio::test(start_paused = true)]
async fn a_calculated_health_check_follows_an_alarm() {
    let account = Account::of(stack()).await;
    let route53 = &account.clients.route53;
    account.shift(0, 100).await;
    let world = account.sandbox.snapshot();
    let record = world
        .route53
        .zones
        .values()
        .flat_map(|zone| &zone.records)
        .find(|record| record.set_identifier.as_deref() == Some("target"));
    let calculated = record.unwrap().health_check_id.clone().unwrap();
    let children = world.route53.health_checks[&calculated].config.children.clone();
    let switch = children.iter().find(|id| world.route53.health_checks[*id].config.alarm.is_some()).unwrap();
    let here = &world.regions["us-east-1"].cloudwatch;
    let alarm = &here.alarms[&world.route53.health_checks[switch].config.alarm.as_ref().unwrap().name];
    let source = account.resolve("198.51.100.1").await;
    let put = async |value: f64| {
        let dimensions =
            alarm.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
        let datum = MetricDatum::builder()
            .metric_name(&alarm.metric_name)
            .set_dimensions(Some(dimensions))
            .value(value)
            .build();
        done!(
            "cloudwatch:PutMetricData",
            account.clients.cloudwatch.put_metric_data().namespace(&alarm.namespace).metric_data(datum)
        );
        account.minute().await;
        account.resolve("198.51.100.1").await
    };
    assert_eq!(account.alarm(&alarm.name).await.0, StateValue::InsufficientData);
    let taken_out = put(1.0).await;
    assert_ne!(taken_out, source);
    assert_eq!(account.alarm(&alarm.name).await.0, StateValue::Alarm);
    pass(7200).await;
    assert_eq!(account.resolve("198.51.100.1").await, taken_out, "it stays as it was when no more data comes");
    assert_eq!(put(0.0).await, source);
    assert_eq!(account.alarm(&alarm.name).await.0, StateValue::Ok);
    // Invalid requests.
    let update = || route53.update_health_check().health_check_id(&calculated);
    refused!("InvalidInput", "route53:UpdateHealthCheck", update().child_health_checks("nobody"));
    refused!("InvalidInput", "route53:UpdateHealthCheck", update().health_threshold(257));
    refused!(
        "InvalidInput",
        "route53:GetHealthCheckStatus",
        route53.get_health_check_status().health_check_id(&calculated)
    );
    let nowhere =
        aws_sdk_route53::types::AlarmIdentifier::builder().name("nobody").region("us-east-1".into()).build().unwrap();
    refused!(
        "InvalidInput",
        "route53:UpdateHealthCheck",
        route53.update_health_check().health_check_id(switch).alarm_identifier(nowhere)
    );
}
