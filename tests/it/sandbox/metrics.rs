//! Metrics on the sandbox, call by call: what is measured, how it is read, and how a script controls it.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, StateValue, StatisticSet,
    StatusCode,
};
use aws_sdk_databasemigration::types::StartReplicationTaskTypeValue as Start;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet, RrType};
use aws_smithy_types::DateTime;
use migrate_infra::sandbox::World;

use crate::sandbox::database_replication::{Account, TASK, pass, stack};
use crate::{done, refused};

pub const NAME: &str = "api.payment-migration.internal";

fn time(millis: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(millis).unwrap())
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimensions =
        dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(*value).build()).collect();
    Metric::builder().namespace(namespace).metric_name(name).set_dimensions(Some(dimensions)).build()
}

fn query(id: &str, metric: Metric, stat: &str, period: i32) -> MetricDataQuery {
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(MetricStat::builder().metric(metric).stat(stat).period(period).build())
        .build()
}

fn math(id: &str, expression: &str) -> MetricDataQuery {
    MetricDataQuery::builder().id(id).expression(expression).build()
}

fn custom(id: &str, name: &str, stat: &str, period: i32) -> MetricDataQuery {
    query(id, metric("Tests", name, &[]), stat, period)
}

/// Returns the points of each result, as milliseconds and values.
pub fn points(answer: &GetMetricDataOutput) -> BTreeMap<String, Vec<(u64, f64)>> {
    let one = |times: &[DateTime], values: &[f64]| {
        times.iter().map(|time| u64::try_from(time.to_millis().unwrap()).unwrap()).zip(values.iter().copied()).collect()
    };
    answer
        .metric_data_results()
        .iter()
        .map(|result| (result.id().unwrap().to_owned(), one(result.timestamps(), result.values())))
        .collect()
}

impl Account {
    /// Returns the points of the last `minutes` minutes, oldest first.
    pub async fn get(&self, queries: &[MetricDataQuery], minutes: u64) -> BTreeMap<String, Vec<(u64, f64)>> {
        let now = self.now();
        let call = self.clients.cloudwatch.get_metric_data().set_metric_data_queries(Some(queries.to_vec()));
        let call =
            call.start_time(time(now - minutes * 60_000)).end_time(time(now)).scan_by(ScanBy::TimestampAscending);
        points(&call.send().await.unwrap())
    }

    /// Returns the values of one metric in the last `minutes` minutes, oldest first.
    pub async fn values(&self, metric: Metric, stat: &str, minutes: u64) -> Vec<f64> {
        let found = self.get(&[query("m", metric, stat, 60)], minutes).await;
        found["m"].iter().map(|(_, value)| *value).collect()
    }

    pub async fn put(&self, name: &str, at: u64, value: f64) {
        let datum = MetricDatum::builder().metric_name(name).timestamp(time(at)).value(value).build();
        done!(
            "cloudwatch:PutMetricData",
            self.clients.cloudwatch.put_metric_data().namespace("Tests").metric_data(datum)
        );
    }

    /// Waits until a minute begins.
    pub async fn minute(&self) -> u64 {
        let rest = 60_000 - self.now() % 60_000;
        tokio::time::sleep(std::time::Duration::from_millis(rest)).await;
        self.now()
    }

    /// Sets weights in one batch, without waiting.
    pub async fn ask(&self, source: i64, target: i64) -> String {
        let zone = self.zone();
        let listed = self.clients.route53.list_resource_record_sets().hosted_zone_id(&zone).send().await.unwrap();
        let weighted = |record: &&ResourceRecordSet| record.set_identifier().is_some();
        let change = |record: &ResourceRecordSet| {
            let weight = if record.set_identifier() == Some("source") { source } else { target };
            let mut record = record.clone();
            record.weight = Some(weight);
            Change::builder().action(ChangeAction::Upsert).resource_record_set(record).build().unwrap()
        };
        let batch = ChangeBatch::builder()
            .set_changes(Some(listed.resource_record_sets().iter().filter(weighted).map(change).collect()));
        let call = self
            .clients
            .route53
            .change_resource_record_sets()
            .hosted_zone_id(zone)
            .change_batch(batch.build().unwrap());
        let made = done!("route53:ChangeResourceRecordSets", call);
        made.change_info().unwrap().id().trim_start_matches("/change/").to_owned()
    }

    /// Shifts traffic and waits until it is effective on all name servers.
    pub async fn shift(&self, source: i64, target: i64) {
        let id = self.ask(source, target).await;
        while *self.clients.route53.get_change().id(&id).send().await.unwrap().change_info().unwrap().status()
            == ChangeStatus::Pending
        {
            pass(1).await;
        }
    }

    pub fn zone(&self) -> String {
        self.sandbox.snapshot().route53.zones.keys().next().unwrap().clone()
    }

    /// Returns the answer to a resolver.
    pub async fn resolve(&self, resolver: &str) -> Vec<String> {
        let call =
            self.clients.route53.test_dns_answer().hosted_zone_id(self.zone()).record_name(NAME).record_type(RrType::A);
        call.resolver_ip(resolver).send().await.unwrap().record_data().to_vec()
    }

    pub async fn alarm(&self, name: &str) -> (StateValue, String) {
        let answer = self.clients.cloudwatch.describe_alarms().alarm_name_prefix(name).send().await.unwrap();
        let shown = answer.metric_alarms().first().unwrap_or_else(|| panic!("there is no alarm {name}"));
        (shown.state_value().unwrap().clone(), shown.state_reason().unwrap().to_owned())
    }
}

/// Returns the full names of the load balancer and the target group of an environment.
pub fn balancer(world: &World, environment: &str) -> (String, String) {
    let elb = &world.regions["us-east-1"].elbv2;
    let balancer = elb.load_balancers.values().find(|one| one.name.contains(environment)).unwrap();
    let group =
        elb.target_groups.values().find(|one| elb.attached_load_balancers(&one.arn)[0].arn == balancer.arn).unwrap();
    (balancer.full_name.clone(), group.full_name().to_owned())
}

pub fn of_balancer(name: &str, environment: &str) -> Metric {
    metric("AWS/ApplicationELB", name, &[("LoadBalancer", &balancer(&stack(), environment).0)])
}

pub fn of_targets(name: &str, environment: &str) -> Metric {
    let (balancer, group) = balancer(&stack(), environment);
    metric("AWS/ApplicationELB", name, &[("TargetGroup", &group), ("LoadBalancer", &balancer)])
}

fn of_task(name: &str, account: &Account) -> Metric {
    let world = account.sandbox.snapshot();
    let dms = &world.regions["us-east-1"].dms;
    let (instance, task) = (dms.instances.keys().next().unwrap(), &dms.tasks[TASK]);
    let dimensions = [
        ("ReplicationInstanceIdentifier", instance.as_str()),
        ("ReplicationTaskIdentifier", task.arn.rsplit(':').next().unwrap()),
    ];
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
    let queries: Vec<MetricDataQuery> =
        stats.iter().enumerate().map(|(at, stat)| custom(&format!("m{at}"), "load", stat, 300)).collect();
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
    let values = MetricDatum::builder()
        .metric_name("a")
        .values(1.0)
        .values(2.0)
        .counts(9.0)
        .counts(1.0)
        .unit(StandardUnit::Seconds)
        .build();
    let summary = StatisticSet::builder().sample_count(4.0).sum(40.0).minimum(5.0).maximum(20.0).build();
    let summary = MetricDatum::builder().metric_name("b").statistic_values(summary).build();
    done!(
        "cloudwatch:PutMetricData",
        cloudwatch.put_metric_data().namespace("Tests").metric_data(values).metric_data(summary)
    );
    pass(60).await;
    let queries = [
        custom("a", "a", "Average", 60),
        custom("b", "b", "Average", 60),
        custom("c", "b", "Maximum", 60),
        custom("d", "b", "p90", 60),
    ];
    let found = account.get(&queries, 3).await;
    let only = |id: &str| found[id].iter().map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!((only("a"), only("b"), only("c"), only("d")), (vec![1.1], vec![10.0], vec![20.0], vec![]));
    // Data with another unit is separate.
    let stat = MetricStat::builder()
        .metric(metric("Tests", "a", &[]))
        .stat("Sum")
        .period(60)
        .unit(StandardUnit::Bytes)
        .build();
    let other = MetricDataQuery::builder().id("a").metric_stat(stat).build();
    assert_eq!(account.get(&[other], 3).await["a"], []);
}

#[tokio::test(start_paused = true)]
async fn results_are_paged_newest_first_by_default() {
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
        let of = |(id, points): (String, Vec<(u64, f64)>)| {
            (id, points.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
        };
        points(answer).into_iter().map(of).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(values(&call().send().await.unwrap())["a"], [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(
        values(&call().scan_by(ScanBy::TimestampAscending).send().await.unwrap())["a"],
        [0.0, 1.0, 2.0, 3.0, 4.0]
    );
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
async fn expressions_use_existing_points() {
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
    // In any order, and overlapping.
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
        (vec![math("e", "f"), math("f", "e")], "cycle"),
        (vec![math("e", "1 + 1")], "time series"),
        (vec![good(), math("e", "m +")], "too early"),
        (vec![good(), math("e", "")], "1 to 2048"),
        (vec![MetricDataQuery::builder().id("m").build()], "Exactly one"),
        (vec![query("m", metric("Tests", "a", &[("Name", "")]), "Sum", 60)], "dimensions"),
    ];
    for (queries, words) in cases {
        let message = refused!("ValidationError", "cloudwatch:GetMetricData", get(queries));
        assert!(message.contains(words), "{message}, not {words}");
    }
    for queries in [
        vec![good(), math("e", "RATE(m)")],
        vec![custom("m", "a", "tm90", 60)],
        vec![good(), custom("n", "a", "Sum", 300), math("e", "m + n")],
    ] {
        refused!("SandboxUnknownMember", "cloudwatch:GetMetricData", get(queries));
    }
    let late = get(vec![good()]).start_time(time(account.now()));
    assert!(refused!("ValidationError", "cloudwatch:GetMetricData", late).contains("less than"));
}

#[tokio::test(start_paused = true)]
async fn bad_data_is_refused() {
    let account = Account::of(World::new()).await;
    let put = |namespace: &str, datum: MetricDatum| {
        account.clients.cloudwatch.put_metric_data().namespace(namespace).metric_data(datum)
    };
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
    refused!(
        "MissingParameter",
        "cloudwatch:PutMetricData",
        account.clients.cloudwatch.put_metric_data().namespace("Tests")
    );
}

#[tokio::test(start_paused = true)]
async fn latency_is_measured_only_while_changes_are_applied() {
    let account = Account::of(stack()).await;
    account.run().await;
    let mut began = account.minute().await;
    for _ in 0..10 {
        if account.values(of_task("CDCLatencyTarget", &account), "Maximum", 10).await.is_empty() {
            began = account.minute().await;
        }
    }
    assert_eq!(account.values(of_task("CDCLatencyTarget", &account), "Maximum", 10).await.len(), 1);
    pass(59).await;
    assert_eq!(
        account.values(of_task("CDCLatencyTarget", &account), "Maximum", 10).await.len(),
        1,
        "the minute is not over"
    );
    pass(1).await;
    let found = account.get(&[query("m", of_task("CDCLatencySource", &account), "Average", 60)], 10).await;
    assert_eq!(found["m"], [(began - 60_000, 0.0), (began, 0.0)]);
    assert_eq!(account.values(of_task("CDCIncomingChanges", &account), "Sum", 1).await, [0.0]);
    // Half of the dimensions, or the task's name, is another metric.
    let (instance, task) = (account.task().instance_arn, account.task().identifier);
    for dimensions in [
        vec![("ReplicationInstanceIdentifier", instance.as_str())],
        vec![("ReplicationTaskIdentifier", task.as_str())],
        vec![],
    ] {
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
    let account = Account::with(include_str!("../scripts/lag.toml")).await;
    account.run().await;
    pass(300).await;
    account.shift(61, 39).await;
    pass(120).await;
    let lag = || account.values(of_task("CDCLatencyTarget", &account), "Maximum", 1);
    assert_eq!(lag().await, [0.0]);
    account.minute().await;
    account.ask(60, 40).await;
    // A change reaches the name servers after ten seconds at the earliest, and after a minute at the latest.
    pass(60).await;
    assert_eq!(lag().await, [300.0]);
    account.shift(100, 0).await;
    let changes = account.values(of_task("CDCIncomingChanges", &account), "Maximum", 1).await;
    assert_eq!(changes, [15_000.0], "the event continues although the traffic has returned");
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
    let slot =
        |environment: &'static str| account.values(of_database("OldestReplicationSlotLag", environment), "Maximum", 1);
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
    refused!(
        "InternalServiceFault",
        "cloudwatch:GetMetricData",
        call.start_time(time(0)).end_time(time(account.now()))
    );
    assert!(account.clients.cloudwatch.describe_alarms().send().await.is_ok());
}

/// A minute is missing for some seconds, and of a load balancer incomplete for one more minute.
#[tokio::test(start_paused = true)]
async fn a_minute_arrives_late_and_in_parts() {
    let account = Account::of(stack()).await;
    account.sandbox.mutate_out_of_band(|world| world.script.script.immediate_metrics = false);
    let requests = || of_balancer("RequestCount", "source");
    let cpu = || of_database("CPUUtilization", "source");
    pass(600).await;
    account.minute().await;
    let newest = async |metric: Metric| account.values(metric, "Sum", 2).await;
    let complete = newest(requests()).await[0];
    assert_eq!((newest(requests()).await.len(), newest(cpu()).await.len()), (1, 1), "the newest minute is missing");
    pass(15).await;
    assert_eq!(newest(requests()).await, [complete, complete / 2.0]);
    assert_eq!(newest(cpu()).await.len(), 2);
    pass(44).await;
    assert_eq!(newest(requests()).await, [complete, complete / 2.0]);
    pass(1).await;
    assert_eq!(newest(requests()).await[..1], [complete]);
}
