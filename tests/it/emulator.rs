//! LocalStack, run from a virtual environment without Docker; see tests/localstack/README.md.
//!
//! `MIGRATE_INFRA_TEST_ENDPOINT` names a running one instead. When none can be started the test fails and says why.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_credential_types::Credentials;

/// How long the virtual environment may take to install and the server to start.
const PATIENCE: Duration = Duration::from_mins(15);
/// The account that LocalStack derives from this access key.
pub const ACCOUNT: &str = "111122223333";

/// A running emulator; dropping it stops the one that was started here.
pub struct Emulator {
    pub url: String,
    server: Option<(Child, tempfile::TempDir)>,
}

impl Emulator {
    /// Returns the emulator that the environment names, or starts one on a free port.
    pub fn start() -> Self {
        if let Ok(url) = std::env::var("MIGRATE_INFRA_TEST_ENDPOINT") {
            return Self { url, server: None };
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let state = tempfile::tempdir().expect("a temporary directory");
        let ready = state.path().join("ready");
        let output = fs::File::create(state.path().join("output.log")).expect("a log");
        let mut server = Command::new("python3")
            .arg("tests/localstack/start.py")
            .arg("--venv")
            .arg(venv())
            .args(["--port", &port.to_string(), "--die-with-parent", "--state"])
            .arg(state.path().join("state"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .spawn()
            .expect("python3 is needed to run the emulator: install Python 3.11 or later");
        let began = Instant::now();
        while !ready.exists() {
            let ended = server.try_wait().expect("the server's status");
            assert!(ended.is_none(), "the emulator did not start ({ended:?}):\n{}", log(state.path()));
            assert!(began.elapsed() < PATIENCE, "the emulator is not ready after {} s:\n{}", PATIENCE.as_secs(), log(state.path()));
            std::thread::sleep(Duration::from_millis(200));
        }
        Self { url: format!("http://127.0.0.1:{port}"), server: Some((server, state)) }
    }

    /// The program, pointed at the emulator.
    pub fn point(&self, command: &mut Command) {
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ACCESS_KEY_ID", ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "test");
    }

    /// Everything that exists there, asked with clients of our own, apart from the tool's code.
    pub async fn inventory(&self, region: &str) -> BTreeSet<String> {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.url)
            .credentials_provider(Credentials::new(ACCOUNT, "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load()
            .await;
        let mut found = BTreeSet::new();
        let mut add = |kind: &str, ids: Vec<String>| found.extend(ids.into_iter().map(|id| format!("{kind} {id}")));
        let text = |id: Option<&str>| id.unwrap_or_default().to_owned();

        let ec2 = aws_sdk_ec2::Client::new(&config);
        add("vpc", ec2.describe_vpcs().send().await.unwrap().vpcs().iter().map(|vpc| text(vpc.vpc_id())).collect());
        add("subnet", ec2.describe_subnets().send().await.unwrap().subnets().iter().map(|subnet| text(subnet.subnet_id())).collect());
        add(
            "igw",
            ec2.describe_internet_gateways()
                .send()
                .await
                .unwrap()
                .internet_gateways()
                .iter()
                .map(|gateway| text(gateway.internet_gateway_id()))
                .collect(),
        );
        let gone = |state: Option<&aws_sdk_ec2::types::NatGatewayState>| state == Some(&aws_sdk_ec2::types::NatGatewayState::Deleted);
        let nats = ec2.describe_nat_gateways().send().await.unwrap();
        add("nat", nats.nat_gateways().iter().filter(|nat| !gone(nat.state())).map(|nat| text(nat.nat_gateway_id())).collect());
        add("eip", ec2.describe_addresses().send().await.unwrap().addresses().iter().map(|address| text(address.allocation_id())).collect());
        add("rtb", ec2.describe_route_tables().send().await.unwrap().route_tables().iter().map(|table| text(table.route_table_id())).collect());
        add("sg", ec2.describe_security_groups().send().await.unwrap().security_groups().iter().map(|group| text(group.group_id())).collect());
        add(
            "vpce",
            ec2.describe_vpc_endpoints().send().await.unwrap().vpc_endpoints().iter().map(|endpoint| text(endpoint.vpc_endpoint_id())).collect(),
        );
        add(
            "eni",
            ec2.describe_network_interfaces()
                .send()
                .await
                .unwrap()
                .network_interfaces()
                .iter()
                .map(|interface| text(interface.network_interface_id()))
                .collect(),
        );

        let rds = aws_sdk_rds::Client::new(&config);
        add("db", rds.describe_db_instances().send().await.unwrap().db_instances().iter().map(|one| text(one.db_instance_identifier())).collect());
        add(
            "db subnet group",
            rds.describe_db_subnet_groups().send().await.unwrap().db_subnet_groups().iter().map(|one| text(one.db_subnet_group_name())).collect(),
        );
        let ours = |name: &str| name.contains("payment");
        let groups = rds.describe_db_parameter_groups().send().await.unwrap();
        add(
            "db parameter group",
            groups.db_parameter_groups().iter().map(|one| text(one.db_parameter_group_name())).filter(|name| ours(name)).collect(),
        );

        let secrets = aws_sdk_secretsmanager::Client::new(&config).list_secrets().send().await.unwrap();
        add("secret", secrets.secret_list().iter().map(|one| text(one.name())).collect());
        let functions = aws_sdk_lambda::Client::new(&config).list_functions().send().await.unwrap();
        add("function", functions.functions().iter().map(|one| text(one.function_name())).collect());
        let roles = aws_sdk_iam::Client::new(&config).list_roles().send().await.unwrap();
        add("role", roles.roles().iter().map(|one| one.role_name().to_owned()).collect());
        let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        add("bucket", s3.list_buckets().send().await.unwrap().buckets().iter().map(|one| text(one.name())).collect());
        let logs = aws_sdk_cloudwatchlogs::Client::new(&config).describe_log_groups().send().await.unwrap();
        add("log group", logs.log_groups().iter().map(|one| text(one.log_group_name())).collect());

        let ecs = aws_sdk_ecs::Client::new(&config);
        let clusters = ecs.list_clusters().send().await.unwrap().cluster_arns().to_vec();
        for cluster in &clusters {
            add("service", ecs.list_services().cluster(cluster).send().await.unwrap().service_arns().to_vec());
        }
        // Deleted ones stay visible as inactive.
        let described = ecs.describe_clusters().set_clusters(Some(clusters)).send().await.unwrap();
        let active = described.clusters().iter().filter(|cluster| cluster.status() == Some("ACTIVE"));
        add("cluster", active.map(|cluster| text(cluster.cluster_arn())).collect());
        add("task definition", ecs.list_task_definitions().send().await.unwrap().task_definition_arns().to_vec());
        let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
        add(
            "load balancer",
            elb.describe_load_balancers().send().await.unwrap().load_balancers().iter().map(|one| text(one.load_balancer_arn())).collect(),
        );
        add(
            "target group",
            elb.describe_target_groups().send().await.unwrap().target_groups().iter().map(|one| text(one.target_group_arn())).collect(),
        );
        let namespace = aws_sdk_applicationautoscaling::types::ServiceNamespace::Ecs;
        let targets =
            aws_sdk_applicationautoscaling::Client::new(&config).describe_scalable_targets().service_namespace(namespace).send().await.unwrap();
        add("scalable target", targets.scalable_targets().iter().map(|one| one.resource_id().to_owned()).collect());

        let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
        add("alarm", cloudwatch.describe_alarms().send().await.unwrap().metric_alarms().iter().map(|one| text(one.alarm_name())).collect());
        add(
            "dashboard",
            cloudwatch.list_dashboards().send().await.unwrap().dashboard_entries().iter().map(|one| text(one.dashboard_name())).collect(),
        );
        found
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.server {
            // It has no state worth keeping.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// The virtual environment is kept with other things that are built, so that it is installed once.
fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstack-venv")
}

fn log(state: &Path) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let text = format!("{}{}", read(state.join("output.log")), read(state.join("state/localstack.log")));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
