//! The data of the embedded AWS: plain, serializable, one file a service.
//!
//! References between things are ids; whether something is still in use is computed from them, never kept in a list.

mod alarm_check;
pub mod autoscaling;
pub mod cloudwatch;
pub mod dms;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
pub mod health;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod metrics;
pub mod place;
pub mod rds;
pub mod replication;
pub mod route53;
pub mod s3;
pub mod script;
pub mod secretsmanager;
pub mod timeline;
pub mod traffic;
pub mod weights;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use place::Place;

/// One account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The account number.
    pub account: String,
    /// Milliseconds since the epoch, in the world's own time, which stands still between commands.
    pub now: u64,
    /// Counts ids and draws, so that the same calls in the same order give the same world.
    pub counter: u64,
    /// Roles, which are the same in every region.
    #[serde(default)]
    pub iam: iam::Iam,
    /// Buckets, whose names are the same in every region.
    #[serde(default)]
    pub s3: s3::S3,
    /// Dashboards, which are the same in every region.
    #[serde(default)]
    pub dashboards: cloudwatch::Dashboards,
    /// DNS, which is the same in every region.
    #[serde(default)]
    pub route53: route53::Route53,
    /// What happens besides what the calls do.
    #[serde(default)]
    pub script: script::Loaded,
    /// What each region holds.
    pub regions: BTreeMap<String, RegionWorld>,
}

/// What one region holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionWorld {
    /// Networks.
    #[serde(default)]
    pub ec2: ec2::Ec2,
    /// Database replication.
    #[serde(default)]
    pub dms: dms::Dms,
    /// Load balancers.
    #[serde(default)]
    pub elbv2: elbv2::Elbv2,
    /// Clusters, task definitions and services.
    #[serde(default)]
    pub ecs: ecs::Ecs,
    /// Scalable targets and policies.
    #[serde(default)]
    pub autoscaling: autoscaling::Autoscaling,
    /// Functions.
    #[serde(default)]
    pub lambda: lambda::Lambda,
    /// Databases.
    #[serde(default)]
    pub rds: rds::Rds,
    /// Secrets.
    #[serde(default)]
    pub secretsmanager: secretsmanager::SecretsManager,
    /// Log groups.
    #[serde(default)]
    pub logs: logs::Logs,
    /// Alarms.
    #[serde(default)]
    pub cloudwatch: cloudwatch::CloudWatch,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An account in which nothing has been made yet.
    pub fn new() -> Self {
        Self {
            account: "111122223333".to_owned(),
            // 2026-01-01T00:00:00Z
            now: 1_767_225_600_000,
            counter: 0,
            iam: iam::Iam::default(),
            s3: s3::S3::default(),
            dashboards: cloudwatch::Dashboards::default(),
            route53: route53::Route53::default(),
            script: script::Loaded::default(),
            regions: BTreeMap::new(),
        }
    }

    /// Returns what a region holds.
    pub fn region(&mut self, name: &str) -> &mut RegionWorld {
        self.regions.entry(name.to_owned()).or_default()
    }

    /// Begins to play a script, in place of the one before.
    pub fn play(&mut self, script: script::Script) {
        self.script = script::Loaded { script, at: self.now };
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.route53.advance(self.now);
        for region in self.regions.values_mut() {
            region.ecs.advance(self.now, &self.iam, &mut region.ec2);
            region.ec2.advance(self.now);
            region.rds.advance(self.now);
            region.dms.advance(self.now);
            region.secretsmanager.advance(self.now);
        }
        self.advance_replication();
    }

    /// Takes replication on, one change of state after the other: what happens next may depend on when the last one was.
    fn advance_replication(&mut self) {
        loop {
            if !self.regions.values().any(|region| region.dms.is_moving()) {
                return;
            }
            let (now, fates) = (self.now, self.fates());
            if !self.regions.values_mut().any(|region| region.dms.step(now, &fates)) {
                return;
            }
        }
    }

    /// Makes an id: a prefix, a hyphen, and seventeen hexadecimal digits.
    pub fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", &self.draw()[..17])
    }

    /// Makes a request id.
    pub fn new_request_id(&mut self) -> String {
        let text = self.draw();
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..32])
    }

    /// Returns when something that takes between `least` and `most` seconds, mostly `mode`, and starts now, will be done.
    pub fn after(&mut self, least: f64, mode: f64, most: f64) -> u64 {
        // The triangular distribution, from a draw in 0..1.
        let draw = u32::from_str_radix(&self.draw()[..8], 16).unwrap_or(0);
        let draw = f64::from(draw) / f64::from(u32::MAX);
        let cut = (mode - least) / (most - least).max(f64::MIN_POSITIVE);
        let seconds = if draw < cut {
            least + (draw * (most - least) * (mode - least)).sqrt()
        } else {
            most - ((1.0 - draw) * (most - least) * (most - mode)).sqrt()
        };
        let wait = std::time::Duration::from_secs_f64(seconds.max(0.0)).as_millis();
        self.now + u64::try_from(wait).unwrap_or(0)
    }

    /// Sixty-four hexadecimal digits that never come again.
    pub fn draw(&mut self) -> String {
        self.counter += 1;
        Sha256::digest(format!("{}/{}", self.account, self.counter)).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the id of everything that exists, for tests that look for orphans and duplicates.
    pub fn inventory(&self) -> Vec<String> {
        let mut ids = self.iam.inventory();
        ids.extend(self.s3.inventory(&self.account));
        ids.extend(self.dashboards.inventory());
        ids.extend(self.route53.inventory());
        for (name, region) in &self.regions {
            let of_region = [
                region.ec2.inventory(),
                region.elbv2.inventory(),
                region.ecs.inventory(),
                region.autoscaling.inventory(),
                region.lambda.inventory(),
                region.rds.inventory(),
                region.dms.inventory(),
                region.secretsmanager.inventory(),
                region.logs.inventory(),
                region.cloudwatch.inventory(),
            ];
            ids.extend(of_region.into_iter().flatten().map(|id| format!("{name} {id}")));
        }
        ids
    }

    /// Returns the ARN and the tags of everything in a region that the Resource Groups Tagging API shows. Roles are not
    /// among them: "The GetResources operation does not currently support IAM users and roles."
    pub fn tagged(&self, region: &str) -> Vec<(String, ec2::Tags)> {
        let place = Place { region: region.into(), account: self.account.clone() };
        let mut found = self.s3.tagged(&place);
        found.extend(self.dashboards.tagged(&place));
        found.extend(self.route53.tagged(&place));
        if let Some(here) = self.regions.get(region) {
            found.extend(here.ec2.tagged(&place));
            found.extend(here.logs.tagged(&place));
            found.extend(here.cloudwatch.tagged(&place));
            found.extend(here.elbv2.tagged());
            found.extend(here.ecs.tagged());
            found.extend(here.autoscaling.tagged());
            found.extend(here.lambda.tagged());
            found.extend(here.rds.tagged());
            found.extend(here.dms.tagged());
            found.extend(here.secretsmanager.tagged());
        }
        found
    }
}
