//! Metrics, alarms and traffic on the embedded AWS, call by call: what is measured, where requests go, and what a script makes of it.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, StateValue, StatisticSet, StatusCode,
};
use aws_sdk_databasemigration::types::StartReplicationTaskTypeValue as Start;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, RrType};
use aws_smithy_types::DateTime;
use migrate_infra::sandbox::World;

use crate::replicating::{Account, pass, stack};
use crate::{done, refused};

const NAME: &str = "api.payment-migration.internal";

fn time(millis: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(millis).unwrap())
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimensions = dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(*value).build()).collect();
    Metric::builder().namespace(namespace).metric_name(name).set_dimensions(Some(dimensions)).build()
}

fn query(id: &str, metric: Metric, stat: &str, period: i32) -> MetricDataQuery {
    MetricDataQuery::builder().id(id).metric_stat(MetricStat::builder().metric(metric).stat(stat).period(period).build()).build()
}

fn math(id: &str, expression: &str) -> MetricDataQuery {
    MetricDataQuery::builder().id(id).expression(expression).build()
}

fn custom(id: &str, name: &str, stat: &str, period: i32) -> MetricDataQuery {
    query(id, metric("Tests", name, &[]), stat, period)
}

/// Points of each result, as milliseconds and values.
fn points(answer: &GetMetricDataOutput) -> BTreeMap<String, Vec<(u64, f64)>> {
    let one = |times: &[DateTime], values: &[f64]| {
        times.iter().map(|time| u64::try_from(time.to_millis().unwrap()).unwrap()).zip(values.iter().copied()).collect()
    };
    answer.metric_data_results().iter().map(|result| (result.id().unwrap().to_owned(), one(result.timestamps(), result.values()))).collect()
}

impl Account {
    /// The points of the last `minutes` minutes, oldest first.
    async fn get(&self, queries: &[MetricDataQuery], minutes: u64) -> BTreeMap<String, Vec<(u64, f64)>> {
        let now = self.now();
        let call = self.clients.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.to_vec()));
        let call = call.start_time(time(now - minutes * 60_000)).end_time(time(now)).scan_by(ScanBy::TimestampAscending);
        points(&call.send().await.unwrap())
    }

    /// The values of one metric in the last `minutes` minutes, oldest first.
    async fn values(&self, metric: Metric, stat: &str, minutes: u64) -> Vec<f64> {
        let found = self.get(&[query("m", metric, stat, 60)], minutes).await;
        found["m"].iter().map(|(_, value)| *value).collect()
    }

    async fn put(&self, name: &str, at: u64, value: f64) {
        let datum = MetricDatum::builder().metric_name(name).timestamp(time(at)).value(value).build();
        done!("cloudwatch:PutMetricData", self.clients.cloudwatch.put_metric_data().namespace("Tests").metric_data(datum));
    }

    /// Waits until a minute begins.
    async fn minute(&self) -> u64 {
        let rest = 60_000 - self.now() % 60_000;
        tokio::time::sleep(std::time::Duration::from_millis(rest)).await;
        self.now()
    }

    /// Asks for weights in one batch, without waiting.
    async fn ask(&self, source: i64, target: i64) -> String {
        let zone = self.zone();
        let listed = self.clients.route53.list_resource_record_sets().hosted_zone_id(&zone).send().await.unwrap();
        let weighted = |record: &&ResourceRecordSet| record.set_identifier().is_some();
        let change = |record: &ResourceRecordSet| {
            let weight = if record.set_identifier() == Some("source") { source } else { target };
            let mut record = record.clone();
            record.weight = Some(weight);
            Change::builder().action(ChangeAction::Upsert).resource_record_set(record).build().unwrap()
        };
        let batch = ChangeBatch::builder().set_changes(Some(listed.resource_record_sets().iter().filter(weighted).map(change).collect()));
        let call = self.clients.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch.build().unwrap());
        let made = done!("route53:ChangeResourceRecordSets", call);
        made.change_info().unwrap().id().trim_start_matches("/change/").to_owned()
    }

    /// Shifts traffic and waits until all name servers know.
    async fn shift(&self, source: i64, target: i64) {
        let id = self.ask(source, target).await;
        while *self.clients.route53.get_change().id(&id).send().await.unwrap().change_info().unwrap().status() == ChangeStatus::Pending {
            pass(1).await;
        }
    }

    fn zone(&self) -> String {
        self.sandbox.snapshot().route53.zones.keys().next().unwrap().clone()
    }

    /// What a resolver is answered.
    async fn resolve(&self, resolver: &str) -> Vec<String> {
        let call = self.clients.route53.test_dns_answer().hosted_zone_id(self.zone()).record_name(NAME).record_type(RrType::A);
        call.resolver_ip(resolver).send().await.unwrap().record_data().to_vec()
    }

    async fn alarm(&self, name: &str) -> (StateValue, String) {
        let answer = self.clients.cloudwatch.describe_alarms().alarm_name_prefix(name).send().await.unwrap();
        let shown = answer.metric_alarms().first().unwrap_or_else(|| panic!("there is no alarm {name}"));
        (shown.state_value().unwrap().clone(), shown.state_reason().unwrap().to_owned())
    }
}

/// The full names of an environment's load balancer and target group.
fn balancer(world: &World, environment: &str) -> (String, String) {
    let elb = &world.regions["us-east-1"].elbv2;
    let balancer = elb.load_balancers.values().find(|one| one.name.contains(environment)).unwrap();
    let group = elb.target_groups.values().find(|one| elb.users(&one.arn)[0].arn == balancer.arn).unwrap();
    (balancer.full_name.clone(), group.full_name().to_owned())
}

fn of_balancer(name: &str, environment: &str) -> Metric {
    metric("AWS/ApplicationELB", name, &[("LoadBalancer", &balancer(&stack(), environment).0)])
}

fn of_targets(name: &str, environment: &str) -> Metric {
    let (balancer, group) = balancer(&stack(), environment);
    metric("AWS/ApplicationELB", name, &[("TargetGroup", &group), ("LoadBalancer", &balancer)])
}

fn of_task(name: &str, account: &Account) -> Metric {
    let world = account.sandbox.snapshot();
    let dms = &world.regions["us-east-1"].dms;
    let (instance, task) = (dms.instances.keys().next().unwrap(), dms.tasks.values().next().unwrap());
    let dimensions = [("ReplicationInstanceIdentifier", instance.as_str()), ("ReplicationTaskIdentifier", task.arn.rsplit(':').next().unwrap())];
    metric("AWS/DMS", name, &dimensions)
}

fn database(world: &World, environment: &str) -> String {
    world.regions["us-east-1"].rds.instances.keys().find(|name| name.contains(environment)).unwrap().clone()
}

fn of_database(name: &str, environment: &str) -> Metric {
    metric("AWS/RDS", name, &[("DBInstanceIdentifier", &database(&stack(), environment))])
}

#[tokio::test(start_paused = true)]
async fn samples_become_statistics_of_aligned_periods() {
    let account = Account::of(World::new()).await;
    let base = account.minute().await / 300_000 * 300_000;
    pass(600).await;
    for (second, value) in [(0, 1.0), (30, 3.0), (60, 5.0), (299, 7.0), (300, 100.0)] {
        account.put("load", base + second * 1000, value).await;
    }
    let stats = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p75"];
    let queries: Vec<MetricDataQuery> = stats.iter().enumerate().map(|(at, stat)| custom(&format!("m{at}"), "load", stat, 300)).collect();
    let found = account.get(&queries, 12).await;
    let first: Vec<f64> = (0..stats.len()).map(|at| found[&format!("m{at}")][0].1).collect();
    assert_eq!(first, [4.0, 16.0, 1.0, 7.0, 4.0, 3.0, 5.0]);
    assert_eq!(found["m1"], [(base, 16.0), (base + 300_000, 100.0)]);
    let minutes = account.get(&[custom("m", "load", "Sum", 60)], 12).await;
    assert_eq!(minutes["m"], [(base, 4.0), (base + 60_000, 5.0), (base + 240_000, 7.0), (base + 300_000, 100.0)]);
    // The end is exclusive; the start is rounded down.
    let call = account.clients.cloudwatch.get_metric_data().metric_data_queries(custom("m", "load", "Sum", 60));
    let some = call.start_time(time(base + 61_000)).end_time(time(base + 240_000)).send().await.unwrap();
    assert_eq!(points(&some)["m"], [(base + 60_000, 5.0)]);
    assert_eq!(account.get(&[custom("m", "nothing", "Sum", 60)], 12).await["m"], []);
}

#[tokio::test(start_paused = true)]
async fn values_with_counts_and_summaries_are_samples_too() {
    let account = Account::of(World::new()).await;
    let cloudwatch = &account.clients.cloudwatch;
    let values = MetricDatum::builder().metric_name("a").values(1.0).values(2.0).counts(9.0).counts(1.0).unit(StandardUnit::Seconds).build();
    let summary = StatisticSet::builder().sample_count(4.0).sum(40.0).minimum(5.0).maximum(20.0).build();
    let summary = MetricDatum::builder().metric_name("b").statistic_values(summary).build();
    done!("cloudwatch:PutMetricData", cloudwatch.put_metric_data().namespace("Tests").metric_data(values).metric_data(summary));
    pass(60).await;
    let queries = [custom("a", "a", "Average", 60), custom("b", "b", "Average", 60), custom("c", "b", "Maximum", 60), custom("d", "b", "p90", 60)];
    let found = account.get(&queries, 3).await;
    let only = |id: &str| found[id].iter().map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!((only("a"), only("b"), only("c"), only("d")), (vec![1.1], vec![10.0], vec![20.0], vec![]));
    // Data of another unit is another matter.
    let stat = MetricStat::builder().metric(metric("Tests", "a", &[])).stat("Sum").period(60).unit(StandardUnit::Bytes).build();
    let other = MetricDataQuery::builder().id("a").metric_stat(stat).build();
    assert_eq!(account.get(&[other], 3).await["a"], []);
}

#[tokio::test(start_paused = true)]
async fn results_come_in_pages_newest_first_unless_asked_otherwise() {
    let account = Account::of(World::new()).await;
    let base = account.minute().await;
    pass(300).await;
    for minute in 0..5_u32 {
        account.put("a", base + u64::from(minute) * 60_000, f64::from(minute)).await;
        account.put("b", base + u64::from(minute) * 60_000, f64::from(minute) * 10.0).await;
    }
    let call = || {
        let call = account.clients.cloudwatch.get_metric_data().metric_data_queries(custom("a", "a", "Sum", 60));
        call.metric_data_queries(custom("b", "b", "Sum", 60)).start_time(time(base)).end_time(time(base + 300_000))
    };
    let values = |answer: &GetMetricDataOutput| {
        let of = |(id, points): (String, Vec<(u64, f64)>)| (id, points.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
        points(answer).into_iter().map(of).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(values(&call().send().await.unwrap())["a"], [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(values(&call().scan_by(ScanBy::TimestampAscending).send().await.unwrap())["a"], [0.0, 1.0, 2.0, 3.0, 4.0]);
    let (mut token, mut all, mut statuses) = (None, BTreeMap::<String, Vec<f64>>::new(), Vec::new());
    loop {
        let page = call().max_datapoints(4).set_next_token(token).send().await.unwrap();
        for (id, mut some) in values(&page) {
            all.entry(id).or_default().append(&mut some);
        }
        statuses.push(page.metric_data_results().last().unwrap().status_code().unwrap().clone());
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(all["a"], [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(all["b"], [40.0, 30.0, 20.0, 10.0, 0.0]);
    assert_eq!(statuses, [StatusCode::PartialData, StatusCode::PartialData, StatusCode::Complete]);
    refused!("InvalidNextToken", "cloudwatch:GetMetricData", call().next_token("soon"));
    refused!("ValidationError", "cloudwatch:GetMetricData", call().max_datapoints(0));
}

#[tokio::test(start_paused = true)]
async fn expressions_reckon_with_points_that_are_there() {
    let account = Account::of(World::new()).await;
    let base = account.minute().await;
    pass(180).await;
    for minute in 0..3 {
        account.put("requests", base + minute * 60_000, 200.0).await;
    }
    account.put("errors", base + 60_000, 5.0).await;
    let hidden = |query: MetricDataQuery| {
        let mut query = query;
        query.return_data = Some(false);
        query
    };
    // In any order, and over one another.
    let queries = [
        math("rate", "100 * FILL(errors, 0) / requests"),
        math("sparse", "100 * errors / requests"),
        math("twice", "rate * 2 + (1 - 1)"),
        hidden(custom("errors", "errors", "Sum", 60)),
        hidden(custom("requests", "requests", "Sum", 60)),
    ];
    let found = account.get(&queries, 3).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["rate", "sparse", "twice"]);
    assert_eq!(found["rate"], [(base, 0.0), (base + 60_000, 2.5), (base + 120_000, 0.0)]);
    assert_eq!(found["sparse"], [(base + 60_000, 2.5)]);
    assert_eq!(found["twice"][1], (base + 60_000, 5.0));
}

#[tokio::test(start_paused = true)]
async fn bad_queries_are_refused() {
    let account = Account::of(World::new()).await;
    let get = |queries: Vec<MetricDataQuery>| {
        let call = account.clients.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries));
        call.start_time(time(account.now() - 60_000)).end_time(time(account.now()))
    };
    let good = || custom("m", "a", "Sum", 60);
    let cases: Vec<(Vec<MetricDataQuery>, &str)> = vec![
        (vec![], "1 to 500"),
        (vec![custom("M", "a", "Sum", 60)], "parameter Id"),
        (vec![good(), good()], "unique"),
        (vec![custom("m", "a", "Sum", 45)], "Period"),
        (vec![custom("m", "a", "Sum", 0)], "Period"),
        (vec![custom("m", "a", "Mean", 60)], "Stat"),
        (vec![good(), math("e", "m + n")], "unknown id 'n'"),
        (vec![math("e", "f"), math("f", "e")], "circle"),
        (vec![math("e", "1 + 1")], "time series"),
        (vec![good(), math("e", "m +")], "too early"),
        (vec![good(), math("e", "")], "1 to 2048"),
        (vec![MetricDataQuery::builder().id("m").build()], "Exactly one"),
        (vec![query("m", metric("Tests", "a", &[("Name", "")]), "Sum", 60)], "dimensions"),
    ];
    for (queries, words) in cases {
        let told = refused!("ValidationError", "cloudwatch:GetMetricData", get(queries));
        assert!(told.contains(words), "{told}, not {words}");
    }
    for queries in
        [vec![good(), math("e", "RATE(m)")], vec![custom("m", "a", "tm90", 60)], vec![good(), custom("n", "a", "Sum", 300), math("e", "m + n")]]
    {
        refused!("SandboxUnknownMember", "cloudwatch:GetMetricData", get(queries));
    }
    let late = get(vec![good()]).start_time(time(account.now()));
    assert!(refused!("ValidationError", "cloudwatch:GetMetricData", late).contains("less than"));
}

#[tokio::test(start_paused = true)]
async fn bad_data_is_refused() {
    let account = Account::of(World::new()).await;
    let put = |namespace: &str, datum: MetricDatum| account.clients.cloudwatch.put_metric_data().namespace(namespace).metric_data(datum);
    let datum = || MetricDatum::builder().metric_name("a");
    let invalid = [
        ("AWS/DMS", datum().value(1.0)),
        (":colon", datum().value(1.0)),
        ("Tests", MetricDatum::builder().metric_name("").value(1.0)),
        ("Tests", datum().value(f64::NAN)),
        ("Tests", datum().value(1.0).storage_resolution(5)),
        ("Tests", datum().value(1.0).timestamp(time(account.now() - 15 * 86_400_000))),
        ("Tests", datum().value(1.0).timestamp(time(account.now() + 3 * 3_600_000))),
        ("Tests", datum().value(1.0).unit(StandardUnit::from("Furlongs"))),
        ("Tests", datum().values(1.0).counts(0.0)),
    ];
    for (namespace, datum) in invalid {
        refused!("InvalidParameterValue", "cloudwatch:PutMetricData", put(namespace, datum.build()));
    }
    for datum in [datum(), datum().value(1.0).values(1.0), datum().values(1.0).counts(1.0).counts(2.0)] {
        refused!("InvalidParameterCombination", "cloudwatch:PutMetricData", put("Tests", datum.build()));
    }
    refused!("MissingParameter", "cloudwatch:PutMetricData", account.clients.cloudwatch.put_metric_data().namespace("Tests"));
}

#[tokio::test(start_paused = true)]
async fn latency_is_measured_only_while_changes_are_applied() {
    let account = Account::of(stack()).await;
    account.run().await;
    pass(81).await;
    let began = account.minute().await;
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 10).await.len(), 1);
    pass(59).await;
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 10).await.len(), 1, "the minute is not over");
    pass(1).await;
    let found = account.get(&[query("m", of_task("CDCLatencySource", &account), "Average", 60)], 10).await;
    assert_eq!(found["m"], [(began - 60_000, 0.0), (began, 0.0)]);
    assert_eq!(account.values(of_task("CDCIncomingChanges", &account), "Sum", 1).await, [0.0]);
    // Half of the dimensions, or the task's name, is another metric.
    let (instance, task) = (account.task().instance_arn, account.task().identifier);
    for dimensions in [vec![("ReplicationInstanceIdentifier", instance.as_str())], vec![("ReplicationTaskIdentifier", task.as_str())], vec![]] {
        assert_eq!(account.values(metric("AWS/DMS", "CDCLatencyTarget", &dimensions), "Maximum", 10).await, [0.0; 0]);
    }
    account.stop().await;
    pass(180).await;
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 2).await, [0.0; 0], "it has stopped");
    account.start(Start::ResumeProcessing).await;
    pass(300).await;
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 2).await, [0.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn lag_begins_when_the_target_has_enough_of_the_traffic_and_ends_in_time() {
    let account = Account::with(include_str!("scripts/lag.toml")).await;
    account.run().await;
    pass(300).await;
    account.shift(61, 39).await;
    pass(120).await;
    let lag = || account.values(of_task("CDCLatencyTarget", &account), "Maximum", 1);
    assert_eq!(lag().await, [0.0]);
    account.minute().await;
    account.ask(60, 40).await;
    // Name servers know after ten seconds at the earliest, and after a minute at the latest.
    pass(60).await;
    assert_eq!(lag().await, [300.0]);
    account.shift(100, 0).await;
    let changes = account.values(of_task("CDCIncomingChanges", &account), "Maximum", 1).await;
    assert_eq!(changes, [15_000.0], "the event goes on although the traffic is back");
    pass(180).await;
    assert_eq!(lag().await, [0.0]);
    account.shift(0, 100).await;
    pass(120).await;
    assert_eq!(lag().await, [0.0], "it begins only once");
}

#[tokio::test(start_paused = true)]
async fn databases_are_measured_and_an_idle_slot_grows() {
    let account = Account::with("[[events]]\nat_seconds = 60\ncpu_percent = { \"payment-db-target-*\" = 95 }\n").await;
    pass(180).await;
    assert_eq!(account.values(of_database("CPUUtilization", "-source-"), "Average", 1).await, [20.0]);
    let target = database(&stack(), "-target-");
    assert!(target.starts_with("payment-db-target-"), "{target}");
    assert_eq!(account.values(of_database("CPUUtilization", "-target-"), "Average", 1).await, [95.0]);
    assert_eq!(account.values(of_database("DatabaseConnections", "-target-"), "Average", 1).await.len(), 1);
    let free = account.values(of_database("FreeStorageSpace", "-source-"), "Minimum", 1).await;
    assert_eq!(free, [100.0 * 0.6 * 1_073_741_824.0]);
    let slot = |environment: &'static str| account.values(of_database("OldestReplicationSlotLag", environment), "Maximum", 1);
    assert_eq!(slot("-source-").await, [0.0; 0], "there is no slot yet");
    account.run().await;
    pass(300).await;
    let before = slot("-source-").await[0];
    assert!(before > 0.0 && slot("-target-").await.is_empty());
    account.stop().await;
    pass(3600).await;
    assert!(slot("-source-").await[0] > before + 900_000_000.0, "an hour without a reader");
    let logs = account.values(of_database("TransactionLogsDiskUsage", "-source-"), "Maximum", 1).await[0];
    assert!(logs > slot("-source-").await[0]);
    let nobody = metric("AWS/RDS", "CPUUtilization", &[("DBInstanceIdentifier", "nobody")]);
    assert_eq!(account.values(nobody, "Average", 10).await, [0.0; 0]);
}

#[tokio::test(start_paused = true)]
async fn requests_follow_the_weights_that_name_servers_know() {
    let account = Account::of(stack()).await;
    let requests = |environment: &'static str| account.values(of_balancer("RequestCount", environment), "Sum", 1);
    let began = account.minute().await;
    account.ask(60, 40).await;
    // Nothing changes before the name servers know, ten seconds after that at the earliest.
    let known = |world: &World| world.route53.weights.0.iter().map(|history| history.changes.last().unwrap().live_at).max().unwrap();
    let live_at = known(&account.sandbox.snapshot());
    assert!(live_at >= account.now() + 10_000);
    pass(60).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![360.0], vec![240.0]));
    account.minute().await;
    account.shift(100, 0).await;
    account.minute().await;
    assert_eq!(requests("source").await, [600.0]);
    assert_eq!(requests("target").await, [0.0; 0], "no requests, no data");
    for name in ["TargetResponseTime", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] {
        assert_eq!(account.values(of_balancer(name, "target"), "Sum", 1).await, [0.0; 0], "{name}");
    }
    assert_eq!(account.values(of_balancer("TargetResponseTime", "source"), "p99", 1).await, [0.05]);
    assert_eq!(account.values(of_targets("RequestCount", "source"), "Sum", 1).await, [600.0]);
    assert_eq!(account.values(of_balancer("RequestCount", "source"), "Average", 1).await, [1.0], "each request is a sample of 1");
    for (environment, count) in [("source", 2.0), ("target", 2.0)] {
        assert_eq!(account.values(of_targets("HealthyHostCount", environment), "Minimum", 1).await, [count]);
        assert_eq!(account.values(of_targets("UnHealthyHostCount", environment), "Maximum", 1).await, [0.0]);
        assert_eq!(account.values(of_balancer("HealthyHostCount", environment), "Minimum", 1).await, [0.0; 0], "it needs the target group");
    }
    // The past is what it was.
    let all = account.values(of_balancer("RequestCount", "target"), "Sum", (account.now() - began) / 60_000).await;
    assert_eq!(all.first(), Some(&240.0), "{all:?}");
}

/// At every instant that DNS can see, all of the traffic goes somewhere.
#[tokio::test(start_paused = true)]
async fn the_history_of_weights_tells_every_instant() {
    let account = Account::of(stack()).await;
    let began = account.now();
    for target in [10, 20, 30] {
        account.ask(100 - target, target).await;
        // The next one is asked for before this one is known everywhere.
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
    // A weight that somebody has changed by hand is noticed, and so is a record that is gone.
    account.sandbox.meddle(|world| {
        let records = world.route53.zones.values_mut().flat_map(|zone| &mut zone.records);
        records.filter(|record| record.set_identifier.as_deref() == Some("target")).for_each(|record| record.weight = Some(50));
    });
    account.shown().await;
    let world = account.sandbox.snapshot();
    assert_eq!(world.route53.weights.live(&zone, &name, "A", world.now).iter().map(|(_, weight)| weight).sum::<i64>(), 150);
    account.sandbox.meddle(|world| world.route53.zones.values_mut().for_each(|zone| zone.records.clear()));
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
    // A name that the name servers do not know yet does not exist.
    let batch = ResourceRecordSet::builder().name("new.payment-migration.internal").r#type(RrType::A).set_identifier("a").weight(1).ttl(60);
    let batch = batch.resource_records(ResourceRecord::builder().value("192.0.2.1").build().unwrap()).build().unwrap();
    let batch = ChangeBatch::builder().changes(Change::builder().action(ChangeAction::Create).resource_record_set(batch).build().unwrap());
    let call = account.clients.route53.change_resource_record_sets().hosted_zone_id(account.zone()).change_batch(batch.build().unwrap());
    done!("route53:ChangeResourceRecordSets", call);
    let new = || async {
        let call = account.clients.route53.test_dns_answer().hosted_zone_id(account.zone()).record_name("new.payment-migration.internal");
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
    let ask = |name: &str| account.clients.route53.test_dns_answer().hosted_zone_id(account.zone()).record_name(name).record_type(RrType::A);
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
    let account = Account::with("[[events]]\nat_seconds = 600\nfor_seconds = 600\nunhealthy_targets = { target = 2 }\n").await;
    account.shift(50, 50).await;
    let requests = |environment: &'static str| account.values(of_balancer("RequestCount", environment), "Sum", 1);
    account.minute().await;
    pass(60).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![300.0], vec![300.0]));
    pass(600).await;
    assert_eq!((requests("source").await, requests("target").await), (vec![600.0], vec![]));
    assert_eq!(account.values(of_targets("UnHealthyHostCount", "target"), "Maximum", 1).await, [2.0]);
    assert_eq!(account.values(of_targets("HealthyHostCount", "target"), "Maximum", 1).await, [0.0]);
    let group =
        account.sandbox.snapshot().regions["us-east-1"].elbv2.target_groups.values().find(|one| one.name.contains("target")).unwrap().arn.clone();
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
    assert_eq!((requests("source").await, requests("target").await), (vec![300.0], vec![300.0]));
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
    assert_eq!(account.values(of_balancer("HTTPCode_Target_5XX_Count", "source"), "Sum", 1).await, [0.0; 0], "it is not zero, it is not there");
    assert_eq!(account.values(of_balancer("TargetResponseTime", "target"), "Average", 1).await, [2.0]);
    assert_eq!(account.values(of_balancer("TargetResponseTime", "source"), "Average", 1).await, [0.05]);
    pass(1200).await;
    // With no healthy target anywhere all records count as healthy, and the load balancers answer by themselves.
    assert_eq!(account.values(of_balancer("RequestCount", "target"), "Sum", 1).await, [300.0]);
    assert_eq!(account.values(of_balancer("HTTPCode_ELB_5XX_Count", "target"), "Sum", 1).await, [300.0]);
    assert_eq!(account.values(of_balancer("TargetResponseTime", "target"), "Average", 1).await, [0.0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_health_check_can_be_turned_over_and_off() {
    let account = Account::of(stack()).await;
    let route53 = &account.clients.route53;
    account.shift(50, 50).await;
    let world = account.sandbox.snapshot();
    let of_target = balancer(&world, "target").0.split('/').nth(1).unwrap().to_owned();
    let check = world.route53.health_checks.values().find(|check| check.config.fqdn.contains(&of_target)).unwrap().id.clone();
    let status = || async {
        let answer = route53.get_health_check_status().health_check_id(&check).send().await.unwrap();
        let words = |one: &aws_sdk_route53::types::HealthCheckObservation| one.status_report().unwrap().status().unwrap().to_owned();
        answer.health_check_observations().iter().map(words).collect::<Vec<_>>()
    };
    assert!(status().await.len() == 3 && status().await.iter().all(|words| words.starts_with("Success")));
    let update = || route53.update_health_check().health_check_id(&check);
    let changed = done!("route53:UpdateHealthCheck", update().inverted(true).health_check_version(1));
    let config = changed.health_check().unwrap().health_check_config().unwrap().clone();
    assert_eq!((config.inverted(), config.disabled()), (Some(true), Some(false)));
    refused!("HealthCheckVersionMismatch", "route53:UpdateHealthCheck", update().inverted(false).health_check_version(1));
    account.minute().await;
    pass(60).await;
    assert_eq!(account.values(of_balancer("RequestCount", "target"), "Sum", 1).await, [0.0; 0], "an inverted check takes the traffic away");
    done!("route53:UpdateHealthCheck", update().inverted(false).disabled(true));
    pass(60).await;
    assert_eq!(account.values(of_balancer("RequestCount", "target"), "Sum", 1).await, [300.0]);
    assert!(status().await.is_empty(), "nothing is checked any more");
    refused!("NoSuchHealthCheck", "route53:GetHealthCheckStatus", route53.get_health_check_status().health_check_id("nobody"));
}

/// A health check on an alarm judges the metric itself, keeps what it saw last, and counts for a calculated one.
#[tokio::test(start_paused = true)]
async fn a_calculated_health_check_follows_an_alarm() {
    let account = Account::of(stack()).await;
    let route53 = &account.clients.route53;
    account.shift(0, 100).await;
    let world = account.sandbox.snapshot();
    let record = world.route53.zones.values().flat_map(|zone| &zone.records).find(|record| record.set_identifier.as_deref() == Some("target"));
    let calculated = record.unwrap().health_check_id.clone().unwrap();
    let children = world.route53.health_checks[&calculated].config.children.clone();
    let switch = children.iter().find(|id| world.route53.health_checks[*id].config.alarm.is_some()).unwrap();
    let here = &world.regions["us-east-1"].cloudwatch;
    let alarm = &here.alarms[&world.route53.health_checks[switch].config.alarm.as_ref().unwrap().name];
    let source = account.resolve("198.51.100.1").await;
    let put = async |value: f64| {
        let dimensions = alarm.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
        let datum = MetricDatum::builder().metric_name(&alarm.metric_name).set_dimensions(Some(dimensions)).value(value).build();
        done!("cloudwatch:PutMetricData", account.clients.cloudwatch.put_metric_data().namespace(&alarm.namespace).metric_data(datum));
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
    // What can not be.
    let update = || route53.update_health_check().health_check_id(&calculated);
    refused!("InvalidInput", "route53:UpdateHealthCheck", update().child_health_checks("nobody"));
    refused!("InvalidInput", "route53:UpdateHealthCheck", update().health_threshold(257));
    refused!("InvalidInput", "route53:GetHealthCheckStatus", route53.get_health_check_status().health_check_id(&calculated));
    let nowhere = aws_sdk_route53::types::AlarmIdentifier::builder().name("nobody").region("us-east-1".into()).build().unwrap();
    refused!("InvalidInput", "route53:UpdateHealthCheck", route53.update_health_check().health_check_id(switch).alarm_identifier(nowhere));
}

#[tokio::test(start_paused = true)]
async fn missing_metrics_are_missing_and_failing_calls_fail() {
    let script = "[[events]]\nat_seconds = 600\nmetrics_missing = [\"AWS/DMS:*\", \"Tests:a\"]\n
        [[events]]\nat_seconds = 1200\ncalls_fail = { \"cloudwatch:GetMetricData\" = \"InternalServiceFault\" }\n";
    let account = Account::with(script).await;
    account.run().await;
    pass(540).await;
    assert!(!account.values(of_task("CDCLatencyTarget", &account), "Maximum", 3).await.is_empty());
    pass(300).await;
    account.put("a", account.now() - 1000, 1.0).await;
    account.put("b", account.now() - 1000, 1.0).await;
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 2).await, [0.0; 0]);
    assert_eq!(account.values(metric("Tests", "a", &[]), "Sum", 2).await, [0.0; 0]);
    assert_eq!(account.values(metric("Tests", "b", &[]), "Sum", 2).await, [1.0]);
    assert!(!account.values(of_database("CPUUtilization", "-source-"), "Average", 2).await.is_empty());
    pass(600).await;
    let call = account.clients.cloudwatch.get_metric_data().metric_data_queries(custom("m", "b", "Sum", 60));
    refused!("InternalServiceFault", "cloudwatch:GetMetricData", call.start_time(time(0)).end_time(time(account.now())));
    assert!(account.clients.cloudwatch.describe_alarms().send().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_stacks_alarms_follow_from_the_metrics() {
    let script = "[[events]]\nat_seconds = 1200\nfor_seconds = 300\nunhealthy_targets = { target = 1 }\nlag_seconds = 90\n
        [[events]]\nat_seconds = 1200\nfor_seconds = 900\ncpu_percent = { \"*\" = 99 }\n";
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
    assert_eq!(states().await, [StateValue::InsufficientData, StateValue::Ok, StateValue::Ok], "nothing is replicated yet");
    account.run().await;
    pass(300).await;
    assert_eq!(states().await[0], StateValue::Ok);
    pass(420).await;
    let told = account.alarm(&alarms[0]).await;
    assert_eq!(told.0, StateValue::Alarm);
    assert!(told.1.starts_with("Threshold Crossed: 2 out of the last 2 datapoints [90, 90] was greater than the threshold"), "{}", told.1);
    assert_eq!(account.alarm(&alarms[1]).await.0, StateValue::Alarm);
    let sick = account.clients.cloudwatch.describe_alarms().state_value(StateValue::Alarm).send().await.unwrap();
    assert!(sick.metric_alarms().iter().all(|alarm| alarm.state_value() == Some(&StateValue::Alarm)) && sick.metric_alarms().len() >= 2);
    pass(480).await;
    assert_eq!(states().await, [StateValue::Ok, StateValue::Ok, StateValue::Alarm]);
    pass(900).await;
    assert_eq!(states().await[2], StateValue::Ok);
    account.stop().await;
    pass(600).await;
    assert_eq!(states().await[0], StateValue::InsufficientData, "a task that has stopped must not look healthy");
}

/// The tables of "Configuring how CloudWatch alarms treat missing data": points, oldest first, and the state for each treatment.
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
            let call = account.clients.cloudwatch.put_metric_alarm().alarm_name(treatment).namespace("Tests").metric_name("a");
            let call = call.statistic(aws_sdk_cloudwatch::types::Statistic::Maximum).period(60).evaluation_periods(3).datapoints_to_alarm(needed);
            let call = call.threshold(0.5).comparison_operator(aws_sdk_cloudwatch::types::ComparisonOperator::GreaterThanThreshold);
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
            let told = account.alarm(treatment).await;
            assert_eq!(told.0, expected, "{points}, {needed} of 3, {treatment}: {}", told.1);
        }
    }
}
