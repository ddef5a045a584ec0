//! The state of the accounts and of their regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account_region::{AccountRegion, MAIN_ACCOUNT};
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
use super::tag_index::TagIndex;
use super::tags::Tags;

/// All accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The account that calls at the moment.
    pub account: String,
    /// What belongs to each of the other accounts, besides their regions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_accounts: BTreeMap<String, OtherAccount>,
    /// The world's own time, in milliseconds since the epoch. It stands still between commands.
    pub now: u64,
    /// Counts generated ids and random values, so that the same calls in the same order give the same world.
    pub counter: u64,
    /// The roles of the calling account. They are global.
    #[serde(default)]
    pub iam: Iam,
    /// Buckets, whose names are global.
    #[serde(default)]
    pub s3: S3,
    /// The dashboards of the calling account. They are global.
    #[serde(default)]
    pub dashboards: Dashboards,
    /// DNS, which is global.
    #[serde(default)]
    pub route53: Route53,
    /// Where the data of the databases is.
    #[serde(default)]
    pub data: DataSource,
    /// What the tagging API still lists.
    #[serde(default, skip_serializing_if = "TagIndex::is_empty")]
    pub tag_index: TagIndex,
    /// The requests of real clients, by the ARN of the load balancer. `None`: the script says how many there are.
    #[serde(default)]
    pub requests: Option<BTreeMap<String, Minutes<RequestMinute>>>,
    /// The script: what happens in addition to the effects of calls.
    #[serde(default)]
    pub script: LoadedScript,
    /// The state of each region, by [`AccountRegion::key`].
    pub regions: BTreeMap<String, RegionState>,
}

/// What belongs to an account that does not call at the moment, besides its regions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OtherAccount {
    /// Roles.
    #[serde(default)]
    pub iam: Iam,
    /// Dashboards.
    #[serde(default)]
    pub dashboards: Dashboards,
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
    /// Returns empty accounts.
    pub fn new() -> Self {
        Self {
            account: MAIN_ACCOUNT.to_owned(),
            other_accounts: BTreeMap::new(),
            // 2026-01-01T00:00:00Z
            now: 1_767_225_600_000,
            counter: 0,
            iam: Iam::default(),
            s3: S3::default(),
            dashboards: Dashboards::default(),
            route53: Route53::default(),
            data: DataSource::default(),
            requests: None,
            tag_index: TagIndex::default(),
            script: LoadedScript::default(),
            regions: BTreeMap::new(),
        }
    }

    /// Lets another account call from now on. Returns the one that called before.
    pub fn enter(&mut self, account: &str) -> String {
        if account != self.account {
            let next = self.other_accounts.remove(account).unwrap_or_default();
            let before = OtherAccount {
                iam: std::mem::replace(&mut self.iam, next.iam),
                dashboards: std::mem::replace(&mut self.dashboards, next.dashboards),
            };
            self.other_accounts.insert(self.account.clone(), before);
        }
        std::mem::replace(&mut self.account, account.to_owned())
    }

    /// Hides the zones and health checks of other accounts, as long as a call of Route 53 is handled.
    pub fn hide_others(&mut self) {
        self.route53.hide_others(&self.account);
    }

    /// Shows everything again.
    pub fn show_all(&mut self) {
        self.route53.show_all(&self.account);
    }

    /// Returns the roles of the account of a region, which has this key.
    pub(super) fn iam_of(&self, key: &str) -> &Iam {
        let account = AccountRegion::of_key(key).account;
        let other = self.other_accounts.get(&account).filter(|_| account != self.account);
        other.map_or(&self.iam, |other| &other.iam)
    }

    /// Returns the key of a region of the calling account.
    pub fn key(&self, region: &str) -> String {
        AccountRegion { region: region.into(), account: self.account.clone() }.key()
    }

    /// Returns the state of a region of any account.
    pub fn region_of_key(&mut self, key: &str) -> &mut RegionState {
        self.regions.entry(key.to_owned()).or_default()
    }

    /// Returns the state of a region of the calling account.
    pub fn region(&mut self, name: &str) -> &mut RegionState {
        let key = self.key(name);
        self.region_of_key(&key)
    }

    /// Returns the state of a region of the calling account, if anything was done there.
    pub fn existing_region(&self, name: &str) -> Option<&RegionState> {
        self.regions.get(&self.key(name))
    }

    /// Loads a script, which replaces the previous one.
    pub fn load_script(&mut self, script: Script) {
        self.script = LoadedScript { script, loaded_at: self.now };
    }

    /// Advances the time.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.route53.advance(self.now);
        let obstacles = self.obstacles();
        for region in self.regions.values_mut() {
            region.ecs.advance(self.now, &obstacles, &mut region.ec2);
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

    /// Returns a random number below `bound`, which is at least 1.
    pub fn draw(&mut self, bound: u64) -> u64 {
        u64::from_str_radix(&self.random_hex()[..12], 16).unwrap_or(0) % bound
    }

    /// Returns the ids of all existing resources, for tests that check for orphans and duplicates.
    pub fn inventory(&self) -> Vec<String> {
        let mut ids = self.iam.inventory();
        ids.extend(self.s3.inventory());
        for (account, other) in &self.other_accounts {
            let of_account = other.iam.inventory().into_iter().chain(other.dashboards.inventory());
            ids.extend(of_account.map(|id| format!("{account} {id}")));
        }
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
        if let Some(state) = self.existing_region(region) {
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

    /// Remembers what a region has, before a call that deletes something.
    pub fn remember_tagged(&mut self, region: &str) {
        let (key, tagged) = (self.key(region), self.tagged(region));
        self.tag_index.remember(&key, tagged, self.now);
    }

    /// Returns the ARNs and tags that the tagging API lists, also of resources that were deleted a while ago.
    pub fn listed_by_tag(&self, region: &str) -> Vec<(String, Tags)> {
        self.tag_index.listed(&self.key(region), self.tagged(region), self.now)
    }
}
