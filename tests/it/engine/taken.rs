//! Resources that exist although a read has missed them.

use migrate_infra::resources::iam::Role;
use migrate_infra::resources::s3::Bucket;
use migrate_infra::sandbox::Faults;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};

const ADDRESS: &str = "source/security/role";

fn role() -> Role {
    Role {
        name: "payment-role".to_owned(),
        description: "a role".to_owned(),
        trust: vec!["lambda.amazonaws.com".to_owned()],
        source_account_condition: false,
        source_arns: Vec::new(),
        path: "/".into(),
        permissions_boundary: None,
    }
}

fn bucket() -> Bucket {
    Bucket {
        name: "payment-taken".into(),
        versioned: true,
        kms_key: None,
        tls_only: true,
        block_public_access: true,
        lifecycle: None,
        empty_on_delete: true,
    }
}

/// Outside us-east-1, S3 refuses to create a bucket again that the account has.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_a_stale_read_has_missed_is_found() {
    let build = || {
        let mut builder = GraphBuilder::in_region("eu-west-1");
        builder.add("source/storage/bucket", bucket());
        builder.finish()
    };
    let mut before = Fixture::default();
    before.up(&build()).await.must_succeed();
    let mut fixture = Fixture { world: before.world.clone(), ..Fixture::default() };
    let found = fixture.run_with_faults(&build(), RunKind::Up, Faults::blind("s3:GetBucketTagging", 2)).await;
    assert_eq!(found.must_succeed().calls.by_call().get("s3:CreateBucket").copied(), Some(1));
}

/// The state is lost, the role exists, and a read misses it. Its creation was refused, and the run failed.
#[tokio::test(start_paused = true)]
async fn a_role_that_a_stale_read_has_missed_is_found() {
    let mut builder = GraphBuilder::new();
    builder.add(ADDRESS, role());
    let graph = builder.finish();
    let mut before = Fixture::default();
    before.up(&graph).await.must_succeed();
    let mut fixture = Fixture { world: before.world.clone(), ..Fixture::default() };
    let found = fixture.run_with_faults(&graph, RunKind::Up, Faults::blind("iam:GetRole", 2)).await;
    assert_eq!(found.must_succeed().calls.by_call().get("iam:CreateRole").copied(), Some(1));
    assert_eq!(fixture.attrs(ADDRESS)["name"], "payment-role");
}
