//! The two backends on which the same scenarios run: the sandbox, and LocalStack over HTTP.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::Arc;

use aws_config::Region;
use aws_credential_types::Credentials;
use migrate_infra::aws::{Clients, Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::sandbox::{Disk, Sandbox};

use crate::harness::emulator::Emulator;
use crate::harness::independent_reader;
use crate::harness::workspace::Workspace;

/// A backend of a scenario.
pub enum Backend {
    /// `--sandbox`. The state directory contains its world.
    Sandbox,
    /// An account of the emulator.
    Http(Emulator),
}

impl Backend {
    /// Returns a command of the program on this backend.
    pub fn command(&self, workspace: &Workspace, arguments: &str) -> Command {
        match self {
            Self::Sandbox => workspace.command(&format!("{arguments} --sandbox")),
            Self::Http(emulator) => {
                let mut command = workspace.command(arguments);
                emulator.point(&mut command);
                command
            }
        }
    }

    /// Returns a command that lasts long enough to be interrupted.
    pub fn slow_command(&self, workspace: &Workspace, arguments: &str) -> Command {
        match self {
            Self::Sandbox => self.command(workspace, &format!("{arguments} --sandbox-timing fast")),
            Self::Http(_) => self.command(workspace, arguments),
        }
    }

    pub fn run(&self, workspace: &Workspace, arguments: &str) -> Output {
        self.command(workspace, arguments).output().expect("the program runs")
    }

    /// Runs the program and returns its standard output. The test fails unless the program succeeds.
    pub fn succeed(&self, workspace: &Workspace, arguments: &str) -> String {
        let output = self.run(workspace, arguments);
        assert!(output.status.success(), "{}", workspace.format_output(&output, arguments));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns everything that exists in these regions.
    pub fn inventory(&self, workspace: &Workspace, regions: &[&str]) -> BTreeSet<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut found = BTreeSet::new();
            for region in regions {
                found.extend(independent_reader::inventory(self.clients(workspace, region).await.as_ref()).await);
            }
            found
        })
    }

    /// Returns the weights of source and target, read by an independent client.
    pub fn weights(&self, workspace: &Workspace) -> [i64; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let records =
                independent_reader::weighted_records(self.clients(workspace, "us-east-1").await.as_ref()).await;
            ["source", "target"].map(|set| records.iter().find(|(found, _)| found == set).expect("a weighted record").1)
        })
    }

    pub async fn clients(&self, workspace: &Workspace, region: &str) -> Arc<Clients> {
        match self {
            Self::Sandbox => {
                let (disk, world) =
                    Disk::open(&workspace.path().join(".migrate-infra/sandbox")).expect("the sandbox's world");
                drop(disk);
                let sandbox = Sandbox::new(world, Clock::real(), None, CrashPoints::default());
                let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &region.into(), Clock::real())
                    .await
                    .expect("the sandbox answers");
                cloud.clients(&region.into()).0
            }
            Self::Http(emulator) => Arc::new(over_http(emulator, region).await),
        }
    }
}

/// Returns clients that contain no code of the tool.
async fn over_http(emulator: &Emulator, region: &str) -> Clients {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(&emulator.url)
        .credentials_provider(Credentials::new(&emulator.account, "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    Clients {
        ec2: aws_sdk_ec2::Client::new(&config),
        rds: aws_sdk_rds::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build()),
        ecs: aws_sdk_ecs::Client::new(&config),
        iam: aws_sdk_iam::Client::new(&config),
        sts: aws_sdk_sts::Client::new(&config),
        elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        lambda: aws_sdk_lambda::Client::new(&config),
        cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        autoscaling: aws_sdk_applicationautoscaling::Client::new(&config),
        tagging: aws_sdk_resourcegroupstagging::Client::new(&config),
        dms: aws_sdk_databasemigration::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        quotas: aws_sdk_servicequotas::Client::new(&config),
        acm: aws_sdk_acm::Client::new(&config),
        sns: aws_sdk_sns::Client::new(&config),
    }
}
