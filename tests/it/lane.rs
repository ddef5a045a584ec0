//! Two places where the same scenarios run: the embedded AWS, and LocalStack over HTTP.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::Arc;

use aws_config::Region;
use aws_credential_types::Credentials;
use migrate_infra::aws::{Clients, Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::fuse::Fuse;
use migrate_infra::sandbox::{Disk, Sandbox};

use crate::cli::Place;
use crate::emulator::Emulator;
use crate::eyes;

/// Where a scenario runs.
pub enum Lane {
    /// `--sandbox`, whose world is kept in the state directory.
    Sandbox,
    /// An account of an emulator.
    Http(Emulator),
}

impl Lane {
    /// The program as a user runs it there.
    pub fn command(&self, place: &Place, arguments: &str) -> Command {
        match self {
            Self::Sandbox => place.command(&format!("{arguments} --sandbox")),
            Self::Http(emulator) => {
                let mut command = place.command(arguments);
                emulator.point(&mut command);
                command
            }
        }
    }

    /// A command that lasts long enough to be interrupted.
    pub fn slow_command(&self, place: &Place, arguments: &str) -> Command {
        match self {
            Self::Sandbox => self.command(place, &format!("{arguments} --sandbox-timing fast")),
            Self::Http(_) => self.command(place, arguments),
        }
    }

    pub fn run(&self, place: &Place, arguments: &str) -> Output {
        self.command(place, arguments).output().expect("the program runs")
    }

    /// Runs the program and returns what it wrote to standard output; the test fails unless it succeeds.
    pub fn succeed(&self, place: &Place, arguments: &str) -> String {
        let output = self.run(place, arguments);
        assert!(output.status.success(), "{}", place.tell(&output, arguments));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Everything that exists there in these regions.
    pub fn inventory(&self, place: &Place, regions: &[&str]) -> BTreeSet<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut found = BTreeSet::new();
            for region in regions {
                found.extend(eyes::inventory(self.clients(place, region).await.as_ref()).await);
            }
            found
        })
    }

    /// The weights of source and target, as a client of its own reads them.
    pub fn weights(&self, place: &Place) -> [i64; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let records = eyes::weighted_records(self.clients(place, "us-east-1").await.as_ref()).await;
            ["source", "target"].map(|set| records.iter().find(|(found, _)| found == set).expect("a weighted record").1)
        })
    }

    pub async fn clients(&self, place: &Place, region: &str) -> Arc<Clients> {
        match self {
            Self::Sandbox => {
                let (disk, world) = Disk::open(&place.path().join(".migrate-infra/sandbox")).expect("the sandbox's world");
                drop(disk);
                let sandbox = Sandbox::new(world, Clock::real(), None, Fuse::default());
                let cloud = Cloud::connect(Endpoint::Plugged(sandbox.plug()), &region.into(), Clock::real()).await.expect("the sandbox answers");
                cloud.clients(&region.into()).0
            }
            Self::Http(emulator) => Arc::new(over_http(emulator, region).await),
        }
    }
}

/// Clients that have nothing of the tool's own in them.
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
    }
}
