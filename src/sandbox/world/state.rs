//! The state of one account and of its regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account_region::AccountRegion;
use super::autoscaling::Autoscaling;
use super::cloudwatch::{CloudWatch, Dashboards};
use super::dms::Dms;
use super::ec2::Ec2;
use super::ecs::Ecs;
use super::elbv2::Elbv2;
use super::iam::Iam;
use super::lambda::Lambda;
use super::logs::Logs;
use super::rds::Rds;
use super::real_data::{DataSource, Minutes, RequestMinute};
use super::route53::Route53;
use super::s3::S3;
use super::script::{LoadedScript, Script};
use super::secretsmanager::SecretsManager;
use super::tags::Tags;

/// One account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The account number.
    pub account: String,
    /// The world's own time, in milliseconds since the epoch. It stands still between commands.
    pub now: u64,
    /// Counts generated ids and random values, so that the same calls in the same order give the same world.
    pub counter: u64,
    /// Roles, which are global.
    #[serde(default)]
    pub iam: Iam,
    /// Buckets, whose names are global.
    #[serde(default)]
    pub s3: S3,
    /// Dashboards, which are global.
    #[serde(default)]
    pub dashboards: Dashboards,
    /// DNS, which is global.
    #[serde(default)]
    pub route53: Route53,
    /// Where the data of the databases is.
    #[serde(default)]
    pub data: DataSource,
    /// The requests of real clients, by the ARN of the load balancer. `None`: the script says how many there are.
    #[serde(default)]
    pub requests: Option<BTreeMap<String, Minutes<RequestMinute>>>,
    /// The script: what happens in addition to the effects of calls.
    #[serde(default)]
    pub script: LoadedScript,
    /// The state of each region.
    pub regions: BTreeMap<String, RegionState>,
}

/// The state of one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionState {
    /// Networks.
    #[serde(default)]
    pub ec2: Ec2,
    /// Database replication.
    #[serde(default)]
    pub dms: Dms,
    /// Load balancers.
    #[serde(default)]
    pub elbv2: Elbv2,
    /// Clusters, task definitions and services.
    #[serde(default)]
    pub ecs: Ecs,
    /// Scalable targets and policies.
    #[serde(default)]
    pub autoscaling: Autoscaling,
    /// Functions.
    #[serde(default)]
    pub lambda: Lambda,
    /// Databases.
    #[serde(default)]
    pub rds: Rds,
    /// Secrets.
    #[serde(default)]
    pub secretsmanager: SecretsManager,
    /// Log groups.
    #[serde(default)]
    pub logs: Logs,
    /// Alarms.
    #[serde(default)]
    pub cloudwatch: CloudWatch,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Returns an empty account.
    pub fn new() -> Self {
        Self {
            account: "111122223333".to_owned(),
            // 2026-01-01T00:00:00Z
            now: 1_767_225_600_000,
            counter: 0,
            iam: Iam::default(),
            s3: S3::default(),
            dashboards: Dashboards::default(),
            route53: Route53::default(),
            data: DataSource::default(),
            requests: None,
            script: LoadedScript::default(),
            regions: BTreeMap::new(),
        }
    }

    /// Returns the state of a region.
    pub fn region(&mut self, name: &str) -> &mut RegionState {
        self.regions.entry(name.to_owned()).or_default()
    }

    /// Loads a script, which replaces the previous one.
    pub fn load_script(&mut self, script: Script) {
        self.script = LoadedScript { script, loaded_at: self.now };
    }

    /// Advances the time.
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
        self.advance_rotations();
        self.advance_replication();
        self.advance_autoscaling();
        self.advance_log_groups();
        self.advance_foreign_objects();
    }

    /// Advances replication one state change at a time, because a change can depend on when the previous one happened.
    fn advance_replication(&mut self) {
        loop {
            if !self.regions.values().any(|region| region.dms.may_change_by_itself()) {
                return;
            }
            let (now, scripted_failures) = (self.now, self.scripted_failures());
            if !self.regions.values_mut().any(|region| region.dms.step(now, &scripted_failures)) {
                return;
            }
        }
    }

    /// Returns an id: a prefix, a hyphen, and seventeen hexadecimal digits.
    pub fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", &self.random_hex()[..17])
    }

    /// Returns a request id.
    pub fn new_request_id(&mut self) -> String {
        let text = self.random_hex();
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..32])
    }

    /// Returns when an action that starts now ends. It takes `min` to `max` seconds, most likely `mode`.
    pub fn completion_time(&mut self, min: f64, mode: f64, max: f64) -> u64 {
        // The triangular distribution, from a uniform value in 0..1.
        let draw = u32::from_str_radix(&self.random_hex()[..8], 16).unwrap_or(0);
        let draw = f64::from(draw) / f64::from(u32::MAX);
        let cut = (mode - min) / (max - min).max(f64::MIN_POSITIVE);
        let seconds = if draw < cut {
            min + (draw * (max - min) * (mode - min)).sqrt()
        } else {
            max - ((1.0 - draw) * (max - min) * (max - mode)).sqrt()
        };
        let wait = std::time::Duration::from_secs_f64(seconds.max(0.0)).as_millis();
        self.now + u64::try_from(wait).unwrap_or(0)
    }

    /// Returns sixty-four hexadecimal digits that are never repeated.
    pub fn random_hex(&mut self) -> String {
        self.counter += 1;
        Sha256::digest(format!("{}/{}", self.account, self.counter)).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the ids of all existing resources, for tests that check for orphans and duplicates.
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

    /// Returns the ARNs and tags of all resources in a region that the Resource Groups Tagging API lists. Roles are not
    /// included: "The GetResources operation does not currently support IAM users and roles."
    pub fn tagged(&self, region: &str) -> Vec<(String, Tags)> {
        let account_region = AccountRegion { region: region.into(), account: self.account.clone() };
        let mut found = self.s3.tagged(&account_region);
        found.extend(self.dashboards.tagged(&account_region));
        found.extend(self.route53.tagged(&account_region));
        if let Some(state) = self.regions.get(region) {
            found.extend(state.ec2.tagged(&account_region));
            found.extend(state.logs.tagged(&account_region));
            found.extend(state.cloudwatch.tagged(&account_region));
            found.extend(state.elbv2.tagged());
            found.extend(state.ecs.tagged());
            found.extend(state.autoscaling.tagged());
            found.extend(state.lambda.tagged());
            found.extend(state.rds.tagged());
            found.extend(state.dms.tagged());
            found.extend(state.secretsmanager.tagged());
        }
        found
    }
}
