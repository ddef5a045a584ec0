//! Whatever stores data encrypts it, with the customer's key where the configuration names one, and whatever carries data
//! between stores does so by TLS.

use std::collections::BTreeMap;

use super::{Visitor, spec};
use crate::config::{Config, Rule};
use crate::graph::Node;
use crate::resources::dms::{Endpoint, ReplicationInstance};
use crate::resources::logs::LogGroup;
use crate::resources::rds::{DbInstance, DbParameterGroup};
use crate::resources::s3::{Bucket, BucketReplication};
use crate::resources::secretsmanager::{Secret, SecretReplica};

/// The rule, with the customer's key of each environment that has one.
pub(super) struct Encryption {
    keys: BTreeMap<String, String>,
}

impl Encryption {
    pub(super) fn of(config: &Config) -> Self {
        let keys = config.environments.iter().filter_map(|environment| Some((environment.name.clone(), environment.encryption.key()?)));
        Self { keys: keys.collect() }
    }

    /// Complains of a store whose key is not the one that its environment names.
    fn key(&self, node: &Node, key: Option<&str>) -> Option<String> {
        let wanted = self.keys.get(node.address.environment())?;
        (key != Some(wanted)).then(|| format!("it is not encrypted by the key of its environment, {wanted}"))
    }
}

impl Visitor for Encryption {
    const RULE: Rule = Rule::Encryption;

    fn visit(&self, node: &Node) -> Vec<String> {
        let mut wrong = Vec::new();
        // What AWS always encrypts, with a key of its own when none is named: S3 (since January 2023), Secrets Manager, CloudWatch
        // Logs and DMS. RDS does not.
        if let Some(database) = spec::<DbInstance>(node) {
            if !database.encrypted {
                wrong.push("its storage is not encrypted".to_owned());
            }
            wrong.extend(self.key(node, database.kms_key.as_deref()));
        }
        if let Some(bucket) = spec::<Bucket>(node) {
            if !bucket.tls_only {
                wrong.push("it takes requests without TLS".to_owned());
            }
            wrong.extend(self.key(node, bucket.kms_key.as_deref()));
        }
        if let Some(replication) = spec::<BucketReplication>(node) {
            wrong.extend(self.key(node, replication.keys.as_ref().map(|keys| keys.replica.as_str())));
        }
        if let Some(group) = spec::<DbParameterGroup>(node)
            && group.parameters.get("rds.force_ssl").map(String::as_str) != Some("1")
        {
            wrong.push("it lets clients connect without TLS".to_owned());
        }
        if let Some(endpoint) = spec::<Endpoint>(node) {
            if endpoint.ssl_mode == "none" {
                wrong.push("it reaches its database without TLS".to_owned());
            }
            wrong.extend(self.key(node, endpoint.kms_key.as_deref()));
        }
        let keyed = spec::<Secret>(node).map(|secret| secret.kms_key);
        let keyed = keyed.or_else(|| spec::<SecretReplica>(node).map(|replica| replica.kms_key));
        let keyed = keyed.or_else(|| spec::<LogGroup>(node).map(|group| group.kms_key));
        let keyed = keyed.or_else(|| spec::<ReplicationInstance>(node).map(|instance| instance.kms_key));
        if let Some(key) = keyed {
            wrong.extend(self.key(node, key.as_deref()));
        }
        wrong
    }
}
