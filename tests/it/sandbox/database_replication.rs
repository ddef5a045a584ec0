//! Database replication on the sandbox, call by call: how it starts, what it shows while it runs, how it ends, and how
//! a script controls it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_databasemigration::error::ProvideErrorMetadata;
use aws_sdk_databasemigration::types::{
    Filter, PostgreSqlSettings, ReplicationTask, StartReplicationTaskTypeValue as Start, TableStatistics,
};
use migrate_infra::aws::{Clients, Cloud, Endpoint, intended};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::sandbox::world::dms::{Connection, Task};
use migrate_infra::sandbox::world::route53::HealthCheck;
use migrate_infra::sandbox::{Sandbox, Script, World};

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, graph};
use crate::harness::workspace::Workspace;

/// The task that loads the tables.
pub const TASK: &str = "payment-replication-target-dev-001";

/// A whole stack on the sandbox, and its clients.
pub struct Account {
    pub sandbox: Arc<Sandbox>,
    pub clients: Arc<Clients>,
}

/// The world with the default stack, which is created once. Its records follow the health checks of the load balancers,
/// unlike those of the stack, so that tests can show that the sandbox's Route 53 does.
pub fn stack() -> World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| std::thread::spawn(up).join().expect("the stack comes up")).clone()
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn up() -> World {
    let mut fixture = Fixture::default();
    // The task does not stop after its load.
    fixture.up(&graph(PAIRED, &["replication.schema=existing"])).await.must_succeed();
    records_follow_health(&mut fixture.world);
    fixture.world
}

fn records_follow_health(world: &mut World) {
    let route53 = &mut world.route53;
    for record in route53.zones.values_mut().flat_map(|zone| &mut zone.records) {
        let Some(alias) = &mut record.alias else { continue };
        alias.evaluate_target_health = true;
        let name = alias.dns_name.trim_end_matches('.').to_lowercase();
        let is_of_balancer = |check: &&HealthCheck| check.config.fqdn.to_lowercase() == name;
        let check = route53.health_checks.values().find(is_of_balancer).expect("a health check").id.clone();
        match &record.health_check_id {
            None => record.health_check_id = Some(check),
            Some(calculated) => {
                let config = &mut route53.health_checks.get_mut(calculated).expect("a health check").config;
                config.children.push(check);
                config.health_threshold = 2;
            }
        }
    }
}

/// Makes a call that must succeed.
#[macro_export]
macro_rules! done {
    ($name:literal, $call:expr) => {
        migrate_infra::aws::intended($name, $call.send()).await.unwrap_or_else(|error| panic!("{}: {error:?}", $name))
    };
}

/// Makes a call that must be refused with this code, and returns the message.
#[macro_export]
macro_rules! refused {
    ($code:literal, $name:literal, $call:expr) => {{
        let error = migrate_infra::aws::intended($name, $call.send()).await.expect_err("it is refused");
        assert_eq!(error.code(), Some($code), "{error:?}");
        error.message().map(str::to_owned).unwrap_or_default()
    }};
}

/// Lets time pass.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

impl Account {
    /// Returns an account in which a minute of a metric is complete as soon as it is over.
    pub async fn of(mut world: World) -> Self {
        world.script.script.immediate_metrics = true;
        let sandbox = Sandbox::new(world, Clock::real(), None, CrashPoints::default());
        let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real())
            .await
            .unwrap();
        let clients = cloud.clients(&"us-east-1".into()).0;
        Self { sandbox, clients }
    }

    /// Returns an account with the default stack and a script.
    pub async fn with(script: &str) -> Self {
        let mut world = stack();
        world.load_script(Script::parse(script, "script.toml").unwrap());
        Self::of(world).await
    }

    /// Returns the task in the world.
    pub fn task(&self) -> Task {
        self.sandbox.mutate_out_of_band(|world| world.region("us-east-1").dms.tasks[TASK].clone())
    }

    pub fn now(&self) -> u64 {
        self.sandbox.snapshot().now
    }

    /// Marks both connections as tested.
    pub fn connect(&self) {
        let task = self.task();
        let connections = [&task.source_endpoint_arn, &task.target_endpoint_arn]
            .map(|end| Connection::successful(end, &task.instance_arn));
        self.sandbox.mutate_out_of_band(|world| world.region("us-east-1").dms.connections = connections.into());
    }

    pub async fn start(&self, how: Start) {
        let arn = self.task().arn;
        done!(
            "dms:StartReplicationTask",
            self.clients.dms.start_replication_task().replication_task_arn(arn).start_replication_task_type(how)
        );
    }

    /// Starts the task for the first time, waits until it runs, and returns the time of its start.
    pub async fn run(&self) -> u64 {
        self.connect();
        self.start(Start::StartReplication).await;
        self.until("running").await;
        self.task().progress.runs.last().unwrap().from
    }

    pub async fn until(&self, status: &str) {
        for _ in 0..1000 {
            if self.shown().await.status() == Some(status) {
                return;
            }
            pass(1).await;
        }
        panic!("it is {:?}, not {status}", self.shown().await);
    }

    pub async fn stop(&self) {
        let arn = self.task().arn;
        done!("dms:StopReplicationTask", self.clients.dms.stop_replication_task().replication_task_arn(arn));
        self.until("stopped").await;
    }

    /// Returns the task as DMS describes it.
    pub async fn shown(&self) -> ReplicationTask {
        let shown = self.clients.dms.describe_replication_tasks().send().await.unwrap();
        let is_meant = |task: &&ReplicationTask| task.replication_task_identifier() == Some(TASK);
        shown.replication_tasks().iter().find(is_meant).expect("the task").clone()
    }

    async fn tables(&self) -> Vec<TableStatistics> {
        let call = self.clients.dms.describe_table_statistics().replication_task_arn(self.task().arn);
        call.send().await.unwrap().table_statistics.unwrap_or_default()
    }

    async fn connections(&self) -> Vec<(String, Option<String>)> {
        let answer = self.clients.dms.describe_connections().send().await.unwrap();
        let shown = answer.connections().iter();
        shown
            .map(|one| (one.status().unwrap_or_default().to_owned(), one.last_failure_message().map(str::to_owned)))
            .collect()
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build().unwrap()
}

/// Milliseconds since the epoch.
fn millis(time: Option<&aws_smithy_types::DateTime>) -> u64 {
    time.unwrap().to_millis().unwrap().try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_task_starts_only_when_both_connections_were_tested_with_success() {
    let account = Account::of(stack()).await;
    let (dms, task) = (&account.clients.dms, account.task());
    let start = || {
        dms.start_replication_task()
            .replication_task_arn(&task.arn)
            .start_replication_task_type(Start::StartReplication)
    };
    let test = |end: &str| dms.test_connection().replication_instance_arn(&task.instance_arn).endpoint_arn(end);
    let words = refused!("InvalidResourceStateFault", "dms:StartReplicationTask", start());
    assert!(words.contains("Test connection"), "{words}");
    let tested = done!("dms:TestConnection", test(&task.source_endpoint_arn));
    assert_eq!(tested.connection().unwrap().status(), Some("testing"));
    refused!("InvalidResourceStateFault", "dms:TestConnection", test(&task.source_endpoint_arn));
    pass(19).await;
    assert_eq!(account.connections().await, [("testing".to_owned(), None)]);
    pass(72).await;
    assert_eq!(account.connections().await, [("successful".to_owned(), None)]);
    refused!("InvalidResourceStateFault", "dms:StartReplicationTask", start());
    done!("dms:TestConnection", test(&task.target_endpoint_arn));
    refused!("InvalidResourceStateFault", "dms:StartReplicationTask", start());
    pass(91).await;
    let started = done!("dms:StartReplicationTask", start());
    assert_eq!(started.replication_task().unwrap().status(), Some("starting"));
    refused!("InvalidResourceStateFault", "dms:StartReplicationTask", start());
    account.until("running").await;
    let one =
        dms.describe_connections().filters(filter("endpoint-arn", &task.target_endpoint_arn)).send().await.unwrap();
    assert_eq!(one.connections()[0].endpoint_arn(), Some(task.target_endpoint_arn.as_str()));
    assert_eq!(one.connections().len(), 1);
    refused!("ResourceNotFoundFault", "dms:TestConnection", test("arn:aws:dms:us-east-1:111122223333:endpoint:NOBODY"));
    refused!(
        "ResourceNotFoundFault",
        "dms:DescribeConnections",
        dms.describe_connections().filters(filter("endpoint-arn", "nobody"))
    );
    refused!(
        "InvalidParameterValueException",
        "dms:DescribeConnections",
        dms.describe_connections().filters(filter("colour", "red"))
    );
    refused!("InvalidParameterValueException", "dms:DescribeConnections", dms.describe_connections().max_records(5));
}

#[tokio::test(start_paused = true)]
async fn a_scripted_connection_fails_until_the_event_is_over() {
    let account = Account::with(
        "[[events]]\nat_seconds = 0\nfor_seconds = 120\nconnection_fails = { target = \"no route to host\" }\n",
    )
    .await;
    let task = account.task();
    let test = |end: &str| {
        account.clients.dms.test_connection().replication_instance_arn(&task.instance_arn).endpoint_arn(end)
    };
    for end in [&task.source_endpoint_arn, &task.target_endpoint_arn] {
        done!("dms:TestConnection", test(end));
    }
    pass(91).await;
    let expected = [("successful".to_owned(), None), ("failed".to_owned(), Some("no route to host".to_owned()))];
    assert_eq!(account.connections().await, expected);
    pass(30).await;
    done!("dms:TestConnection", test(&task.target_endpoint_arn));
    pass(91).await;
    assert!(account.connections().await.iter().all(|(status, _)| status == "successful"));
}

#[tokio::test(start_paused = true)]
async fn connections_are_deleted_with_their_endpoint() {
    let account = Account::of(stack()).await;
    account.connect();
    let task = account.task();
    done!("dms:DeleteReplicationTask", account.clients.dms.delete_replication_task().replication_task_arn(&task.arn));
    pass(91).await;
    done!("dms:DeleteEndpoint", account.clients.dms.delete_endpoint().endpoint_arn(&task.source_endpoint_arn));
    let statuses: Vec<String> = account.connections().await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, ["deleting", "successful"]);
    pass(11).await;
    assert_eq!(account.connections().await.len(), 1);
}

/// The default tables take 80, 35 and 22.5 seconds, in parallel.
#[tokio::test(start_paused = true)]
async fn tables_are_loaded_over_time_and_validated_after_that() {
    let account = Account::of(stack()).await;
    assert!(account.shown().await.replication_task_stats().is_none(), "it has never run");
    assert!(account.tables().await.is_empty());
    let from = account.run().await;
    let passed = account.now() - from;
    tokio::time::sleep(Duration::from_millis(30_000 - passed)).await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    assert_eq!(
        (stats.tables_loaded(), stats.tables_loading(), stats.tables_queued(), stats.tables_errored()),
        (1, 2, 0, 0)
    );
    // 5000 of 5000, 25714 of 30000, 45000 of 120000 rows.
    assert_eq!((stats.full_load_progress_percent(), stats.elapsed_time_millis()), (48, 30_000));
    assert_eq!((millis(stats.fresh_start_date()), millis(stats.start_date()), stats.stop_date()), (from, from, None));
    assert!(stats.full_load_finish_date().is_none());
    let tables = account.tables().await;
    let seen: Vec<_> = tables
        .iter()
        .map(|one| (one.table_name().unwrap(), one.table_state().unwrap(), one.full_load_rows()))
        .collect();
    assert_eq!(
        seen,
        [
            ("audit_log", "Table completed", 5_000),
            ("customers", "Full load", 25_714),
            ("payments", "Full load", 45_000)
        ]
    );
    let validation: Vec<_> =
        tables.iter().map(|one| (one.validation_state().unwrap(), one.validation_pending_records())).collect();
    assert_eq!(validation, [("Validated", 0), ("Pending records", 30_000), ("Pending records", 120_000)]);
    pass(60).await;
    let tables = account.tables().await;
    let payments = tables.last().unwrap();
    assert_eq!((payments.validation_state(), payments.validation_pending_records()), (Some("Pending records"), 80_000));
    pass(60).await;
    let tables = account.tables().await;
    assert!(
        tables
            .iter()
            .all(|one| one.validation_state() == Some("Validated") && one.table_state() == Some("Table completed"))
    );
    assert!(
        tables.iter().all(|one| one.inserts() == 11 && one.updates() == 4 && one.deletes() == 0),
        "70 s of changes: {tables:?}"
    );
    let shown = account.shown().await;
    assert_eq!(shown.status(), Some("running"));
    assert_eq!(shown.replication_task_stats().unwrap().full_load_progress_percent(), 100);
    assert_eq!(millis(shown.replication_task_stats().unwrap().full_load_finish_date()), from + 80_000);
}

#[tokio::test(start_paused = true)]
async fn no_more_tables_are_loaded_at_a_time_than_the_settings_allow() {
    let account = Account::of(stack()).await;
    account.sandbox.mutate_out_of_band(|world| {
        let task = world.region("us-east-1").dms.tasks.get_mut(TASK).unwrap();
        task.settings["FullLoadSettings"]["MaxFullLoadSubTasks"] = 1.into();
        task.settings["ValidationSettings"]["EnableValidation"] = false.into();
    });
    account.run().await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    assert_eq!((stats.tables_loaded(), stats.tables_loading(), stats.tables_queued()), (0, 1, 2));
    pass(100).await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    assert_eq!((stats.tables_loaded(), stats.tables_loading(), stats.tables_queued()), (1, 1, 1));
    assert!(account.tables().await.iter().all(|one| one.validation_state() == Some("Not enabled")));
}

#[tokio::test(start_paused = true)]
async fn the_allowed_start_types_follow_from_the_history_of_a_task() {
    let account = Account::of(stack()).await;
    account.connect();
    let (dms, arn) = (&account.clients.dms, account.task().arn);
    let start = |how: Start| dms.start_replication_task().replication_task_arn(&arn).start_replication_task_type(how);
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", start(Start::ResumeProcessing));
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", start(Start::ReloadTarget));
    refused!("InvalidParameterValueException", "dms:StartReplicationTask", start(Start::from("again")));
    refused!(
        "InvalidResourceStateFault",
        "dms:StopReplicationTask",
        dms.stop_replication_task().replication_task_arn(&arn)
    );
    let from = account.run().await;
    refused!("InvalidResourceStateFault", "dms:StartReplicationTask", start(Start::ResumeProcessing));
    refused!(
        "InvalidResourceStateFault",
        "dms:DeleteReplicationTask",
        dms.delete_replication_task().replication_task_arn(&arn)
    );
    pass(300).await;
    account.stop().await;
    let stopped = account.shown().await;
    assert_eq!((stopped.stop_reason(), stopped.last_failure_message()), (Some("Stop Reason NORMAL"), None));
    assert!(stopped.replication_task_stats().unwrap().stop_date().is_some());
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", start(Start::StartReplication));
    account.start(Start::ResumeProcessing).await;
    assert_eq!(account.shown().await.stop_reason(), None);
    account.until("running").await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    // Nothing is loaded again.
    assert_eq!((stats.tables_loaded(), millis(stats.fresh_start_date())), (3, from));
    assert!(millis(stats.start_date()) > from);
    account.stop().await;
    account.start(Start::ReloadTarget).await;
    account.until("running").await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    assert_eq!((stats.tables_loaded(), stats.tables_loading()), (0, 3));
    assert!(millis(stats.fresh_start_date()) > from);
    assert!(account.tables().await.iter().all(|one| one.full_load_reloaded() == Some(true)));
    account.stop().await;
    account.sandbox.mutate_out_of_band(|world| {
        world.region("us-east-1").dms.tasks.values_mut().for_each(|task| task.migration_type = "cdc".into());
    });
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", start(Start::ReloadTarget));
    // "For a cdc only task, to start from a specific position, you must use start-replication and also specify the
    // start position": so it may be used again, with a position and the slot of the endpoint.
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", start(Start::StartReplication));
    let again = || start(Start::StartReplication).cdc_start_position("0/16B3748");
    refused!("InvalidParameterCombinationException", "dms:StartReplicationTask", again());
    account.sandbox.mutate_out_of_band(|world| {
        let endpoints = world.region("us-east-1").dms.endpoints.values_mut();
        endpoints.for_each(|endpoint| endpoint.settings.slot_name = Some("mine".to_owned()));
    });
    done!("dms:StartReplicationTask", again());
    account.until("running").await;
    account.stop().await;
    // It continues from its own checkpoint.
    account.start(Start::ResumeProcessing).await;
    account.until("running").await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_not_changed_while_a_task_uses_it() {
    let account = Account::of(stack()).await;
    account.run().await;
    let (dms, arn) = (&account.clients.dms, account.task().target_endpoint_arn);
    let settings = || {
        let shown = account.sandbox.snapshot().regions["us-east-1"].dms.clone();
        shown.endpoints.values().find(|endpoint| endpoint.arn == arn).expect("the endpoint").clone()
    };
    let before = settings();
    let given = PostgreSqlSettings::builder()
        .secrets_manager_secret_id(&before.secret_id)
        .secrets_manager_access_role_arn(&before.access_role_arn)
        .database_name(&before.database_name);
    let modify = |given: PostgreSqlSettings| dms.modify_endpoint().endpoint_arn(&arn).postgre_sql_settings(given);
    let script = given.clone().after_connect_script("SET a.b = 1").build();
    refused!("InvalidResourceStateFault", "dms:ModifyEndpoint", modify(script.clone()));
    account.stop().await;
    done!("dms:ModifyEndpoint", modify(script));
    let kept = done!("dms:ModifyEndpoint", modify(given.clone().max_file_size(512).build()));
    let kept = kept.endpoint.expect("the endpoint").postgre_sql_settings.expect("its settings");
    assert_eq!((kept.after_connect_script(), kept.max_file_size()), (Some("SET a.b = 1"), Some(512)));
    let exact = done!("dms:ModifyEndpoint", modify(given.build()).exact_settings(true));
    let exact = exact.endpoint.expect("the endpoint").postgre_sql_settings.expect("its settings");
    assert_eq!((exact.after_connect_script(), exact.max_file_size()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_task_stopped_during_its_load_restarts_only_unfinished_tables() {
    let account = Account::of(stack()).await;
    let from = account.run().await;
    tokio::time::sleep(Duration::from_millis(40_000 - (account.now() - from))).await;
    account.stop().await;
    pass(3600).await;
    let stats = account.shown().await.replication_task_stats().unwrap().clone();
    assert_eq!(
        (stats.tables_loaded(), stats.tables_loading(), stats.elapsed_time_millis()),
        (2, 1, 40_000),
        "it stands still"
    );
    account.start(Start::ResumeProcessing).await;
    account.until("running").await;
    let tables = account.tables().await;
    let seen: Vec<_> = tables.iter().map(|one| (one.table_name().unwrap(), one.table_state().unwrap())).collect();
    assert_eq!(seen, [("audit_log", "Table completed"), ("customers", "Table completed"), ("payments", "Full load")]);
    assert!(tables[2].full_load_rows() < 5_000, "it restarted: {:?}", tables[2]);
    assert_eq!(millis(tables[1].full_load_end_time()), from + 35_000);
    pass(81).await;
    assert_eq!(account.shown().await.replication_task_stats().unwrap().tables_loaded(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_load_stops_without_being_observed() {
    let account = Account::of(stack()).await;
    account.sandbox.mutate_out_of_band(|world| {
        world.region("us-east-1").dms.tasks.values_mut().for_each(|task| task.migration_type = "full-load".into());
    });
    account.connect();
    account.start(Start::StartReplication).await;
    let began = account.now();
    pass(86_400).await;
    let shown = account.shown().await;
    assert_eq!((shown.status(), shown.stop_reason()), (Some("stopped"), Some("Stop Reason FULL_LOAD_ONLY_FINISHED")));
    let stats = shown.replication_task_stats().unwrap();
    assert_eq!(
        (stats.full_load_progress_percent(), stats.tables_loaded(), stats.elapsed_time_millis()),
        (100, 3, 80_000)
    );
    let stopped = millis(stats.stop_date());
    assert!(stopped == millis(stats.start_date()) + 80_000 && stopped < began + 300_000);
}

#[tokio::test(start_paused = true)]
async fn a_scripted_failure_ends_the_run_when_it_is_due() {
    let account =
        Account::with("[[events]]\ntask_running_seconds = 30\nfor_seconds = 60\ntask_fails = \"the slot is gone\"\n")
            .await;
    account.connect();
    account.start(Start::StartReplication).await;
    // No call is made in between.
    pass(3600).await;
    let shown = account.shown().await;
    assert_eq!((shown.status(), shown.stop_reason()), (Some("failed"), Some("Stop Reason FATAL_ERROR")));
    assert!(shown.last_failure_message().unwrap().contains("the slot is gone"));
    let stats = shown.replication_task_stats().unwrap();
    assert_eq!(millis(stats.stop_date()), millis(stats.start_date()) + 30_000);
    account.start(Start::ResumeProcessing).await;
    assert_eq!(account.shown().await.last_failure_message(), None);
    pass(3600).await;
    assert_eq!(account.shown().await.status(), Some("running"), "the event is over, and begins only once");
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_affects_every_start() {
    let account = Account::with("[[events]]\nat_seconds = 0\ntask_fails = \"no\"\n").await;
    account.connect();
    for how in [Start::StartReplication, Start::ResumeProcessing, Start::ReloadTarget] {
        account.start(how).await;
        pass(121).await;
        assert_eq!(account.shown().await.status(), Some("failed"));
    }
    let arn = account.task().arn;
    done!("dms:DeleteReplicationTask", account.clients.dms.delete_replication_task().replication_task_arn(&arn));
    pass(91).await;
    let left = account.clients.dms.describe_replication_tasks().send().await.unwrap();
    assert!(left.replication_tasks().iter().all(|task| task.replication_task_arn() != Some(arn.as_str())));
}

#[tokio::test(start_paused = true)]
async fn a_task_without_tables_fails() {
    let account = Account::with("[[tables]]\nschema = \"ledger\"\nname = \"entries\"\nrows = 1\n").await;
    account.connect();
    account.start(Start::StartReplication).await;
    pass(121).await;
    let shown = account.shown().await;
    assert_eq!(shown.status(), Some("failed"));
    assert!(shown.last_failure_message().unwrap().contains("No tables were found"));
}

#[tokio::test(start_paused = true)]
async fn what_validation_finds_can_be_scripted() {
    let script = "
        [[tables]]
        name = \"a\"
        rows = 10
        [[tables]]
        name = \"b\"
        rows = 10
        [[tables]]
        name = \"c\"
        rows = 10
        primary_key = false
        [[tables]]
        name = \"d\"
        rows = 10
        [[events]]
        at_seconds = 0
        validation = \"mismatched\"
        table = \"public.a\"
        failed_rows = 3
        [[events]]
        at_seconds = 0
        validation = \"suspended\"
        table = \"public.b\"
        [[events]]
        at_seconds = 0
        for_seconds = 3600
        table_errors = [\"public.d\"]
    ";
    let account = Account::with(script).await;
    account.run().await;
    pass(60).await;
    let seen = |tables: &[TableStatistics]| -> Vec<(String, i64, i64)> {
        tables
            .iter()
            .map(|one| {
                (
                    one.validation_state().unwrap().to_owned(),
                    one.validation_failed_records(),
                    one.validation_suspended_records(),
                )
            })
            .collect()
    };
    let tables = account.tables().await;
    let expected =
        [("Mismatched records", 3, 0), ("Suspended records", 0, 1), ("No primary key", 0, 0), ("Table error", 0, 0)];
    assert_eq!(seen(&tables), expected.map(|(state, failed, suspended)| (state.to_owned(), failed, suspended)));
    assert_eq!((tables[3].table_state(), tables[3].full_load_error_rows()), (Some("Table error"), 1));
    assert_eq!(account.shown().await.replication_task_stats().unwrap().tables_errored(), 1);
    pass(3600).await;
    assert_eq!(seen(&account.tables().await)[3], ("Validated".to_owned(), 0, 0));
}

#[tokio::test(start_paused = true)]
async fn statistics_come_in_pages_and_through_filters() {
    let script: String =
        (0..45).map(|number| format!("[[tables]]\nname = \"t{number:02}\"\nrows = {number}\n")).collect();
    let account = Account::with(&script).await;
    account.run().await;
    let look = || account.clients.dms.describe_table_statistics().replication_task_arn(account.task().arn);
    let (mut names, mut marker, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = look().max_records(20).set_marker(marker).send().await.unwrap();
        names.extend(page.table_statistics().iter().map(|one| one.table_name().unwrap().to_owned()));
        (marker, pages) = (page.marker().map(str::to_owned), pages + 1);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((names, pages), ((0..45).map(|number| format!("t{number:02}")).collect(), 3));
    let one = look().filters(filter("table-name", "t07")).send().await.unwrap();
    assert_eq!(one.table_statistics().len(), 1);
    let queued = look().filters(filter("table-state", "Before load")).send().await.unwrap();
    assert_eq!(queued.table_statistics().len(), 37, "eight are loaded at a time");
    refused!("InvalidParameterValueException", "dms:DescribeTableStatistics", look().max_records(19));
    refused!("InvalidParameterValueException", "dms:DescribeTableStatistics", look().marker("soon"));
    refused!(
        "ResourceNotFoundFault",
        "dms:DescribeTableStatistics",
        look().replication_task_arn("arn:aws:dms:us-east-1:1:task:X")
    );
}

#[tokio::test(start_paused = true)]
async fn unset_settings_are_omitted() {
    let account = Account::of(stack()).await;
    let shown = account.clients.dms.describe_replication_tasks().without_settings(true).send().await.unwrap();
    assert_eq!(
        (shown.replication_tasks()[0].table_mappings(), shown.replication_tasks()[0].replication_task_settings()),
        (None, None)
    );
    assert!(account.shown().await.table_mappings().is_some());
}

#[test]
fn a_script_is_stored_with_the_sandbox_and_an_invalid_one_changes_nothing() {
    let workspace = Workspace::new();
    std::fs::write(workspace.path().join("bad.toml"), "[[events]]\nat_seconds = 1\nlag = 3\n").unwrap();
    let transcript = workspace.transcript("orphans --sandbox --sandbox-script bad.toml");
    assert!(
        transcript.contains("[exit 2]") && transcript.contains("bad.toml, line 3: unknown field `lag`"),
        "{transcript}"
    );
    let transcript = workspace.transcript("orphans --sandbox --sandbox-script missing.toml");
    assert!(transcript.contains("[exit 2]") && transcript.contains("missing.toml cannot be read"), "{transcript}");
    let kept = || {
        let world = std::fs::read(workspace.path().join(".migrate-infra/sandbox/world.json")).ok()?;
        Some(serde_json::from_slice::<World>(&world).unwrap().script.script)
    };
    assert_eq!(kept(), None);
    std::fs::copy("tests/it/scripts/lag.toml", workspace.path().join("lag.toml")).unwrap();
    assert!(workspace.transcript("orphans --sandbox --sandbox-script lag.toml").contains("[exit 0]"));
    assert!(workspace.transcript("orphans --sandbox").contains("[exit 0]"));
    assert_eq!(kept(), Some(Script::read("tests/it/scripts/lag.toml".as_ref()).unwrap()));
}

/// The calls return the same as the world.
#[tokio::test(start_paused = true)]
async fn a_call_can_be_made_to_fail() {
    let script =
        "[[events]]\nat_seconds = 60\nfor_seconds = 60\ncalls_fail = { \"dms:Stop*\" = \"InternalFailure\" }\n";
    let account = Account::with(script).await;
    let stop = || account.clients.dms.stop_replication_task().replication_task_arn(account.task().arn);
    let words = refused!("InvalidResourceStateFault", "dms:StopReplicationTask", stop());
    assert!(words.contains("not running"), "{words}");
    pass(61).await;
    refused!("InternalFailure", "dms:StopReplicationTask", stop());
    assert_eq!(account.shown().await.status(), Some("ready"), "other calls do not fail");
    pass(60).await;
    refused!("InvalidResourceStateFault", "dms:StopReplicationTask", stop());
    let unknown = intended(
        "dms:StopReplicationTask",
        account.clients.dms.stop_replication_task().replication_task_arn("x").send(),
    )
    .await;
    assert_eq!(unknown.unwrap_err().code(), Some("ResourceNotFoundFault"));
}
