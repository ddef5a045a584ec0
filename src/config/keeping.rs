//! Where the state is kept, and what must never be deleted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Config;
use super::validate::Validator;
use crate::address::{Address, Region};
use crate::naming::Names;

/// Where the state is kept: on this machine, or in a bucket that several people share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keeping {
    /// `local`: in the directory `--state-dir`. `s3`: in a bucket, with a lock that counts for everybody; see docs/shared-state.md.
    /// `migrate-infra state migrate` moves a state from one to the other. The sandbox always keeps its own on this machine.
    pub backend: Backend,
    /// The bucket, for `s3`. It has to exist, and must not be one of this stack.
    pub bucket: String,
    /// What the keys in the bucket begin with. Several stacks may share it.
    pub prefix: String,
    /// Region of the bucket. Empty for that of the first environment.
    pub region: String,
    /// The KMS key that encrypts the state. Empty for the bucket's own encryption.
    pub kms_key_arn: String,
    /// For how many seconds the lock is good without a heartbeat; after that another run may take it over.
    #[schemars(range(min = 4, max = 3600))]
    pub lease_seconds: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            backend: Backend::Local,
            bucket: String::new(),
            prefix: "migrate-infra".to_owned(),
            region: String::new(),
            kms_key_arn: String::new(),
            lease_seconds: 60,
        }
    }
}

/// Where the state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// On this machine.
    Local,
    /// In a bucket.
    S3,
}

/// What counts for single resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PerResource {
    /// Never delete or replace it.
    pub protect: bool,
}

impl Config {
    /// Returns the region of the bucket that the state is kept in.
    pub fn state_region(&self) -> Region {
        match self.state.region.as_str() {
            "" => self.home_region(),
            named => named.into(),
        }
    }

    /// Returns the region of the first environment, for calls that belong to no environment.
    pub fn home_region(&self) -> Region {
        self.environments.first().map_or_else(|| "us-east-1".into(), |environment| environment.region.clone())
    }

    /// Returns the key that protects a resource from deletion, if there is one.
    pub fn protection_of(&self, address: &Address) -> Option<String> {
        let of = self.environment(address.environment()).filter(|environment| environment.protect);
        let by_environment = of.map(|environment| format!("environments.{}.protect", environment.name));
        by_environment.or_else(|| {
            let mut protecting = self.resources.iter().filter(|(_, settings)| settings.protect);
            protecting.find(|(pattern, _)| address.matches(pattern)).map(|(pattern, _)| format!("resources.\"{pattern}\".protect"))
        })
    }

    /// Returns the patterns of `[resources]` that none of these addresses matches.
    pub fn unmatched(&self, addresses: &[&Address]) -> Vec<&str> {
        self.resources.keys().filter(|pattern| !addresses.iter().any(|address| address.matches(pattern))).map(String::as_str).collect()
    }
}

/// Sections for single resources, by address or pattern.
pub type Resources = BTreeMap<String, PerResource>;

/// "Bucket naming rules" (Amazon S3 user guide), as far as they can be checked here.
fn may_be_a_bucket(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with(['-', '.']) && !name.ends_with(['-', '.'])
}

impl Validator<'_> {
    pub(super) fn keeping(&mut self, config: &Config) {
        let state = &config.state;
        if state.backend == Backend::S3 && state.bucket.is_empty() {
            self.report(&["state", "bucket"], "the state is to be kept in S3, and no bucket is named", "the name of a bucket that exists");
        } else if !state.bucket.is_empty() && !may_be_a_bucket(&state.bucket) {
            let message = format!("`{}` can not be the name of a bucket", state.bucket);
            self.report(&["state", "bucket"], message, "3 to 63 lower-case letters, digits, hyphens and dots");
        }
        // `down` would delete the state that tells it what to delete.
        let mut own = config.environments.iter().flat_map(|environment| {
            let names = Names::new(&environment.name, &config.stack.suffix);
            environment.buckets.iter().map(move |role| names.bucket(role))
        });
        // Account and region are filled in later; what comes before them is the stack's own already.
        if own.any(|bucket| bucket.split_once('{').is_some_and(|(begin, _)| state.bucket.starts_with(begin))) {
            self.report(&["state", "bucket"], format!("`{}` is a bucket of this stack, which `down` deletes", state.bucket), "name another bucket");
        }
        if !state.region.is_empty() {
            self.region(&["state", "region"], &state.region);
        }
        let prefix = &state.prefix;
        if prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
            self.report(
                &["state", "prefix"],
                format!("`{prefix}` can not be what keys begin with"),
                "words joined by `/`, for example team/migrate-infra",
            );
        }
        let key = &state.kms_key_arn;
        let is_key = key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/");
        if !key.is_empty() && !is_key {
            let help = "for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-…";
            self.report(&["state", "kms_key_arn"], format!("`{key}` is not the ARN of a KMS key"), help);
        }
    }
}
