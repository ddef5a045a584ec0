//! The IAM actions of API operations, in one table.
//!
//! Most operations have the name of their action. The others are listed here, as the "Service Authorization Reference"
//! of AWS and "Required permissions for Amazon S3 API operations" (Amazon S3 user guide) name them.

/// An operation, and the actions that allow it.
type Entry = (&'static str, &'static [&'static str]);

const TABLE: &[Entry] = &[
    // "InvokeFunction: Grants permission to invoke an AWS Lambda function" for the operation `Invoke`.
    ("lambda:Invoke", &["lambda:InvokeFunction"]),
    ("s3:CopyObject", &["s3:GetObject", "s3:PutObject"]),
    ("s3:DeleteBucketEncryption", &["s3:PutEncryptionConfiguration"]),
    ("s3:DeleteBucketLifecycle", &["s3:PutLifecycleConfiguration"]),
    ("s3:DeleteBucketOwnershipControls", &["s3:PutBucketOwnershipControls"]),
    ("s3:DeleteBucketReplication", &["s3:PutReplicationConfiguration"]),
    ("s3:DeleteBucketTagging", &["s3:PutBucketTagging"]),
    // "If you want to delete a specific version, s3:DeleteObjectVersion".
    ("s3:DeleteObjects", &["s3:DeleteObject", "s3:DeleteObjectVersion"]),
    ("s3:DeletePublicAccessBlock", &["s3:PutBucketPublicAccessBlock"]),
    ("s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
    ("s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
    ("s3:GetBucketReplication", &["s3:GetReplicationConfiguration"]),
    ("s3:GetPublicAccessBlock", &["s3:GetBucketPublicAccessBlock"]),
    ("s3:HeadBucket", &["s3:ListBucket"]),
    ("s3:HeadObject", &["s3:GetObject"]),
    ("s3:ListBuckets", &["s3:ListAllMyBuckets"]),
    ("s3:ListObjectVersions", &["s3:ListBucketVersions"]),
    ("s3:ListObjects", &["s3:ListBucket"]),
    ("s3:ListObjectsV2", &["s3:ListBucket"]),
    ("s3:PutBucketEncryption", &["s3:PutEncryptionConfiguration"]),
    ("s3:PutBucketLifecycleConfiguration", &["s3:PutLifecycleConfiguration"]),
    ("s3:PutBucketReplication", &["s3:PutReplicationConfiguration"]),
    ("s3:PutPublicAccessBlock", &["s3:PutBucketPublicAccessBlock"]),
];

/// Returns the IAM actions that allow an operation, `service:Operation`.
pub fn iam_actions(call: &str) -> Vec<&str> {
    match TABLE.iter().find(|(operation, _)| *operation == call) {
        Some((_, actions)) => actions.to_vec(),
        None => vec![call],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether AWS knows an action: whether its own list has it (`tests/iam/extract.py`).
    fn is_iam_action(action: &str) -> bool {
        include_str!("../../tests/iam/actions.txt").lines().any(|line| line == action)
    }

    #[test]
    fn aws_knows_the_actions_of_the_table_and_not_their_operations() {
        for (operation, actions) in TABLE {
            assert!(!is_iam_action(operation), "{operation} is an action itself");
            for action in *actions {
                assert!(is_iam_action(action), "{operation}: AWS does not know {action}");
            }
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(TABLE.is_sorted_by_key(|(operation, _)| *operation));
    }

    #[test]
    fn an_operation_without_an_entry_is_its_action() {
        assert_eq!(iam_actions("ec2:CreateVpc"), ["ec2:CreateVpc"]);
        assert_eq!(iam_actions("s3:ListObjectVersions"), ["s3:ListBucketVersions"]);
        assert_eq!(iam_actions("s3:PutBucketEncryption"), ["s3:PutEncryptionConfiguration"]);
    }
}
