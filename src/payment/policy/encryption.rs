//! Each data store is encrypted, with the customer's key if the configuration names one. Each connection between data
//! stores uses TLS.

use std::collections::BTreeMap;

use super::rule::{PolicyRule, spec};
use infra_config::{Config, Rule};
use infra_core::graph::Node;
use infra_kinds::dms::{Certificate, Endpoint, ReplicationInstance};
use infra_kinds::logs::LogGroup;
use infra_kinds::rds::{DbInstance, DbParameterGroup};
use infra_kinds::s3::{Bucket, BucketReplication};
use infra_kinds::secretsmanager::{Secret, SecretReplica};

/// The rule, with the configured key of each environment.
pub(super) struct Encryption {
    keys: BTreeMap<String, String>,
}

impl Encryption {
    pub(super) fn of(config: &Config) -> Self {
        let keys = config
            .environments
            .iter()
            .filter_map(|environment| Some((environment.name.clone(), environment.encryption.key()?)));
        Self { keys: keys.collect() }
    }

    /// Returns a message if the key of a data store is not the key of its environment.
    fn check_key(&self, node: &Node, key: Option<&str>) -> Option<String> {
        let expected = self.keys.get(node.address.environment())?;
        (key != Some(expected)).then(|| format!("it is not encrypted with the key of its environment, {expected}"))
    }
}

impl PolicyRule for Encryption {
    const RULE: Rule = Rule::Encryption;

    fn check(&self, node: &Node) -> Vec<String> {
        let mut problems = Vec::new();
        // S3 (since January 2023), Secrets Manager, CloudWatch Logs and DMS always encrypt, with an AWS key if none is
        // named. RDS does not.
        if let Some(database) = spec::<DbInstance>(node) {
            if !database.encrypted {
                problems.push("its storage is not encrypted".to_owned());
            }
            problems.extend(self.check_key(node, database.kms_key.as_deref()));
        }
        if let Some(bucket) = spec::<Bucket>(node) {
            if !bucket.tls_only {
                problems.push("it accepts requests without TLS".to_owned());
            }
            problems.extend(self.check_key(node, bucket.kms_key.as_deref()));
        }
        if let Some(replication) = spec::<BucketReplication>(node) {
            problems.extend(self.check_key(node, replication.keys.as_ref().map(|keys| keys.replica.as_str())));
        }
        if let Some(group) = spec::<DbParameterGroup>(node)
            && group.parameters.get("rds.force_ssl").map(String::as_str) != Some("1")
        {
            problems.push("it allows clients to connect without TLS".to_owned());
        }
        if let Some(endpoint) = spec::<Endpoint>(node) {
            if endpoint.ssl_mode == "none" {
                problems.push("it connects to its database without TLS".to_owned());
            }
            problems.extend(self.check_key(node, endpoint.kms_key.as_deref()));
        }
        let key = spec::<Secret>(node).map(|secret| secret.kms_key);
        let key = key.or_else(|| spec::<SecretReplica>(node).map(|replica| replica.kms_key));
        let key = key.or_else(|| spec::<LogGroup>(node).map(|group| group.kms_key));
        let key = key.or_else(|| spec::<ReplicationInstance>(node).map(|instance| instance.kms_key));
        let key = key.or_else(|| spec::<Certificate>(node).map(|certificate| certificate.kms_key));
        if let Some(key) = key {
            problems.extend(self.check_key(node, key.as_deref()));
        }
        problems
    }
}
