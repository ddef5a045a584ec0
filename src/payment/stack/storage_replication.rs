//! S3 replication: from a bucket of this or another environment to a bucket of this one.

use super::builder::Builder;
use super::environment::Environment;
use super::storage::Storage;
use super::trust::Trust;
use infra_config::ReplicationLink;
use infra_core::graph::Input;
use infra_kinds::iam::{Role, RolePolicy, Statement};
use infra_kinds::s3::{BucketPolicyStatement, BucketReplication, ReplicaKeys};

const PART: &str = "storage-replication";

/// Adds the role that S3 uses for replication, and the replication rule. The rule is a setting of the source bucket, so
/// it is in the region of that bucket.
pub(super) fn add(builder: &mut Builder<'_>, own: &Environment, from: &Environment, link: &ReplicationLink) {
    let (Some(source), Some(destination)) = (from.bucket(&link.from), own.bucket(&link.to)) else { return };
    let description = "Lets S3 replicate objects between the payment buckets";
    let role = builder.role(builder.names.storage_role(), description, Trust::s3_replication());
    let is_other_account = from.location.account != own.location.account;
    // What an organization requires of roles is a setting of the account.
    let iam = if is_other_account { &from.config.iam } else { &own.config.iam };
    let role = Role { path: iam.path.clone(), permissions_boundary: iam.boundary(), ..role };
    // S3 assumes a role of the account of the source bucket.
    let at = if is_other_account { &from.location } else { &own.location };
    let role = builder.add_in(at, PART, "role", &role);
    let policy = RolePolicy {
        role: role.name(),
        name: "replicate".to_owned(),
        statements: statements(own, from, source, destination),
    };
    let policy = builder.add_in(at, PART, "policy", &policy);
    let account = builder.account_of(&from.location).filter(|_| is_other_account);
    let destination_ready = match account {
        None => destination.bucket.ready_name(),
        // "Configuring permissions when source and destination buckets are owned by different accounts".
        Some(account) => {
            let grant = BucketPolicyStatement {
                bucket: destination.bucket.ready_name(),
                sid: "ReplicationFromSource".to_owned(),
                account,
                role: role.arn(),
                bucket_actions: ["s3:ListBucket", "s3:GetBucketVersioning"].map(str::to_owned).to_vec(),
                object_actions: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
                    .map(str::to_owned)
                    .to_vec(),
            };
            builder.add(PART, "grant", &grant).done()
        }
    };
    let spec = BucketReplication {
        bucket: source.bucket.ready_name(),
        role: role.arn(),
        destination: destination.bucket.arn(),
        destination_ready,
        rule_id: builder.names.replication_rule(),
        priority: 1,
        keys: own.config.encryption.key().map(|replica| ReplicaKeys { replica }),
        permission: policy.done(),
    };
    builder.add_in(&from.location, PART, "rule", &spec);
}

/// Returns the permissions of the role ("Setting up permissions for live replication", Amazon S3 user guide).
fn statements(own: &Environment, from: &Environment, source: &Storage, destination: &Storage) -> Vec<Statement> {
    let objects = |storage: &Storage| vec![Input::concat([storage.bucket.arn().text(), "/*".into()])];
    let read = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"];
    let write = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"];
    let mut statements = vec![
        Statement::allow(
            "Bucket",
            &["s3:GetReplicationConfiguration", "s3:ListBucket"],
            vec![source.bucket.arn().text()],
        ),
        Statement::allow("Read", &read, objects(source)),
        Statement::allow("Write", &write, objects(destination)),
    ];
    if let Some(key) = from.config.encryption.key() {
        statements.push(Statement::allow("Decrypt", &["kms:Decrypt"], vec![key.into()]));
    }
    if let Some(key) = own.config.encryption.key() {
        statements.push(Statement::allow("Encrypt", &["kms:Encrypt", "kms:GenerateDataKey"], vec![key.into()]));
    }
    statements
}
